"""Runs of digit groups, as cards and telephone numbers are written: 4111 1111 1111 1111, (415) 555-2671, 030/23125-123."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from service.curation.redaction.reading import Reading

_RUN = re.compile(r"(?<![^\W_])[+(]{0,2}[0-9]+(?:[ .\-/()]{1,3}\+?[0-9]+)*(?![^\W_])")
_GROUP = re.compile(r"[0-9]+")
_MOST_GROUPS = 8
_MOST_DIGITS = 19


class Number(NamedTuple):
    """Neighbouring groups of one run: where it is, as it is written, and its digits alone. `last` is the number of its last group."""

    start: int
    end: int
    written: str
    digits: str
    last: int


def runs_of(reading: Reading) -> Iterator[list[tuple[int, int]]]:
    """The groups (start, end) of each run that has seven digits or more."""
    for run in _RUN.finditer(reading.plain):
        if run.end() - run.start() >= 7:
            groups = [group.span() for group in _GROUP.finditer(reading.plain, run.start(), run.end())]
            if sum(end - start for start, end in groups) >= 7:
                yield groups


def numbers_from(reading: Reading, groups: list[tuple[int, int]], first: int, fewest: int) -> list[Number]:
    """The numbers that begin with a group, the longest first, of so many digits at least; a plus or bracket before is part of it."""
    plain = reading.plain
    start = groups[first][0]
    begin = start
    while begin > 0 and plain[begin - 1] in "+(" and start - begin < 2:
        begin -= 1
    found: list[Number] = []
    digits = ""
    for last in range(first, min(first + _MOST_GROUPS, len(groups))):
        end = groups[last][1]
        if end - groups[last][0] + len(digits) > _MOST_DIGITS:
            break
        digits += plain[groups[last][0] : end]
        if len(digits) >= fewest:
            found.append(Number(begin, end, plain[begin:end], digits, last))
    found.reverse()
    return found
