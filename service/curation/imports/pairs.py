"""Tables of pairs (CSV): a message and a reply in each row, and what was thought of the reply.

The first row names the columns. The delimiter is whichever finds most known names there; Excel's `;`, its byte order mark and its line
`sep=;` included. Rows that follow each other with the same `conversation` are one conversation.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from service.curation.imports.dialogue import Dialogue, Judgement
from service.curation.imports.turns import Flaw, Turn, dialogue_of

COLUMNS = {
    "message": ("message", "prompt", "user", "question", "input", "instruction"),
    "reply": ("reply", "response", "completion", "assistant", "answer", "output"),
    "rating": ("rating", "label", "thumb"),
    "correction": ("correction", "corrected", "better_reply"),
    "comment": ("comment", "comments", "note"),
    "reasons": ("reasons", "reason"),
    "conversation": ("conversation", "conversation_id", "thread"),
}
"""The columns by what they may be called; case, blanks and hyphens play no part."""

UNKNOWN_COLUMN = "rows have a column '{}', which was left out"
SHIELD = "'"
"""Put before a cell that a spreadsheet would take for a formula, and taken away again (OWASP, "CSV Injection")."""

_UPS = {"up", "1", "+1", "true", "yes", "good", "like", "liked", "thumbs up", "👍", "1.0"}
_DOWNS = {"down", "-1", "false", "no", "bad", "dislike", "disliked", "thumbs down", "👎", "-1.0"}
_ZEROS = {"0", "0.0"}
_DELIMITERS = ",;\t|"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_LONGEST_CELL = 2**31 - 1

Row = tuple[int, list[str]]


class _Cells(NamedTuple):
    """One row: the number of its line, the cells by their column."""

    line: int
    of: dict[str, str]


def read_pairs(lines: Iterator[tuple[int, str]], notes: Counter[str], flaw: Callable[[int, str], None]) -> Iterator[Dialogue]:
    """The dialogues of a table; `flaw` is told the line and the words of whatever is broken, and decides whether to go on.

    A row without a rating is liked where the table has no such column, and is not rated where it has one; with a correction it is disliked.
    """
    csv.field_size_limit(_LONGEST_CELL)  # the limit of the whole process; there is no other
    lines, delimiter, first = _begin(lines)
    if delimiter is None:
        flaw(first, _no_columns(()))
        return
    rows = _rows(lines, delimiter, first, flaw)
    number, header = next(rows, (first, []))
    names = [_known(name) for name in header]
    missing = [name for name in ("message", "reply") if name not in names]
    double = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if missing or double:
        flaw(number, _no_columns(missing) if missing else f"two columns are a '{double[0]}'")
        return
    for column, name in zip(header, names, strict=True):
        if name is None and column.strip():
            notes[UNKNOWN_COLUMN.format("".join(mark for mark in column.strip()[:40] if mark.isprintable()))] += 1
    yield from _dialogues(_cells(rows, names, flaw), "rating" in names, notes, flaw)


def shielded(cell: str) -> str:
    """The cell as no spreadsheet takes it for a formula."""
    return SHIELD + cell if _FORMULA.match(cell) else cell


def _unshielded(cell: str) -> str:
    return cell[1:] if cell.startswith(SHIELD) and _FORMULA.match(cell) else cell


def _begin(lines: Iterator[tuple[int, str]]) -> tuple[Iterator[tuple[int, str]], str | None, int]:
    """The lines from the header on, the delimiter, and the number of the first line that says something."""
    for number, line in lines:
        if not line.strip():
            continue
        if found := re.fullmatch(r"sep=(.)\r?\n?", line, re.IGNORECASE):
            return lines, found[1], number
        known = {mark: _count_known(line, mark) for mark in _DELIMITERS}
        best = max(_DELIMITERS, key=lambda mark: known[mark])
        return chain([(number, line)], lines), best if known[best] else None, number
    return lines, None, 1


def _count_known(line: str, delimiter: str) -> int:
    """How many known names the line has if this is the delimiter."""
    try:
        return sum(_known(cell) is not None for cell in next(csv.reader([line], delimiter=delimiter)))
    except csv.Error:
        return 0


def _rows(lines: Iterator[tuple[int, str]], delimiter: str, first: int, flaw: Callable[[int, str], None]) -> Iterator[Row]:
    """The rows with the numbers of the lines that they begin in; blank ones are passed over."""
    read = [first]

    def texts() -> Iterator[str]:
        for number, line in lines:
            read[0] = number
            yield line

    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    while True:
        begin = reader.line_num
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            flaw(read[0], f"the table is broken: {error}")
            continue
        if any(cell.strip() for cell in row):
            yield read[0] - (reader.line_num - begin) + 1, row


def _cells(rows: Iterator[Row], names: list[str | None], flaw: Callable[[int, str], None]) -> Iterator[_Cells]:
    for line, row in rows:
        if len(row) > len(names) and any(cell.strip() for cell in row[len(names) :]):
            flaw(line, f"there are {len(row)} cells under {len(names)} columns")
        else:
            yield _Cells(line, {name: _unshielded(cell) for name, cell in zip(names, row, strict=False) if name is not None})


def _dialogues(cells: Iterator[_Cells], rated: bool, notes: Counter[str], flaw: Callable[[int, str], None]) -> Iterator[Dialogue]:
    """One dialogue for each row, or for each run of rows with one conversation; a broken row breaks its conversation."""
    zero_is_down: list[bool] = []
    waiting: list[Turn] = []
    name, begin, broken = "", 0, False
    for row in cells:
        conversation = row.of.get("conversation", "").strip()
        if not conversation or conversation != name:
            if waiting and not broken:
                yield dialogue_of(waiting, notes, line=begin)
            waiting, name, begin, broken = [], conversation, row.line, False
        try:
            turns = _turns(row.of, rated, zero_is_down)
            dialogue_of(turns, Counter())  # so that what is wrong is said of its own row
            waiting += turns
        except Flaw as error:
            flaw(row.line, str(error))
            broken = True
    if waiting and not broken:
        yield dialogue_of(waiting, notes, line=begin)


def _turns(cells: dict[str, str], rated: bool, zero_is_down: list[bool]) -> list[Turn]:
    correction = cells.get("correction", "").strip()
    label = _label(cells.get("rating", "").strip().lower(), rated, zero_is_down)
    if label is None and correction:
        label = False
    for name in ("message", "reply"):
        if not cells.get(name, "").strip():
            raise Flaw(f"the {name} is empty")
    reasons = tuple(reason.strip() for reason in re.split(r"[;,|]", cells.get("reasons", "")) if reason.strip())
    judgement = Judgement(label=label, correction=correction or None, comment=cells.get("comment", ""), reasons=reasons)
    return [Turn("user", cells["message"]), Turn("assistant", cells["reply"], judgement)]


def _label(rating: str, rated: bool, zero_is_down: list[bool]) -> bool | None:
    """Liked, disliked or neither; a table may say down with 0 or with -1, but not with both, as one of them could mean neither."""
    if not rating:
        return None if rated else True
    if rating in _UPS:
        return True
    if rating not in _DOWNS | _ZEROS:
        raise Flaw("the rating is none of up, down, 1, 0, -1, true, false, yes, no, good, bad, like, dislike")
    if rating in {*_ZEROS, "-1", "-1.0"}:
        if zero_is_down and zero_is_down[0] != (rating in _ZEROS):
            raise Flaw("there are ratings of 0 and of -1: write up, down, or nothing for neither")
        zero_is_down[:] = [rating in _ZEROS]
    return False


def _known(column: str) -> str | None:
    plain = re.sub(r"[\s_-]+", "_", column.strip().lower())
    return next((name for name, names in COLUMNS.items() if plain in names), None)


def _no_columns(missing: "list[str] | tuple[()]") -> str:
    wanted = "; ".join(f"the {name} is called {', '.join(COLUMNS[name])}" for name in missing or ("message", "reply"))
    return f"the first row does not name the columns: {wanted}"
