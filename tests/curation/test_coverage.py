"""How the chosen samples lie over the topics."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.curation.coverage import Coverage, as_markdown, measure_coverage
from service.curation.features import DIMENSIONS
from service.curation.topics import find_topics
from service.curation.vectors import vector

DOGS = ["my dog barks", "a dog and a leash", "dog food", "the dog sleeps", "a dog again", "dog, dog", "walk the dog", "dog park"]
RENT = ["my rent is due", "rent and more rent", "the rent went up", "who pays the rent"]


def _vectors(texts):
    return np.array([vector(text) for text in texts], np.int8).reshape(-1, DIMENSIONS)


def _measured(chosen, seeds=(), liked=None):
    """Coverage of two topics, eight messages about dogs and four about the rent."""
    rows = _vectors([*DOGS, *RENT])
    topics = find_topics(rows, most=2)
    assert topics.of_row.tolist() == [0] * 8 + [1] * 4
    liked = np.ones(12, np.bool_) if liked is None else np.array(liked)
    return measure_coverage(["dogs", "rent"], topics, rows, liked, np.array(chosen, np.intp), _vectors(seeds))


def test_each_topic_is_counted():
    """How many rows there were, how many of each label were chosen, which seeds are about it, and the share of all chosen ones."""
    coverage, _ = _measured([0, 1, 2, 8], ["a new dog", "The rent!", "rent"], [True, False, True] + [True] * 9)

    dogs, rent = coverage.topics
    assert (dogs.name, dogs.there, dogs.liked, dogs.disliked, dogs.seeds, dogs.share) == ("dogs", 8, 2, 1, 1, 0.75)
    assert (rent.name, rent.there, rent.liked, rent.disliked, rent.seeds, rent.share) == ("rent", 4, 1, 0, 2, 0.25)
    assert (coverage.samples, coverage.seeds) == (4, 3)


@pytest.mark.parametrize(
    ("chosen", "evenness", "thin"),
    [
        ([0, 1, 8, 9], 1.0, ()),
        ([0, 1, 2, 8], 0.8113, ()),
        ([0, 1, 2, 3, 8], 0.7219, ("rent",)),
        ([0, 1, 2, 3], 0.0, ("rent",)),
        ([], 0.0, ("dogs", "rent")),
    ],
)
def test_evenness_and_thin_topics(chosen, evenness, thin):
    """Evenness is 1 for equal shares and 0 when one topic has all; less than half of an even share is thin, nothing at all too."""
    coverage, _ = _measured(chosen)

    assert coverage.evenness == evenness
    assert coverage.thin == thin


def test_a_topic_of_the_seeds_alone_is_thin():
    """A topic that only seeds speak of is named as thin: nobody's rated reply teaches it."""
    coverage, _ = _measured([0, 1, 2, 3], ["rent", "rent again"])

    assert coverage.thin == ("rent",)
    assert coverage.topics[1].seeds == 2


def test_crowded_topics_are_named():
    """More than twice an even share is crowded."""
    texts = [text for number in range(4) for text in (f"word{number}", f"word{number} indeed")]
    rows = _vectors([*texts, *(f"word0 other{number}" for number in range(8))])
    topics = find_topics(rows, most=4)
    coverage, _ = measure_coverage(list("abcd"), topics, rows, np.ones(16, np.bool_), np.arange(16), rows[:0])

    assert coverage.crowded == ("a",)
    assert coverage.thin == ()


def test_the_nearest_neighbours_tell_variety_from_repetition():
    """Messages that say the same are at a distance of 0, and those without a word in common at about 1."""
    same, _ = _measured([4, 5])
    other, _ = _measured([1, 9])

    assert same.nearness.half < 0.05
    assert other.nearness.half > 0.7
    assert _measured([0])[0].nearness is None
    assert other.nearness.tenth <= other.nearness.half <= other.nearness.nine_tenths


def test_every_sample_and_seed_has_a_dot():
    """First the chosen rows in their order, then the seeds; each with its topic, its label, and how far it lies from the centre."""
    coverage, dots = _measured([0, 8, 9], ["dog", "rent"], [False] + [True] * 11)

    assert dots.topic.tolist() == [0, 1, 1, 0, 1]
    assert dots.kind == ["disliked", "liked", "liked", "seed", "seed"]
    assert ((dots.distance >= 0) & (dots.distance <= 1)).all()
    assert dots.distance[3] < dots.distance[0]
    assert len(dots.kind) == coverage.samples + coverage.seeds


def test_it_goes_through_json():
    """The report is kept beside the dataset: it reads back as what it was."""
    coverage, _ = _measured([0, 1, 8], ["dog"])

    assert msgspec.json.decode(msgspec.json.encode(coverage), type=Coverage) == coverage


def test_the_datasheet_says_where_it_is_thin_and_what_helps():
    """A thin topic with rows left is told from one where nothing is left; the table has a row for each topic."""
    more = as_markdown(_measured([0, 1, 2, 3, 8])[0])
    assert "- Thin, though more was there than the budget, the caps or the checks let in: rent." in more
    assert "| rent | 4 | 1 | 0 | 0 | 20.0% | thin |" in more
    assert "| dogs | 8 | 4 | 0 | 0 | 80.0% |  |" in more

    rows = _vectors(["dog"] * 8 + ["rent"])
    topics = find_topics(rows, most=2)
    dry, _ = measure_coverage(["dogs", "rent"], topics, rows, np.ones(9, np.bool_), np.arange(9), rows[:0])
    assert "seeds would help: rent." in as_markdown(dry)
    assert "crowded" not in as_markdown(_measured([0, 8])[0]).lower()


def test_nothing_at_all_is_said_plainly():
    """No rows, no topics, no crash."""
    none = np.zeros((0, DIMENSIONS), np.int8)
    coverage, dots = measure_coverage([], find_topics(none), none, np.zeros(0, np.bool_), np.zeros(0, np.intp), none)

    assert as_markdown(coverage) == "There was nothing to choose from."
    assert dots.kind == []


@settings(deadline=None, max_examples=40)
@given(arrays(np.int8, st.tuples(st.integers(1, 40), st.just(DIMENSIONS)), elements=st.integers(-14, 14)), st.data())
def test_counts_add_up(rows, data):
    """Whatever was chosen: every row is counted once, the shares add up to one, and evenness lies between 0 and 1."""
    topics = find_topics(rows)
    count = len(topics.centres)
    chosen = np.array(sorted(data.draw(st.sets(st.sampled_from(range(len(rows))), min_size=1))))
    liked = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))

    coverage, _ = measure_coverage([str(place) for place in range(count)], topics, rows, liked, chosen, rows[:3])

    assert sum(topic.there for topic in coverage.topics) == len(rows)
    assert sum(topic.liked for topic in coverage.topics) == np.count_nonzero(liked[chosen])
    assert sum(topic.liked + topic.disliked for topic in coverage.topics) == len(chosen)
    assert abs(sum(topic.share for topic in coverage.topics) - 1) < 0.01
    assert 0 <= coverage.evenness <= 1
