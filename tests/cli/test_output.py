"""Data to stdout, talk to stderr."""

import json

import pytest

from service.cli.output import show_json, show_rows


def test_rows_are_a_table_of_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Every cell is shown as it is: brackets are no markup, control characters are blanks, and nothing is nothing."""
    show_rows(("name", "words"), [("a", "[/] \x1b[31m"), (None, 3)], "empty")
    said = capsys.readouterr()
    assert said.err == ""
    assert [line.split() for line in said.out.splitlines()] == [["name", "words"], ["a", "[/]", "[31m"], ["3"]]


def test_an_empty_table_is_a_sentence_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is nothing to show, stdout stays empty."""
    show_rows(("name",), [], "There is nothing.")
    assert capsys.readouterr() == ("", "There is nothing.\n")


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is read again as it was, in any script."""
    data = {"words": ["h\u00e9", "\u4f60\u597d", "\x1b"], "n": None}
    show_json(data)
    said = capsys.readouterr()
    assert json.loads(said.out) == data
    assert "\x1b" not in said.out
