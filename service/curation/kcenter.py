"""Choosing rows that cover what there is, when there are more than the budget.

Greedy k-center: take the row that is farthest from all that were taken, again and again; no row is left farther from a taken one than twice
what the best choice could reach (Gonzalez 1985, "Clustering to minimize the maximum intercluster distance"; as a way to choose training
rows: Sener and Savarese 2018, "Active learning for convolutional neural networks: a core-set approach"). Alone it prefers what is odd, so
most of it runs within topics, which get places by their size. All distances are whole numbers: the same rows give the same choice
on every machine.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from service.curation.pool import Codes, Flags
from service.curation.vectors import Vectors, first_of_equals

_FAR_APART = 4  # one place in so many goes to what is far from everything, whatever its topic
_ACTIVE = 2_048  # so many of the farthest rows are kept up to date
_CELLS = 4_000_000
_HALVINGS = 64
_Rows = npt.NDArray[np.intp]
_Numbers = npt.NDArray[np.int64]
_Distances = npt.NDArray[np.float32]  # squared


def choose(vectors: Vectors, topic: Codes, liked: Flags, budget: int, first: "_Rows | Sequence[int]" = ()) -> _Rows:
    """Return `budget` of the rows, ascending, or all when there are no more; those in `first` are in, as far as the budget goes.

    Liked and disliked rows get places in proportion to their numbers, so that the ratio of the labels stays as it was. Of a label's places
    a quarter goes to rows that are far from each other, whatever their topic, so that what is rare is not lost in a large topic.
    Of the others each topic gets a share that grows with the square root of its size, and at least one, and spreads it likewise. The
    first row is the one nearest to the middle; of equally far rows it is the first; rows that equal a taken one come last.
    """
    if budget >= len(vectors):
        return np.arange(len(vectors))
    kept = np.zeros(len(vectors), np.bool_)
    kept[np.asarray(first, np.intp)[: max(0, budget)]] = True
    labels = [np.flatnonzero(liked), np.flatnonzero(~liked)]
    sizes = np.array([len(rows) for rows in labels])
    shares = share_out(budget, sizes, sizes, np.array([np.count_nonzero(kept[rows]) for rows in labels]))
    for rows, share in zip(labels, shares, strict=True):
        different = np.zeros(len(vectors), np.bool_)
        different[rows[first_of_equals(vectors[rows])]] = True
        some = rows[different[rows] | kept[rows]]
        _spread(vectors, some, int(share) // _FAR_APART, kept)
        _spread_over_topics(vectors, topic, some, min(int(share), len(some)), kept)
        _spread_over_topics(vectors, topic, rows, int(share), kept)
    return np.flatnonzero(kept)


def share_out(
    budget: int, sizes: "npt.NDArray[np.int_]", weights: "npt.NDArray[np.int_ | np.float64]", least: "npt.NDArray[np.int_]"
) -> _Numbers:
    """How many places each group gets: in proportion to the weights, no more than its size, no fewer than `least`, and one if it has any.

    Together they get the budget, or all there are. If the budget has no place for every group, the heaviest get theirs first.
    """
    places = least.astype(np.int64)
    for group in np.lexsort((np.arange(len(sizes)), -weights.astype(np.float64))):
        if places[group] == 0 and sizes[group] > 0 and places.sum() < budget:
            places[group] = 1
    low, high = 0.0, float(max(1, budget))
    for _ in range(_HALVINGS):
        scale = (low + high) / 2
        if np.clip(scale * weights, places, sizes).sum() > budget:
            high = scale
        else:
            low = scale
    exact = np.clip(low * weights, places, sizes)
    whole: _Numbers = np.floor(exact).astype(np.int64)
    order = np.argsort(whole - exact, kind="stable")
    while (left := min(budget, int(sizes.sum())) - int(whole.sum())) > 0:
        whole[order[whole[order] < sizes[order]][:left]] += 1
    return whole


def _spread_over_topics(vectors: Vectors, topic: Codes, rows: _Rows, budget: int, kept: Flags) -> None:
    """Mark rows until `budget` of these are kept, by topic."""
    order = rows[np.argsort(topic[rows], kind="stable")]
    _, starts, sizes = np.unique(topic[order], return_index=True, return_counts=True)
    there = np.add.reduceat(kept[order], starts, dtype=np.int64) if len(order) else np.zeros(0, np.int64)
    for start, size, share in zip(starts, sizes, share_out(budget, sizes, np.sqrt(sizes), there), strict=True):
        _spread(vectors, order[start : start + size], int(share), kept)


def _spread(vectors: Vectors, rows: _Rows, budget: int, kept: Flags) -> None:
    """Mark rows until `budget` of these are kept, far from each other and from those that are kept already."""
    given = np.flatnonzero(kept[rows])
    if len(given) < budget:
        kept[rows[_cover(vectors[rows], budget, given)]] = True


def _cover(points: Vectors, count: int, given: _Rows) -> _Rows:
    """Places of `count` of the points by greedy k-center, after those that are given.

    A point's distance to what is taken only shrinks. So the farthest points alone are kept up to date, until one of the others could be
    farther: it is the same choice as with all kept up to date, for much less work.
    """
    taken = list(given)
    if len(taken) < count and not taken:
        taken = [int((points.astype(np.int64) @ points.sum(axis=0, dtype=np.int64)).argmax())]
    distances = np.full(len(points), np.inf, np.float32)
    _bring_near(distances, points, taken)
    while len(taken) < count:
        if distances.max() <= 0:
            # What is left is equal to what is taken: the first of it fills the places.
            taken.extend(np.flatnonzero(distances == 0)[: count - len(taken)])
            break
        active = _farthest(distances)
        new = _take(points[active].astype(np.float32), distances[active], count - len(taken))
        taken.extend(active[new])
        _bring_near(distances, points, active[new])
    return np.array(taken, np.intp)


def _farthest(distances: _Distances) -> _Rows:
    """The rows that are farthest, ascending: some thousand, and all that are as far as the last of them."""
    if len(distances) <= _ACTIVE:
        return np.arange(len(distances))
    least = np.partition(distances, -_ACTIVE)[-_ACTIVE]
    return np.flatnonzero(distances >= least)


def _take(points: "npt.NDArray[np.float32]", distances: _Distances, most: int) -> list[int]:
    """Take the farthest point again and again, as long as it is as far as all of them were at first."""
    lengths = (points * points).sum(axis=1)
    distances = distances.copy()
    least = distances.min()
    new: list[int] = []
    while len(new) < most:
        place = int(distances.argmax())
        if distances[place] < max(least, 0):
            break
        new.append(place)
        np.minimum(distances, lengths + lengths[place] - 2 * (points @ points[place]), out=distances)
        distances[place] = -1
    return new


def _bring_near(distances: _Distances, points: Vectors, taken: "_Rows | Sequence[int]") -> None:
    """Bring the distances up to date with what was taken; a taken point itself gets -1."""
    if not len(taken):
        return
    centres = points[taken].astype(np.float32)
    lengths = (centres * centres).sum(axis=1)
    step = max(1, _CELLS // len(centres))
    for start in range(0, len(points), step):
        part = points[start : start + step].astype(np.float32)
        found = (lengths - 2 * (part @ centres.T)).min(axis=1) + (part * part).sum(axis=1)
        np.minimum(distances[start : start + step], found, out=distances[start : start + step])
    distances[taken] = -1
