"""Caps: nobody and nothing takes more than its share, what is dropped has a reason, and what stays is what should."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.caps import beginning_capped, capped
from service.curation.features import FEATURES
from service.curation.pool import Pool
from service.personas.persona import Caps

_NONE = Caps(person=0, conversation=0, day=0, alike=0)
_DAY = 86_400_000


def _pool(count: int, *, trusted: list[bool] | None = None, **columns: object) -> Pool:
    """Rows of one person, each in a conversation of its own, a day and a second apart; other columns by keyword."""
    rows = np.arange(count)
    rater = np.array(columns.get("rater", np.zeros(count)), np.int32)
    names = np.array([f"{row:032x}" for row in rows], "S32").reshape(count)
    people = int(rater.max(initial=0)) + 1
    return Pool(
        unit=names,
        exchange=names,
        rating=names,
        conversation=np.array(columns.get("conversation", rows), np.int32),
        rater=rater,
        talker=rater,
        liked=np.array(columns.get("liked", np.ones(count)), np.bool_),
        corrected=np.array(columns.get("corrected", np.zeros(count)), np.bool_),
        at=np.array(columns.get("at", rows * (_DAY + 1000)), np.int64),
        people=np.array([f"{person:032x}" for person in range(people)], "S32"),
        trusted=np.array(trusted or [False] * people, np.bool_),
        features=np.zeros(count, FEATURES),
    )


def _kept(pool: Pool, caps: Caps, cluster: object = None) -> tuple[list[int], dict[str, int]]:
    keep, drops = capped(pool, np.array(range(len(pool)) if cluster is None else cluster, np.int32), caps)
    return np.flatnonzero(keep).tolist(), drops


def _caps(**caps: int) -> Caps:
    return Caps(**{"person": 0, "conversation": 0, "day": 0, "alike": 0, **caps})


def test_a_person_gives_no_more_than_the_cap():
    """The newest stay, each person's by themselves."""
    pool = _pool(7, rater=[0, 0, 0, 0, 1, 0, 1])
    assert _kept(pool, _caps(person=2)) == ([3, 4, 5, 6], {"person_cap": 3})


def test_no_cap_drops_nothing():
    """0 is no cap, and below the cap nothing happens."""
    pool = _pool(5)
    assert _kept(pool, _NONE, [0] * 5) == ([0, 1, 2, 3, 4], {})
    assert _kept(pool, Caps(person=5, conversation=1, day=1, alike=1)) == ([0, 1, 2, 3, 4], {})
    assert _kept(_pool(0), Caps()) == ([], {})


def test_trusted_people_are_capped_by_conversation_and_likeness_alone():
    """What the owner's own people give in a day is wanted; the same thing over and over is not."""
    pool = _pool(6, rater=[0, 0, 0, 1, 1, 1], at=range(6), trusted=[True, False])
    assert _kept(pool, _caps(person=1)) == ([0, 1, 2, 5], {"person_cap": 2})
    assert _kept(pool, _caps(day=2)) == ([0, 1, 2, 4, 5], {"day_cap": 1})
    assert _kept(pool, _caps(alike=1), [0] * 6) == ([0], {"alike_cap": 5})
    talk = _pool(6, conversation=[0] * 6, trusted=[True])
    assert _kept(talk, _caps(conversation=2)) == ([4, 5], {"conversation_cap": 4})


def test_a_day_is_one_person_on_one_date():
    """Another date or another person has a day of its own; dates are those of UTC."""
    pool = _pool(6, rater=[0, 0, 0, 0, 1, 1], at=[0, 1, _DAY - 1, _DAY, 0, 1])
    assert _kept(pool, _caps(day=2)) == ([1, 2, 3, 4, 5], {"day_cap": 1})


def test_alike_is_counted_by_label_and_spread_over_people():
    """Of three near-duplicates of one person and one of another both people's stay, the oldest of each; dislikes are counted apart."""
    pool = _pool(6, rater=[0, 0, 0, 1, 0, 0], liked=[1, 1, 1, 1, 0, 0])
    assert _kept(pool, _caps(alike=2), [0, 0, 0, 0, 0, 0]) == ([0, 3, 4, 5], {"alike_cap": 2})


def test_a_person_is_spread_over_conversations():
    """A long talk does not push out the short ones: one row of each conversation first, then the second of each."""
    pool = _pool(6, conversation=[0, 1, 2, 2, 2, 2])
    assert _kept(pool, _caps(person=3)) == ([0, 1, 5], {"person_cap": 3})
    assert _kept(pool, _caps(person=4)) == ([0, 1, 4, 5], {"person_cap": 2})


def test_corrections_come_first():
    """Who wrote a better reply is heard before who pressed a thumb, however old it is."""
    pool = _pool(5, corrected=[0, 1, 0, 0, 0])
    assert _kept(pool, _caps(person=2)) == ([1, 4], {"person_cap": 3})


def test_each_cap_counts_what_the_one_before_left():
    """Near-duplicates do not use up a person's share, and no row is counted twice."""
    pool = _pool(8, at=range(8))
    kept, drops = _kept(pool, _caps(alike=1, person=3), [0, 0, 0, 0, 4, 5, 6, 7])
    assert (kept, drops) == ([5, 6, 7], {"alike_cap": 3, "person_cap": 2})


@settings(deadline=None)
@given(
    st.lists(st.tuples(*(st.integers(0, 3) for _ in range(4)), st.booleans(), st.booleans()), max_size=40),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_every_cap_holds_and_every_row_is_accounted_for(rows, person, conversation, day, alike):
    """Whatever the rows: no group is larger than its cap, and what stays and what was dropped add up."""
    raters, talks, days, cluster, liked, corrected = zip(*rows, strict=True) if rows else ((),) * 6
    pool = _pool(len(rows), rater=raters, conversation=talks, at=[each * _DAY for each in days], liked=liked, corrected=corrected)
    caps = Caps(person=person, conversation=conversation, day=day, alike=alike)
    kept, drops = _kept(pool, caps, cluster)
    assert len(kept) + sum(drops.values()) == len(rows)
    for most, keys in (
        (person, raters),
        (conversation, talks),
        (day, list(zip(raters, days, strict=True))),
        (alike, list(zip(cluster, liked, strict=True))),
    ):
        if most:
            found = [keys[row] for row in kept]
            assert all(found.count(key) <= most for key in found)


def test_a_million_numbers_are_quick():
    """300,000 rows of 5,000 people take less than seconds."""
    chance = np.random.default_rng(1)
    count = 300_000
    at = np.sort(chance.integers(0, 400 * _DAY, count))
    pool = _pool(count, rater=chance.integers(0, 5000, count), conversation=chance.integers(0, 90_000, count), at=at)
    start = time.perf_counter()
    keep, drops = capped(pool, chance.integers(0, 200_000, count).astype(np.int32), Caps(person=50, conversation=3, day=1, alike=1))
    assert time.perf_counter() - start < 6
    assert set(drops) == {"alike_cap", "conversation_cap", "day_cap", "person_cap"}
    assert np.count_nonzero(keep) == count - sum(drops.values())


def _beginnings(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts), dtype=np.uint64), counts)


def test_no_beginning_has_more_than_its_share_of_what_stays():
    """60 of 120 replies begin with the same words: the newest 20 stay, a quarter of the 80 that are left."""
    beginning = _beginnings(60, *[1] * 60)
    keep, drops = beginning_capped(beginning, np.ones(120, np.bool_), 0.25)
    assert drops == {"beginning_cap": 40}
    assert np.flatnonzero(~keep).tolist() == list(range(40))


def test_two_habits_are_capped_at_once():
    """The share is of what is left when both are cut."""
    keep, drops = beginning_capped(_beginnings(50, 50, *[1] * 60), np.ones(160, np.bool_), 0.25)
    assert drops == {"beginning_cap": 40}
    assert [int(keep[:50].sum()), int(keep[50:100].sum()), int(keep.sum())] == [30, 30, 120]


def test_disliked_rows_are_not_counted_and_stay():
    """What nobody is to learn to say may begin as it likes."""
    liked = np.repeat([True, False], [60, 60])
    keep, drops = beginning_capped(np.zeros(120, np.uint64), liked, 0.5)
    assert keep[~liked].all()
    assert drops == {"beginning_cap": 20}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_or_all_is_no_cap(share):
    """0 switches it off, 1 never bites."""
    keep, drops = beginning_capped(np.zeros(100, np.uint64), np.ones(100, np.bool_), share)
    assert (keep.all(), drops) == (True, {})


def test_few_rows_are_left_alone():
    """Below 40 liked rows nothing is dropped, and no cap leaves fewer than 40: a night must have something to learn from."""
    assert beginning_capped(np.zeros(39, np.uint64), np.ones(39, np.bool_), 0.25)[1] == {}
    keep, drops = beginning_capped(np.zeros(500, np.uint64), np.ones(500, np.bool_), 0.25)
    assert (int(keep.sum()), drops) == (40, {"beginning_cap": 460})


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.floats(0.05, 0.95))
def test_the_share_holds_and_no_more_is_dropped_than_needed(counts, share):
    """Whatever the beginnings: the share holds, or 40 rows are all that is left; one row more of each would break it."""
    beginning = _beginnings(*counts)
    total = len(beginning)
    keep, drops = beginning_capped(beginning, np.ones(total, np.bool_), share)
    left = np.array([keep[beginning == name].sum() for name in range(len(counts))])
    assert total - left.sum() == drops.get("beginning_cap", 0)
    if total < 40:
        assert not drops
        return
    assert left.sum() >= 40
    more = np.minimum(counts, left.max() + 1)
    if drops:
        assert np.minimum(counts, left.max() - 1).sum() < 40 or left.max() <= share * left.sum()
        assert more.max() > share * more.sum()
