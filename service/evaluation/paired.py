"""Two sides asked the same, answer by answer: how many each passed, and what only one of them did (McNemar 1947)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import msgspec

from service.evaluation.probes import ProbeAnswer
from service.evaluation.significance import coin


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


def compare(candidate: Sequence[ProbeAnswer], champion: Sequence[ProbeAnswer], passes: Callable[[ProbeAnswer], bool]) -> Tally:
    """Compare answer by answer (same question, same seed) by whatever `passes` says of one."""
    ours, theirs = _keyed(candidate), _keyed(champion)
    return _tally_of([(passes(ours[key]), passes(theirs[key])) for key in ours if key in theirs])


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
