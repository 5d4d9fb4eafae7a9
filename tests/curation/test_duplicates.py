"""Duplicates, contradictions and empty replies."""

from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.duplicates import drop_duplicates
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
