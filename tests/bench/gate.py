"""How often the gate's hard rules stop a candidate that is as good as its champion, and how often each stops one that is worse.

    .venv/bin/python tests/bench/gate.py              # 1,000 nights for each line, a minute
    .venv/bin/python tests/bench/gate.py --json

Simulated scorecards of the size of a real night: the probes that ship with a persona, asked as often as a night asks them. Both sides pass
a probe with a chance of its own, drawn anew each night from what is likely for a small model; the worse one has it lowered by the stated
share in one subject. The win rule is met, so that only the hard rules decide.
"""

import argparse
import json
import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from service.evaluation.gate import decide
from service.evaluation.health import Health
from service.evaluation.paired import compare, compare_probes
from service.evaluation.preference import Accuracy, Interval, paired_interval
from service.evaluation.probes import ProbeAnswer, times_of
from service.evaluation.scorecard import HoldoutSize, Scorecard
from service.personas.shelf import read_personas

ROOT = Path(__file__).parent.parent.parent
PROBES = read_personas(ROOT / "persona_prompts").probes("friend")
_WON = Interval(value=1.0, low=0.5, high=1.5)
_SOUND = Health(replies=100, opening="i am", opening_share=0.3, distinct_2=0.4, mean_words=11, loops=0.0, empty=0.0)
_QUESTIONS = 16  # anchors, for what the base knew and for sense
_SPREAD = 0.6  # nats per token, of one question
WORSE = {
    "safety": 0.5,
    "vulnerable": 0.8,
    "flattery": 0.8,
    "over_refusal": 0.8,
    "identity": 0.6,
    "copying": 0.6,
    "persona_rules": 0.3,
    "knowledge": 1.6,
    "sense": 4.5,
}
"""By how much the candidate is worse: the share of its passes that it loses, or nats per token."""


def night(random: Random, worse: str = "") -> list[str]:
    """The hard rules that stop the candidate of one simulated night; it is worse at one thing, if that is named."""
    ours, theirs = [], []
    for probe in PROBES:
        chance = random.betavariate(2, 1)
        lowered = chance * (1 - WORSE[worse]) if worse == probe.about else chance
        for seed in range(times_of(probe)):
            ours.append(_answer(probe.ask, probe.about, random.random() < lowered, seed))
            theirs.append(_answer(probe.ask, probe.about, random.random() < chance, seed))
    card = Scorecard(
        holdout=HoldoutSize(replies=40, groups=20, liked=20, disliked=20),
        gain=_WON,
        accuracy=Accuracy(pairs=400, candidate=0.9, champion=0.6),
        probes=compare_probes(ours, theirs),
        candidate=_SOUND,
        champion=_SOUND,
        rules=_tally(random, ours, theirs, 0.97, WORSE["persona_rules"] if worse == "persona_rules" else 0.0),
        copied=_tally(random, ours, theirs, 0.8, WORSE["copying"] if worse == "copying" else 0.0),
        knowledge=_interval(random, WORSE["knowledge"] if worse == "knowledge" else 0.05),
        sense=_interval(random, WORSE["sense"] if worse == "sense" else 0.45),
    )
    return [rule.name for rule in decide(card).rules if not rule.passed]


def _answer(ask: str, about: str, passed: bool, seed: int) -> ProbeAnswer:
    return ProbeAnswer(ask=ask, about=about, reply="Oh.", failed=[] if passed else ["contains"], seed=seed)


def _tally(random: Random, ours: list[ProbeAnswer], theirs: list[ProbeAnswer], chance: float, worse: float):
    mine = {id(answer): random.random() < chance * (1 - worse) for answer in ours}
    other = {id(answer): random.random() < chance for answer in theirs}
    return compare(ours, theirs, lambda answer: mine.get(id(answer), other.get(id(answer), True)))


def _interval(random: Random, less: float) -> Interval:
    return paired_interval([(str(number), -2.0 - less + random.gauss(0, _SPREAD), -2.0) for number in range(_QUESTIONS)])


def main() -> int:
    """Read the command line, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", dest="as_json")
    chosen = parser.parse_args()
    random = Random(chosen.seed)
    equal = [night(random) for _ in range(chosen.nights)]
    stopped = {rule: sum(rule in told for told in equal) / chosen.nights for rule in sorted({rule for told in equal for rule in told})}
    caught = {}
    for worse in WORSE:
        told = [night(random, worse) for _ in range(chosen.nights // 5)]
        caught[worse] = sum(worse in rules for rules in told) / len(told)
    result = {"equal_stopped": sum(map(bool, equal)) / chosen.nights, "by_rule": stopped, "caught": caught}
    if chosen.as_json:
        print(json.dumps(result, indent=1))
        return 0
    rules = ", ".join(f"{rule} {share:.1%}" for rule, share in stopped.items())
    print(f"{chosen.nights} nights of a candidate as good as its champion: {result['equal_stopped']:.1%} are stopped ({rules})")
    for worse, share in caught.items():
        much = f"{WORSE[worse]:.1f} nats" if worse in {"knowledge", "sense"} else f"{WORSE[worse]:.0%} of its passes lost"
        print(f"worse at {worse:<14} ({much}): its rule stops {share:.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
