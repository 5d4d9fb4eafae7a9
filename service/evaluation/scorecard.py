"""The numbers of a candidate against the champion: held-out preference with its interval, probes pair by pair, health of the text."""

import math
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

import msgspec

from service.evaluation.copying import TrainingText
from service.evaluation.health import Health, health
from service.evaluation.judge import JudgeScore
from service.evaluation.paired import ProbeScore, Tally, compare, compare_probes
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


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What replies cost: words and tokens of one on average, and the median of seconds to the first word.

    None where no word came, or where the model counts no tokens.
    """

    candidate_words: float
    champion_words: float
    candidate_tokens: float | None
    champion_tokens: float | None
    candidate_seconds: float | None
    champion_seconds: float | None


class BaseTally(msgspec.Struct, frozen=True, kw_only=True):
    """Pairs of answers of the candidate and its base: how many each passed, and the chance of so many gains if both were alike."""

    pairs: int
    candidate: int
    base: int
    better_p: float


class BesideBase(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate beside its base with the prompt only: does training help at all? Nothing is decided by it.

    `gain` and the shares of pairs in the right order are of the held-out replies; `rules`, `probes` by subject and `text` of one answer to
    each probe, which is all that the base is asked for.
    """

    gain: Interval
    candidate_ordered: float | None
    base_ordered: float | None
    rules: BaseTally
    probes: dict[str, BaseTally]
    text: Health


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a candidate when the gate decides. What could not be measured is None.

    `rules` are the persona's own for replies, `copied` tells replies that are word for word from the training text, both over the same
    probe answers. `knowledge` is how much more likely the candidate finds the base's own answers than the champion does, `sense` how much
    more likely the base finds the candidate's replies than the champion's, both in nats per token. `leaked` counts replies with a planted
    code in them. `base_with_prompt_only` is None where the champion is that base, or the base cannot be asked here.
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
    base_with_prompt_only: BesideBase | None = None
    cost: Cost | None = None

    def as_dict(self) -> dict[str, Any]:
        """The scorecard as JSON can hold it: an infinite bound is None."""
        return {name: _finite(value) for name, value in msgspec.to_builtins(self).items()}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a scorecard is made of. `likelihoods` are pairs (candidate, champion) of nats per token, each with its group: of the base's own
    answers (`knowledge`), and of both sides' replies under the base (`sense`). `base_held_out` has the base in the champion's place.
    `trained_on` are the replies of the candidate's dataset that people or owners wrote, `codes` the strings that must never be said,
    `title` how the persona is called.
    """

    candidate: Sequence[ProbeAnswer]
    champion: Sequence[ProbeAnswer]
    base: Sequence[ProbeAnswer] = ()
    held_out: Sequence[HeldOut] = ()
    base_held_out: Sequence[HeldOut] = ()
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
        base_with_prompt_only=_beside_base(evidence, seed) if evidence.base else None,
        cost=Cost(
            candidate_words=_words_of(candidate),
            champion_words=_words_of(champion),
            candidate_tokens=_tokens_of(candidate),
            champion_tokens=_tokens_of(champion),
            candidate_seconds=_median_first(candidate),
            champion_seconds=_median_first(champion),
        ),
    )


def _beside_base(evidence: Evidence, seed: int) -> BesideBase:
    candidate, base = evidence.candidate, evidence.base
    order = accuracy(evidence.base_held_out)
    return BesideBase(
        gain=preference_gain(evidence.base_held_out, seed=seed),
        candidate_ordered=order.candidate,
        base_ordered=order.champion,
        rules=_tally_beside(compare(candidate, base, lambda answer: not broken_rules(evidence.expected, answer.reply, evidence.title))),
        probes={about: _tally_beside(tally) for about, tally in compare_probes(candidate, base).about.items()},
        text=health([answer.reply for answer in base]),
    )


def _tally_beside(tally: Tally) -> BaseTally:
    better = coin(tally.gained, tally.gained + tally.lost)
    return BaseTally(pairs=tally.pairs, candidate=tally.candidate, base=tally.champion, better_p=better)


def _words_of(answers: Sequence[ProbeAnswer]) -> float:
    return round(sum(len(answer.reply.split()) for answer in answers) / max(1, len(answers)), 2)


def _tokens_of(answers: Sequence[ProbeAnswer]) -> float | None:
    tokens = [answer.tokens for answer in answers if answer.tokens is not None]
    return round(fmean(tokens), 2) if tokens else None


def _median_first(answers: Sequence[ProbeAnswer]) -> float | None:
    seconds = [answer.first_seconds for answer in answers if answer.first_seconds is not None]
    return round(median(seconds), 3) if seconds else None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
