"""What people talk about: messages grouped by their words, and the groups named.

Spherical k-means (Dhillon and Modha 2001, "Concept decompositions for large sparse text data using clustering") with k-means++ starts
(Arthur and Vassilvitskii 2007). Vectors and centres are whole numbers so small that single precision adds them without rounding: the same
rows give the same topics on every machine.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log
from re import compile as pattern
from typing import NamedTuple

import numpy as np

from service.curation.features import DIMENSIONS
from service.curation.pool import Codes
from service.curation.vectors import Vectors, first_of_equals, scaled
from service.curation.words import STOP_WORDS, stem, words_of

MOST = 64
_FEWEST = 4
_LOOKED_AT = 20_000
_AT_ONCE = 16_384
_STARTS = 3
_ROUNDS = 15
_WORDS = 3
_TOLD_BY = 2
_PLACEHOLDER = pattern(r"\[[^\[\]]{1,40}\]")


class Topics(NamedTuple):
    """The topics, the largest first: `centres` (k, DIMENSIONS) and which one each row lies in.

    What has no words at all (a zero vector) is a topic of its own, whose centre is zero.
    """

    centres: Vectors
    of_row: Codes


def find_topics(vectors: Vectors, seed: int = 0, most: int = MOST) -> Topics:
    """Group the rows into topics: about the square root of half as many as there are different rows, from 4 to `most`.

    The centres are found on different rows only, and on no more than 20,000 evenly spaced ones of them, so that a flood of one message
    gets one topic; then every row joins the topic it is nearest to.
    """
    some = _different(vectors)
    some = some[np.linspace(0, len(some) - 1, min(len(some), _LOOKED_AT)).astype(np.intp)]
    wanted = min(len(some), most, max(_FEWEST, round((len(some) / 2) ** 0.5)))
    random = np.random.default_rng(seed)
    found = [_refine(some, _start(some, wanted, random)) for _ in range(_STARTS if wanted else 0)]
    centres = max(found, key=lambda each: _total(some, each)) if found else np.zeros((0, DIMENSIONS), np.int8)
    silent = ~vectors.any(axis=1)
    if silent.any():
        centres = np.concatenate([centres, np.zeros((1, DIMENSIONS), np.int8)])
    of_row = assign(vectors, centres)
    sizes = np.bincount(of_row, minlength=len(centres))
    order = np.lexsort((np.arange(len(centres)), -sizes))
    rank = np.argsort(order).astype(np.int32)
    return Topics(centres[order[: np.count_nonzero(sizes)]], rank[of_row])


def assign(vectors: Vectors, centres: Vectors) -> Codes:
    """The topic each row is nearest to; of equally near ones the first. A zero vector lies in the one without words, if any."""
    of_row = np.zeros(len(vectors), np.int32)
    there = np.flatnonzero(centres.any(axis=1))
    if not len(there):
        return of_row
    turned = centres[there].astype(np.float32).T
    for start in range(0, len(vectors), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        of_row[part] = there[(vectors[part].astype(np.float32) @ turned).argmax(axis=1)]
    if len(there) < len(centres):
        of_row[~vectors.any(axis=1)] = np.flatnonzero(~centres.any(axis=1))[0]
    return of_row


def name_topics(texts: Sequence[Iterable[str]]) -> list[str]:
    """A name for each topic from some of its texts: its three most telling words, as they are mostly written, as in "dog, walk, park".

    Telling is what is frequent here and rare in the other topics: class-based TF-IDF (Grootendorst 2022, "BERTopic"). A word counts once
    a text, and only if at least two texts of the topic have it: what one person wrote once names nothing. Placeholders in brackets
    and numbers name nothing either, so give texts without personal data. A topic without such words is called after its place.
    """
    counted = [_count(topic) for topic in texts]
    totals = sum((counts for counts, _ in counted), Counter[str]())
    mean = sum(totals.values()) / max(1, len(counted))
    names: list[str] = []
    for place, (counts, spellings) in enumerate(counted, 1):
        told = {word: count * log(1 + mean / totals[word]) for word, count in counts.items() if count >= _TOLD_BY}
        best = sorted(told, key=lambda word: (-told[word], word))[:_WORDS]
        name = ", ".join(spellings[word] for word in best) or f"topic {place}"
        names.append(name if name not in names else f"{name} ({place})")
    return names


def _count(texts: Iterable[str]) -> tuple[Counter[str], dict[str, str]]:
    """In how many texts each stem stands, and how each is spelled most often; of equally frequent spellings the first in the alphabet."""
    stems: Counter[str] = Counter()
    spellings: Counter[tuple[str, str]] = Counter()
    for text in texts:
        words = {word for word in words_of(_PLACEHOLDER.sub(" ", text)) if word not in STOP_WORDS and word.isalpha() and len(word) > 1}
        spellings.update((stem(word), word) for word in words)
        stems.update({stem(word) for word in words})
    usual: dict[str, str] = {}
    for root, word in sorted(spellings, key=lambda each: (spellings[each], *reversed(each))):
        usual[root] = word
    return stems, usual


def _different(vectors: Vectors) -> Vectors:
    """The rows that are not zero, each of equal ones once, in the order in which they first come."""
    there = vectors[vectors.any(axis=1)]
    return there[first_of_equals(there)]


def _start(some: Vectors, wanted: int, random: np.random.Generator) -> Vectors:
    """Rows to start from: each is drawn with a chance that grows with the square of its distance to those before it."""
    rows = some.astype(np.float32)
    chosen = [int(random.integers(len(some)))]
    lengths = (rows * rows).sum(axis=1)
    nearest = np.full(len(some), np.inf, np.float32)
    while len(chosen) < wanted:
        last = chosen[-1]
        np.minimum(nearest, lengths + lengths[last] - 2 * (rows @ rows[last]), out=nearest)
        sums = nearest.astype(np.int64).cumsum()
        chosen.append(int(np.searchsorted(sums, random.integers(sums[-1]), side="right")))
    return some[chosen]


def _refine(some: Vectors, centres: Vectors) -> Vectors:
    """Move each centre to the middle of its rows until none moves any more, or for some rounds; a centre without rows stays."""
    rows = some.astype(np.float32)
    for _ in range(_ROUNDS):
        of_row = assign(some, centres)
        members = np.zeros((len(centres), len(some)), np.float32)
        members[of_row, np.arange(len(some))] = 1
        moved = scaled((members @ rows).astype(np.int64))
        empty = ~moved.any(axis=1)
        moved[empty] = centres[empty]
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _total(some: Vectors, centres: Vectors) -> int:
    """How near the rows are to their centres, all together."""
    return int(np.einsum("ij,ij->", some, centres[assign(some, centres)], dtype=np.int64))
