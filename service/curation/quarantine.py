"""Holding back: whose ratings, and which replies, wait until the owner has looked at them. Everything here is numbers, and pure."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from service.curation.contrary import compare_likes
from service.curation.pool import Codes, Flags, Times, Words
from service.personas.persona import Trust

QUARANTINED = "quarantined"
NEW_PERSON = "new_person"
CROWD = "crowd"
BURST = "burst"
SWEEP = "sweep"
CONTRARY = "contrary"
UNLIKELY = "unlikely"
ROLLED_BACK = "rolled_back"
PEOPLE_KINDS = (SWEEP, BURST, CROWD, CONTRARY, NEW_PERSON)
"""Under which a person is held back, the most telling first."""

_MINUTE = 60_000
_ENOUGH_WORDS = 20
_ENOUGH_RATERS = 3
_ENOUGH_REPLIES = 20
_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Finding:
    """What waits for the owner: `subject` is a person's id, or for a sample the exchange's or the rating's; `detail` holds only numbers."""

    kind: str
    subject: str
    detail: Mapping[str, float]


class Decided(NamedTuple):
    """The ids of what the owner approved and refused."""

    approved: Collection[str] = frozenset()
    refused: Collection[str] = frozenset()


class Held(NamedTuple):
    """Which words are held back, under which reason each (`""`: under none), and what the owner is to decide."""

    rows: Flags
    reasons: npt.NDArray[np.str_]
    findings: list[Finding]

    @property
    def counts(self) -> dict[str, int]:
        """How many words are held back, by reason."""
        return dict(sorted(Counter(self.reasons[self.rows].tolist()).items()))


def held_back(words: Words, trust: Trust, decided: Decided = Decided()) -> Held:
    """Which of all current words of a persona wait for the owner. What trusted and approved people say never does.

    - `quarantined`: the owner refused the person who rated, or the one who talked.
    - `burst`: `trust.burst` or more by one person within a minute; all of them.
    - `crowd`: `trust.burst` or more people gave their first rating ever within a minute; all that these people gave. A person is quickly
      made by whoever clears a browser, and three ratings of each would pass the next rule.
    - `new_person`: the person has rated fewer than `trust.new_person` exchanges of this persona.
    - `contrary`: of what is left, the person likes less than a fifth of what others like at the time, and chance would do that to one in
      `1 / trust.contrary` at most; all that this person gave. It takes 8 words and 3 people. Who dislikes nearly everything says nothing
      about the taste of the others, and the few likes of such people may be after a backdoor.
    - `sweep`: of what is left, one person gave more than the share `trust.sweep` of all likes, or of all dislikes; all that this person
      gave of that label. It takes 20 words of that label and 3 people: where one or two rate, theirs is the taste to learn.

    A word has the first of these reasons that holds. Findings are about people: one for each kind under which something of theirs is held
    back, with `count`, the words held, and `share`, of what the person rated or, in a sweep, of all likes or dislikes; in the order of
    `PEOPLE_KINDS`, the most words first.
    """
    reasons = np.full(len(words), "", dtype="<U11")
    if not len(words):
        return Held(np.zeros(0, dtype=np.bool_), reasons, [])
    refused = _codes(words, decided.refused)
    reasons[refused[words.rater] | refused[words.talker]] = QUARANTINED
    untrusted = ~(words.trusted | _codes(words, decided.approved))[words.rater]
    crowds = _crowds(words, untrusted, trust.burst)
    for reason, rows in (
        (BURST, _bursts(words.rater, words.at, trust.burst)),
        (CROWD, crowds[words.rater] > 0),
        (NEW_PERSON, np.bincount(words.rater)[words.rater] < trust.new_person),
    ):
        reasons[rows & untrusted & (reasons == "")] = reason
    likes = compare_likes(words, reasons == "", _ENOUGH_RATERS)
    reasons[likes.contrary(trust.contrary)[words.rater] & untrusted & (reasons == "")] = CONTRARY
    shares = _sweeps(words, reasons == "", trust.sweep)
    reasons[untrusted & (shares > 0)] = SWEEP
    more: dict[str, dict[str, npt.NDArray[Any]]] = {CROWD: {"people": crowds}, CONTRARY: {"likes": likes.given, "usual": likes.usual}}
    return Held(reasons != "", reasons, _findings(words, reasons, shares, more))


def surprising(surprise: npt.NDArray[np.float64], limit: float) -> Flags:
    """Which replies are less likely to the base than the median by more than `limit` median absolute deviations (Hampel 1974).

    `surprise` is in nats per token, infinite where the base thinks it impossible; NaN is not known, and not flagged.
    Below 20 known ones nothing is, and a limit of 0 is none.
    """
    known = surprise[np.isfinite(surprise)]
    if limit <= 0 or len(known) < _ENOUGH_REPLIES:
        return np.zeros(len(surprise), dtype=np.bool_)
    median = np.median(known)
    deviation = np.median(np.abs(known - median))
    return np.asarray((deviation > 0) & (surprise - median > limit * deviation), dtype=np.bool_)


def _codes(words: Words, people: Collection[str]) -> Flags:
    """Whether each of `words.people` is among these."""
    return np.isin(words.people, np.array([person.encode() for person in people], dtype=words.people.dtype))


def _bursts(rater: Codes, at: Times, most: int) -> Flags:
    """The rows of `most` or more of one person within a minute."""
    order = np.lexsort((at, rater))
    found = np.zeros(len(at), dtype=np.bool_)
    found[order] = _dense(at[order], rater[order], most) > 0
    return found


def _crowds(words: Words, untrusted: Flags, most: int) -> _Numbers:
    """For each person how many people, this one included, the crowd has in which they rated for the first time; 0 outside of any."""
    never = np.iinfo(np.int64).max
    first = np.full(len(words.people), never)
    np.minimum.at(first, words.rater[untrusted], words.at[untrusted])
    people = np.flatnonzero(first < never)
    people = people[np.argsort(first[people], kind="stable")]
    size = np.zeros(len(words.people), dtype=np.int64)
    size[people] = _dense(first[people], np.zeros_like(people), most)
    return size


def _dense(at: Times, group: npt.NDArray[np.integer], most: int) -> _Numbers:
    """For each moment how many stand with it in a row where any `most` lie within a minute, of one group; 0 outside of such rows.

    Both columns are sorted by group, then by moment.
    """
    if not 0 < most <= len(at):
        return np.zeros(len(at), dtype=np.int64)
    starts = np.arange(len(at) - most + 1)
    ends = starts + most - 1
    full = (group[starts] == group[ends]) & (at[ends] - at[starts] <= _MINUTE)
    marks = np.zeros(len(at) + 1, dtype=np.int64)
    np.add.at(marks, starts[full], 1)
    np.add.at(marks, ends[full] + 1, -1)
    inside = np.cumsum(marks[:-1]) > 0
    run = np.cumsum(np.diff(inside, prepend=False) | np.diff(group, prepend=group[:1]).astype(np.bool_))
    return np.where(inside, np.bincount(run, weights=inside).astype(np.int64)[run], 0)


def _sweeps(words: Words, left: Flags, most: float) -> npt.NDArray[np.float64]:
    """For each row the share of its person in all words of its label, where that is more than `most`, and 0 elsewhere."""
    shares = np.zeros(len(words))
    if not most or len(np.unique(words.rater[left])) < _ENOUGH_RATERS:
        return shares
    for label in (True, False):
        rows = np.flatnonzero(left & (words.liked == label))
        if len(rows) >= _ENOUGH_WORDS:
            share = (np.bincount(words.rater[rows]) / len(rows))[words.rater[rows]]
            shares[rows] = np.where(share > most, share, 0)
    return shares


def _findings(
    words: Words, reasons: npt.NDArray[np.str_], shares: npt.NDArray[np.float64], more: Mapping[str, Mapping[str, npt.NDArray[Any]]]
) -> list[Finding]:
    """`more` is by kind, then by what the detail calls it, a number for each person."""
    findings: list[Finding] = []
    given = np.bincount(words.rater)
    for kind in PEOPLE_KINDS:
        rows = np.flatnonzero(reasons == kind)
        people, start, counts = np.unique(words.rater[rows], return_index=True, return_counts=True)
        for place in np.lexsort((people, -counts)):
            person, count = people[place], int(counts[place])
            share = float(shares[rows[start[place]]]) if kind == SWEEP else count / int(given[person])
            further = {name: round(each[person].item(), 1) for name, each in more.get(kind, {}).items()}
            findings.append(Finding(kind, words.people[person].decode(), {"count": count, "share": round(share, 4), **further}))
    return findings
