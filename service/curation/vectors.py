"""What a message is about, as a vector, without a model: words hashed into a few dimensions.

Random indexing (Kanerva, Kristoferson and Holst 2000; Achlioptas 2003, "Database-friendly random projections"): each stem has 64 random
signs, taken from a hash, and a text is the sum of those of its words. Two texts are as alike as the words they share: what is said in
other words is not seen.
"""

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from service.curation.features import DIMENSIONS
from service.curation.words import STOP_WORDS, stem, words_of

Vectors = npt.NDArray[np.int8]
"""(n, DIMENSIONS); each row has the length 127, or is zero."""

LENGTH = 127
_STRONG, _WEAK = 16, 2
_MOST_CHARACTERS = 8_000
_ODD = np.uint64(0x9E3779B97F4A7C15)


def vector(text: str) -> Vectors:
    """The vector of a text, of length `LENGTH`: the same on every machine; zero for a text of nothing but white space.

    A word counts once however often it is said, and a stop word eight times less than another. Of a long text the first 8,000
    characters count.
    """
    words = dict.fromkeys(words_of(text[:_MOST_CHARACTERS]))
    if not words:
        return np.zeros(DIMENSIONS, np.int8)
    signs = np.frombuffer(b"".join(map(_signs, words)), np.int8).reshape(-1, DIMENSIONS)
    return scaled(signs.sum(axis=0, dtype=np.int64))


def scaled(sums: "npt.NDArray[np.int64]") -> Vectors:
    """Vectors of any length as vectors of length `LENGTH`; zero stays zero."""
    lengths = np.sqrt((sums * sums).sum(axis=-1, keepdims=True))
    whole: Vectors = np.rint(sums * (LENGTH / np.maximum(lengths, 1))).astype(np.int8)
    return whole


def first_of_equals(vectors: Vectors) -> "npt.NDArray[np.intp]":
    """The places of the rows that no row before them equals, ascending.

    Rows are known by a hash: that two different ones meet in it happens once in millions of runs, and then one row less is seen.
    """
    keys = np.zeros(len(vectors), np.uint64)
    for column in np.ascontiguousarray(vectors).view("<u8").T:
        keys = (keys ^ column) * _ODD
        keys ^= keys >> np.uint64(29)
    _, first = np.unique(keys, return_index=True)
    return np.sort(first)


@lru_cache(maxsize=65_536)
def _signs(word: str) -> bytes:
    """The word's signs times its weight, one byte each."""
    weight = _WEAK if word in STOP_WORDS else _STRONG
    digest = hashlib.blake2b(stem(word).encode(), digest_size=DIMENSIONS // 8).digest()
    bits = np.unpackbits(np.frombuffer(digest, np.uint8)).astype(np.int8)
    return ((2 * bits - 1) * weight).astype(np.int8).tobytes()
