"""The drawing of a loss."""

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.proof.curve import Point, draw

LOSSES = st.floats(-1e6, 1e6, allow_nan=False)


def lines(svg: str) -> list[list[tuple[float, float]]]:
    """The points of each line of the drawing, in its own measure."""
    paths = [each for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path") if "line" in each.get("class", "")]
    drawn = [each.get("d", "") for each in paths if "h20" not in each.get("d", "")]
    return [[tuple(map(float, point.split())) for point in path[1:].removesuffix("h0.1").split("L")] for path in drawn]


def test_a_loss_that_falls_is_drawn_falling() -> None:
    """Steps go to the right, a lower loss lies lower, and each method has a line of its own with its name."""
    svg = draw([Point(1, 3.0, "sft"), Point(2, 2.0, "sft"), Point(3, 0.7, "dpo"), Point(4, 0.6, "dpo")], "The loss of v1")
    (first, second), (third, fourth) = lines(svg)
    assert first[0] < second[0] < third[0] < fourth[0] and first[1] < second[1] < third[1] < fourth[1]
    assert ">sft</text>" in svg and ">dpo</text>" in svg and "The loss was 3 at step 1 and 0.6 at step 4." in svg


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(LOSSES, max_size=12))
def test_any_losses_stay_in_the_frame(losses: list[float]) -> None:
    """Whatever the losses are, the drawing is whole and nothing lies outside of it; the same losses give the same text."""
    points = [Point(step, loss) for step, loss in enumerate(losses, 1)]
    svg = draw(points, "a <title> & more")
    assert svg == draw(points, "a <title> & more")
    assert all(0 <= x <= 760 and 0 <= y <= 320 for line in lines(svg) for x, y in line)
    assert sum(len(line) for line in lines(svg)) == len(points)


@pytest.mark.parametrize("count", [400, 401, 5000])
def test_a_long_run_is_thinned_and_keeps_its_end(count: int) -> None:
    """At most about four hundred points, the last one among them."""
    (line,) = lines(draw([Point(step, 1 / step) for step in range(1, count + 1)], "long"))
    assert 200 < len(line) <= 401 and line[-1][0] == pytest.approx(744)


def test_a_run_without_a_step_says_so() -> None:
    """An empty drawing is a sentence."""
    assert "No step was noted." in draw([], "nothing")
