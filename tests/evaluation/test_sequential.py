"""A test that may be looked at after every observation."""

from itertools import pairwise
from random import Random

import pytest

from service.evaluation.sequential import bounds, found_worse

LEVEL, MOST = 0.03, 150


def chance_of_being_found(bound: tuple[int, ...], rate: float) -> float:
    """The exact chance that an arm with this rate of successes meets the bounds, by going through every course."""
    chances, found = [1.0], 0.0
    for seen in range(1, len(bound)):
        nearer = [0.0] * (seen + 1)
        for count, chance in enumerate(chances):
            nearer[count + 1] += chance * rate
            nearer[count] += chance * (1 - rate)
        found += sum(nearer[: bound[seen] + 1])
        chances = [0.0] * (bound[seen] + 1) + nearer[bound[seen] + 1 :]
    return found


@pytest.mark.parametrize("rate", [0.2, 0.35, 0.5, 0.7, 0.9, 0.97])
def test_an_equal_arm_is_found_worse_no_more_often_than_the_level_says(rate: float) -> None:
    """With a rate known from very many observations, all looks together find an equal arm worse in 2 to 3 of 100 trials."""
    found = chance_of_being_found(bounds(round(rate * 10**7), 10**7, LEVEL, MOST), rate)
    assert 0.02 < found <= LEVEL + 1e-4


@pytest.mark.parametrize("rate", [0.5, 0.7, 0.9])
def test_a_much_worse_arm_is_found(rate: float) -> None:
    """15 points less are found within 150 observations in at least 95 of 100 trials, against 2,000 known ones."""
    bound = bounds(round(rate * 2000), 2000, LEVEL, MOST)
    assert chance_of_being_found(bound, rate - 0.15) > 0.95
    assert chance_of_being_found(bound[:51], rate - 0.45) > 0.95


def test_what_is_known_of_little_finds_little() -> None:
    """The fewer observations there are to compare with, the fewer arms are found worse; against none, none ever is."""
    known = [0, 20, 100, 500, 5000]
    found = [chance_of_being_found(bounds(round(0.7 * number), number, LEVEL, MOST), 0.55) for number in known]
    assert found == sorted(found) and found[0] < 1e-9 and found[-1] > 0.95


def test_bounds_only_rise_and_never_pass_the_observations() -> None:
    """More observations never lower the bound, and it is below their number: an arm without a failure is never found worse."""
    for successes, known in ((0, 0), (0, 50), (50, 50), (700, 1000)):
        bound = bounds(successes, known, LEVEL, MOST)
        assert len(bound) == MOST + 1 and bound[0] == -1
        assert all(earlier <= later for earlier, later in pairwise(bound))
        assert all(value < seen for seen, value in enumerate(bound) if seen)


def test_it_does_not_matter_when_somebody_looks() -> None:
    """An arm that met a bound once stays found, however well it goes on, and by the same observation."""
    known = [(700, 1000)] * MOST
    at = found_worse([False] * 12 + [True] * 138, known, LEVEL, MOST)
    assert at is not None and 4 < at < 12
    assert found_worse([False] * 30, known, LEVEL, MOST) == at
    assert found_worse([False] * (at - 1), known, LEVEL, MOST) is None
    assert found_worse([True] * MOST + [False] * 500, [*known, *known], LEVEL, MOST) is None


def test_what_was_learned_later_changes_no_earlier_look() -> None:
    """Each observation is compared with what was known by then."""
    arm = [False] * 12
    at = found_worse(arm, [(700, 1000)] * 12, LEVEL, MOST)
    assert at is not None
    assert found_worse(arm, [*[(700, 1000)] * at, *[(10, 1000)] * (12 - at)], LEVEL, MOST) == at
    assert found_worse(arm, [(10, 1000)] * 12, LEVEL, MOST) is None


def test_ratings_drawn_at_random_agree_with_the_exact_chances() -> None:
    """A thousand trials with a rate known from 400 ratings only, drawn anew each time, find an equal arm worse in about 3 of 100."""
    chance = Random(7)
    found = 0
    for _ in range(1000):
        likes = sum(chance.random() < 0.7 for _ in range(400))
        arm = [chance.random() < 0.7 for _ in range(MOST)]
        found += found_worse(arm, [(likes, 400)] * MOST, LEVEL, MOST) is not None
    assert 0.015 < found / 1000 < 0.045
