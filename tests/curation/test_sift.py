"""Sifting a pool: every row is trained on, held out, or counted under one reason."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.curation.features import DICTATED, EMPTY, FEATURES, SENSITIVE
from service.curation.pool import Pool
from service.curation.quarantine import Decided
from service.curation.sides import Sides
from service.curation.sift import sift
from service.curation.verdicts import identifiers
from service.personas.persona import Caps

NO_CAPS = Caps(person=0, conversation=0, day=0, alike=0, opening=0)
_NOTHING = Decided()
_DAY = 86_400_000


def make_pool(count=3, **columns):
    """Liked replies, each unlike the others, of a person, a conversation and a day of its own; `columns` say what else is so."""
    features = np.zeros(count, FEATURES)
    for name in ("same", "beginning"):
        features[name] = np.arange(count) + 1
    for name in set(columns) & set(FEATURES.names):
        features[name] = columns.pop(name)
    names = identifiers(f"e{place:03}" for place in range(count))
    codes = np.arange(count, dtype=np.int32)
    given = {name: np.array(values, codes.dtype if name in ("rater", "conversation") else None) for name, values in columns.items()}
    pool = Pool(
        unit=names,
        exchange=names,
        rating=names,
        conversation=codes,
        rater=codes,
        talker=codes,
        liked=np.ones(count, np.bool_),
        corrected=np.zeros(count, np.bool_),
        at=np.arange(count) * _DAY,
        people=names,
        trusted=np.zeros(count, np.bool_),
        features=features,
    )
    return replace(pool, **given)


def sifted(pool, *, cluster=None, holdout=(), twin=(), caps=NO_CAPS, decided=_NOTHING):
    """The rows to train on, those to hold out, and what was dropped."""
    rows = np.arange(len(pool))
    drops = Counter()
    sides = Sides(np.isin(rows, holdout), np.isin(rows, twin))
    cluster = rows.astype(np.int32) if cluster is None else np.array(cluster, np.int32)
    train, held = sift(pool, cluster, sides, caps, decided, drops)
    return train.tolist(), held.tolist(), {reason: number for reason, number in drops.items() if number}


def test_what_has_no_fault_stays_on_its_side():
    """Nothing is dropped without a reason."""
    assert sifted(make_pool(), holdout=[1]) == ([0, 2], [1], {})


def only(**cap):
    """No cap but this one."""
    return Caps(**{"person": 0, "conversation": 0, "day": 0, "alike": 0, "opening": 0, **cap})


@pytest.mark.parametrize(
    ("reason", "columns", "how"),
    [
        ("refused", {}, {"decided": Decided(refused={"e001"})}),
        ("empty", {"flags": [0, EMPTY, 0]}, {}),
        ("sensitive", {"flags": [0, SENSITIVE, 0]}, {}),
        ("dictated", {"flags": [0, DICTATED, 0]}, {}),
        ("duplicate", {"same": [1, 1, 2]}, {}),
        ("holdout_twin", {}, {"twin": [1]}),
        ("alike_cap", {}, {"cluster": [0, 0, 2], "caps": only(alike=1)}),
        ("conversation_cap", {"conversation": [0, 0, 1], "at": [1, 0, 0]}, {"caps": only(conversation=1)}),
        ("day_cap", {"rater": [0, 0, 1], "at": [1, 0, 0]}, {"caps": only(day=1)}),
        ("person_cap", {"rater": [0, 0, 1], "at": [_DAY, 0, 0]}, {"caps": only(person=1)}),
    ],
)
def test_each_reason_alone_drops_its_row_and_is_counted_once(reason, columns, how):
    """The second of three rows goes, on whichever side it is, and the others stay."""
    pool = make_pool(**columns)
    assert sifted(pool, **how) == ([0, 2], [], {reason: 1})
    if reason != "holdout_twin":  # which is of the train side by its nature
        assert sifted(pool, holdout=[0, 1, 2], **how) == ([], [0, 2], {reason: 1})


def test_a_tie_of_thumbs_on_the_same_words_drops_both():
    """Who likes and who dislikes the same reply to the same message say nothing together."""
    assert sifted(make_pool(same=[1, 1, 2], liked=[True, False, True])) == ([2], [], {"contradiction": 2})


def test_a_habit_is_capped_on_the_train_side_only():
    """Of 60 liked replies 30 begin alike: a quarter of what stays may. Held-out ones are no habit to learn."""
    pool = make_pool(60, beginning=[1] * 30 + list(range(100, 130)))
    train, held, drops = sifted(pool, caps=only(opening=0.25))
    assert len(train) == 40
    assert sum(place < 30 for place in train) == 10
    assert (held, drops) == ([], {"beginning_cap": 20})
    assert sifted(pool, holdout=range(60), caps=only(opening=0.25)) == ([], list(range(60)), {})


def test_what_the_owner_approved_may_be_dictated_but_not_empty():
    """The owner looked at it: whether it is to be learned is decided; there is nothing to learn from an empty reply."""
    pool = make_pool(flags=[DICTATED, DICTATED | EMPTY, DICTATED])
    assert sifted(pool, decided=Decided(approved={"e000", "e001"})) == ([0], [], {"empty": 1, "dictated": 1})


def test_a_row_with_several_faults_is_counted_under_the_first():
    """The sum of the counts is the number of rows."""
    pool = make_pool(flags=[EMPTY | SENSITIVE | DICTATED] * 3, same=[1, 1, 1])
    assert sifted(pool, twin=[0, 1, 2], decided=Decided(refused={"e000"})) == ([], [], {"refused": 1, "empty": 2})


def test_what_was_dropped_takes_nobodys_place():
    """A refused row does not make the next one a duplicate, and a twin does not fill a cap."""
    assert sifted(make_pool(same=[1, 1, 2]), decided=Decided(refused={"e000"})) == ([1, 2], [], {"refused": 1})
    pool = make_pool(conversation=[0, 0, 1], at=[1, 0, 0])
    assert sifted(pool, twin=[0], caps=only(conversation=1)) == ([1, 2], [], {"holdout_twin": 1})


_ROW = st.tuples(*[st.integers(0, 4)] * 4, st.integers(0, 7), st.booleans(), st.booleans(), st.integers(0, 5))


@given(st.lists(_ROW, max_size=80), st.integers(0, 3), st.sampled_from([0, 0.25]))
def test_every_row_is_trained_on_held_out_or_counted(rows, cap, share):
    """Rows in are rows out and counts; the sides are in order, share nothing, and are the sides that the rows had."""
    same, conversation, rater, cluster, flags, liked, side, decision = np.array(rows, np.int64).reshape(len(rows), 8).T
    pool = make_pool(
        len(rows),
        same=same,
        beginning=cluster,
        flags=flags * (decision > 3),
        conversation=conversation,
        rater=rater,
        liked=liked.astype(np.bool_),
        people=identifiers(f"p{code}" for code in range(5)),
        trusted=[True, False, False, False, False],
        talker=rater,
    )
    holdout, twin = np.flatnonzero(side), np.flatnonzero(~side.astype(np.bool_) & (decision == 2))
    decided = Decided(*({pool.unit[place].decode() for place in np.flatnonzero(decision == number)} for number in (0, 1)))
    caps = Caps(person=4 * cap, conversation=3 * cap, day=2 * cap, alike=cap, opening=share)
    train, held, drops = sifted(pool, cluster=cluster, holdout=holdout, twin=twin, caps=caps, decided=decided)
    assert len(train) + len(held) + sum(drops.values()) == len(rows)
    assert train == sorted(set(train) - set(holdout))
    assert held == sorted(set(held) & set(holdout))
    assert not set(train) & set(twin)


def test_what_a_rolled_back_version_learned_anew_waits() -> None:
    """It is on neither side, under a reason of its own."""
    pool, rows, drops = make_pool(4), np.arange(4), Counter()
    sides = Sides(np.isin(rows, [3]), np.isin(rows, []))
    train, held = sift(pool, rows.astype(np.int32), sides, NO_CAPS, _NOTHING, drops, {"e001", "e003"})
    assert (train.tolist(), held.tolist(), +drops) == ([0, 2], [], {"rolled_back": 2})
