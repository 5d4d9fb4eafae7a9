from hypothesis import given, settings
from hypothesis import strategies as st

from service.personas.card_macros import as_plain, as_template, clean, hidden_keys, unknown_macros, varies
from service.personas.sandbox import render

NAMES = {"char": "Ada", "user": "Ben"}
PIECES = [
    *(
        "{",
        "}",
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{{char}}",
        "{{ User }}",
        "<BOT>",
        "<user>",
        "char",
        "random:a,b",
        "{{random:{{char}},b}}",
    ),
    *("'", "\\", "\n", "\r", "-", "{% raw %}", "{% endraw %}", "{{// x}}", "{{original}}", "é", "\ud800", "\x00", "\ufdd0", " ", "a"),
]


def test_the_names_are_found_however_they_are_written() -> None:
    """Any case, blanks inside, and the older tags all mean the two names."""
    assert as_plain("{{char}} {{Char}} {{ CHAR }} <BOT> <bot> <char> and {{user}} {{USER}} <User>", NAMES) == "Ada " * 6 + "and Ben Ben Ben"
    assert as_plain("{{char}} and <USER>", {"char": "Ada"}) == "Ada and {{user}}"
    assert as_template("<BOT>, {{User}}!") == "{{ char }}, {{ user }}!"


def test_macros_that_vary_choose_the_same_each_time() -> None:
    """A prompt whose fingerprint is kept cannot roll dice: each macro says one of its options, and always that one."""
    for macro, options in [("{{random:a,b\\,c}}", {"a", "b,c"}), ("{{Pick::x::y}}", {"x", "y"}), ("{{roll:d3}}", {"1", "2", "3"})]:
        said = {as_plain(macro, NAMES) for _ in range(5)}
        assert len(said) == 1 and said <= options and varies(macro)
    assert {as_plain(f"{{{{random:{number},}}}}", NAMES) for number in range(20)} > {""}
    assert not varies("random:a,b {{char}}")


def test_comments_are_not_read_and_hidden_keys_only_searched() -> None:
    """What a card's author noted down reaches no model; what is hidden can still be found by a lorebook."""
    text = "A{{// to do: {{char}} }}B{{comment: x}}C{{hidden_key: moon}}D{{reverse:abc}}"
    assert as_plain(text, NAMES) == "ABCDcba"
    assert hidden_keys(text) == ["moon"]


def test_what_nobody_knows_stays_as_it_is_written() -> None:
    """An unknown macro is neither done nor lost, and is named once."""
    assert as_plain("{{time}} {{getvar::mood}}", NAMES) == "{{time}} {{getvar::mood}}"
    assert unknown_macros("{{time}} {{char}} {{getvar::mood}} {{time}} {{random:a}} {{original}}") == ["{{time}}", "{{getvar::mood}}"]


def test_what_no_database_keeps_is_left_out() -> None:
    """Control characters go, line ends become ours, and half of a surrogate pair becomes the sign for what cannot be read."""
    assert clean("a\x00b\x1b[31m\r\nc\rd\te\ud83d f\ufdd0\U0001f600") == "ab[31m\nc\nd\te\ufffd f\U0001f600"


@settings(deadline=None, derandomize=True, max_examples=400)
@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=15).map("".join), st.text()))
def test_any_text_renders_as_what_it_says(text: str) -> None:
    """Whatever braces a card holds, the template of it renders, and says what the text says; names may hold braces as well."""
    names = {"char": "A{{b", "user": "{% c"}
    assert render(as_template(text), names) == as_plain(text, names).removesuffix("\n")
