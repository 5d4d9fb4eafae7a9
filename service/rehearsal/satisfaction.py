"""How well replies meet a taste: a share with its interval."""

import math
from collections.abc import Mapping, Sequence
from random import Random
from statistics import fmean

from msgspec import Struct

_ROUNDS = 2_000
_Z = 1.96


class Satisfaction(Struct, frozen=True):
    """The share of `up` among the opinions on a version's replies, from 0 to 1, with its 95 % interval; `opinions` counts them."""

    version: str
    satisfaction: float
    low: float
    high: float
    opinions: int


def measure(version: str, opinions: Mapping[str, Sequence[str | None]], seed: int) -> Satisfaction:
    """Put together what a taste thinks of the replies to each unseen message.

    Replies to one message resemble each other, so the interval is a bootstrap over messages (Efron 1979, percentiles). Where all messages
    do equally well, which would leave a bootstrap without width, it is Wilson's (1927).
    """
    shares = [fmean(said == "up" for said in given) for given in (_given(each) for each in opinions.values()) if given]
    count = sum(len(_given(each)) for each in opinions.values())
    if not shares:
        return Satisfaction(version, 0.0, 0.0, 1.0, 0)
    value = fmean(shares)
    random = Random(f"satisfaction {seed}")
    draws = sorted(fmean(random.choices(shares, k=len(shares))) for _ in range(_ROUNDS))
    low, high = wilson(value, count) if len(set(shares)) == 1 else (draws[round(0.025 * _ROUNDS)], draws[round(0.975 * _ROUNDS) - 1])
    return Satisfaction(version, round(value, 4), round(low, 4), round(high, 4), count)


def wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `count`."""
    spread = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    middle, scale = share + _Z**2 / (2 * count), 1 + _Z**2 / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def _given(opinions: Sequence[str | None]) -> list[str]:
    return [opinion for opinion in opinions if opinion is not None]
