"""Topics of messages, and their names."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.curation.features import DIMENSIONS
from service.curation.topics import assign, find_topics, name_topics
from service.curation.vectors import vector

SUBJECTS = {
    "dogs": ["dog", "puppy", "leash", "bark", "vet", "fur"],
    "money": ["rent", "bank", "loan", "salary", "bill", "debt"],
    "food": ["soup", "pasta", "oven", "recipe", "garlic", "salt"],
    "sleep": ["bed", "tired", "dream", "pillow", "snore", "awake"],
    "football": ["goal", "match", "striker", "referee", "league", "penalty"],
}


def _messages(subject, count, seed=0):
    """Messages of three words of a subject among small words."""
    draw = random.Random(f"{subject} {seed}")
    return [f"I have {' and the '.join(draw.sample(SUBJECTS[subject], 4))}, you know" for _ in range(count)]


def _vectors(texts):
    return np.array([vector(text) for text in texts]).reshape(-1, DIMENSIONS)


def _purity(of_row, truth):
    """The share of rows whose topic is mostly of their own subject."""
    return sum(max(np.bincount(truth[of_row == topic])) for topic in np.unique(of_row)) / len(truth)


def test_messages_on_one_subject_share_a_topic():
    """Of 250 messages on five subjects, told apart by their words alone, at least 95 of 100 lie in a topic of their subject."""
    texts = [text for subject in SUBJECTS for text in _messages(subject, 50)]
    truth = np.repeat(np.arange(5), 50)

    assert _purity(find_topics(_vectors(texts), most=5).of_row, truth) > 0.95
    assert _purity(find_topics(_vectors(texts)).of_row, truth) > 0.95


def test_a_flood_does_not_take_the_topics():
    """20,000 copies of one message leave the topics of the others as they were."""
    texts = [text for subject in SUBJECTS for text in _messages(subject, 30)]
    flood = np.repeat(_vectors(["Tell me a joke about cats and lawyers"]), 20_000, axis=0)
    truth = np.append(np.repeat(np.arange(5), 30), np.full(20_000, 5))

    of_row = find_topics(np.concatenate([_vectors(texts), flood])).of_row

    assert _purity(of_row[:150], truth[:150]) > 0.95
    assert np.unique(of_row[150:]).tolist() == [0]


@pytest.mark.parametrize(("rows", "topics"), [(0, 0), (1, 1), (3, 3), (8, 4), (32, 4), (200, 10), (2_000, 32), (9_000, 64)])
def test_how_many_topics_there_are_follows_from_the_rows(rows, topics):
    """The square root of half the rows, from 4 to 64, never more than there are rows."""
    some = np.random.default_rng(1).integers(-30, 30, (rows, DIMENSIONS)).astype(np.int8)

    found = find_topics(some)

    # A topic that no row is nearest to in the end is not there.
    assert 0.9 * topics <= len(found.centres) <= topics
    assert len(found.of_row) == rows
    assert len(find_topics(some, most=2).centres) == min(rows, 2)


def test_the_largest_topic_is_the_first():
    """Topics are numbered by their size, and each has a row."""
    texts = [text for subject, count in zip(SUBJECTS, (10, 80, 40, 20, 60), strict=True) for text in _messages(subject, count)]

    topics = find_topics(_vectors(texts))

    sizes = np.bincount(topics.of_row).tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == len(topics.centres)
    assert min(sizes) > 0


def test_messages_without_words_are_a_topic_of_their_own():
    """A zero vector is near nothing: all of them, and nothing else, lie in one topic, whose centre is zero."""
    texts = [*_messages("dogs", 20), "", *_messages("money", 20), "  ", ""]

    topics = find_topics(_vectors(texts))

    silent = np.flatnonzero(~topics.centres.any(axis=1)).tolist()
    assert len(silent) == 1
    assert np.flatnonzero(topics.of_row == silent[0]).tolist() == [20, 41, 42]
    assert np.array_equal(topics.of_row, assign(_vectors(texts), topics.centres))


@settings(deadline=None, max_examples=40)
@given(arrays(np.int8, st.tuples(st.integers(0, 60), st.just(DIMENSIONS)), elements=st.integers(-2, 2)), st.integers(0, 3))
def test_any_rows_have_topics(rows, seed):
    """Whatever the rows are, equal ones and zeros among them, each has one topic, the same when asked again."""
    topics = find_topics(rows, seed)

    assert topics.of_row.shape == (len(rows),)
    assert set(topics.of_row.tolist()) == set(range(len(topics.centres)))
    assert all(np.array_equal(*both) for both in zip(topics, find_topics(rows, seed), strict=True))
    near = rows.astype(int) @ topics.centres[topics.centres.any(axis=1)].T.astype(int)
    for row, products, topic in zip(rows.astype(int), near, topics.of_row, strict=True):
        assert not row.any() or row @ topics.centres[topic] == products.max()


def test_names_are_the_telling_words():
    """Topics are named after the words that most of their texts have and others have not, as they are mostly spelled."""
    texts = [
        ["My dogs bark", "two dogs in the park", "the dog sleeps", "Dogs dogs dogs", "time for work"],
        ["my rent is due", "Rent again", "the bank wants the rent", "the bank called", "time for work"],
    ]

    assert name_topics(texts)[0].split(", ")[0] == "dogs"
    assert name_topics(texts)[1].split(", ")[:2] == ["rent", "bank"]


def test_names_say_nothing_that_one_message_said():
    """A word of one message alone is in no name, nor are placeholders, numbers and small words; such a topic has a number."""
    texts = [["Zebedee saw 17 ducks", "the ducks of [name] are 17", "and [name] is you"], ["Ichabod", "Lemuel 42", "and you"], []]

    names = name_topics(texts)

    assert names == ["ducks", "topic 2", "topic 3"]


def test_no_two_topics_have_one_name():
    """Where two topics have the same words, the later one is numbered."""
    assert name_topics([["a dog", "the dog"], ["my dog", "your dog"]]) == ["dog", "dog (2)"]
