"""How often a canary sends back a version that people like less, and one that they like as much: simulated trials.

    .venv/bin/python tests/bench/canary.py               # 2,000 trials of each kind: minutes
    .venv/bin/python tests/bench/canary.py --runs 500 --json

A champion with a history of ratings, a share of conversations that try the version, and a look after every rating. `worse` is 15 points
less liked. `crowded` trials have ratings that hang together: a tenth of the variance lies between people, who have three votes each.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from service.evaluation.canary import MOST_VOTES, Heard, Tally, Vote, judge

_HISTORY = 2_000
_SHARE = 0.3
_COMPLAIN = 0.5
_VOTES_OF_A_PERSON = 3
_BETWEEN_PEOPLE = 0.1
_RATES = (0.7, 0.9, 0.5)


def trial(seed: str, champion: float, version: float, history: int, crowded: bool) -> tuple[bool, int]:
    """One canary: whether the version was sent back, and after how many of its ratings.

    Judged once, at the end: the judge goes through the whole course, as if somebody had looked after each rating.
    """
    chance = Random(seed)
    ours, theirs = _raters(chance, version, crowded), _raters(chance, champion, crowded)
    before = [theirs() for _ in range(history)]
    known = Tally(votes=history, ups=sum(vote.up for vote in before), complaints=sum(vote.complaint for vote in before))
    votes: list[Vote] = []
    beside: list[Vote] = []
    while len(votes) < MOST_VOTES:
        while chance.random() >= _SHARE:
            beside.append(theirs()._replace(at=float(len(beside))))
        votes.append(ours()._replace(at=len(beside) - 0.5))
    found = judge(Heard(votes), Heard(beside), known)
    return bool(found.worse), found.after


def interval(hits: int, runs: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    z = 1.96
    share = hits / runs
    middle = share + z * z / (2 * runs)
    reach = z * math.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    return max(0.0, middle - reach) / (1 + z * z / runs), (middle + reach) / (1 + z * z / runs)


def measure(runs: int, rate: float, drop: float, history: int, crowded: bool, seed: int = 1) -> dict[str, Any]:
    """So many trials of one kind."""
    seeds = [f"{seed} {number} {rate} {drop} {history} {crowded}" for number in range(runs)]
    one = partial(trial, champion=rate, version=rate - drop, history=history, crowded=crowded)
    with ProcessPoolExecutor() as pool:
        ends = list(pool.map(one, seeds, chunksize=20))
    back = sorted(at for sent, at in ends if sent)
    low, high = interval(len(back), runs)
    return {
        "champion": rate,
        "version": round(rate - drop, 2),
        "history": history,
        "crowded": crowded,
        "runs": runs,
        "sent_back": len(back),
        "share": len(back) / runs,
        "interval": [round(low, 4), round(high, 4)],
        "median_ratings": back[len(back) // 2] if back else None,
    }


def _raters(chance: Random, rate: float, crowded: bool) -> Callable[[], Vote]:
    """Votes with this rate of likes; half of the dislikes are complaints. In a crowd each person has a rate of their own."""
    spread = 1 / _BETWEEN_PEOPLE - 1
    left, own = 0, rate

    def vote() -> Vote:
        nonlocal left, own
        if crowded and not left:
            left, own = _VOTES_OF_A_PERSON, chance.betavariate(rate * spread, (1 - rate) * spread)
        left -= 1
        up = chance.random() < own
        return Vote(up, not up and chance.random() < _COMPLAIN)

    return vote


def _line(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    after = f", at the median after {found['median_ratings']} of its ratings" if found["median_ratings"] else ""
    kind = "crowded, " if found["crowded"] else ""
    return (
        f"{kind}champion {found['champion']:.2f} with {found['history']:,} ratings, version {found['version']:.2f}: "
        f"{found['sent_back']} of {found['runs']} sent back ({100 * low:.1f} to {100 * high:.1f} %){after}"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    options.add_argument("--runs", type=int, default=2000)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    kinds = [(rate, drop, _HISTORY, False) for rate in _RATES for drop in (0.15, 0.0)]
    kinds += [(_RATES[0], drop, 500, False) for drop in (0.15, 0.0)] + [(_RATES[0], drop, _HISTORY, True) for drop in (0.15, 0.0)]
    found = []
    for rate, drop, history, crowded in kinds:
        found.append(measure(given.runs, rate, drop, history, crowded))
        print(_line(found[-1]), file=sys.stderr)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
