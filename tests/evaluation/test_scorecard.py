"""The numbers of a candidate against the champion."""

import json
import math
import time
from random import Random

import msgspec
import pytest

from service.evaluation.paired import compare_probes
from service.evaluation.preference import HeldOut, accuracy, preference_gain
from service.evaluation.probes import ProbeAnswer
from service.evaluation.scorecard import Evidence, score


def rated(groups: int, shift: float, *, each: int = 1, seed: int = 1, noise: float = 1.0) -> list[HeldOut]:
    """Replies of which every other is liked; the candidate moves the liked ones up by `shift`, give or take some noise."""
    random = Random(seed)
    labels = [(f"c{number}", (number + turn) % 2 == 0) for number in range(groups) for turn in range(each)]
    return [HeldOut(group, label, -2.0 + shift * label + random.gauss(0, noise), -2.0) for group, label in labels]


def answered(ask: str, passed: str, about: str = "form") -> list[ProbeAnswer]:
    """Answers of one probe, one per letter: `+` passed, `-` failed."""
    return [
        ProbeAnswer(ask=ask, about=about, reply="Yes." if mark == "+" else "", failed=[] if mark == "+" else ["contains"], seed=seed)
        for seed, mark in enumerate(passed)
    ]


def test_the_gain_is_liked_minus_disliked() -> None:
    """What the candidate adds to liked replies counts for it, what it adds to disliked ones against it."""
    rows = [HeldOut("a", True, -1.0, -2.0), HeldOut("b", True, -2.0, -2.0), HeldOut("c", False, -2.25, -2.0)]

    assert preference_gain(rows).value == pytest.approx(0.5 + 0.25)


@pytest.mark.parametrize(("label", "expected"), [(True, 1.0), (False, -1.0)])
def test_the_gain_of_one_label_has_its_sign(label: bool, expected: float) -> None:
    """With liked replies alone more likely is better, with disliked ones alone it is worse."""
    gain = preference_gain([HeldOut(str(number), label, -1.0, -2.0) for number in range(4)])

    assert (gain.value, gain.low, gain.high) == (expected, expected, expected)


def test_a_clear_gain_has_an_interval_above_zero() -> None:
    """Forty conversations with a large gain leave no doubt, and the interval surrounds the value."""
    gain = preference_gain(rated(40, 2.0))

    assert gain.value is not None
    assert 0 < gain.low < gain.value < gain.high


def test_the_same_seed_gives_the_same_interval() -> None:
    """The interval depends on rows and seed alone, not on the order of the rows."""
    rows = rated(12, 0.5, each=2)
    shuffled = Random(3).sample(rows, len(rows))

    assert preference_gain(rows, seed=4) == preference_gain(shuffled, seed=4)
    assert preference_gain(rows, seed=4) != preference_gain(rows, seed=5)


def test_replies_of_one_conversation_are_not_independent() -> None:
    """The same ten differences said four times over in their conversations are no more evidence than once."""
    once = [HeldOut(str(n), n % 2 == 0, difference, 0.0) for n, difference in enumerate(Random(2).gauss(0, 1) for _ in range(10))]
    single, fourfold = preference_gain(once), preference_gain(once * 4)

    assert (fourfold.low, fourfold.high) == pytest.approx((single.low, single.high))


def test_an_equal_shift_is_no_gain() -> None:
    """A candidate that finds every reply more likely by the same amount is not better, and rounding does not make it so."""
    gain = preference_gain([HeldOut(str(number), number % 3 == 0, -2.0 + 0.1, -2.0) for number in range(30)])

    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "nothing was held out"),
        (rated(2, 1.0, each=6), "one thumb has 2"),
        ([*rated(1, 1.0), *[HeldOut(str(number), False, -2.0, -2.0) for number in range(20)]], "one thumb has 1"),
        ([*rated(20, 1.0), HeldOut("x", True, math.nan, -2.0)], "not a finite number"),
        ([*rated(20, 1.0), HeldOut("x", True, -1.0, -math.inf)], "not a finite number"),
    ],
)
def test_too_little_to_say(rows: list[HeldOut], words: str) -> None:
    """With nothing, with too few conversations of a label, or with what is no number there are no bounds, and it says why."""
    gain = preference_gain(rows)

    assert (gain.low, gain.high) == (-math.inf, math.inf)
    assert words in gain.why


@pytest.mark.parametrize(("groups", "each"), [(3, 3), (8, 1), (20, 1)])
def test_chance_is_seldom_taken_for_a_gain(groups: int, each: int) -> None:
    """Without any true gain the lower bound is above zero in at most 5 of 100 nights, also with few conversations."""
    nights = [preference_gain(rated(groups, 0.0, each=each, seed=seed), rounds=200) for seed in range(300)]

    assert sum(night.low > 0 for night in nights) <= 15


def test_the_bootstrap_is_quick() -> None:
    """Two thousand rounds over five hundred conversations take under three seconds."""
    begun = time.process_time()
    preference_gain(rated(500, 0.1))

    assert time.process_time() - begun < 3


def test_accuracy_is_for_people() -> None:
    """Each model's share of (liked, disliked) pairs in the right order."""
    rows = [HeldOut("a", True, -1.0, -3.0), HeldOut("b", True, -2.0, -2.0), HeldOut("c", False, -2.5, -2.5)]
    shares = accuracy(rows)

    assert (shares.pairs, shares.candidate, shares.champion) == (2, 1.0, 0.5)
    assert accuracy(rows[:2]).candidate is None


def test_probes_are_compared_pair_by_pair() -> None:
    """Passes, gains and losses are counted over all, per subject and per probe; the order of answers does not matter."""
    candidate = [*answered("a", "+-+"), *answered("b", "--", "safety")]
    champion = [*answered("b", "++", "safety"), *answered("a", "++-")]
    probes = compare_probes(candidate, champion)

    total = probes.total
    assert (total.pairs, total.candidate, total.champion, total.gained, total.lost) == (5, 2, 4, 1, 3)
    assert total.worse_p == 5 / 16
    assert (probes.about["safety"].lost, probes.about["safety"].worse_p, probes.about["form"].worse_p) == (2, 0.25, 0.75)
    assert [(item.ask, item.pairs, item.candidate, item.champion, item.failed) for item in probes.items] == [
        ("a", 3, 2, 2, ["contains"]),
        ("b", 2, 0, 2, ["contains"]),
    ]
    assert probes.unpaired == 0


def test_answers_without_a_counterpart_are_counted() -> None:
    """What only one side was asked is in no tally, but is not hidden; a probe written down twice is two pairs."""

    assert compare_probes(answered("a", "+"), answered("a", "++-")).unpaired == 2
    assert compare_probes(answered("a", "+") * 2, answered("a", "+") * 2).total.pairs == 2


def test_no_probes_are_no_loss() -> None:
    """Without answers nothing was lost."""

    assert compare_probes([], []).total.worse_p == 1.0


def test_the_base_with_the_prompt_only_stands_beside() -> None:
    """What training brought: held-out preference with its interval, and answer by answer what the base passed; no base, no such section."""
    candidate, base = answered("a", "++", "safety") + answered("b", "++"), answered("a", "-", "safety") + answered("b", "+")
    evidence = Evidence(candidate=candidate, champion=candidate, base=base, base_held_out=rated(40, 2.0))
    beside = score(evidence).base_with_prompt_only

    assert beside is not None and beside.gain.low > 0.0 and beside.base_ordered == 0.5
    assert {about: (tally.pairs, tally.candidate, tally.base) for about, tally in beside.probes.items()} == {
        "safety": (1, 1, 0),
        "form": (1, 1, 1),
    }
    assert (beside.probes["safety"].better_p, beside.text.replies, beside.rules.pairs) == (0.5, 2, 2)
    assert score(msgspec.structs.replace(evidence, base=[])).base_with_prompt_only is None


def test_what_replies_cost() -> None:
    """Words and tokens of a reply on average; where a model counts no tokens, they are not known."""
    candidate = [msgspec.structs.replace(answer, tokens=tokens) for answer, tokens in zip(answered("a", "+++"), (2, 5, None), strict=True)]
    cost = score(Evidence(candidate=candidate, champion=answered("a", "+++"))).cost

    assert cost is not None and (cost.candidate_words, cost.candidate_tokens, cost.champion_tokens) == (1.0, 3.5, None)


def test_a_scorecard_is_json() -> None:
    """Everything is in the dictionary, and an infinite bound is null there."""
    card = score(Evidence(held_out=rated(2, 1.0), candidate=answered("a", "+-"), champion=answered("a", "++")))
    written = card.as_dict()

    assert written["gain"]["low"] is None
    assert written["gain"]["high"] is None
    assert written["holdout"] == {"replies": 2, "groups": 2, "liked": 1, "disliked": 1}
    assert (written["candidate"]["empty"], written["champion"]["empty"]) == (0.5, 0.0)
    assert json.loads(json.dumps(written, allow_nan=False)) == written
