"""The split into train and holdout."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.split import split_samples
from service.personas.shelf import Message


def _sides(samples, **how):
    train, holdout = split_samples(samples, **how)
    return {sample.exchange_id for sample in train}, {sample.exchange_id for sample in holdout}


def _openings(make_sample, held_out, count=1):
    """Messages that are held out, or that are not, when they stand alone."""
    found = [f"Message {number}." for number in range(100)]
    return [text for text in found if bool(split_samples([make_sample(text)])[1]) == held_out][:count]


def test_one_prompt_is_never_on_both_sides(make_sample):
    """Forty prompts, each asked six times in six conversations with small differences in writing: each lies on one side, whole."""
    samples = [
        make_sample(
            f"{' ' * time}TELL me {number}." if time % 2 else f"Tell me {number}.", f"reply {time}", conversation_id=f"c{number}-{time}"
        )
        for number in range(40)
        for time in range(6)
    ]

    train, holdout = split_samples(samples)

    asked = [{sample.prompt[1].content.strip().lower() for sample in side} for side in (train, holdout)]
    assert not asked[0] & asked[1]
    assert len(train) + len(holdout) == 240
    assert all(asked)


def test_one_conversation_is_never_on_both_sides(make_sample):
    """Exchanges of a conversation stay together, also where the context was cut and no opening is known."""
    samples = [make_sample(f"Message {number}.", conversation_id=f"c{number // 5}", exchange_id=str(number)) for number in range(100)]

    train, holdout = split_samples(samples)

    assert not {sample.conversation_id for sample in train} & {sample.conversation_id for sample in holdout}


def test_the_opening_of_the_conversation_counts_not_what_is_left_of_it(make_sample):
    """Two long conversations that began alike lie on one side, whatever their cut contexts begin with."""
    (out,) = _openings(make_sample, True)
    inside = _openings(make_sample, False, 2)
    samples = [make_sample(text, opening=out, conversation_id=text, exchange_id=text) for text in inside]

    assert (set(), set(inside)) == _sides(samples)


def test_a_side_does_not_depend_on_the_others(make_sample):
    """What comes before, after or between decides nothing: the sides are the same in any order and any company."""
    samples = [make_sample(f"Message {number}.", exchange_id=str(number)) for number in range(60)]
    _, holdout = _sides(samples)
    shuffled = random.Random(1).sample(samples, 60)

    assert holdout == _sides(shuffled)[1]
    assert holdout & {str(number) for number in range(30)} == _sides(samples[:30])[1]


def test_the_order_is_kept(make_sample):
    """Train and holdout lie in the order they came in."""
    samples = [make_sample(f"Message {number}.", exchange_id=f"{number:03}") for number in range(60)]

    for side in split_samples(samples):
        names = [sample.exchange_id for sample in side]
        assert sorted(names) == names


def test_the_share_is_about_what_was_asked_for(make_sample):
    """Of 2,000 prompts about a fifth is held out by default, about half when asked, none for 0 and all for 1."""
    samples = [make_sample(f"Message {number}.", exchange_id=str(number)) for number in range(2000)]

    assert 330 <= len(split_samples(samples)[1]) <= 470
    assert 900 <= len(split_samples(samples, 0.5)[1]) <= 1100
    assert len(split_samples(samples, 0.0)[1]) == 0
    assert len(split_samples(samples, 1.0)[1]) == 2000


def test_seeds_are_trained_on_and_so_is_what_they_ask(make_sample):
    """A seed's opening is known to the model: rated replies to it cannot judge a candidate."""
    (out,) = _openings(make_sample, True)
    seed = make_sample(out, "The owner's reply.", origin="seed")
    rated = make_sample(out.upper(), "A rated reply.", conversation_id="c1")

    assert ([seed, rated], []) == split_samples([seed, rated])


def test_a_bridge_moves_rows_into_the_holdout_never_out(make_sample):
    """A conversation that joins a trained-on and a held-out group makes both held out."""
    for inside in _openings(make_sample, False, 5):
        for out in _openings(make_sample, True, 5):
            before = [make_sample(inside, exchange_id="in"), make_sample(out, exchange_id="out")]
            bridge = [make_sample(text, "Yes.", conversation_id="bridge", exchange_id=f"bridge {text}") for text in (inside, out)]

            assert _sides(before) == ({"in"}, {"out"})
            assert _sides(before + bridge)[0] == set()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), max_size=30), st.integers(0, 30))
def test_a_row_once_held_out_is_never_trained_on(make_sample, pairs, night):
    """Whatever is rated later, and however it joins what was there."""
    samples = [make_sample(f"Message {ask}.", conversation_id=f"c{thread}", exchange_id=str(n)) for n, (ask, thread) in enumerate(pairs)]

    earlier = _sides(samples[:night])[1]

    assert not earlier & _sides(samples)[0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), max_size=30), st.data())
def test_what_was_held_out_stays_out_when_others_go(make_sample, pairs, data):
    """Also when ratings are withdrawn, the share shrinks, or a seed is written for a held-out opening; the seed itself is trained on."""
    samples = [make_sample(f"Message {ask}.", conversation_id=f"c{thread}", exchange_id=str(n)) for n, (ask, thread) in enumerate(pairs)]
    earlier = _sides(samples)[1]
    left = [sample for sample in samples if data.draw(st.booleans())]
    seed = make_sample(f"Message {data.draw(st.integers(0, 12))}.", "The owner's reply.", origin="seed", exchange_id="seed")

    train, _ = _sides([seed, *left], holdout_share=0.1, held_out=earlier)

    assert not earlier & train
    assert "seed" in train


def test_a_held_out_exchange_keeps_its_whole_group_out(make_sample):
    """New replies to a prompt that was held out are held out with it."""
    (inside,) = _openings(make_sample, False)
    samples = [make_sample(inside, exchange_id="old"), make_sample(inside, "New.", exchange_id="new", conversation_id="c2")]

    assert (set(), {"old", "new"}) == _sides(samples, held_out={"old"})


def test_conversations_that_no_user_opened_are_told_apart(make_sample):
    """Samples without any user message are not one big group: some are trained on, some held out, each conversation whole."""
    samples = [
        make_sample("", f"Reply {number}.", conversation_id=f"c{number // 2}" if number < 60 else None, exchange_id=str(number))
        for number in range(120)
    ]

    train, holdout = split_samples(samples)

    assert train and holdout
    assert not {sample.conversation_id for sample in train} & {sample.conversation_id for sample in holdout} - {None}


def test_hostile_openings_are_openings_too(make_sample):
    """Lone surrogates and a megabyte of text have a side like any other."""
    samples = [make_sample("\ud800"), make_sample("x" * 1_000_000), make_sample("<|end|>\u2028\x00")]

    assert sum(map(len, split_samples(samples))) == 3


def test_the_context_before_a_users_first_message_is_no_opening(make_sample):
    """A greeting by the persona is not what conversations are grouped by."""
    (inside,), (out,) = _openings(make_sample, False), _openings(make_sample, True)
    greeted = make_sample()
    samples = [
        type(greeted)(
            prompt=(Message("system", "s"), Message("assistant", "What's up?"), Message("user", text)),
            completion="Hi!",
            label=True,
            origin="rated",
            exchange_id=text,
        )
        for text in (inside, out)
    ]

    assert ({inside}, {out}) == _sides(samples)
