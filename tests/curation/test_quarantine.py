"""Holding back: new people, bursts, crowds and sweeps wait for the owner; nobody else does, and what was decided stands."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.curation.pool import Words
from service.curation.quarantine import Decided, Finding, held_back, surprising
from service.personas.persona import Trust

_OFF = Trust(new_person=0, burst=0, sweep=0, contrary=0)
_HOUR = 3_600_000


def _person(code: int) -> str:
    return f"{code:032x}"


def _words(rater, liked=True, at=None, *, trusted=(), talker=None) -> Words:
    """One word for each rater, an hour apart, each on an exchange of its own."""
    rater = np.array(rater, np.int32)
    rows = np.arange(len(rater))
    names = np.array([_person(row) for row in rows], "S32").reshape(len(rows))
    people = max(int(rater.max(initial=-1)), int(np.max(talker or [-1]))) + 1
    return Words(
        exchange=names,
        rating=names,
        conversation=rows.astype(np.int32),
        rater=rater,
        talker=rater if talker is None else np.array(talker, np.int32),
        liked=np.broadcast_to(np.array(liked, np.bool_), len(rater)).copy(),
        corrected=np.zeros(len(rater), np.bool_),
        at=np.array(rows * _HOUR if at is None else at, np.int64),
        people=np.array([_person(code) for code in range(people)], "S32"),
        trusted=np.isin(np.arange(people), trusted),
    )


def _regulars(*counts: int) -> list[int]:
    """Raters with that many words each, taking turns."""
    return [code for turn in range(max(counts)) for code, count in enumerate(counts) if turn < count]


def test_new_people_wait_until_they_have_rated_enough():
    """Two words are too few, three are enough; the finding says how many wait."""
    held = held_back(_words([0, 0, 0, 1, 1]), Trust())
    assert held.reasons.tolist() == ["", "", "", "new_person", "new_person"]
    assert held.rows.tolist() == [False, False, False, True, True]
    assert held.counts == {"new_person": 2}
    assert held.findings == [Finding("new_person", _person(1), {"count": 2, "share": 1.0})]


def test_the_owners_people_never_wait():
    """Neither those that are trusted from the start nor those that were approved, whatever they do."""
    words = _words([0] * 40, at=[0] * 40, trusted=[0])
    assert held_back(words, Trust(new_person=100)).counts == {}
    stranger = _words([0] * 40, at=[0] * 40)
    assert held_back(stranger, Trust()).counts == {"burst": 40}
    approved = held_back(stranger, Trust(), Decided(approved=[_person(0)]))
    assert (approved.counts, approved.findings) == ({}, [])


def test_a_refused_person_is_not_heard():
    """Neither their words nor words on what they wrote; there is nothing left to decide."""
    held = held_back(_words([0, 0, 0, 1, 1, 1], talker=[0, 1, 2, 2, 2, 2]), Trust(), Decided(refused=[_person(1)]))
    assert held.reasons.tolist() == ["", "quarantined", "", "quarantined", "quarantined", "quarantined"]
    assert held.findings == []


def test_a_burst_is_held_and_the_rest_of_the_person_is_not():
    """30 words within a minute wait, those before and after do not; 29 are quick, not a burst; a minute includes its last moment."""
    minute = [10 * _HOUR + number * 2000 for number in range(30)]
    at = [0, _HOUR, *minute, 20 * _HOUR]
    held = held_back(_words([0] * 33, at=at), Trust(sweep=0))
    assert held.reasons.tolist() == ["", "", *["burst"] * 30, ""]
    assert held.findings == [Finding("burst", _person(0), {"count": 30, "share": round(30 / 33, 4)})]
    assert held_back(_words([0] * 29, at=minute[:29]), Trust(sweep=0)).counts == {}
    assert held_back(_words([0] * 31, at=[number * 60_000 for number in range(31)]), Trust(sweep=0, burst=2)).counts == {"burst": 31}
    assert held_back(_words([0] * 31, at=[number * 60_001 for number in range(31)]), Trust(sweep=0, burst=2)).counts == {}


def test_two_people_at_once_are_no_burst():
    """Each person has a minute of their own."""
    raters = [0, 1] * 20
    assert held_back(_words(raters, at=[number * 100 for number in range(40)]), Trust(sweep=0)).counts == {}


def test_a_long_burst_is_held_as_a_whole():
    """A hundred words, one a second: all of them, and rows need not be in the order of time."""
    order = np.random.default_rng(1).permutation(100)
    assert held_back(_words([0] * 100, at=order * 1000), Trust(sweep=0)).counts == {"burst": 100}


def test_a_crowd_of_fresh_visitors_waits():
    """40 new visitors with three words each pass for known people one by one, but not when all of them came within a minute."""
    visitors = [code for code in range(40) for _ in range(3)]
    at = [code * 1000 + word * 10 for code in range(40) for word in range(3)]
    held = held_back(_words([*visitors, *[40] * 5], at=[*at, *range(0, 5 * _HOUR, _HOUR)], trusted=[40]), Trust(sweep=0))
    assert held.counts == {"crowd": 120}
    assert len(held.findings) == 40
    assert held.findings[0] == Finding("crowd", _person(0), {"count": 3, "share": 1.0, "people": 40})
    slowly = [code * 10_000 + word * 10 for code in range(40) for word in range(3)]
    assert held_back(_words(visitors, at=slowly), Trust(sweep=0)).counts == {}
    assert held_back(_words(visitors, at=at), Trust(sweep=0, burst=0)).counts == {}


def test_a_crowd_does_not_pull_in_regulars():
    """Who has rated before the crowd came is not of the crowd, even when rating amid it."""
    visitors = [code for code in range(40) for _ in range(3)]
    at = [_HOUR + code * 1000 + word * 10 for code in range(40) for word in range(3)]
    held = held_back(_words([*visitors, 40, 40, 40], at=[*at, 0, _HOUR + 5, _HOUR + 6]), Trust(sweep=0))
    assert held.reasons[-3:].tolist() == ["", "", ""]
    assert held.counts == {"crowd": 120}


def test_one_person_cannot_be_most_of_all_likes():
    """Three rate, one of them gives 30 of 40 likes: those wait, the same person's dislikes do not."""
    raters = [*[0] * 30, *[1] * 5, *[2] * 5, *[0] * 4]
    liked = [*[True] * 40, *[False] * 4]
    held = held_back(_words(raters, liked), Trust())
    assert held.counts == {"sweep": 30}
    assert not held.rows[~np.array(liked)].any()
    assert held.findings == [Finding("sweep", _person(0), {"count": 30, "share": 0.75})]


def test_one_person_cannot_be_most_of_all_dislikes():
    """The rule holds for either label by itself."""
    raters = [*[0] * 25, *[1] * 5, *[2] * 5]
    assert held_back(_words(raters, False), Trust()).counts == {"sweep": 25}
    assert held_back(_words(raters, False), Trust(sweep=0.9)).counts == {}
    assert held_back(_words(raters, False, trusted=[0]), Trust()).counts == {}


@pytest.mark.parametrize("counts", [(200,), (190, 10), (9, 3, 3)])
def test_where_few_rate_theirs_is_the_taste(counts):
    """The only visitor of a small box is not held for ever, nor one of two; and of few words nobody's share says anything."""
    assert held_back(_words(_regulars(*counts)), Trust()).counts == {}


def _mixed(shares: dict[int, float], turns: int, seed: int = 1):
    """Everybody rates in turn and likes by chance, with a share of their own: raters and likes."""
    chance = np.random.default_rng(seed)
    raters = [code for _ in range(turns) for code in shares]
    return raters, [bool(chance.random() < shares[code]) for code in raters]


def test_who_likes_next_to_nothing_of_what_others_like_waits():
    """One like of 14 where others like more than half; the finding says so. The owner's own people may be as contrary as they like."""
    raters, liked = _mixed(dict.fromkeys(range(10), 0.6), 14)
    raters, liked = [*raters, *[10] * 14], [*liked, True, *[False] * 13]
    at = [number * _HOUR for number in range(140)] + [number * 10 * _HOUR for number in range(14)]
    held = held_back(_words(raters, liked, at), Trust())
    assert held.counts == {"contrary": 14} and held.rows[140:].all()
    [finding] = held.findings
    assert (finding.kind, finding.subject) == ("contrary", _person(10))
    assert (finding.detail["likes"], round(finding.detail["usual"])) == (1, 8)
    assert held_back(_words(raters, liked, at, trusted=[10]), Trust()).counts == {}
    assert held_back(_words(raters, liked, at), Trust(contrary=0)).counts == {}
    few = Trust(new_person=0)
    assert held_back(_words(raters[:9] + raters[140:], liked[:9] + liked[140:]), few).counts == {}  # too few others to compare with


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_people_of_one_taste_are_not_contrary_to_each_other(share):
    """Of 300 people who like alike chance makes none wait; and where all like little, whoever likes nothing is one of them."""
    assert held_back(_words(*_mixed(dict.fromkeys(range(300), share), 20)), Trust()).counts == {}
    assert held_back(_words(*_mixed({**dict.fromkeys(range(30), 0.2), 30: 0.0}, 14)), Trust()).counts == {}


def test_a_better_version_makes_nobody_of_before_contrary():
    """Who rated when little was liked, and left, is compared with that time: next to nothing was liked by others too."""
    early, late = _mixed(dict.fromkeys(range(10), 0.15), 12), _mixed(dict.fromkeys(range(10, 30), 0.95), 20)
    assert held_back(_words([*early[0], *late[0]], [*early[1], *late[1]]), Trust()).counts == {}


def test_passers_by_do_not_make_a_regular_a_sweep():
    """Words that wait anyway are neither people nor words: fresh visitors can neither frame a regular nor dilute a sweep."""
    regular = [*[0] * 50, *range(1, 30)]
    assert held_back(_words(regular), Trust()).counts == {"new_person": 29}
    sweep = [*[0] * 30, *[1] * 5, *[2] * 5, *range(3, 60)]
    assert held_back(_words(sweep), Trust()).counts == {"new_person": 57, "sweep": 30}


def test_findings_come_with_the_most_telling_first():
    """Sweeps, bursts, crowds, new people; and within a kind who has the most words, then who came first."""
    raters = [*[0] * 40, *[1] * 30, *[2] * 10, *[3] * 10, 4, 5, 5]
    at = [*range(0, 40 * _HOUR, _HOUR), *[0] * 30, *range(0, 20 * _HOUR, _HOUR), 1, 2 * _HOUR, 3 * _HOUR]
    held = held_back(_words(raters, at=at), Trust())
    assert [(finding.kind, finding.subject) for finding in held.findings] == [
        ("sweep", _person(0)),
        ("burst", _person(1)),
        ("new_person", _person(5)),
        ("new_person", _person(4)),
    ]


def test_rules_can_be_switched_off():
    """0 is no rule; with all of them off nothing waits. No words are no error."""
    words = _words([*[0] * 90, 1, 2], at=[0] * 92)
    assert held_back(words, Trust()).counts != {}
    assert held_back(words, _OFF).counts == {}
    assert held_back(_words([]), Trust()).counts == {}


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 200_000)), max_size=60))
def test_bursts_and_findings_are_what_they_say(rows):
    """Against the rule written out: a word is of a burst exactly if some minute of that person holds enough with it; counts add up."""
    raters, liked, at = zip(*rows, strict=True) if rows else ((),) * 3
    held = held_back(_words(raters, liked or True, at), Trust(new_person=0, burst=4, sweep=0))
    for row, (rater, _, moment) in enumerate(rows):
        own = [other for who, _, other in rows if who == rater]
        burst = any(start <= moment <= start + 60_000 and sum(start <= each <= start + 60_000 for each in own) >= 4 for start in own)
        assert (held.reasons[row] == "burst") == burst
    assert sum(finding.detail["count"] for finding in held.findings) == held.rows.sum() == sum(held.counts.values())


def test_300_000_words_are_quick():
    """Also when 100,000 people come within one minute."""
    chance = np.random.default_rng(1)
    raters = np.concatenate([np.arange(100_000), chance.integers(100_000, 101_000, 200_000)])
    at = np.concatenate([chance.integers(0, 60_000, 100_000), chance.integers(10**6, 10**10, 200_000)])
    words = _words(raters, at=at)
    start = time.perf_counter()
    held = held_back(words, Trust())
    assert time.perf_counter() - start < 6
    assert held.counts == {"crowd": 100_000}


def test_replies_that_are_far_less_likely_than_most_are_surprising():
    """Only upwards, only beyond the limit; what is impossible to the base is flagged, and what is not known is not."""
    surprise = np.array([*np.linspace(2, 4, 41), 1000.0, -1000.0, np.nan, np.inf])
    assert np.flatnonzero(surprising(surprise, 8)).tolist() == [41, 44]
    near = np.array([*np.linspace(2, 4, 401), 3 + 0.5 * 7.9, 3 + 0.5 * 8.1])
    assert np.flatnonzero(surprising(near, 8)).tolist() == [402]


def test_surprise_needs_something_to_compare_with():
    """Fewer than 20 known replies, replies all alike, or a limit of 0: nothing is flagged."""
    few = np.array([*[1.0, 2.0, 3.0] * 6, 1000.0])
    assert not surprising(few, 8).any()
    assert surprising(np.append(few, 2.0), 8).sum() == 1
    assert not surprising(np.array([*[2.0] * 30, 2.1]), 8).any()
    assert not surprising(np.array([*np.linspace(2, 4, 41), 1000.0]), 0).any()
    assert not surprising(np.full(30, np.nan), 8).any()
    assert len(surprising(np.array([]), 8)) == 0
