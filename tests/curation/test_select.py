"""Harvesting rated exchanges and seeds."""

import pytest
from sqlalchemy import event

from service.curation.select import harvest, seed_samples
from service.db.engine import transaction
from service.db.tables import ExchangeState, Person, now
from service.personas.shelf import Message, Seed


def _harvest(records, persona="friend"):
    with records.reading() as session:
        return harvest(session, persona)


def _quarantine(records, person, lifted=False):
    with transaction(records.engine) as session:
        session.get_one(Person, person).quarantined_at = None if lifted else now()


def _labels(records):
    return [(sample.exchange_id, sample.completion, sample.label, sample.origin) for sample in _harvest(records)]


def test_a_thumb_becomes_a_sample_of_the_reply(records):
    """Up is liked, down is disliked, and what nobody rated is not there."""
    for name in ("e1", "e2", "e3"):
        records.exchange(name, reply=f"reply of {name}")
    records.rate("e2", "down")
    records.rate("e1", "up")

    assert _labels(records) == [("e1", "reply of e1", True, "rated"), ("e2", "reply of e2", False, "rated")]


def test_a_sample_holds_all_that_the_model_saw_and_where_it_came_from(records):
    """The prompt is the system prompt in force, the context, the message; the origin is named down to the person."""
    context = [{"role": "user", "content": "One."}, {"role": "assistant", "content": "Two."}]
    records.exchange("e1", "Three.", "Four.", context=context, conversation="c1", prompt="You are kind.")
    rating = records.rate("e1", "up", person="bob")

    (sample,) = _harvest(records)

    turns = (Message("system", "You are kind."), Message("user", "One."), Message("assistant", "Two."), Message("user", "Three."))
    assert turns == sample.prompt
    assert ("Four.", "e1", rating, "bob", "c1") == (
        sample.completion,
        sample.exchange_id,
        sample.rating_id,
        sample.person_id,
        sample.conversation_id,
    )


def test_each_exchange_is_trained_with_the_prompt_it_was_made_under(records):
    """When the owner rewrites the prompt, yesterday's exchanges keep yesterday's."""
    records.exchange("e1", prompt="Old.")
    records.exchange("e2", prompt="New.")
    for name in ("e1", "e2"):
        records.rate(name, "up")

    assert [sample.prompt[0].content for sample in _harvest(records)] == ["Old.", "New."]


def test_two_personas_that_share_a_prompt_both_find_it(records):
    """A fingerprint is stored once, under the persona that had it first; the other one's exchanges still have their prompt."""
    records.exchange("e1", persona="mentor", prompt="Be kind.")
    records.exchange("e2", persona="friend", prompt="Be kind.")
    records.rate("e2", "up")

    assert [sample.prompt[0].content for sample in _harvest(records)] == ["Be kind."]


def test_other_personas_are_left_alone(records):
    """Friend learns nothing from what was said to Mentor."""
    records.exchange("e1", persona="mentor")
    records.rate("e1", "up")

    assert _harvest(records) == []
    assert len(_harvest(records, "mentor")) == 1


@pytest.mark.parametrize("state", [state for state in ExchangeState if state is not ExchangeState.complete])
def test_half_a_reply_is_never_learned(records, state):
    """An exchange that did not complete is not harvested, however it was rated."""
    records.exchange("e1", state=state)
    records.rate("e1", "up")

    assert _harvest(records) == []


def test_the_last_word_of_a_person_wins(records):
    """An earlier thumb and its correction are forgotten when the thumb changes."""
    records.exchange("e1")
    records.rate("e1", "down", correction="Hey you!")
    records.rate("e1", "up")

    assert _labels(records) == [("e1", "Hi!", True, "rated")]


def test_a_withdrawn_word_is_no_word(records):
    """After the withdrawal nothing of the rating is left, not even the word before it; a new word counts again."""
    records.exchange("e1")
    records.rate("e1", "up")
    records.rate("e1", "withdrawn")

    assert _labels(records) == []

    records.rate("e1", "down")

    assert _labels(records) == [("e1", "Hi!", False, "rated")]


def test_a_withdrawal_silences_only_the_one_who_withdrew(records):
    """Another person's word on the same exchange stands."""
    records.exchange("e1")
    records.rate("e1", "up", person="ann")
    records.rate("e1", "down", person="bob")
    records.rate("e1", "withdrawn", person="ann")

    assert _labels(records) == [("e1", "Hi!", False, "rated")]


def test_the_majority_decides(records):
    """One exchange is one sample, whatever the number of people, with the label that most of them gave."""
    records.exchange("e1")
    for person, thumb in (("ann", "down"), ("bob", "up"), ("cat", "down")):
        records.rate("e1", thumb, person=person)

    assert _labels(records) == [("e1", "Hi!", False, "rated")]


def test_a_tie_is_dropped(records):
    """As many ups as downs teach nothing, and neither does a correction that came with one of them."""
    records.exchange("e1")
    records.rate("e1", "up", person="ann")
    records.rate("e1", "down", person="bob", correction="Hey!")

    assert _labels(records) == []


def test_a_correction_of_a_bad_reply_teaches_both(records):
    """Thumb down and a better reply: the reply is disliked, the correction liked, and both name the rating."""
    records.exchange("e1")
    rating = records.rate("e1", "down", correction="Hey you!")

    assert _labels(records) == [("e1", "Hi!", False, "rated"), ("e1", "Hey you!", True, "corrected")]
    assert [rating, rating] == [sample.rating_id for sample in _harvest(records)]


def test_a_correction_of_a_good_reply_teaches_both(records):
    """Thumb up and an even better reply: both are liked."""
    records.exchange("e1")
    records.rate("e1", "up", correction="Hey you!")

    assert _labels(records) == [("e1", "Hi!", True, "rated"), ("e1", "Hey you!", True, "corrected")]


def test_corrections_count_from_the_majority_only(records):
    """Each of the majority has a correction of their own; the outvoted one does not speak for the persona."""
    records.exchange("e1")
    records.rate("e1", "down", person="ann", correction="Hey Ann!")
    records.rate("e1", "up", person="bob", correction="Buy this!")
    records.rate("e1", "down", person="cat", correction="Hey Cat!")

    found = [(sample.completion, sample.person_id) for sample in _harvest(records)]

    assert found == [("Hi!", "ann"), ("Hey Ann!", "ann"), ("Hey Cat!", "cat")]


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_correction_is_none(records, blank):
    """A form that was sent with an empty field corrects nothing."""
    records.exchange("e1")
    records.rate("e1", "up", correction=blank)

    assert _labels(records) == [("e1", "Hi!", True, "rated")]


def test_a_quarantined_person_has_no_word(records):
    """Their thumbs and corrections count for nothing, as if they had not rated; the word of others stands."""
    records.exchange("e1")
    records.exchange("e2")
    for name in ("e1", "e2"):
        records.rate(name, "up", person="mallory", correction="Buy this!")
    records.rate("e2", "down", person="ann")
    _quarantine(records, "mallory")

    assert _labels(records) == [("e2", "Hi!", False, "rated")]


def test_nothing_is_learned_from_what_a_quarantined_person_said(records):
    """Their own exchanges are left out, whoever rated them, until the quarantine is lifted."""
    records.exchange("e1")
    records.rate("e1", "up", person="ann")
    _quarantine(records, "owner of friend")

    assert _labels(records) == []

    _quarantine(records, "owner of friend", lifted=True)

    assert _labels(records) == [("e1", "Hi!", True, "rated")]


def test_the_order_is_that_of_the_exchanges(records):
    """However late a rating comes, the samples lie in the order of their exchanges: the same night gives the same file."""
    for name in ("e3", "e1", "e2"):
        records.exchange(name)
    for name in ("e2", "e3", "e1"):
        records.rate(name, "up")

    assert [sample.exchange_id for sample in _harvest(records)] == ["e1", "e2", "e3"]


def test_the_opening_is_the_conversations_first_message(records):
    """Also where nobody rated it, it failed, or the memory cut it from the context."""
    records.exchange("e1", "Good morning.", conversation="c1", state=ExchangeState.failed)
    records.exchange("e2", "And now?", conversation="c1", context=[{"role": "assistant", "content": "Later."}])
    records.rate("e2", "up")

    assert [sample.opening for sample in _harvest(records)] == ["Good morning."]


def test_the_opening_of_an_imported_history_is_in_the_context(records):
    """A client that brings its own history has opened the conversation with the first thing the user says there."""
    context = [
        {"role": "assistant", "content": "What's up?"},
        {"role": "user", "content": "Not much."},
        {"role": "assistant", "content": "Oh."},
    ]
    records.exchange("e1", "Yes.", context=context)
    records.rate("e1", "up")

    assert [sample.opening for sample in _harvest(records)] == ["Not much."]


def test_the_number_of_queries_does_not_grow(records):
    """Three queries for three exchanges, three for sixty."""
    asked = []
    event.listen(records.engine, "before_cursor_execute", lambda *about: asked.append(about[2]))
    counts = []
    for number in range(60):
        records.exchange(f"e{number:02}", prompt=f"prompt {number % 7}")
        records.rate(f"e{number:02}", "up")
        if number in (2, 59):
            asked.clear()
            _harvest(records)
            counts.append(len([statement for statement in asked if statement.startswith("SELECT")]))

    assert counts == [3, 3]


def test_a_seed_is_one_liked_sample_of_its_last_reply():
    """The turns before the last reply are the prompt; the system prompt comes first; no exchange and no conversation is named."""
    turns = [Message("user", "One."), Message("assistant", "Two."), Message("user", "Three."), Message("assistant", "Four.")]

    (sample,) = seed_samples([Seed(turns)], "You are kind.")

    assert (Message("system", "You are kind."), *turns[:3]) == sample.prompt
    assert (
        sample.completion,
        sample.label,
        sample.origin,
        sample.exchange_id,
        sample.conversation_id,
    ) == ("Four.", True, "seed", None, None)
