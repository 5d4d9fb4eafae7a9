"""Near-duplicates: texts that say the same but for case, punctuation, a slip of the pen or a word.

How alike two texts are is the Jaccard index of their shingles, estimated by MinHash (Broder 1997, "On the resemblance and containment of
documents"), and found without comparing all with all by locality-sensitive hashing (Leskovec, Rajaraman and Ullman, "Mining of Massive
Datasets", chapter 3).
"""

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from datasketch import MinHash
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from service.curation.features import PERMUTATIONS
from service.curation.pool import Codes, Flags
from service.curation.text import make_whole, normalise

Signatures = npt.NDArray[np.uint32]  # (n, PERMUTATIONS)
_Numbers = npt.NDArray[np.int64]
_Keys = npt.NDArray[np.uint64]

# Letters by three: in 10 to 20 words one that was swapped leaves 4 of 5 of them, a slip of the pen 9 of 10, and different sentences on
# the same thing still share less than 2 of 3. Of words, or of letters by five, a slip takes too many.
_SHINGLE = 3
_PERMUTATIONS = MinHash(num_perm=PERMUTATIONS, seed=1).permutations
_MULTIPLIERS = np.array([2654435761, 2246822519, 3266489917], dtype=np.uint32)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_AT_ONCE = 8_192
_SEPARATORS = re.compile(r"[\W_]+")
_UNSPACED = "[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]"
_INNER_SEPARATORS = re.compile(rf"(?<={_UNSPACED})[\W_]+(?={_UNSPACED})")

# The S-curve 1 - (1 - s^ROWS)^BANDS: two texts that share s meet in a band with a chance of 0.992 at s = 0.8, 0.99998 at 0.9, 0.32 at 0.5.
_BANDS = 12
_ROWS = 5
_ROUNDS = 8
_PAIRS_AT_ONCE = 32_768


def signature(text: str) -> npt.NDArray[np.uint32]:
    """The MinHash of a text: `PERMUTATIONS` numbers, of which two texts share about the share of shingles that they share.

    It is the same on every machine. Case, punctuation and white space play no part, unless there is nothing else; a text of nothing but
    white space has the greatest number everywhere.
    """
    sketch = MinHash(hashfunc=int, permutations=_PERMUTATIONS, num_perm=PERMUTATIONS, scheme="affine32")
    for hashes in _shingles(text):
        sketch.update_batch(hashes)
    return np.asarray(sketch.hashvalues, dtype=np.uint32)


def clusters(signatures: Signatures, threshold: float = 0.8) -> Codes:
    """For each row the first row of its cluster: rows that agree in the share `threshold` of their signature, directly or through others.

    Rows with one signature are one row from the first step on, so that a flood of one text costs no more than its length. In a band,
    rows are compared with the first row of their bucket, what is unlike it with the first of the rest, and so on for a few rounds:
    the cost stays linear whatever the texts are.
    """
    rows = np.arange(len(signatures))
    leaders = _leaders(_keys(signatures))
    leaders = np.where(_alike(signatures, rows, leaders, 1.0), leaders, rows)
    distinct = np.flatnonzero(leaders == rows)
    joined = _joined(signatures[distinct], threshold)
    place = np.zeros(len(signatures), dtype=np.int64)
    place[distinct] = distinct[joined]
    return place[leaders].astype(np.int32)


def _shingles(text: str) -> Iterator[npt.NDArray[np.uint32]]:
    """Hashes of every three characters that stand together, a word's ends included; in pieces, so that a long text takes no more room.

    Where words are not set apart (Chinese, Japanese, Thai), punctuation leaves no gap.
    """
    folded = normalise(make_whole(text))
    plain = _SEPARATORS.sub(" ", folded if folded.isascii() else _INNER_SEPARATORS.sub("", folded)).strip() or folded
    if plain:
        marks = np.frombuffer(f" {plain} ".encode("utf-32-le"), dtype=np.uint32)
        hashes = np.lib.stride_tricks.sliding_window_view(marks, _SHINGLE) @ _MULTIPLIERS
        for start in range(0, len(hashes), _AT_ONCE):
            yield hashes[start : start + _AT_ONCE]


def _joined(signatures: Signatures, threshold: float) -> _Numbers:
    """For each of these distinct rows the first of its cluster."""
    first = np.arange(len(signatures))
    for band in range(_BANDS):
        keys = _keys(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        rest = np.arange(len(signatures))
        for _ in range(_ROUNDS):
            leaders = rest[_leaders(keys[rest])]
            rest, leaders = rest[rest != leaders], leaders[rest != leaders]
            apart = first[rest] != first[leaders]
            alike = ~apart
            alike[apart] = _alike(signatures, rest[apart], leaders[apart], threshold)
            if np.any(alike & apart):
                first = _first_of_component(first, rest[alike & apart], leaders[alike & apart])
            rest = rest[~alike]
            if not len(rest):
                break
    return first


def _leaders(keys: _Keys) -> _Numbers:
    """For each row the first row with its key."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]


def _keys(columns: npt.NDArray[np.uint32]) -> _Keys:
    """One number for each row: rows that are equal have the same, others hardly ever (and are compared before they are joined)."""
    keys = np.zeros(len(columns), dtype=np.uint64)
    for number in range(columns.shape[1]):
        keys = (keys ^ columns[:, number]) * _ODD
        keys ^= keys >> np.uint64(29)
    return keys


def _alike(signatures: Signatures, ones: _Numbers, others: _Numbers, threshold: float) -> Flags:
    """Whether each of `ones` agrees with its one of `others` in at least this share of the signature."""
    alike = np.zeros(len(ones), dtype=np.bool_)
    least = threshold * signatures.shape[1]
    for start in range(0, len(ones), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        alike[part] = np.count_nonzero(signatures[ones[part]] == signatures[others[part]], axis=1) >= least
    return alike


def _first_of_component(first: _Numbers, ones: _Numbers, others: _Numbers) -> _Numbers:
    """The first row of each row's component, once these pairs are joined to what belongs together already."""
    edges = coo_array((np.ones(len(ones), dtype=np.int8), (first[ones], first[others])), shape=(len(first), len(first)))
    _, labels = connected_components(edges, directed=False)
    _, foremost = np.unique(labels, return_index=True)
    return np.asarray(foremost[labels][first], dtype=np.int64)
