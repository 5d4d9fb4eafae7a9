"""The two sides of a dataset: what is trained on, and what a candidate is judged by and no version ever learns."""

import hashlib
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from service.curation.pool import Codes, Flags, Identifiers, Pool

_LARGEST_GROUP = 0.25
_SMALL = 1_000
"""Rows; below this a large group is not taken apart: there is nothing to choose from."""


class Sides(NamedTuple):
    """Where each row of a pool goes: `holdout` true or false; `twin` marks rows of the other side that would give the holdout away."""

    holdout: Flags
    twin: Flags


def divide(
    pool: Pool,
    cluster: Codes,
    share: float,
    *,
    held_out: Identifiers,
    seeded: Collection[int] = (),
    golden: Collection[int] = (),
) -> Sides:
    """Put each row on a side. Rows that share a conversation or its opening, directly or through others, go together.

    Each opening is drawn into the holdout by its own hash with the chance `share`, and a group is held out if any of its openings is
    drawn, or any of its exchanges was held out in an earlier night (`held_out`): what was held out once is never trained on. A group with
    the opening of a seed (`seeded`, hashes) is trained on; one with that of a golden row (`golden`) is held out.

    Near-duplicates (`cluster`) and variants of one context do not join groups, since a chain of them would join everything: whichever lie
    on the train side while the holdout has their like are `twin`, and are not trained on.

    The share is a chance per opening, not a quota of rows: of 40 openings 8 are held out on average, and between 4 and 13 in 95 of 100
    cases; few openings, or one that most people begin with, can make either side empty. Where one group would be more than a quarter of
    a large pool, the openings that most conversations begin with (such as "hi") stop joining it.
    """
    opening = pool.features["opening"]
    group = _groups(pool.conversation, opening)
    drawn = _any(group, _draw(opening) < share)
    known = _any(group, np.isin(pool.exchange, held_out))
    seeds = _any(group, np.isin(opening, _hashes(seeded)))
    gold = _any(group, np.isin(opening, _hashes(golden)))
    holdout = known | gold | (drawn & ~seeds)
    alike = np.isin(cluster, cluster[holdout]) | np.isin(pool.features["context"], pool.features["context"][holdout])
    return Sides(holdout, alike & ~holdout)


def _groups(conversation: Codes, opening: "npt.NDArray[np.uint64]") -> Codes:
    """The group of each row, as a small number."""
    _, codes = np.unique(opening, return_inverse=True)
    if not len(codes):
        return np.empty(0, np.int32)
    rank = np.argsort(np.argsort(-_conversations(conversation, codes), kind="stable"))[codes]
    loose = 0
    group = _components(conversation, codes, rank >= loose)
    while len(group) >= _SMALL and np.bincount(group).max() > _LARGEST_GROUP * len(group) and loose < len(codes):
        loose = 2 * loose or 1
        group = _components(conversation, codes, rank >= loose)
    return group


def _conversations(conversation: Codes, opening: "npt.NDArray[np.intp]") -> "npt.NDArray[np.intp]":
    """How many conversations begin with each opening."""
    pairs = np.unique(np.stack([opening, conversation.astype(np.intp)], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=int(opening.max()) + 1)


def _components(conversation: Codes, opening: "npt.NDArray[np.intp]", joins: Flags) -> Codes:
    """Connected components of conversations and openings; an opening that does not join leaves its conversation alone."""
    talks = int(conversation.max()) + 1
    size = talks + int(opening.max()) + 1
    links = coo_array((np.ones(int(joins.sum()), np.int8), (conversation[joins], talks + opening[joins])), shape=(size, size))
    component = connected_components(links, directed=False)[1]
    return np.asarray(np.unique(component[conversation], return_inverse=True)[1], np.int32)


def _any(group: Codes, flags: Flags) -> Flags:
    """Whether any row of each row's group has the flag."""
    return np.isin(group, group[flags])


def _draw(opening: "npt.NDArray[np.uint64]") -> "npt.NDArray[np.float64]":
    """A number in [0, 1) that depends on the opening alone."""
    distinct, place = np.unique(opening, return_inverse=True)
    drawn = [int.from_bytes(hashlib.sha256(f"holdout {value}".encode()).digest()[:6], "big") / 2**48 for value in distinct.tolist()]
    return np.array(drawn, np.float64)[place]


def _hashes(values: Collection[int]) -> "npt.NDArray[np.uint64]":
    return np.array(sorted(values), np.uint64)
