"""Raters are any function of the owner's, found by name."""

from pathlib import Path

import pytest

from service.errors import Invalid
from service.rehearsal.raters import load_hostile, load_rater, opinion

_TASTES = """
def asks(messages, reply):
    messages.clear()
    return "up" if "?" in reply else None

def shouts(messages, reply):
    return "UP"

def breaks(messages, reply):
    return messages[99]

NUMBER = 3
"""


@pytest.fixture
def tastes(tmp_path: Path) -> Path:
    """A file with a few functions."""
    file = tmp_path / "tastes.py"
    file.write_text(_TASTES)
    return file


def test_a_function_of_a_file_rates(tastes: Path) -> None:
    """What the function says is the opinion, and what it does to the messages it was given stays with it."""
    rater, messages = load_rater(f"{tastes}:asks"), [{"role": "user", "content": "Hi."}]
    assert opinion(rater, messages, "How are you?") == "up"
    assert opinion(rater, messages, "Fine.") is None
    assert messages == [{"role": "user", "content": "Hi."}]


def test_a_function_of_a_module_rates() -> None:
    """A module is named as Python names it."""
    assert callable(load_rater("service.rehearsal.visits:thumb_of"))


def test_hostile_people_have_a_share_and_a_rater(tastes: Path) -> None:
    """The share comes first, and a path may hold colons of its own."""
    hostile = load_hostile(f"0.2:{tastes}:asks")
    assert hostile.share == 0.2
    assert opinion(hostile.rater, [], "?") == "up"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{}:nothing", "There is no function 'nothing'"),
        ("{}:NUMBER", "There is no function 'NUMBER'"),
        ("{}", "names no rater"),
        ("asks", "names no rater"),
        ("{}.missing.py:asks", "cannot be imported: FileNotFoundError"),
        ("no_such_module_at_all:asks", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_rater_that_is_not_there_is_told_in_words(tastes: Path, name: str, words: str) -> None:
    """What was written is quoted, with what should have been."""
    with pytest.raises(Invalid, match=words):
        load_rater(name.format(tastes))


@pytest.mark.parametrize("text", ["half:x.py:f", "1.5:x.py:f", "x.py:f", ":x.py:f"])
def test_a_share_that_is_none_is_told_in_words(text: str) -> None:
    """Hostile people need a share from 0 to 1."""
    with pytest.raises(Invalid, match="from 0 to 1"):
        load_hostile(text)


@pytest.mark.parametrize(("name", "words"), [("shouts", "said 'UP'"), ("breaks", "broke off: IndexError")])
def test_a_rater_that_misbehaves_is_told_in_words(tastes: Path, name: str, words: str) -> None:
    """Another word than up, down or None, and an error of the function, end the rehearsal with the reason."""
    rater = load_rater(f"{tastes}:{name}")
    with pytest.raises(Invalid, match=words):
        opinion(rater, [], "Hello.")
