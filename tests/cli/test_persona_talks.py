"""What a prompt bench asks."""

import json
from pathlib import Path

import pytest

from service.cli.persona_talks import Talk, talks_of_file, talks_of_probes
from service.errors import AttuneError
from service.personas.shelf import Expectation, Probe
from service.providers.base import Turn


def talk(*texts: str) -> Talk:
    """User and assistant in turn."""
    return Talk(turns=[Turn(("user", "assistant")[place % 2], text) for place, text in enumerate(texts)])


def messages(*texts: str) -> str:
    """The same as a file of seeds writes it."""
    return json.dumps({"messages": [{"role": turn.role, "content": turn.content} for turn in talk(*texts).turns]})


@pytest.mark.parametrize(
    ("name", "text", "talks"),
    [
        ("a.txt", "Hi.\r\n\n  How are you?  \n# no comment\n", [talk("Hi."), talk("How are you?"), talk("# no comment")]),
        ("prompts", "Hi.", [talk("Hi.")]),
        (
            "a.yaml",
            "- Hi.\n- [One, Two, Three]\n- messages: [{role: user, content: Ho}]\n",
            [talk("Hi."), talk("One", "Two", "Three"), talk("Ho")],
        ),
        ("a.jsonl", f'"Hi."\n\n["One", "Two", "Three"]\n{messages("a", "b")}\n', [talk("Hi."), talk("One", "Two", "Three"), talk("a")]),
    ],
)
def test_prompts_are_read_in_every_form(tmp_path: Path, name: str, text: str, talks: list[Talk]) -> None:
    """A message per line, or a list of messages and conversations; a reply at the end, as a seed has one, is what is asked for."""
    path = tmp_path / name
    path.write_text(text)
    assert talks_of_file(path) == talks


@pytest.mark.parametrize(
    ("name", "text", "place", "words"),
    [
        ("a.txt", "\n \n", "", "nothing to ask"),
        ("a.yaml", "[]", "", "nothing to ask"),
        ("a.yaml", "- Hi.\n- []\n", ": conversation 2", "user and assistant in turn"),
        ("a.yaml", "- 5\n", ":1", "[0]: Expected `"),
        ("a.yaml", "- [", ":1", "not YAML"),
        ("a.jsonl", '"Hi."\n{"role": 1}\n', ":2", "unknown field `role`"),
        ("a.jsonl", '"Hi."\n\n{"messages": [{"role": "assistant", "content": "a"}]}\n', ":3", "user and assistant in turn"),
        ("a.jsonl", '{"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]}\n', ":1", "begins with the user"),
        ("a.jsonl", '" "\n', ":1", "the message to answer is empty"),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_place(tmp_path: Path, name: str, text: str, place: str, words: str) -> None:
    """File, and line or number, and what should be there."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(AttuneError) as refused:
        talks_of_file(path)
    assert f"{path}{place}" in refused.value.message and words in refused.value.message
    assert refused.value.exit_code == 2


def test_probes_keep_their_expectations() -> None:
    """They are asked as they are, and judged."""
    expect = Expectation(contains=["AI"])
    assert talks_of_probes([Probe(ask="Who?", about="identity", expect=expect)]) == [Talk(turns=[Turn("user", "Who?")], expect=expect)]
