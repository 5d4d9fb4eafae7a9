import pytest
from jinja2.exceptions import SecurityError

from service.errors import PersonaError
from service.personas.persona import Persona, PersonaSettings
from service.personas.sandbox import LONGEST_PROMPT, render


def persona(template: str) -> Persona:
    return Persona(name="friend", settings=PersonaSettings(title="Friend", models=["a:b"]), template=template)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(2000) %}{% for b in range(2000) %}{% endfor %}{% endfor %}",
        "{% for a in 'ab' * 900 %}{% for b in 'ab' * 900 %}{% for c in 'ab' * 900 %}{% endfor %}{% endfor %}{% endfor %}",
        "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% macro m(t, n) %}{% if n %}{{ m(t ~ t, n - 1) }}{% endif %}{% endmacro %}{{ m('ab', 200) }}",
        "{% macro m(t, n) %}{% set u %}{{ t }}{{ t }}{% endset %}{% if n %}{{ m(u, n - 1) }}{% endif %}{% endmacro %}{{ m('ab', 200) }}",
        "{% macro m() %}{% for a in range(900) %}{{ caller() }}{% endfor %}{% endmacro %}"
        "{% call m() %}{% for a in range(900) %}{% endfor %}{% endcall %}",
        "{% for a in [1] recursive %}{{ loop([a, a]) }}{% endfor %}",
        "{% for a in range(900) if range(99999) | sum %}{% endfor %}",
        "{% for a in range(20000) %}{{ 'abcdefghij' | sort | join }}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ '%9999999999d' | format(1) }}",
        "{{ '{:>9999999999}'.format(1) }}",
        "{{ '{a:>9999999999}'.format_map({'a': 1}) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ 'a' | indent(width=1000000000) }}",
        "{{ {'a': 1} | tojson(indent=1000000000) }}",
        "{{ ('a' * 9000) | replace('a', 'b' * 9000) }}",
        "{{ ('a' * 9000).join('b' * 9000) }}",
        "{% for a in range(40000) %}four words and more {% endfor %}",
    ],
)
def test_a_template_without_an_end_is_refused(template: str) -> None:
    """Loops within loops, macros that call themselves, and texts that grow are refused after a bounded number of steps."""
    with pytest.raises(PersonaError, match="friend:1: the prompt cannot be rendered: "):
        persona(template).prompt()


@pytest.mark.parametrize(
    "template",
    [
        "{{ [1, 2, 3] | random }}",
        "{{ lipsum() }}",
        "{{ cycler(1, 2).next() }}",
        "{{ joiner() }}",
        "{{ namespace(a=1).a }}",
        "{{ range }}",
        "{{ 'a'.upper }}",
        "{{ 'a'.upper ~ '' }}",
        "{{ ['a'.upper] | join }}",
        "{{ ['a'] | map('upper') }}",
    ],
)
def test_what_could_vary_is_refused(template: str) -> None:
    """A prompt that would be another one each time, and so have another fingerprint each time, is refused."""
    with pytest.raises(PersonaError, match="cannot be rendered"):
        persona(template).prompt()


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% for trait in ['kind', 'calm'] %}{{ loop.index }} {{ trait }}. {% endfor %}", "1 kind. 2 calm. "),
        ("{% for x in [] %}a{% else %}nobody{% endfor %}", "nobody"),
        ("{% for x in [1, [2, 3]] recursive %}{{ x if x is number else loop(x) }}{% endfor %}", "123"),
        ("{% macro hi(who, mark='!') %}Hi {{ who }}{{ mark }}{% endmacro %}{{ hi('Ann') }} {{ hi('Ben', '?') }}", "Hi Ann! Hi Ben?"),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in{% endcall %}", "<in>"),
        ("{% set name = 'Ann' ~ ' ' ~ 5 %}{{ name }}", "Ann 5"),
        ("{% filter upper %}abc{% endfilter %}{{ 'x' | upper }}{{ 'abc def' | title }}", "ABCXAbc Def"),
        ("{{ user | default('you') }}{{ ['a', 'b'] | join(', ') }}{{ 'abcdefghijkl' | truncate(8, true, '', 0) }}", "Anna, babcdefgh"),
        ("{{ 1 + 2 }} {{ 3 * 'ab' }} {{ 7 % 4 }} {{ [1] + [2] }} {{ dict(a=1).a }}", "3 ababab 3 [1, 2] 1"),
        ("{{ {'b': 1, 'a': 2} | dictsort | first | first }}", "a"),
        ("{% if user is string and 'nn' in user %}yes{% endif %}", "yes"),
    ],
)
def test_a_template_may_do_what_prompts_need(template: str, text: str) -> None:
    """Conditions, loops, macros, joins and the usual filters do what they do elsewhere."""
    assert render(template, {"user": "Ann"}) == text


def test_a_long_prompt_without_tricks_is_fine() -> None:
    """The bound is for what a template makes: a long text costs no steps, and one at the limit is rendered."""
    words = "x" * (LONGEST_PROMPT - 3)
    assert render("{{ user }}" + words, {"user": "Ann"}) == "Ann" + words
    with pytest.raises(SecurityError, match=f"longer than {LONGEST_PROMPT} characters"):
        render("{{ user }}" + words + "!", {"user": "Ann"})


def test_one_rendering_does_not_pay_for_another() -> None:
    """The steps are counted anew each time, also after a refusal."""
    dear = "{% for a in range(20000) %}{% endfor %}done"
    for _ in range(9):
        assert render(dear, {}) == "done"
    with pytest.raises(SecurityError):
        render("{% for a in range(99999) %}{% endfor %}", {})
    assert render(dear, {}) == "done"
