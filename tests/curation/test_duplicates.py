"""Duplicates, contradictions and empty replies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.duplicates import drop_duplicates, settle
from service.curation.sample import Sample
from service.personas.shelf import Message


def test_the_first_of_equals_stays(make_sample):
    """Same prompt and reply but for case, width and white space: one sample, the earliest."""
    samples = [
        make_sample("Hello.", "Hi there!", exchange_id="e1"),
        make_sample("hello. ", "Hi  there!", exchange_id="e2"),
        make_sample("Hello.", "ＨＩ there!\u2028", exchange_id="e3"),
    ]

    assert ([samples[0]], {"duplicate": 2}) == drop_duplicates(samples)


def test_what_differs_stays_in_its_order(make_sample):
    """Another message, reply, role or system prompt makes another sample."""
    samples = [
        make_sample("Hello.", "Hi!"),
        make_sample("Hello?", "Hi!"),
        make_sample("Hello.", "Hi."),
        make_sample("Hello.", "Hi!", system="You are Mentor."),
        Sample(prompt=(Message("user", "You are Friend."), Message("user", "Hello.")), completion="Hi!", label=True, origin="rated"),
    ]

    assert (samples, {}) == drop_duplicates(samples)


def test_one_message_cannot_pose_as_two(make_sample):
    """Text that imitates the seam between messages is still text of one message."""
    two = Sample(prompt=(Message("user", "a"), Message("user", "b")), completion="c", label=True, origin="rated")
    for forged in ("auserb", "a user b", "a user 1 b", "auser 1 b", "a\x00b", "a\x00user\x00b"):
        one = Sample(prompt=(Message("user", forged),), completion="c", label=True, origin="rated")
        assert [two, one] == drop_duplicates([two, one])[0]


def test_the_majority_settles_a_contradiction(make_sample):
    """Liked twice and disliked once: the first liked one stays, and each drop has its reason."""
    samples = [make_sample(label=False), make_sample(exchange_id="e2"), make_sample(exchange_id="e3")]

    assert ([samples[1]], {"duplicate": 1, "contradiction": 1}) == drop_duplicates(samples)


def test_settling_a_contradiction_keeps_the_order(make_sample):
    """The sample that wins stays where it stood, not where its opponent did."""
    samples = [make_sample(label=False), make_sample("Bye.", "Bye!"), make_sample(exchange_id="e2"), make_sample(exchange_id="e3")]

    assert drop_duplicates(samples)[0] == [samples[1], samples[2]]


def test_the_majority_may_dislike(make_sample):
    """A disliked majority outweighs a liked one just as well."""
    samples = [make_sample(label=True), make_sample(label=False, exchange_id="e2"), make_sample(label=False, exchange_id="e3")]

    assert ([samples[1]], {"duplicate": 1, "contradiction": 1}) == drop_duplicates(samples)


def test_a_tied_contradiction_drops_all(make_sample):
    """As often liked as disliked: nothing of it is learned."""
    samples = [make_sample(label=True), make_sample(label=False), make_sample("Bye.", "Bye!")]

    assert ([samples[2]], {"contradiction": 2}) == drop_duplicates(samples)


def test_an_empty_reply_is_no_sample(make_sample):
    """Nothing, or nothing but white space, can be neither liked nor disliked."""
    assert drop_duplicates([make_sample(completion=text) for text in ("", " \n", "\u3000")]) == ([], {"empty": 3})


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "A ", "b", ""]), st.sampled_from(["x", "X", "y", " ", "\ud800"]), st.booleans())))
def test_every_sample_stays_or_is_counted(words):
    """Nothing vanishes: what stays and what was dropped add up, and dropping again drops nothing."""
    samples = [Sample(prompt=(Message("user", ask),), completion=reply, label=label, origin="rated") for ask, reply, label in words]

    stay, drops = drop_duplicates(samples)

    assert len(samples) == len(stay) + sum(drops.values())
    assert (stay, {}) == drop_duplicates(stay)


def _settled(rows: str) -> tuple[str, dict[str, int]]:
    """Settle rows written as `A` (said A, liked) or `a` (said A, disliked)."""
    same = np.array([ord(row.upper()) for row in rows], np.uint64)
    keep, drops = settle(same, np.array([row.isupper() for row in rows], np.bool_))
    return "".join(row for row, stays in zip(rows, keep, strict=True) if stays), drops


@pytest.mark.parametrize(
    ("rows", "stay", "drops"),
    [
        ("", "", {}),
        ("ABcd", "ABcd", {}),
        ("AAA", "A", {"duplicate": 2}),
        ("aAA", "A", {"duplicate": 1, "contradiction": 1}),
        ("Aaa", "a", {"duplicate": 1, "contradiction": 1}),
        ("AaB", "B", {"contradiction": 2}),
        ("AaAaBb", "", {"contradiction": 6}),
        ("aBAcA", "BAc", {"duplicate": 1, "contradiction": 1}),
    ],
)
def test_columns_are_settled_by_majority(rows, stay, drops):
    """Of rows that say the same the first of the larger side stays where it stood; of a tie none."""
    assert _settled(rows) == (stay, drops)


def test_the_first_row_is_the_one_that_stays():
    """Not a later one: who repeats what another one wrote takes nobody's place."""
    keep, _ = settle(np.array([7, 7, 5, 7, 5], np.uint64), np.array([False, True, True, True, True]))
    assert keep.tolist() == [False, True, True, False, False]


@given(st.text("abcABC", max_size=40))
def test_columns_and_samples_are_settled_alike(rows):
    """Every row stays or is counted, settling again drops nothing, and samples of the same words are settled the same way."""
    stay, drops = _settled(rows)
    assert len(rows) == len(stay) + sum(drops.values())
    assert _settled(stay) == (stay, {})
    samples = [Sample(prompt=(Message("user", row.upper()),), completion="x", label=row.isupper(), origin="rated") for row in rows]
    kept, dropped = drop_duplicates(samples)
    assert ("".join(sample.prompt[0].content if sample.label else sample.prompt[0].content.lower() for sample in kept), dropped) == (
        stay,
        drops,
    )
