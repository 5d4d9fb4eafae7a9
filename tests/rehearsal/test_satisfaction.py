"""Satisfaction is a share with an honest interval."""

from random import Random

from service.rehearsal.satisfaction import measure, wilson


def test_opinions_without_a_word_do_not_count() -> None:
    """None is neither up nor down."""
    found = measure("v1", {"a": ["up", None], "b": [None, None], "c": ["down", "down"]}, 1)
    assert (found.version, found.satisfaction, found.opinions) == ("v1", 0.5, 3)


def test_nobody_with_an_opinion_says_nothing() -> None:
    """Without an opinion the interval is everything."""
    found = measure("v0", {"a": [None]}, 1)
    assert (found.low, found.high, found.opinions) == (0.0, 1.0, 0)


def test_all_alike_still_leaves_doubt() -> None:
    """Forty of forty is not certainty: the interval is Wilson's."""
    found = measure("v0", {str(number): ["up", "up"] for number in range(20)}, 1)
    assert found.satisfaction == 1.0
    assert found.low == round(wilson(1.0, 40)[0], 4) < 1.0


def test_the_interval_covers_the_truth() -> None:
    """Of 200 measurements of replies that are alike within a message, at least 180 cover the true share (95 % are promised)."""
    random = Random(7)
    covered = 0
    for trial in range(200):
        opinions: dict[str, list[str | None]] = {}
        for message in range(40):
            inclined = random.betavariate(2, 2)
            opinions[str(message)] = ["up" if random.random() < inclined else "down" for _ in range(4)]
        found = measure("v1", opinions, trial)
        covered += found.low <= 0.5 <= found.high
    assert covered >= 180
