"""How what is learned lies over what people talk about: where it is even, thin or crowded.

Good darts lie all over the board: a persona that learned a thousand replies about one thing and three about another has learned one thing.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from service.curation.pool import Flags
from service.curation.topics import Topics, assign
from service.curation.vectors import LENGTH, Vectors

State = Literal["thin", "even", "crowded"]
Kind = Literal["liked", "disliked", "seed"]

_THIN = 0.5
_CROWDED = 2.0
_SQUARE = float(LENGTH * LENGTH)
_ASKED = 4_000
_AT_ONCE = 1_024
_Rows = npt.NDArray[np.intp]
_Numbers = npt.NDArray[np.int_]
_Distances = npt.NDArray[np.float64]


class TopicCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """One topic: how many rows there were to choose from, how many were chosen, and their share of all that were chosen, from 0 to 1.

    It is thin with less than half of an even share, crowded with more than twice as much.
    """

    name: str
    there: int
    liked: int
    disliked: int
    seeds: int
    share: float
    state: State


class Nearness(msgspec.Struct, frozen=True, kw_only=True):
    """How far from its nearest neighbour a chosen row lies: a tenth of the rows, half, and nine tenths are no farther.

    The distance is 1 minus the cosine: 0 for the same words, about 1 for none in common.
    """

    tenth: float
    half: float
    nine_tenths: float


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How the chosen rows lie over the topics, which stand in the order of `find_topics`.

    `evenness` is the entropy of the shares by that of even ones, from 0 to 1 (Pielou 1966). `nearness` is None for fewer than two rows.
    """

    samples: int
    seeds: int
    evenness: float
    nearness: Nearness | None
    topics: tuple[TopicCoverage, ...]

    @property
    def thin(self) -> tuple[str, ...]:
        """The names of the thin topics."""
        return tuple(topic.name for topic in self.topics if topic.state == "thin")

    @property
    def crowded(self) -> tuple[str, ...]:
        """The names of the crowded topics."""
        return tuple(topic.name for topic in self.topics if topic.state == "crowded")


class Dots(NamedTuple):
    """Where each chosen row, then each seed, lies: its topic, how far from its centre (0 to 1), and what it is."""

    topic: _Numbers
    distance: _Distances
    kind: list[Kind]


def measure_coverage(
    names: Sequence[str], topics: Topics, vectors: Vectors, liked: Flags, chosen: _Rows, seeds: Vectors
) -> tuple[Coverage, Dots]:
    """Measure how the rows `chosen` of `vectors` lie over the topics; `liked` is for all rows, `names` for all topics."""
    seeded = assign(seeds, topics.centres)
    count = len(topics.centres)
    there, ups, downs, sown = (
        np.bincount(rows, minlength=count).tolist()
        for rows in (topics.of_row, topics.of_row[chosen][liked[chosen]], topics.of_row[chosen][~liked[chosen]], seeded)
    )
    shares = [(up + down) / max(1, len(chosen)) for up, down in zip(ups, downs, strict=True)]
    coverage = Coverage(
        samples=len(chosen),
        seeds=len(seeds),
        evenness=_evenness(shares),
        nearness=_nearness(vectors[chosen]),
        topics=tuple(
            TopicCoverage(
                name=names[place],
                there=there[place],
                liked=ups[place],
                disliked=downs[place],
                seeds=sown[place],
                share=round(shares[place], 4),
                state=_state(shares[place], count),
            )
            for place in range(count)
        ),
    )
    kinds: list[Kind] = ["liked" if up else "disliked" for up in liked[chosen].tolist()]
    of_dot = np.concatenate([topics.of_row[chosen], seeded])
    distances = _distances(np.concatenate([vectors[chosen], seeds]), topics.centres, of_dot)
    return coverage, Dots(of_dot, distances, kinds + ["seed"] * len(seeds))


def as_markdown(coverage: Coverage) -> str:
    """A paragraph and a table for the datasheet."""
    if not coverage.topics:
        return "There was nothing to choose from."
    lines = [_lies(coverage), "", *_hints(coverage)]
    lines += ["| topic | there were | liked | disliked | seeds | share | |", "|---|---:|---:|---:|---:|---:|---|"]
    for topic in coverage.topics:
        remark = "" if topic.state == "even" else topic.state
        counts = f"{topic.there:,} | {topic.liked:,} | {topic.disliked:,} | {topic.seeds:,} | {topic.share:.1%}"
        lines.append(f"| {topic.name.replace('|', ' ')} | {counts} | {remark} |")
    return "\n".join(lines)


def _lies(coverage: Coverage) -> str:
    topics = "one topic" if len(coverage.topics) == 1 else f"{len(coverage.topics)} topics"
    said = f"{coverage.samples:,} rated samples lie over {topics}; their evenness is {coverage.evenness:.2f} (1: as many on each)."
    if coverage.nearness is not None:
        near = coverage.nearness
        said += (
            f" Half of the messages are no more than {near.half:.2f} away from the nearest other, a tenth no more than {near.tenth:.2f},"
            f" nine tenths {near.nine_tenths:.2f} (0: the same words, 1: none in common)."
        )
    return f"{said} Topics are told apart and named by their words, without a model."


def _hints(coverage: Coverage) -> list[str]:
    """What is thin, and what could be done about it; what is crowded."""
    thin = [topic for topic in coverage.topics if topic.state == "thin"]
    more = [topic.name for topic in thin if topic.there > topic.liked + topic.disliked]
    dry = [topic.name for topic in thin if topic.there <= topic.liked + topic.disliked]
    hints = []
    if dry:
        hints.append(f"- Thin, and there is nothing more to choose from, so seeds would help: {_listed(dry)}.")
    if more:
        hints.append(f"- Thin, though more was there than the budget, the caps or the checks let in: {_listed(more)}.")
    if coverage.crowded:
        hints.append(f"- Crowded, with more than twice an even share: {_listed(coverage.crowded)}.")
    return [*hints, ""] if hints else []


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names)


def _state(share: float, count: int) -> State:
    even = share * count
    return "thin" if even < _THIN else "crowded" if even > _CROWDED else "even"


def _evenness(shares: Sequence[float]) -> float:
    there = np.array([share for share in shares if share > 0])
    if len(shares) < 2 or not len(there):
        return float(len(there) > 0)
    return round(abs(float(-(there * np.log(there)).sum() / np.log(len(shares)))), 4)


def _nearness(vectors: Vectors) -> Nearness | None:
    """Of more than 4,000 rows evenly spaced ones are asked for their nearest among all."""
    rows = vectors[vectors.any(axis=1)].astype(np.float32)
    if len(rows) < 2:
        return None
    asked = np.linspace(0, len(rows) - 1, min(len(rows), _ASKED)).astype(np.intp)
    best = np.empty(len(asked))
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        products = rows[part] @ rows.T
        products[np.arange(len(part)), part] = -np.inf
        best[start : start + _AT_ONCE] = products.max(axis=1)
    low, middle, high = np.quantile(np.clip(1 - best / _SQUARE, 0, 2), (0.1, 0.5, 0.9), method="inverted_cdf").round(3).tolist()
    return Nearness(tenth=low, half=middle, nine_tenths=high)


def _distances(vectors: Vectors, centres: Vectors, of_row: _Numbers) -> _Distances:
    """How far each row is from its topic's centre; a row without words is at the centre of what has none."""
    products = np.einsum("ij,ij->i", vectors, centres[of_row], dtype=np.int64)
    return np.where(vectors.any(axis=1), np.clip(1 - products / _SQUARE, 0, 1), 0.0)
