"""Whether one arm does worse than another, looked at after every single observation, at a level that holds over all looks together.

A group sequential test, exact for successes and failures: bounds follow by going through every possible course of the arm (Jennison &
Turnbull 2000, "Group Sequential Methods", chapter 12). What may be spent of the level by each look is the power family of Kim & DeMets
1987 (Biometrika 74), with the exponent 3: little early, so that most of it is left for the end. The rate to compare with is known from
other observations only, up to chance; under "no difference" the arm then goes on as Pólya's urn that holds these observations (the
predictive distribution of the beta-binomial model with Jeffreys' prior), and the level is that of the urn.
"""

from collections.abc import Sequence
from functools import lru_cache

_PRIOR = 0.5
_EXPONENT = 3
_NEGLIGIBLE = 1e-12


@lru_cache(maxsize=256)
def bounds(successes: int, known: int, level: float, most: int) -> tuple[int, ...]:
    """For each number of observations from 0 to `most`: the most successes with which the arm is found worse, -1 where none are.

    `successes` of `known` observations are what it is compared with. An arm with no difference is found worse with a chance of `level`
    at most, over all `most` looks together.
    """
    high, low = successes + _PRIOR, known - successes + _PRIOR
    ceiling = int(most * high / (high + low)) + 2  # no bound of a level under one half is above the mean
    chances, spent, found = [1.0], 0.0, [-1]
    for seen in range(most):
        nearer = [0.0] * (seen + 2)
        for count, chance in enumerate(chances[:ceiling]):
            if chance > _NEGLIGIBLE:
                one_more = chance * (high + count) / (high + low + seen)
                nearer[count + 1] += one_more
                nearer[count] += chance - one_more
        allowed = level * ((seen + 1) / most) ** _EXPONENT
        bound = -1
        while bound <= seen and spent + nearer[bound + 1] <= allowed:
            bound += 1
            spent += nearer[bound]
            nearer[bound] = 0.0
        found.append(bound)
        chances = nearer
    return tuple(found)


def found_worse(arm: Sequence[bool], known: Sequence[tuple[int, int]], level: float, most: int) -> int | None:
    """After how many of the arm's first `most` observations it was found worse; None when it was not.

    `known` is what it is compared with at each of its observations: successes, and of how many. The whole course is gone through each
    time, so it does not matter how often, or when, somebody asks.
    """
    count = 0
    for seen, (success, compared) in enumerate(zip(arm[:most], known, strict=False), 1):
        count += success
        if count <= bounds(*compared, level, most)[seen]:
            return seen
    return None
