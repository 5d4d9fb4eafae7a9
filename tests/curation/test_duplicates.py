"""Duplicates and contradictions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.curation.duplicates import settle


def _settled(rows: str) -> tuple[str, dict[str, int]]:
    """Settle rows written as `A` (said A, liked) or `a` (said A, disliked)."""
    same = np.array([ord(row.upper()) for row in rows], np.uint64)
    keep, drops = settle(same, np.array([row.isupper() for row in rows], np.bool_))
    return "".join(row for row, stays in zip(rows, keep, strict=True) if stays), drops


@pytest.mark.parametrize(
    ("rows", "stay", "drops"),
    [
        ("", "", {}),
        ("ABcd", "ABcd", {}),
        ("AAA", "A", {"duplicate": 2}),
        ("aAA", "A", {"duplicate": 1, "contradiction": 1}),
        ("Aaa", "a", {"duplicate": 1, "contradiction": 1}),
        ("AaB", "B", {"contradiction": 2}),
        ("AaAaBb", "", {"contradiction": 6}),
        ("aBAcA", "BAc", {"duplicate": 1, "contradiction": 1}),
    ],
)
def test_columns_are_settled_by_majority(rows, stay, drops):
    """Of rows that say the same the first of the larger side stays where it stood; of a tie none."""
    assert _settled(rows) == (stay, drops)


def test_the_first_row_is_the_one_that_stays():
    """Not a later one: who repeats what another one wrote takes nobody's place."""
    keep, _ = settle(np.array([7, 7, 5, 7, 5], np.uint64), np.array([False, True, True, True, True]))
    assert keep.tolist() == [False, True, True, False, False]


@given(st.text("abcABC", max_size=40))
def test_every_row_stays_or_is_counted(rows):
    """Nothing vanishes, and settling again drops nothing."""
    stay, drops = _settled(rows)
    assert len(rows) == len(stay) + sum(drops.values())
    assert _settled(stay) == (stay, {})
