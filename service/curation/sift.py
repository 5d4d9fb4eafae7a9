"""Sifting: what of a pool is worth learning, and on which side."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from service.curation.caps import beginning_capped, capped
from service.curation.duplicates import settle
from service.curation.features import DICTATED, EMPTY, SENSITIVE
from service.curation.gather import Drops, count
from service.curation.pool import Codes, Flags, Pool
from service.curation.quarantine import ROLLED_BACK, Decided
from service.curation.sides import Sides
from service.curation.verdicts import identifiers
from service.personas.persona import Caps

Rows = npt.NDArray[np.intp]
"""Places in a pool, ascending."""


def sift(
    pool: Pool, cluster: Codes, sides: Sides, caps: Caps, decided: Decided, drops: Drops, held: Collection[str] = frozenset()
) -> tuple[Rows, Rows]:
    """Return the rows to train on and the rows to hold out; every other row is counted under one reason.

    `cluster` names the near-duplicates of each row, `decided` are the samples that the owner approved or refused,
    `held` those that wait because a version that learned from them was rolled back.
    """
    flags = pool.features["flags"]
    left = np.ones(len(pool), np.bool_)
    for reason, flagged in (
        ("refused", np.isin(pool.unit, identifiers(sorted(decided.refused)))),
        (ROLLED_BACK, np.isin(pool.unit, identifiers(sorted(held)))),
        ("empty", flags & EMPTY > 0),
        ("sensitive", flags & SENSITIVE > 0),
        ("dictated", (flags & DICTATED > 0) & ~np.isin(pool.unit, identifiers(sorted(decided.approved)))),
    ):
        left &= ~count(drops, reason, flagged & left)
    left = _settled(pool, left, drops)
    left &= ~count(drops, "holdout_twin", sides.twin & left)
    rows = np.flatnonzero(left)
    kept, cut = capped(pool.take(rows), cluster[rows], caps)
    drops.update(cut)
    rows = rows[kept]
    train, holdout = rows[~sides.holdout[rows]], rows[sides.holdout[rows]]
    kept, cut = beginning_capped(pool.features["beginning"][train], pool.liked[train], caps.opening)
    drops.update(cut)
    return train[kept], holdout


def _settled(pool: Pool, left: Flags, drops: Drops) -> Flags:
    """Of what is there more than once one stays, with the label that most of it has."""
    rows = np.flatnonzero(left)
    kept, cut = settle(pool.features["same"][rows], pool.liked[rows])
    drops.update(cut)
    stay = np.zeros(len(pool), np.bool_)
    stay[rows[kept]] = True
    return stay
