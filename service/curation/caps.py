"""Caps: how much of what is learned may come from one person, one conversation, one day, one cluster of near-duplicates, one opening."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from service.curation.pool import Codes, Flags, Pool
from service.personas.persona import Caps

_DAY = 86_400_000  # milliseconds, of UTC
_ENOUGH_LIKED = 40
_Numbers = npt.NDArray[np.int64]


def capped(pool: Pool, cluster: Codes, caps: Caps) -> tuple[Flags, dict[str, int]]:
    """Which rows stay, and how many were dropped by reason; `cluster` is what `near.clusters` says of each row.

    The reasons, in the order they are applied, each to what the one before left: `alike_cap` (of one cluster and label),
    `conversation_cap`, `day_cap` (of one person in one day), `person_cap`. What a trusted person gave is not capped by person or day.

    In each group corrections come first, since somebody took pains; then the group is spread: one row of each person for near-duplicates,
    one of each conversation for a person, then the second of each, and so on; and then the newest come first, because a persona is to
    follow what its people want now. Among near-duplicates it is the oldest: who writes the same later does not push out who wrote it first.
    """
    left = np.arange(len(pool))
    drops: Counter[str] = Counter()
    capped_persons = ~pool.trusted[pool.rater] if len(pool) else np.zeros(0, dtype=np.bool_)
    everybody = np.ones(len(pool), dtype=np.bool_)
    day = pool.at // _DAY
    for reason, most, whose, group, spread, newest in (
        ("alike_cap", caps.alike, everybody, (cluster, pool.liked), pool.rater, False),
        ("conversation_cap", caps.conversation, everybody, (pool.conversation,), cluster, True),
        ("day_cap", caps.day, capped_persons, (pool.rater, day), pool.conversation, True),
        ("person_cap", caps.person, capped_persons, (pool.rater,), pool.conversation, True),
    ):
        if most:
            age = -pool.at[left] if newest else pool.at[left]
            rank = _rank(tuple(column[left] for column in group), pool.corrected[left], spread[left], age)
            stay = (rank < most) | ~whose[left]
            drops[reason] = int(np.count_nonzero(~stay))
            left = left[stay]
    keep = np.zeros(len(pool), dtype=np.bool_)
    keep[left] = True
    return keep, {reason: count for reason, count in drops.items() if count}


def beginning_capped(beginning: npt.NDArray[np.uint64], liked: Flags, share: float) -> tuple[Flags, dict[str, int]]:
    """Which rows stay so that at most `share` of the liked ones that stay begin with the same two words; the reason is `beginning_cap`.

    With fewer than 40 liked rows there is nothing to tell a habit from chance, and never are fewer than 40 left. Of a beginning the last
    rows stay, which are the newest. A share of 0 or 1 is no cap.
    """
    keep = np.ones(len(liked), dtype=np.bool_)
    rows = np.flatnonzero(liked)
    if not 0 < share < 1 or len(rows) < _ENOUGH_LIKED:
        return keep, {}
    _, group, counts = np.unique(beginning[rows], return_inverse=True, return_counts=True)
    most = _most_of_each(counts, share)
    keep[rows[_places((group,), -rows) >= most]] = False
    dropped = len(keep) - int(np.count_nonzero(keep))
    return keep, {"beginning_cap": dropped} if dropped else {}


def _most_of_each(counts: _Numbers, share: float) -> int:
    """The largest k such that k is no more than `share` of what is left when every group is cut to k; larger, where too little were left.

    What is left grows with k by ever smaller steps, so that one search finds where k overtakes its share of it.
    """

    def left(most: int) -> int:
        return int(np.minimum(counts, most).sum())

    low, high = 0, int(counts.max())
    while low < high:
        middle = (low + high + 1) // 2
        if middle <= share * left(middle) or left(middle - 1) < _ENOUGH_LIKED:
            low = middle
        else:
            high = middle - 1
    return low


def _rank(group: tuple[npt.NDArray[np.generic], ...], corrected: Flags, spread: npt.NDArray[np.generic], age: _Numbers) -> _Numbers:
    """The place of each row in its group, from 0."""
    turn = _places((*group, corrected, spread), age)
    return _places(group, ~corrected, turn, age)


def _places(group: tuple[npt.NDArray[np.generic], ...], *by: npt.NDArray[np.generic]) -> _Numbers:
    """The place of each row, from 0, among the rows that are equal in every column of `group`, when sorted by `by`; ties by their order."""
    order = np.lexsort((*reversed(by), *reversed(group)))
    starts = np.zeros(len(order), dtype=np.bool_)
    starts[:1] = True
    for column in group:
        ordered = column[order]
        starts[1:] |= ordered[1:] != ordered[:-1]
    positions = np.arange(len(order))
    places = np.empty(len(order), dtype=np.int64)
    places[order] = positions - np.maximum.accumulate(np.where(starts, positions, 0))
    return places
