"""Choosing rows that cover what there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.curation.features import DIMENSIONS
from service.curation.kcenter import choose, share_out
from service.curation.topics import find_topics
from service.curation.vectors import scaled, vector

ROWS = arrays(np.int8, st.tuples(st.integers(0, 40), st.just(DIMENSIONS)), elements=st.integers(-2, 2))


def _one_topic(rows):
    return np.zeros(len(rows), np.int32), np.ones(len(rows), np.bool_)


def _clusters(sizes, seed):
    """Clusters far from each other, and close together inside."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(len(sizes), DIMENSIONS)) * 100
    return scaled(
        np.concatenate([centre + random.normal(size=(size, DIMENSIONS)) * 10 for centre, size in zip(centres, sizes, strict=True)])
    )


def _radius(rows, chosen):
    """How far the row that is worst covered lies from what was chosen."""
    return max(((row.astype(int) - rows[chosen].astype(int)) ** 2).sum(axis=1).min() for row in rows) ** 0.5


def _plainly(rows, count):
    """Greedy k-center as it is written in books: every distance is looked at after every choice."""
    whole = rows.astype(int)
    different = np.sort(np.unique(whole, axis=0, return_index=True)[1])
    chosen = [int(different[(whole[different] @ whole[different].sum(axis=0)).argmax()])]
    while len(chosen) < count:
        distances = ((whole[:, None, :] - whole[None, chosen, :]) ** 2).sum(axis=2).min(axis=1)
        distances[chosen] = -1
        chosen.append(int(distances.argmax()))
    return sorted(chosen)


@settings(deadline=None)
@given(ROWS, st.data())
def test_exactly_the_budget_is_chosen(rows, data):
    """Whatever the rows, topics and labels: as many distinct rows as the budget or as there are, ascending, `first` among them."""
    topic = np.array(data.draw(st.lists(st.integers(0, 5), min_size=len(rows), max_size=len(rows))), np.int32)
    liked = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), np.bool_)
    budget = data.draw(st.integers(0, 45))
    first = data.draw(st.lists(st.sampled_from(range(len(rows))), unique=True)) if len(rows) else []

    chosen = choose(rows, topic, liked, budget, first)

    assert len(chosen) == min(budget, len(rows))
    assert sorted(set(chosen.tolist())) == chosen.tolist()
    assert set(first[:budget]) <= set(chosen.tolist())
    assert set(chosen.tolist()) <= set(range(len(rows)))


@settings(deadline=None)
@given(ROWS.filter(len), st.integers(1, 40))
def test_it_is_greedy_k_center(rows, budget):
    """What is kept up to date for the farthest rows alone is what looking at every distance each time gives."""
    assert choose(rows, *_one_topic(rows), budget).tolist() == _plainly(rows, min(budget, len(rows)))


def test_it_is_greedy_k_center_where_most_rows_are_not_looked_at():
    """The same on more rows than are kept up to date at once, many of them equal."""
    random = np.random.default_rng(3)
    rows = scaled(random.integers(-20, 20, (3_000, DIMENSIONS)) + 30 * random.integers(-1, 2, (3_000, 1)))
    rows = np.concatenate([rows, np.repeat(rows[:3], 500, axis=0)])

    assert choose(rows, *_one_topic(rows), 60).tolist() == _plainly(rows, 60)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_it_covers_planted_clusters_and_chance_does_not(seed):
    """With a place for each of twelve clusters, each gets one, and the radius is never larger than that of rows drawn by chance."""
    sizes = [300] + [5] * 11
    rows = _clusters(sizes, seed)

    chosen = choose(rows, *_one_topic(rows), len(sizes))

    assert np.unique(np.repeat(np.arange(12), sizes)[chosen]).tolist() == list(range(12))
    by_chance = np.random.default_rng(seed).choice(len(rows), len(sizes), replace=False)
    assert _radius(rows, chosen) <= _radius(rows, by_chance)


@pytest.mark.parametrize("different", [1, 150, 10_000])
def test_rare_topics_stay_beside_a_flood(different):
    """10,000 messages that hardly differ and 20 rare topics of three messages: with a budget of 200 each rare topic stays."""
    flood = [f"Tell me a joke about a cat and a lawyer number {number % different}" for number in range(10_000)]
    rare = [f"{word}{number} number {time}" for number in range(20) for time, word in enumerate(["alpha"] * 3)]
    rows = np.array([vector(text) for text in (*flood, *rare)])
    topic = find_topics(rows).of_row

    chosen = choose(rows, topic, np.ones(len(rows), np.bool_), 200)

    assert len(chosen) == 200
    assert {(row - 10_000) // 3 for row in chosen.tolist() if row >= 10_000} == set(range(20))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(40, 300))
def test_the_ratio_of_the_labels_stays(seed, budget):
    """Of the chosen rows as many are liked as of all, to within one."""
    random = np.random.default_rng(seed)
    rows = _clusters([60] * 10, seed)
    liked = random.random(600) < random.random()

    chosen = choose(rows, np.repeat(np.arange(10, dtype=np.int32), 60), liked, budget)

    assert abs(np.count_nonzero(liked[chosen]) - budget * liked.mean()) <= 1


def test_the_rarer_label_is_not_lost():
    """One disliked row among a thousand is chosen, also when its share would be less than a row."""
    rows = _clusters([1_000], 1)
    liked = np.arange(1_000) != 500

    assert 500 in choose(rows, np.zeros(1_000, np.int32), liked, 10)


def test_large_topics_get_more_but_not_all():
    """Places grow with the square root of a topic's size, and each topic has one."""
    rows = _clusters([2_500, 900, 100, 1], 2)
    topic = np.repeat(np.arange(4, dtype=np.int32), [2_500, 900, 100, 1])

    chosen = choose(rows, topic, np.ones(len(rows), np.bool_), 91)

    assert np.bincount(topic[chosen]).tolist() == [50, 30, 10, 1]


def test_equal_rows_come_last():
    """As long as there are different rows, none that equals a taken one is chosen, however large its topic is."""
    rows = np.concatenate([np.repeat(_clusters([1], 1), 500, axis=0), _clusters([10] * 4, 6)])
    topics = find_topics(rows)

    assert choose(rows, topics.of_row, np.ones(540, np.bool_), 41).tolist() == [0, *range(500, 540)]
    assert choose(rows, topics.of_row, np.ones(540, np.bool_), 43).tolist() == [0, 1, 2, *range(500, 540)]


def test_what_is_in_already_is_covered():
    """No row beside one that is in takes a place from a row that is far from all of them."""
    rows = _clusters([50, 50, 50], 4)

    chosen = choose(rows, *_one_topic(rows), 3, first=[0, 60])

    assert {0, 60} < set(chosen.tolist())
    assert max(chosen) >= 100


def test_the_choice_is_the_same_again():
    """Nothing is drawn by lot: the same rows are chosen each time."""
    rows = _clusters([300, 200, 100], 5)
    topics = find_topics(rows)
    liked = np.arange(600) % 3 > 0

    assert np.array_equal(choose(rows, topics.of_row, liked, 77), choose(rows, find_topics(rows).of_row, liked, 77))


@pytest.mark.parametrize(
    ("budget", "sizes", "weights", "least", "places"),
    [
        (10, [100, 100], [1, 1], [0, 0], [5, 5]),
        (10, [100, 100], [3, 1], [0, 0], [8, 2]),
        (10, [2, 100], [1, 1], [0, 0], [2, 8]),
        (10, [100, 100], [1, 1], [0, 9], [1, 9]),
        (10, [100, 0], [1, 0], [0, 0], [10, 0]),
        (2, [5, 9, 7], [5, 9, 7], [0, 0, 0], [0, 1, 1]),
        (50, [5, 9, 7], [5, 9, 7], [0, 0, 0], [5, 9, 7]),
        (0, [5, 9], [5, 9], [0, 0], [0, 0]),
    ],
)
def test_places_are_shared_out(budget, sizes, weights, least, places):
    """In proportion, within what each group has and must have."""
    assert share_out(budget, np.array(sizes), np.array(weights), np.array(least)).tolist() == places


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12), st.integers(0, 400), st.data())
def test_places_add_up(sizes, budget, data):
    """Whatever the groups: together they get the budget or all there is, and each group between its least and its size."""
    least = [data.draw(st.integers(0, size)) for size in sizes]
    budget = max(budget, sum(least))

    places = share_out(budget, np.array(sizes), np.sqrt(sizes), np.array(least)).tolist()

    assert sum(places) == min(budget, sum(sizes))
    assert all(low <= place <= high for low, place, high in zip(least, places, sizes, strict=True))
