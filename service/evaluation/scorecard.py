"""The numbers of a candidate against the champion: held-out preference with its interval, probes pair by pair, health of the text."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from random import Random
from statistics import stdev
from typing import Any, NamedTuple

import msgspec

from service.evaluation.health import Health, health
from service.evaluation.probes import ProbeAnswer
from service.evaluation.significance import coin, ordered, student

_FEWEST_GROUPS = 3
_DIGITS = 9


class HeldOut(msgspec.Struct, frozen=True):
    """A rated reply that nobody trained on: its group (conversation or cluster of near-duplicates), its label (True is liked),
    and its log-likelihood in nats per token under each model."""

    group: str
    label: bool
    candidate: float
    champion: float


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A value with its 95 % interval; when there is none it is without bounds, and `why` says why."""

    value: float | None = None
    low: float = -math.inf
    high: float = math.inf
    why: str = ""


class HoldoutSize(msgspec.Struct, frozen=True, kw_only=True):
    """How much was held out; groups count as often as they are independent, replies do not."""

    replies: int
    groups: int
    liked: int
    disliked: int


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """The share of (liked, disliked) pairs in which each model finds the liked reply more likely, from 0 to 1; None without pairs."""

    pairs: int
    candidate: float | None = None
    champion: float | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Pairs of answers (same question, same seed): how many each side passed, and how many only one of them did.

    `worse_p` is the chance of so many losses among the changes if both were alike.
    """

    pairs: int
    candidate: int
    champion: int
    gained: int
    lost: int
    worse_p: float


class ProbeItem(msgspec.Struct, frozen=True, kw_only=True):
    """One probe: how many of its pairs each side passed, and what the candidate failed in."""

    ask: str
    about: str
    pairs: int
    candidate: int
    champion: int
    failed: list[str]


class ProbeScore(msgspec.Struct, frozen=True, kw_only=True):
    """All probes, each subject, each probe; `unpaired` counts answers that only one side gave."""

    total: Tally
    about: dict[str, Tally]
    items: list[ProbeItem]
    unpaired: int


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a candidate when the gate decides."""

    holdout: HoldoutSize
    gain: Interval
    accuracy: Accuracy
    probes: ProbeScore
    candidate: Health
    champion: Health

    def as_dict(self) -> dict[str, Any]:
        """The scorecard as JSON can hold it: an infinite bound is None."""
        return {name: _finite(value) for name, value in msgspec.to_builtins(self).items()}


def score(rows: Sequence[HeldOut], candidate: Sequence[ProbeAnswer], champion: Sequence[ProbeAnswer], seed: int = 0) -> Scorecard:
    """Put the numbers together: the held-out rows, and both sides' answers to the same probes."""
    liked = sum(row.label for row in rows)
    return Scorecard(
        holdout=HoldoutSize(replies=len(rows), groups=len({row.group for row in rows}), liked=liked, disliked=len(rows) - liked),
        gain=preference_gain(rows, seed=seed),
        accuracy=accuracy(rows),
        probes=compare_probes(candidate, champion),
        candidate=health([answer.reply for answer in candidate]),
        champion=health([answer.reply for answer in champion]),
    )


def preference_gain(rows: Sequence[HeldOut], rounds: int = 2000, seed: int = 0) -> Interval:
    """How much further the candidate tells liked from disliked replies apart than the champion, in nats per token.

    Mean of (candidate - champion) over liked replies minus that over disliked ones; of one label alone, its part. Replies of a group are
    not independent, so whole groups are drawn again (cluster bootstrap; Davison & Hinkley 1997, sections 2.4 and 3.8), keeping the
    draws that hold every label there is. The interval is the value -+ Student's t times the standard error of the draws, widened by
    sqrt(m / (m - 1)) for m groups of the rarer label. Plain percentiles of few groups are too narrow: simulated without a true gain, the
    lower one was above 0 for 3 groups in 23 % and for 8 groups in 9 % of the nights, this one in at most 3 %. Under 3 groups of a label
    there is no interval.
    """
    if not rows:
        return Interval(why="nothing was held out")
    if not all(math.isfinite(row.candidate) and math.isfinite(row.champion) for row in rows):
        return Interval(why="the likelihood of a held-out reply is not a finite number")
    groups = _groups(rows)
    value = _gain(_total(groups))
    holding = sum(group.liked > 0 for group in groups), sum(group.disliked > 0 for group in groups)
    rarer = min(count for count in holding if count)
    if rarer < _FEWEST_GROUPS:
        return Interval(
            value=value, why=f"it takes {_FEWEST_GROUPS} conversations with each thumb that was given, and one thumb has {rarer}"
        )
    draws = list(_draws(groups, rounds, Random(seed)))
    margin = student(len(groups) - 1) * stdev(draws) * math.sqrt(rarer / (rarer - 1))
    # Rounded, so that the last bit of two equal sums is no evidence.
    return Interval(value=round(value, _DIGITS), low=round(value - margin, _DIGITS), high=round(value + margin, _DIGITS))


def accuracy(rows: Sequence[HeldOut]) -> Accuracy:
    """The share of pairs of a liked and a disliked reply that each model orders right, exact for any number of pairs."""
    liked = [row for row in rows if row.label]
    disliked = [row for row in rows if not row.label]
    return Accuracy(
        pairs=len(liked) * len(disliked),
        candidate=ordered([row.candidate for row in liked], [row.candidate for row in disliked]),
        champion=ordered([row.champion for row in liked], [row.champion for row in disliked]),
    )


def compare_probes(candidate: Sequence[ProbeAnswer], champion: Sequence[ProbeAnswer]) -> ProbeScore:
    """Compare answer by answer: the same question with the same seed, in any order.

    `worse_p` is the exact one-sided p-value of McNemar (1947). Answers of one probe resemble each other, so it errs towards the champion.
    """
    ours, theirs = _keyed(candidate), _keyed(champion)
    pairs = [(ours[key], theirs[key]) for key in ours if key in theirs]
    about: dict[str, list[tuple[ProbeAnswer, ProbeAnswer]]] = defaultdict(list)
    asks: dict[tuple[str, str], list[tuple[ProbeAnswer, ProbeAnswer]]] = defaultdict(list)
    for pair in pairs:
        about[pair[0].about].append(pair)
        asks[pair[0].about, pair[0].ask].append(pair)
    return ProbeScore(
        total=_tally(pairs),
        about={subject: _tally(some) for subject, some in about.items()},
        items=[_item(some) for some in asks.values()],
        unpaired=len(ours) + len(theirs) - 2 * len(pairs),
    )


class _Sums(NamedTuple):
    """Of one group or of many: replies of each label, and their summed differences (candidate - champion, nats per token)."""

    liked: int
    liked_sum: float
    disliked: int
    disliked_sum: float


def _groups(rows: Sequence[HeldOut]) -> list[_Sums]:
    grouped: dict[str, list[HeldOut]] = defaultdict(list)
    for row in rows:
        grouped[row.group].append(row)
    # Sorted, so that the order of the rows does not change the draws.
    return [_sums(grouped[name]) for name in sorted(grouped)]


def _sums(rows: Sequence[HeldOut]) -> _Sums:
    liked = [row.candidate - row.champion for row in rows if row.label]
    disliked = [row.candidate - row.champion for row in rows if not row.label]
    return _Sums(len(liked), math.fsum(liked), len(disliked), math.fsum(disliked))


def _total(groups: Sequence[_Sums]) -> _Sums:
    liked, liked_sum, disliked, disliked_sum = map(sum, zip(*groups, strict=True))
    return _Sums(int(liked), liked_sum, int(disliked), disliked_sum)


def _gain(sums: _Sums) -> float:
    liked = sums.liked_sum / sums.liked if sums.liked else 0.0
    disliked = sums.disliked_sum / sums.disliked if sums.disliked else 0.0
    return liked - disliked


def _draws(groups: Sequence[_Sums], rounds: int, random: Random) -> Iterator[float]:
    whole = _total(groups)
    for _ in range(rounds):
        drawn = _total(random.choices(groups, k=len(groups)))
        if bool(drawn.liked) == bool(whole.liked) and bool(drawn.disliked) == bool(whole.disliked):
            yield _gain(drawn)


def _keyed(answers: Sequence[ProbeAnswer]) -> dict[tuple[str, int, int], ProbeAnswer]:
    """By question and seed; the third number tells a probe apart that its owner wrote down twice."""
    seen: Counter[tuple[str, int]] = Counter()
    keyed = {}
    for answer in answers:
        keyed[answer.ask, answer.seed, seen[answer.ask, answer.seed]] = answer
        seen[answer.ask, answer.seed] += 1
    return keyed


def _tally(pairs: Sequence[tuple[ProbeAnswer, ProbeAnswer]]) -> Tally:
    passed = Counter((not ours.failed, not theirs.failed) for ours, theirs in pairs)
    both, gained, lost = passed[True, True], passed[True, False], passed[False, True]
    return Tally(
        pairs=len(pairs), candidate=both + gained, champion=both + lost, gained=gained, lost=lost, worse_p=coin(lost, lost + gained)
    )


def _item(pairs: Sequence[tuple[ProbeAnswer, ProbeAnswer]]) -> ProbeItem:
    tally = _tally(pairs)
    return ProbeItem(
        ask=pairs[0][0].ask,
        about=pairs[0][0].about,
        pairs=tally.pairs,
        candidate=tally.candidate,
        champion=tally.champion,
        failed=sorted({name for ours, _ in pairs for name in ours.failed}),
    )


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
