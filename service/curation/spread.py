"""How what is learned lies over the topics and the words: what the datasheet says of it, and the drawing beside it."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from service.curation import coverage, favourites
from service.curation.compose import Chosen
from service.curation.dartboard import draw
from service.curation.features import DIMENSIONS
from service.curation.pool import Pool
from service.curation.sample import Sample
from service.curation.sift import Rows
from service.curation.topics import Topics, name_topics
from service.curation.vectors import vector

DRAWING = "coverage.svg"
"""The name of the drawing beside the rows."""


class Spread(NamedTuple):
    """The report as Markdown and for programs, and the dartboard as SVG."""

    markdown: str
    report: dict[str, object]
    drawing: str


def spread(pool: Pool, there: Rows, topics: Topics, chosen: Chosen, seeds: Sequence[Sample]) -> Spread:
    """Say how the chosen samples lie over the topics of the rows that there were to choose from, and which words their replies favour.

    Topics are named from the chosen samples alone: their texts are without personal data.
    """
    places = np.searchsorted(there, np.array(chosen.rows, np.intp))
    texts: list[list[str]] = [[] for _ in topics.centres]
    for sample, place in zip(chosen.samples, places, strict=True):
        texts[topics.of_row[place]].append(sample.prompt[-1].content)
    placed = seeds if len(topics.centres) else ()  # without a topic no seed lies in one
    sown = np.array([vector(seed.prompt[-1].content) for seed in placed], np.int8).reshape(-1, DIMENSIONS)
    vectors, liked = pool.features["vector"][there], pool.liked[there]
    covered, dots = coverage.measure_coverage(name_topics(texts), topics, vectors, liked, places, sown)
    loved = [sample.completion for sample in chosen.samples if sample.label]
    others = [sample.completion for sample in chosen.samples if not sample.label]
    habits = favourites.find_favourites(loved, others or [seed.completion for seed in seeds])
    report: dict[str, object] = {"coverage": msgspec.to_builtins(covered), "favourites": msgspec.to_builtins(habits)}
    return Spread(f"{coverage.as_markdown(covered)}\n\n{favourites.as_markdown(habits)}", report, draw(covered, dots))
