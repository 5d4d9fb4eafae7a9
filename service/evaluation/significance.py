"""Exact tests and quantiles over plain numbers, with the standard library alone."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import fmean

_WIDEST = 1000.0
_PRECISION = 1e-9


def coin(heads: int, tosses: int) -> float:
    """The chance that a fair coin shows so many heads or more; of the pairs that changed, this is McNemar's exact test (1947)."""
    return sum(math.comb(tosses, number) for number in range(heads, tosses + 1)) / (1 << tosses)


def ordered(high: Sequence[float], low: Sequence[float]) -> float | None:
    """The share of pairs, one of each side, in which `high` is above `low`; ties count half (Mann & Whitney 1947).

    None without pairs, and when a value is not finite. Exact for any number of pairs: one side is sorted, the other looked up in it.
    """
    if not high or not low or not all(map(math.isfinite, (*high, *low))):
        return None
    sorted_low = sorted(low)
    return fmean((bisect_left(sorted_low, value) + bisect_right(sorted_low, value)) / 2 for value in high) / len(sorted_low)


def student(freedom: int, share: float = 0.95) -> float:
    """The t such that `share` of Student's distribution with so many degrees of freedom (1 or more) lies between -t and t."""
    low, high = 0.0, _WIDEST
    while high - low > _PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < share else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """How much of the distribution lies between -t and t: Abramowitz & Stegun 1964, 26.7.3 (odd degrees) and 26.7.4 (even)."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for power in range(1 + odd, freedom, 2):
        total += term
        term *= power / (power + 1) * math.cos(angle) ** 2
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total
