"""Runs of digit groups, as cards and telephone numbers are written: 4111 1111 1111 1111, (415) 555-2671, 030/23125-123."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from service.curation.redaction.reading import LETTER, Reading

_RUN = re.compile(rf"(?<![{LETTER}])[+(]{{0,2}}[0-9]+(?:[ .\-/()]{{1,3}}\+?[0-9]+)*(?!(?!x[0-9])[{LETTER}])")
_GROUP = re.compile(r"[0-9]+")
_MOST_GROUPS = 8
_MOST_SIGNS = 2
_FEWEST_DIGITS = 7


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
        if run.end() - run.start() >= _FEWEST_DIGITS:
            groups = [group.span() for group in _GROUP.finditer(reading.plain, run.start(), run.end())]
            if sum(end - start for start, end in groups) >= _FEWEST_DIGITS:
                yield groups


def numbers_from(reading: Reading, groups: list[tuple[int, int]], first: int, fewest: int, most: int) -> Iterator[Number]:
    """The numbers of so many digits that begin with a group, the longest first; a plus or bracket before is part of it.

    A long row of short groups is a table, a score or a calendar, and no number that is read in one breath.
    """
    total = 0
    totals: list[int] = []
    for start, end in groups[first : first + _MOST_GROUPS]:
        total += end - start
        if total > most:
            break
        totals.append(total)
    if not totals or totals[-1] < fewest:
        return
    plain = reading.plain
    begin = start = groups[first][0]
    while begin > 0 and plain[begin - 1] in "+(" and start - begin < _MOST_SIGNS:
        begin -= 1
    for count in range(len(totals), 0, -1):
        if totals[count - 1] < fewest:
            return
        if totals[count - 1] + 2 >= 2 * count:
            last = first + count - 1
            end = groups[last][1]
            digits = "".join([plain[start:end] for start, end in groups[first : last + 1]])
            yield Number(begin, end, plain[begin:end], digits, last)
