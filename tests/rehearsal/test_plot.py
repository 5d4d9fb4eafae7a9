"""The picture of a rehearsal."""

from xml.etree import ElementTree

import pytest

from service.rehearsal.plot import draw
from service.rehearsal.rehearsal import Rehearsed
from service.rehearsal.satisfaction import Satisfaction

_VERSIONS = [Satisfaction("v0", 0.5, 0.4, 0.6, 100), Satisfaction("v2", 0.9, 0.85, 0.95, 100)]


@pytest.mark.parametrize("hostile", [[], [Satisfaction("v0", 0.01, 0, 0.03, 100), Satisfaction("v2", 0.02, 0, 0.04, 100)]])
def test_every_version_has_a_point_and_an_interval(hostile: list[Satisfaction]) -> None:
    """A well-formed SVG that names each version, with a circle for each of each taste; a title cannot break it."""
    drawn = draw("friend: <&>", Rehearsed(versions=_VERSIONS, hostile=hostile, nights=[]))
    root = ElementTree.fromstring(drawn)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"v0", "v2", "50 %", "90 %", "friend: <&>"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == len(_VERSIONS) + len(hostile)


def test_one_version_is_a_picture_too() -> None:
    """Where no night promoted anything there is one point."""
    assert draw("friend", Rehearsed(versions=_VERSIONS[:1], hostile=[], nights=[])).count("<circle") == 1
