import hashlib

import pytest

from service.errors import PersonaError
from service.personas.persona import Persona, PersonaSettings, fingerprint


def persona(template: str, **variables: str) -> Persona:
    return Persona(name="friend", settings=PersonaSettings(title="Friend", models=["a:b"], variables=variables), template=template)


@pytest.mark.parametrize(
    "trick",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ char | attr('__class__') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ () | attr('__class__') | attr('__base__') }}",
        "{{ '{0.__class__}'.format(char) }}",
        "{{ '{x.__class__}'.format_map({'x': char}) }}",
        "{{ char.upper.__self__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ namespace.__init__ }}",
        "{{ joiner.__call__ }}",
        "{{ dict.__base__ }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
        "{% macro m() %}{% endmacro %}{{ m._func.__code__ }}",
        "{% for kind in ''.__class__.__mro__ %}{{ kind }}{% endfor %}",
        "{% if ''.__class__ %}yes{% endif %}",
        "{{ ['a'] | sum(attribute='__class__') }}",
        "{{ [char] | map(attribute='__class__') | first }}",
        "{{ [].append(1) }}",
        "{{ {}.update({1: 2}) }}",
        "{% import 'os' as os %}",
        "{% include '/etc/passwd' %}",
        "{{ config }}",
        "{{ request }}",
        "{{ __builtins__ }}",
    ],
)
def test_a_prompt_cannot_reach_out_of_its_sandbox(trick: str) -> None:
    """A prompt, perhaps from a stranger's card, reaches no class, no global, no file: it is refused as a persona that is wrong."""
    with pytest.raises(PersonaError, match="cannot be rendered"):
        persona(trick).prompt()


def test_a_persona_renders_its_title_and_variables() -> None:
    """`char` is the title, the file's variables are known by name, and a caller's come before both."""
    friend = persona("{{ char }} talks with {{ user }}.", user="Ben")
    assert friend.prompt() == "Friend talks with Ben."
    assert friend.prompt({"user": "Ann"}) == "Friend talks with Ann."
    assert friend.prompt({}) == friend.prompt(None)


@pytest.mark.parametrize("name", ["{{ char }}", "{% raw %}", "<b>Ann</b>", "{{ ''.__class__ }}", "Zo\u00eb \U0001f600"])
def test_a_person_s_name_is_only_a_name(name: str) -> None:
    """What a visitor gives as a name is never read as a template, nor escaped."""
    assert persona("You talk with {{ user }}.").prompt({"user": name}) == f"You talk with {name}."


def test_an_unknown_variable_is_told_with_persona_and_line() -> None:
    """A prompt that needs what nobody gives is refused by name."""
    with pytest.raises(PersonaError, match="friend:2: the prompt cannot be rendered: 'mood' is undefined"):
        persona("Hi.\n{{ mood }}").prompt()


def test_a_prompt_is_rendered_the_same_each_time() -> None:
    """The same persona and variables give the same text, and so the same fingerprint."""
    friend = persona("{% for trait in ['kind', 'calm'] %}You are {{ trait }}. {% endfor %}")
    assert friend.prompt() == friend.prompt() == "You are kind. You are calm."


def test_a_fingerprint_names_a_text() -> None:
    """It is the first 16 hexadecimal characters of the text's SHA-256: equal texts alone share it."""
    assert fingerprint("Gr\u00fc\u00dfe") == hashlib.sha256("Gr\u00fc\u00dfe".encode()).hexdigest()[:16]
    assert fingerprint("a") != fingerprint("a ")


def test_a_persona_cannot_be_changed() -> None:
    """What was read at start stays as it was read."""
    friend = persona("Hi.")
    with pytest.raises(AttributeError):
        friend.template = "Bye."  # type: ignore[misc]
    with pytest.raises(AttributeError):
        friend.settings.title = "Foe"  # type: ignore[misc]
