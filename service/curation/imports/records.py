"""JSON records of a file with the lines that they begin in: one in each line (JSON Lines), or the items of one list."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from service.curation.imports.text import lines_of
from service.errors import Invalid

_LARGEST_LIST = 1 << 29
"""Bytes of a file that holds one list: it is read as a whole."""

# Not strict: a raw control character within a text is left out with the others.
_DECODER = json.JSONDecoder(strict=False)
_BLANKS = " \t\r\n"


class Record(NamedTuple):
    """A JSON value; `item` counts the items of a list from 1 and is 0 where each record has a line of its own."""

    line: int
    item: int
    value: Any

    @property
    def place(self) -> str:
        """Which item it is, to be put before what is said of it; nothing where the line says it."""
        return f"item {self.item}: " if self.item else ""


def records_of(path: Path, notes: Counter[str], flaw: Callable[[int, str], None]) -> Iterator[Record]:
    """The records in their order; `flaw` is told the line and the words of what is no JSON. Blank lines are passed over."""
    first = next((line for _, line in lines_of(path, Counter()) if line.strip()), "")
    if first.lstrip().startswith("["):
        if path.stat().st_size > _LARGEST_LIST:
            raise Invalid(
                f"{path}: a file that holds one list may have {_LARGEST_LIST >> 20} MB. Write it as JSON Lines: one item in each line.",
                param="file",
            )
        yield from _items("".join(line for _, line in lines_of(path, notes)), flaw)
        return
    for number, line in lines_of(path, notes):
        if line.strip():
            yield from _by_line(number, line, flaw)


def _by_line(number: int, text: str, flaw: Callable[[int, str], None]) -> Iterator[Record]:
    try:
        yield Record(number, 0, _DECODER.decode(text))
    except json.JSONDecodeError as error:
        flaw(number, f"this is not JSON: {error.msg}, in column {error.pos + 1}")
    except (RecursionError, ValueError):
        flaw(number, "this is not JSON that can be read: it is nested too deep, or has a number that is too long")


def _items(text: str, flaw: Callable[[int, str], None]) -> Iterator[Record]:
    """The items of a list. After a mistake nobody can say where the next one begins: it is the last that is told."""
    place, line, counted, item = text.index("[") + 1, 1, 0, 0
    try:
        place = _skip(text, place)
        if text[place] == "]":
            return
        while True:
            item += 1
            line, counted = line + text.count("\n", counted, place), place
            value, place = _DECODER.raw_decode(text, place)
            yield Record(line, item, value)
            place = _skip(text, place)
            if text[place] == "]":
                return
            if text[place] != ",":
                raise json.JSONDecodeError("Expecting ',' or ']'", text, place)
            place = _skip(text, place + 1)
    except json.JSONDecodeError as error:
        flaw(error.lineno, f"item {item} is not JSON: {error.msg}, in column {error.colno}; what follows was not read")
    except IndexError:
        flaw(text.count("\n") + 1, f"the list ends in the middle, after {item} items")
    except (RecursionError, ValueError):
        flaw(line, f"item {item} is not JSON that can be read: it is nested too deep, or has a number that is too long")


def _skip(text: str, place: int) -> int:
    while text[place] in _BLANKS:
        place += 1
    return place
