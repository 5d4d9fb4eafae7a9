"""Data to stdout, talk to stderr."""

import json

import pytest

from service.cli.output import show_json, show_record, show_rows
from tests.processes import on_terminal

_LONG = "one two three four five six seven eight nine ten " * 20


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


def test_a_terminal_has_the_beginning_of_long_texts() -> None:
    """Three lines of each, within the width; short columns are never cut, and a row with less to say takes less room."""
    rows = [("01a221dd", _LONG, "b" * 30), ("01a221de", "short", "c")]
    lines = on_terminal(60, f"from service.cli.output import show_rows\nshow_rows(('id', 'reason', 'other'), {rows!r}, '')")

    assert len(lines) == 1 + 3 + 1
    assert all(len(line) <= 60 for line in lines)
    assert lines[1].startswith("01a221dd  one two three")
    assert "…" in lines[3] and "…" not in lines[2]
    assert lines[4].split() == ["01a221de", "short", "c"]


def test_what_is_not_for_eyes_has_a_line_to_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Another program finds the whole text of a row on its line, and no blanks behind it."""
    show_rows(("id", "reason"), [("a", _LONG), ("b", "short")], "")

    assert capsys.readouterr().out.splitlines()[1:] == [f"a   {_LONG.strip()}", "b   short"]


def test_a_record_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """All of a long text, in as many lines as it takes; a header where columns have names."""
    show_record([("reply", _LONG), ("state", "complete")])
    assert capsys.readouterr().out.split() == ["reply", *_LONG.split(), "state", "complete"]
    show_record([("reply", "short")], ("from", "which"))
    assert capsys.readouterr().out.split() == ["from", "which", "reply", "short"]
