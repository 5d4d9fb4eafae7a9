"""Near-duplicates: what people call the same lands in one cluster, other sentences on the same thing do not, and a flood costs nothing."""

import subprocess
import sys
import time
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.features import PERMUTATIONS
from service.curation.near import clusters, signature

_SAID = (
    "I have been thinking about my old phone a lot lately, and I cannot decide whether to keep it or to buy a new one.\n"
    "That is a hard choice! What do you like about the old one, and what bothers you most?"
)


def _agreement(one: str, other: str) -> float:
    return float(np.mean(signature(one) == signature(other)))


def _clustered(*texts: str) -> list[int]:
    return clusters(np.stack([signature(text) for text in texts])).tolist()


def _random(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**32, (count, PERMUTATIONS), dtype=np.uint32)


@pytest.mark.parametrize(
    "edited",
    [
        _SAID.upper(),
        _SAID.replace(",", "").replace(".", "!!!").replace("?", ""),
        _SAID.replace("\n", "    "),
        _SAID.replace("thinking", "thinkign"),
        _SAID.replace("bothers", "bother").replace("choice", "chioce"),
        _SAID.replace("hard", "difficult"),
        _SAID.replace("a lot lately", "really a lot lately"),
        f"Hi! {_SAID}",
        _SAID.replace("That is", "Ｔｈａｔ is"),
    ],
)
def test_what_people_call_the_same_is_one_cluster(edited):
    """Case, punctuation, white space, slips of the pen, one word more or another: still the same."""
    assert _clustered(_SAID, "Something else.", edited) == [0, 1, 0]


def test_other_sentences_are_other_clusters():
    """The same subject, the same question about something else, the same reply to another message: not the same."""
    texts = [
        _SAID,
        "My old phone is broken. Shall I buy a new one?\nWhat is broken about it, and what would a new one cost?",
        _SAID.replace("my old phone", "my sister's garden").replace("keep it", "dig it over").replace("buy a new one", "plant roses"),
        "Should I sell the piano?\n" + _SAID.partition("\n")[2],
    ]
    assert _clustered(*texts) == [0, 1, 2, 3]


def test_agreement_estimates_the_share_of_common_shingles():
    """Over many pairs the estimate is right on average, within the error that 64 permutations have."""
    chance = Random(3)
    errors = []
    for _ in range(200):
        words = [chance.choice("abcdefghijklmnop") * 3 for _ in range(40)]
        one, other = " ".join(words), " ".join(words[: chance.randrange(10, 40)])
        shingles = [{f" {text} "[place : place + 3] for place in range(len(text))} for text in (one, other)]
        errors.append(_agreement(one, other) - len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1]))
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.08


def test_a_signature_is_the_same_everywhere():
    """It is kept in databases and compared years later: these numbers must not change unless `features.RECIPE` does, in any process."""
    assert signature("Hello there, friend!")[:4].tolist() == [34430098, 78862999, 92277817, 158590798]
    program = "from service.curation.near import signature; print(*signature('Hello there, friend!')[:4])"
    told = subprocess.run([sys.executable, "-c", program], env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True)
    assert told.stdout.split() == [str(number) for number in signature("hello THERE friend")[:4]]


def test_a_signature_has_its_shape_whatever_the_text():
    """Nothing, one letter, an emoji, Chinese, half a surrogate pair, a megabyte: 64 numbers of 32 bits."""
    for text in ("", " \n", "a", "👍", "!!!", "我今天很高兴，你呢？", "\ud800", "x" * 1_000_000, "\x00"):
        found = signature(text)
        assert (found.shape, found.dtype) == ((PERMUTATIONS,), np.uint32)
    assert _clustered("👍", "👎", "!!!", "", " ") == [0, 1, 2, 3, 3]
    assert _clustered("我今天很高兴，因为天气很好，你呢？", "我今天很高兴因为天气很好！你呢", "我昨天不太高兴，因为下雨了。") == [0, 0, 2]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a cat sat on the mat", "A cat sat on the mat!", "the dog", "rain in spring", "", "x"]), max_size=30))
def test_a_cluster_is_named_by_its_first_row(texts):
    """Each row points at a row that is not later and points at itself; equal texts point at the same row."""
    found = clusters(np.stack([signature(text) for text in texts]) if texts else np.zeros((0, PERMUTATIONS), np.uint32))
    assert found.dtype == np.int32
    assert all(found[row] <= row and found[found[row]] == found[row] for row in range(len(texts)))
    for row, text in enumerate(texts):
        assert found[row] == found[texts.index(text)]


def test_clusters_join_through_others():
    """A is like B and B is like C: one cluster, though A and C alone would be two."""
    rows = np.tile(_random(1), (3, 1))
    rows[1, :10] = _random(1, 2)[0, :10]
    rows[2, :20] = _random(1, 3)[0, :20]
    rows[2, :10] = rows[1, :10]
    assert clusters(rows).tolist() == [0, 0, 0]
    assert clusters(rows[[0, 2]]).tolist() == [0, 1]
    assert clusters(rows, threshold=1.0).tolist() == [0, 1, 2]


def test_nearly_all_pairs_above_the_threshold_are_found():
    """Against a comparison of all with all: of the pairs that agree in 0.8 or more, 99 of 100 are in one cluster; of others, none."""
    chance = np.random.default_rng(5)
    rows = np.repeat(_random(400), 2, axis=0)
    for row in rows[1::2]:
        changed = chance.permutation(PERMUTATIONS)[: chance.integers(0, 26)]
        row[changed] = chance.integers(0, 2**32, len(changed), dtype=np.uint32)
    found = clusters(rows)
    alike = np.count_nonzero(rows[::2] == rows[1::2], axis=1) >= 0.8 * PERMUTATIONS
    together = found[::2] == found[1::2]
    assert np.mean(together[alike]) >= 0.99
    assert not np.any(together[~alike])
    assert len(np.unique(found)) == 800 - np.count_nonzero(together)


def test_a_flood_costs_no_more_than_its_length():
    """30,000 times one text among 30,000 others, and 20,000 rows that share half of everything but are unlike: seconds, not hours."""
    start = time.perf_counter()
    flood = np.concatenate([_random(30_000), np.repeat(_random(1, 2), 30_000, axis=0)])
    found = clusters(flood[np.random.default_rng(3).permutation(len(flood))])
    assert np.bincount(found).max() == 30_000
    assert len(np.unique(found)) == 30_001
    half = _random(20_000, 4)
    half[:, :30] = half[0, :30]
    assert len(np.unique(clusters(half))) == 20_000
    assert time.perf_counter() - start < 20
