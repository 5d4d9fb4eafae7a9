"""The numbers of a candidate against the champion: held-out preference with its interval, probes pair by pair, health of the text."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import msgspec

from service.evaluation.copying import TrainingText
from service.evaluation.health import Health, health
from service.evaluation.judge import JudgeScore
from service.evaluation.preference import Accuracy, HeldOut, Interval, accuracy, paired_interval, preference_gain
from service.evaluation.probes import ProbeAnswer
from service.evaluation.rules import broken_rules, question_share
from service.evaluation.significance import coin
from service.personas.persona import ReplyExpectations


class HoldoutSize(msgspec.Struct, frozen=True, kw_only=True):
    """How much was held out; groups count as often as they are independent, replies do not."""

    replies: int
    groups: int
    liked: int
    disliked: int


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


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What replies cost: words of one on average, and the median of seconds to the first word; None where no word came."""

    candidate_words: float
    champion_words: float
    candidate_seconds: float | None
    champion_seconds: float | None


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a candidate when the gate decides. What could not be measured is None.

    `rules` are the persona's own for replies, `copied` tells replies that are word for word from the training text, both over the same
    probe answers. `knowledge` is how much more likely the candidate finds the base's own answers than the champion does, `sense` how much
    more likely the base finds the candidate's replies than the champion's, both in nats per token. `leaked` counts replies with a planted
    code in them. `base` is how many of which subject's probes the base passes with the prompt only, and how many it was asked.
    """

    holdout: HoldoutSize
    gain: Interval
    accuracy: Accuracy
    probes: ProbeScore
    candidate: Health
    champion: Health
    rules: Tally | None = None
    broken: list[str] = []
    asks: tuple[float, float] | None = None
    copied: Tally | None = None
    knowledge: Interval | None = None
    sense: Interval | None = None
    leaked: int = 0
    judge: JudgeScore | None = None
    base: dict[str, tuple[int, int]] = {}
    cost: Cost | None = None

    def as_dict(self) -> dict[str, Any]:
        """The scorecard as JSON can hold it: an infinite bound is None."""
        return {name: _finite(value) for name, value in msgspec.to_builtins(self).items()}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a scorecard is made of. `likelihoods` are pairs (candidate, champion) of nats per token, each with its group: of the base's own
    answers (`knowledge`), and of both sides' replies under the base (`sense`). `trained_on` are the replies of the candidate's dataset that
    people or owners wrote, `codes` the strings that must never be said, `title` how the persona is called.
    """

    candidate: Sequence[ProbeAnswer]
    champion: Sequence[ProbeAnswer]
    base: Sequence[ProbeAnswer] = ()
    held_out: Sequence[HeldOut] = ()
    knowledge: Sequence[tuple[str, float, float]] = ()
    sense: Sequence[tuple[str, float, float]] = ()
    trained_on: Sequence[str] = ()
    codes: Sequence[str] = ()
    expected: ReplyExpectations = ReplyExpectations()
    title: str = ""
    judge: JudgeScore | None = None


def score(evidence: Evidence, seed: int = 0) -> Scorecard:
    """Put the numbers together."""
    rows, candidate, champion = evidence.held_out, evidence.candidate, evidence.champion
    liked = sum(row.label for row in rows)
    broken = {id(answer): broken_rules(evidence.expected, answer.reply, evidence.title) for answer in [*candidate, *champion]}
    text = TrainingText(evidence.trained_on) if evidence.trained_on else None
    return Scorecard(
        holdout=HoldoutSize(replies=len(rows), groups=len({row.group for row in rows}), liked=liked, disliked=len(rows) - liked),
        gain=preference_gain(rows, seed=seed),
        accuracy=accuracy(rows),
        probes=compare_probes(candidate, champion),
        candidate=health([answer.reply for answer in candidate]),
        champion=health([answer.reply for answer in champion]),
        rules=compare(candidate, champion, lambda answer: not broken[id(answer)]),
        broken=sorted({name for answer in candidate for name in broken[id(answer)]}),
        asks=(question_share([each.reply for each in candidate]), question_share([each.reply for each in champion])),
        copied=compare(candidate, champion, lambda answer: not text.is_copied(answer.reply)) if text else None,
        knowledge=paired_interval(evidence.knowledge) if evidence.knowledge else None,
        sense=paired_interval(evidence.sense) if evidence.sense else None,
        leaked=sum(any(code in answer.reply for code in evidence.codes) for answer in candidate),
        judge=evidence.judge,
        base=_passed_by_subject(evidence.base),
        cost=Cost(
            candidate_words=_words_of(candidate),
            champion_words=_words_of(champion),
            candidate_seconds=_median_first(candidate),
            champion_seconds=_median_first(champion),
        ),
    )


def compare(candidate: Sequence[ProbeAnswer], champion: Sequence[ProbeAnswer], passes: Callable[[ProbeAnswer], bool]) -> Tally:
    """Compare answer by answer (same question, same seed) by whatever `passes` says of one."""
    ours, theirs = _keyed(candidate), _keyed(champion)
    return _tally_of([(passes(ours[key]), passes(theirs[key])) for key in ours if key in theirs])


def _passed_by_subject(answers: Sequence[ProbeAnswer]) -> dict[str, tuple[int, int]]:
    asked = Counter(answer.about for answer in answers)
    passed = Counter(answer.about for answer in answers if not answer.failed)
    return {about: (passed[about], count) for about, count in asked.items()}


def _words_of(answers: Sequence[ProbeAnswer]) -> float:
    return round(sum(len(answer.reply.split()) for answer in answers) / max(1, len(answers)), 2)


def _median_first(answers: Sequence[ProbeAnswer]) -> float | None:
    seconds = [answer.first_seconds for answer in answers if answer.first_seconds is not None]
    return round(median(seconds), 3) if seconds else None


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


def _keyed(answers: Sequence[ProbeAnswer]) -> dict[tuple[str, int, int], ProbeAnswer]:
    """By question and seed; the third number tells a probe apart that its owner wrote down twice."""
    seen: Counter[tuple[str, int]] = Counter()
    keyed = {}
    for answer in answers:
        keyed[answer.ask, answer.seed, seen[answer.ask, answer.seed]] = answer
        seen[answer.ask, answer.seed] += 1
    return keyed


def _tally(pairs: Sequence[tuple[ProbeAnswer, ProbeAnswer]]) -> Tally:
    return _tally_of([(not ours.failed, not theirs.failed) for ours, theirs in pairs])


def _tally_of(pairs: Sequence[tuple[bool, bool]]) -> Tally:
    passed = Counter(pairs)
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
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
