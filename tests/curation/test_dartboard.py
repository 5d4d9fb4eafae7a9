"""The drawing of how the samples lie over the topics."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.coverage import Coverage, Dots, TopicCoverage
from service.curation.dartboard import draw

SVG = "{http://www.w3.org/2000/svg}"


def _coverage(names, states=None):
    states = states or ["even"] * len(names)
    topics = [
        TopicCoverage(name=name, there=20, liked=7, disliked=2, seeds=1, share=1 / len(names), state=state)
        for name, state in zip(names, states, strict=True)
    ]
    return Coverage(samples=9 * len(names), seeds=len(names), evenness=1.0, nearness=None, topics=tuple(topics))


def _dots(topics, count, seed=1):
    random = np.random.default_rng(seed)
    kinds = [("liked", "liked", "disliked", "seed")[number % 4] for number in range(count)]
    return Dots(random.integers(0, topics, count) if topics else np.zeros(0, int), random.random(count), kinds)


def _texts(drawn):
    return ["".join(element.itertext()) for element in drawn.iter(f"{SVG}text")]


def _darts(drawn, kind):
    """The places of the darts of a kind, where each begins."""
    path = next(element for element in drawn.iter(f"{SVG}path") if element.get("class") == kind)
    return [(float(x), float(y)) for x, y in re.findall(r"M([-\d.]+) ([-\d.]+)", path.get("d", ""))]


@pytest.mark.parametrize("topics", [1, 4, 27, 64])
@pytest.mark.parametrize("count", [0, 300, 4_000])
def test_every_sample_has_a_dart_on_the_board(topics, count):
    """As many darts of each kind as there are samples of it, all within the circle, whatever the number of topics."""
    drawn = ElementTree.fromstring(draw(_coverage([f"topic {number}" for number in range(topics)]), _dots(topics, count)))

    for kind, share in (("liked", 2), ("disliked", 1), ("seed", 1)):
        darts = _darts(drawn, kind)
        assert len(darts) == count * share // 4
        assert all(((x - 580) ** 2 + (y - 436) ** 2) ** 0.5 < 300 for x, y in darts)


def test_a_dart_lies_in_the_sector_of_its_topic():
    """Of four topics, which go clockwise from the top, each has its darts in its own quarter."""
    for topic, (right, below) in enumerate([(True, False), (True, True), (False, True), (False, False)]):
        dots = Dots(np.full(50, topic), np.linspace(0, 1, 50), ["liked"] * 50)
        darts = _darts(ElementTree.fromstring(draw(_coverage(list("abcd")), dots)), "liked")
        assert {(x > 580, y > 436) for x, y in darts} == {(right, below)}


def test_the_typical_ones_are_nearer_to_the_middle():
    """The order of the distances is the order of the radii, and each ring holds a quarter of the darts."""
    dots = Dots(np.arange(400) % 5, np.random.default_rng(2).random(400), ["liked"] * 400)
    drawn = ElementTree.fromstring(draw(_coverage(list("abcde")), dots))

    radii = [((x - 580) ** 2 + (y - 436) ** 2) ** 0.5 for x, y in _darts(drawn, "liked")]
    rings = sorted(float(circle.get("r", "")) for circle in drawn.iter(f"{SVG}circle"))
    assert all(before < after + 0.2 for before, after in pairwise(radii))
    assert np.histogram(radii, [0, *rings])[0].tolist() == [100] * 4


def test_thin_and_crowded_topics_are_marked():
    """A thin sector is hatched, and said to be thin in its label and in the description; a crowded one likewise has its own tint."""
    drawn = ElementTree.fromstring(draw(_coverage(["dogs", "rent", "food"], ["thin", "crowded", "even"]), _dots(3, 30)))

    sectors = {next(group.iter(f"{SVG}title")).text.partition(":")[0]: group for group in drawn.iter(f"{SVG}g")}
    marks = {name: " ".join(path.get("class") for path in group.iter(f"{SVG}path")).split() for name, group in sectors.items()}
    assert "thin" in marks["dogs"] and "crowded" in marks["rent"]
    assert not {"thin", "crowded"} & set(marks["food"])
    assert {"dogs 9 thin", "rent 9 crowded", "food 9"} <= set(_texts(drawn))
    assert "Thin: dogs. Crowded: rent." in drawn.find(f"{SVG}desc").text


def test_it_can_be_read_without_seeing_it():
    """There is a title and a description, and the drawing points to them."""
    drawn = ElementTree.fromstring(draw(_coverage(["dogs", "rent"]), _dots(2, 8)))

    named = [element for name in drawn.get("aria-labelledby").split() for element in drawn if element.get("id") == name]
    assert [element.tag for element in named] == [f"{SVG}title", f"{SVG}desc"]
    assert "18 rated samples and 2 seeds on 2 topics, evenness 1.00" in named[1].text
    assert drawn.get("role") == "img"


@pytest.mark.parametrize("topics", [1, 2, 9, 64])
def test_no_label_hides_another(topics):
    """The names on one side stand at least a line apart, within the drawing."""
    drawn = ElementTree.fromstring(draw(_coverage([f"topic number {number}" for number in range(topics)]), _dots(topics, 100)))

    labels = [text for text in drawn.iter(f"{SVG}text") if "".join(text.itertext()).startswith("topic number")]
    assert len(labels) == topics
    for side in ("end", None):
        heights = sorted(float(text.get("y")) for text in labels if text.get("text-anchor") == side)
        assert all(after - before > 15.8 for before, after in pairwise(heights))
        assert all(85 < height < 800 for height in heights)


def test_long_names_are_shortened_and_kept_whole_in_the_hint():
    """A label ends with three dots at the end of a word; what is shown when the pointer rests on the sector has all of it."""
    long = "grandmothers, thunderstorms, embarrassments"
    drawn = ElementTree.fromstring(draw(_coverage([long, "犬" * 40]), _dots(2, 8)))

    assert "grandmothers… 9" in _texts(drawn)
    assert f"{'犬' * 12}… 9" in _texts(drawn)
    assert any(title.text.startswith(f"{long}:") for title in drawn.iter(f"{SVG}title"))


def test_nothing_is_fetched_and_nothing_runs():
    """No script, no link, no font from elsewhere: the drawing is itself alone, also under a strict policy."""
    text = draw(_coverage(["dogs"]), _dots(1, 8))

    assert not re.search(r"<script|href|@import|@font-face|\bon\w+=|url\((?!#)", text)
    assert "prefers-color-scheme:dark" in text


def test_nothing_to_draw_is_an_empty_board():
    """Without topics there is a board without sectors."""
    drawn = ElementTree.fromstring(draw(Coverage(samples=0, seeds=0, evenness=0, nearness=None, topics=()), _dots(0, 0)))

    assert not list(drawn.iter(f"{SVG}g"))
    assert len(list(drawn.iter(f"{SVG}circle"))) == 4


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_any_name_gives_the_same_well_formed_drawing_again(names):
    """Angle brackets, quotes, control characters and half characters break nothing."""
    drawing = draw(_coverage(names), _dots(len(names), 12))

    assert len(list(ElementTree.fromstring(drawing).iter(f"{SVG}g"))) == len(names)
    assert drawing == draw(_coverage(names), _dots(len(names), 12))
    assert drawing.encode()
