"""Dividing a pool into what is trained on and what is held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.curation.features import FEATURES, opening_hash
from service.curation.pool import Pool
from service.curation.sides import divide
from service.curation.verdicts import identifiers

NONE = identifiers([])


def make_pool(openings, conversations=None, contexts=None):
    """A pool of liked replies with these openings; each in its own conversation and context if nothing else is said."""
    count = len(openings)
    features = np.zeros(count, FEATURES)
    features["opening"] = [opening_hash(opening) for opening in openings]
    features["context"] = contexts if contexts is not None else np.arange(count) + 1
    names = identifiers(f"e{place:06}" for place in range(count))
    zeros = np.zeros(count, np.int32)
    return Pool(
        unit=names,
        exchange=names,
        rating=names,
        conversation=np.array(conversations if conversations is not None else range(count), np.int32),
        rater=zeros,
        talker=zeros,
        liked=np.ones(count, np.bool_),
        corrected=np.zeros(count, np.bool_),
        at=np.zeros(count, np.int64),
        people=identifiers(["ann"]),
        trusted=np.zeros(1, np.bool_),
        features=features,
    )


def alone(pool):
    """Every row is a cluster of its own."""
    return np.arange(len(pool), dtype=np.int32)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=60), st.floats(0, 1))
def test_no_conversation_and_no_opening_is_on_both_sides(rows, share):
    """Whatever shares a conversation or an opening, through however many others, is on one side."""
    pool = make_pool([f"opening {opening}" for opening, _ in rows], [conversation for _, conversation in rows])
    holdout = divide(pool, alone(pool), share, held_out=NONE).holdout
    for column in (pool.conversation, pool.features["opening"]):
        assert not set(column[holdout].tolist()) & set(column[~holdout].tolist())


def test_about_the_share_is_held_out():
    """Of 4,000 openings about a fifth is held out at a share of 0.2, none at 0, all at 1."""
    pool = make_pool([f"opening {number}" for number in range(4_000)])
    assert 700 < divide(pool, alone(pool), 0.2, held_out=NONE).holdout.sum() < 900
    assert divide(pool, alone(pool), 0.0, held_out=NONE).holdout.sum() == 0
    assert divide(pool, alone(pool), 1.0, held_out=NONE).holdout.all()


def test_a_row_keeps_its_side_when_others_come():
    """An opening's side does not depend on what else is there."""
    few = make_pool([f"opening {number}" for number in range(300)])
    many = make_pool([f"opening {number}" for number in range(900)])
    before = divide(few, alone(few), 0.2, held_out=NONE).holdout
    assert (divide(many, alone(many), 0.2, held_out=NONE).holdout[:300] == before).all()


def test_what_was_held_out_once_stays_held_out():
    """Also when the share is set to nothing, and with it everything that shares its conversation."""
    pool = make_pool(["a", "b", "c"], conversations=[0, 0, 1])
    sides = divide(pool, alone(pool), 0.0, held_out=identifiers(["e000000"]))
    assert sides.holdout.tolist() == [True, True, False]


def test_a_seeds_opening_is_trained_on_unless_it_was_held_out_before():
    """Seeds are trained on, so their openings are no test of anything; but an earlier holdout is never learned."""
    pool = make_pool(["a", "b"])
    seeded = [opening_hash("A "), opening_hash("b")]
    assert divide(pool, alone(pool), 1.0, held_out=NONE, seeded=seeded).holdout.tolist() == [False, False]
    assert divide(pool, alone(pool), 1.0, held_out=identifiers(["e000001"]), seeded=seeded).holdout.tolist() == [False, True]


def test_a_golden_rows_opening_is_held_out():
    """Whatever begins as a golden row does is not trained on, at any share."""
    pool = make_pool(["a", "b"])
    assert divide(pool, alone(pool), 0.0, held_out=NONE, golden=[opening_hash("b")]).holdout.tolist() == [False, True]


def test_near_duplicates_and_variants_of_the_holdout_are_not_trained_on():
    """A row of the train side whose near-duplicate or variant is held out is a twin; rows of the holdout are none."""
    pool = make_pool(["a", "b", "c", "d"], contexts=[1, 2, 1, 4])
    sides = divide(pool, np.array([0, 1, 2, 1], np.int32), 0.0, held_out=identifiers(["e000000", "e000001"]))
    assert sides.holdout.tolist() == [True, True, False, False]
    assert sides.twin.tolist() == [False, False, True, True]


def test_a_greeting_that_everybody_begins_with_does_not_join_everybody():
    """Of 3,000 conversations that begin with the same word, some are held out and most are not, and each stays whole."""
    conversations = [place // 2 for place in range(6_000)]
    pool = make_pool(["hi" if place % 2 == 0 else f"opening {place}" for place in range(6_000)], conversations)
    holdout = divide(pool, alone(pool), 0.2, held_out=NONE).holdout
    assert 0.1 < holdout.mean() < 0.6
    assert (holdout[0::2] == holdout[1::2]).all()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_an_empty_pool_has_two_empty_sides(share):
    """Nothing in, nothing out."""
    pool = make_pool([])
    assert len(divide(pool, alone(pool), share, held_out=NONE).holdout) == 0
