"""What ratings say of a version on trial: whether it does worse than the champion, and how far the trial is. Pure; nothing is read here.

Three alarms, each a test of its own with a share of the level: too few likes, too many complaints, too many replies that did not come.
The last is compared only with the same time: an outage hits both, and the past knows nothing of it.
Assumed is that votes are independent of each other given the version. Those of one person or conversation are not, so few of each count
(`within_caps`): with 3 of a person, and a tenth of the variance between people, an equal version is sent back in 5 of 100 trials
(tests/bench/canary.py); with 10 it would be 12. Whoever the owner trusts has more: conversations are given to the arms by lot, so that the
same person judges both.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

import msgspec

from service.evaluation.sequential import bounds, found_worse

MOST_VOTES = 150
"""Rated replies after which a version that was not found worse has stood its trial."""

LIKES_LEVEL, COMPLAINTS_LEVEL, ANSWERS_LEVEL = 0.035, 0.005, 0.005
"""How often an equal version may be sent back for each alarm, over a whole trial."""

FEWEST_VOTES = 20
"""Under which nothing was learned from ratings."""

Alarm = Literal["likes", "complaints", "answers"]

_PER_CONVERSATION = 3
_PER_PERSON = 3
_FAR_APART = 3.0
_AT_ONCE = 25


class Vote(NamedTuple):
    """A person's word on one reply, `at` seconds since 1970. A complaint is a dislike with a reason, a comment or a better reply."""

    up: bool
    complaint: bool = False
    at: float = 0.0
    person: str = ""
    conversation: str = ""
    trusted: bool = False


class Answer(NamedTuple):
    """A reply that was asked for, and whether the version's own model gave it."""

    own: bool
    at: float = 0.0


class Heard(NamedTuple):
    """What came back from a version during a trial, in the order of time."""

    votes: Sequence[Vote] = ()
    answers: Sequence[Answer] = ()


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Counts: votes, likes and complaints among them, the people who gave them; replies asked for, and those that the version's own model
    did not give.
    """

    votes: int = 0
    ups: int = 0
    complaints: int = 0
    people: int = 0
    answers: int = 0
    broken: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a trial stands. `history` is what the champion got before it, `beside` what it got in the same time.

    `bound` is the most likes with which, at this many votes, the version would be sent back (-1: none). `worse` says in a sentence why it
    is sent back, `alarm` which alarm that was, and `after` how many votes or answers; `stood` that it had all its votes and was not.
    `past` says whether the history counts.
    """

    version: Tally
    beside: Tally
    history: Tally
    bound: int
    worse: str = ""
    alarm: Alarm | None = None
    after: int = 0
    stood: bool = False
    past: bool = True


def within_caps(votes: Iterable[Vote]) -> list[Vote]:
    """The votes that count, in their order: the first few of a person in a conversation, and the first few of a person who is not trusted.

    So nobody brings a version down alone, and the votes are about as independent as the test assumes.
    """
    kept: list[Vote] = []
    in_conversation: Counter[tuple[str, str]] = Counter()
    of_person: Counter[str] = Counter()
    for vote in votes:
        place = (vote.person, vote.conversation)
        if in_conversation[place] < _PER_CONVERSATION and (vote.trusted or of_person[vote.person] < _PER_PERSON):
            in_conversation[place] += 1
            of_person[vote.person] += 1
            kept.append(vote)
    return kept


def tally(heard: Heard) -> Tally:
    """Count what came back."""
    votes, answers = heard
    return Tally(
        votes=len(votes),
        ups=sum(vote.up for vote in votes),
        complaints=sum(vote.complaint for vote in votes),
        people=len({vote.person for vote in votes}),
        answers=len(answers),
        broken=sum(not answer.own for answer in answers),
    )


def judge(version: Heard, beside: Heard, history: Tally) -> Standing:
    """Compare what came back from the version with the champion's: each vote and answer with what was known of the champion by then.

    `beside` is what the champion got in the same time, `history` what it got before. Where their likes are far apart, times have changed,
    and only what came in the same time is compared with. It is taken in steps of 25, so that the bounds seldom change.
    """
    votes = version.votes[:MOST_VOTES]
    liked = _Known([vote.at for vote in beside.votes], [vote.up for vote in beside.votes], (history.ups, history.votes))
    calm = _Known(
        [vote.at for vote in beside.votes],
        [not vote.complaint for vote in beside.votes],
        (history.votes - history.complaints, history.votes),
    )
    own = _Known([answer.at for answer in beside.answers], [answer.own for answer in beside.answers])
    alarm, after, words = _worse(votes, version.answers[:MOST_VOTES], liked, calm, own)
    return Standing(
        version=tally(version),
        beside=tally(beside),
        history=history,
        bound=bounds(*liked.now, LIKES_LEVEL, MOST_VOTES)[len(votes)],
        worse=words,
        alarm=alarm,
        after=after,
        stood=not words and len(version.votes) >= MOST_VOTES,
        past=not liked.changed(len(beside.votes)),
    )


class _Known:
    """What is known of the champion at each moment: successes, and of how many."""

    def __init__(self, moments: Sequence[float], successes: Sequence[bool], before: tuple[int, int] = (0, 0)) -> None:
        self._moments = moments
        self._sums = [0, *accumulate(successes)]
        self._before = before

    def at(self, moment: float) -> tuple[int, int]:
        return self._of(bisect_right(self._moments, moment))

    @property
    def now(self) -> tuple[int, int]:
        return self._of(len(self._moments))

    def changed(self, count: int) -> bool:
        """Whether the first `count` are far apart from what was before."""
        return _far_apart((self._sums[count], count), self._before)

    def _of(self, count: int) -> tuple[int, int]:
        count -= count % _AT_ONCE
        if self.changed(count):
            return self._sums[count], count
        return self._sums[count] + self._before[0], count + self._before[1]


def _worse(votes: Sequence[Vote], answers: Sequence[Answer], liked: _Known, calm: _Known, own: _Known) -> tuple[Alarm | None, int, str]:
    """The first alarm that went off, after how many votes or answers, and its sentence."""
    moments = [vote.at for vote in votes]
    ups = [vote.up for vote in votes]
    if at := found_worse(ups, [liked.at(moment) for moment in moments], LIKES_LEVEL, MOST_VOTES):
        likes, (theirs, known) = sum(ups[:at]), liked.at(moments[at - 1])
        rest = f"of the champion's {known} {_percent(theirs, known)}"
        return "likes", at, f"Of its first {at} rated replies people liked {likes} ({_percent(likes, at)}), {rest}."
    content = [not vote.complaint for vote in votes]
    if at := found_worse(content, [calm.at(moment) for moment in moments], COMPLAINTS_LEVEL, MOST_VOTES):
        complaints, (theirs, known) = at - sum(content[:at]), calm.at(moments[at - 1])
        ours = f"people complained of {complaints}, with a reason or in words ({_percent(complaints, at)})"
        return "complaints", at, f"Of its first {at} rated replies {ours}, of the champion's {known} of {_percent(known - theirs, known)}."
    given = [answer.own for answer in answers]
    if at := found_worse(given, [own.at(answer.at) for answer in answers], ANSWERS_LEVEL, MOST_VOTES):
        failed, (theirs, known) = at - sum(given[:at]), own.at(answers[at - 1].at)
        rest = f"the champion's {_percent(known - theirs, known)} of {known} in the same time"
        return "answers", at, f"Of the first {at} replies asked of it, its model failed to give {failed} ({_percent(failed, at)}), {rest}."
    return None, 0, ""


def _far_apart(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two rates differ by more than three standard errors of their difference."""
    (successes, known), (others, of) = one, other
    if min(known, of) < FEWEST_VOTES:
        return False
    both = (successes + others) / (known + of)
    error = math.sqrt(both * (1 - both) * (1 / known + 1 / of))
    return abs(successes / known - others / of) > _FAR_APART * error


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "none"
