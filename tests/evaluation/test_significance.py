"""Tests and quantiles, against printed tables and slow arithmetic."""

import pytest

from service.evaluation.significance import coin, ordered, student


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042)])
def test_student_agrees_with_the_tables(freedom: int, expected: float) -> None:
    """The two-sided 95 % points of Student's t are those that every table prints."""

    assert student(freedom) == pytest.approx(expected, abs=5e-4)


def test_student_tends_to_the_normal_distribution() -> None:
    """Many degrees of freedom give the normal distribution's 1.96."""

    assert student(5000) == pytest.approx(1.960, abs=1e-3)


def test_a_fair_coin() -> None:
    """Five of five have a chance of 1 in 32; none or more of any number is certain."""

    assert coin(5, 5) == 1 / 32
    assert coin(0, 0) == coin(0, 9) == 1.0
    assert coin(9, 10) == pytest.approx(11 / 1024)
    assert 0 < coin(900, 1500) < 1e-10


def test_ordered_counts_pairs_and_halves_ties() -> None:
    """It is the share of pairs, counted one by one, a tie counting half."""
    high, low = [1.0, 2.0, 3.0], [0.0, 2.0]

    assert ordered(high, low) == (1 + 1.5 + 2) / 6


@pytest.mark.parametrize(("high", "low"), [([], [1.0]), ([1.0], []), ([float("nan")], [1.0]), ([1.0], [float("-inf")])])
def test_ordered_without_pairs_or_with_what_is_no_number(high: list[float], low: list[float]) -> None:
    """There is no share of no pairs, nor of values that are not finite."""

    assert ordered(high, low) is None
