"""Composing samples and pairs from the rows that were chosen."""

from collections import Counter

import pytest

from service.curation.compose import Style, compose, fit, pairs_of
from service.curation.gather import gather
from service.curation.redaction.redactor import Redactor
from service.curation.sample import Sample
from service.personas.persona import Trust
from service.personas.shelf import Message

EVERYBODY = Trust(new_person=0, burst=0, sweep=0)
REDACTOR = Redactor()


def style(system_prompt="in_force", tokens=1_000):
    """A token is a word here."""
    return Style(system_prompt, "You are Friend of today.", "my friend", tokens, lambda message: len(message.content.split()))


def composed(records, **how):
    """Everything that the database has, as samples and pairs."""
    pool, _, _ = gather(records.engine, "friend", EVERYBODY, lambda message: False, Counter(), lambda *told: None)
    found = compose(records.engine, pool, style(**how), REDACTOR)
    return found, pairs_of(found.samples, found.rows, pool)


def samples(records, **how):
    return composed(records, **how)[0].samples


def test_a_sample_holds_all_that_the_model_saw_and_where_it_came_from(records):
    """The prompt is the system prompt in force, the context, the message; the origin is named down to the person."""
    context = [{"role": "user", "content": "One."}, {"role": "assistant", "content": "Two."}]
    records.exchange("e1", "Three.", "Four.", context=context, conversation="c1", prompt="You are kind.")
    rating = records.rate("e1", "up", person="bob")
    (sample,) = samples(records)
    turns = (Message("system", "You are kind."), Message("user", "One."), Message("assistant", "Two."), Message("user", "Three."))
    assert sample == Sample(
        prompt=turns,
        completion="Four.",
        label=True,
        origin="rated",
        exchange_id="e1",
        rating_id=rating,
        person_id="bob",
        conversation_id="c1",
        opening="One.",
    )


@pytest.mark.parametrize(("system_prompt", "told"), [("in_force", ["Old."]), ("current", ["You are Friend of today."]), ("none", [])])
def test_the_system_prompt_is_the_one_the_persona_asks_for(records, system_prompt, told):
    """That of the time, that of today, or none at all."""
    records.exchange("e1", prompt="Old.")
    records.rate("e1", "up")
    (sample,) = samples(records, system_prompt=system_prompt)
    assert [message.content for message in sample.prompt if message.role == "system"] == told


def test_two_personas_that_share_a_prompt_both_find_it(records):
    """A fingerprint is stored once, under the persona that had it first; the other one's exchanges still have their prompt."""
    records.exchange("e1", persona="mentor", prompt="Be kind.")
    records.exchange("e2", persona="friend", prompt="Be kind.")
    records.rate("e2", "up")
    assert [sample.prompt[0].content for sample in samples(records)] == ["Be kind."]


def test_a_correction_is_a_liked_sample_and_a_pair(records):
    """The reply is disliked, the correction liked, and the correction is better than the reply."""
    records.exchange("e1", "Hello.", "Hi!")
    records.rate("e1", "down", correction="Hey you!")
    found, (pair,) = composed(records)
    assert [(sample.completion, sample.label, sample.origin) for sample in found.samples] == [
        ("Hi!", False, "rated"),
        ("Hey you!", True, "corrected"),
    ]
    assert (pair.chosen, pair.rejected, pair.origin, pair.exchange_id, pair.other_id) == ("Hey you!", "Hi!", "corrected", "e1", "e1")


def test_a_liked_variant_is_better_than_a_disliked_one_of_the_same_context(records):
    """Matched one to one; a liked reply to another message is no variant."""
    for name, message, thumb in (("e1", "Hello.", "down"), ("e2", "hello. ", "up"), ("e3", "Hello.", "up"), ("e4", "Bye.", "up")):
        records.exchange(name, message, f"reply {name}")
        records.rate(name, thumb)
    _, pairs = composed(records)
    assert [(pair.chosen, pair.rejected, pair.origin, pair.exchange_id, pair.other_id) for pair in pairs] == [
        ("reply e2", "reply e1", "preferred", "e2", "e1")
    ]


def test_the_opening_is_the_conversations_first_message(records):
    """Also where nobody rated it, it failed, or the memory cut it from the context."""
    records.exchange("e1", "Good morning.", conversation="c1")
    records.exchange("e2", "And now?", conversation="c1", context=[{"role": "assistant", "content": "Later."}])
    records.rate("e2", "up")
    assert [sample.opening for sample in samples(records)] == ["Good morning."]


def test_the_opening_of_a_brought_history_is_in_the_context(records):
    """A client that brings its own history has opened the conversation with the first thing the user says there."""
    context = [{"role": "assistant", "content": "What's up?"}, {"role": "user", "content": "Not much."}]
    records.exchange("e1", "Yes.", context=context)
    records.rate("e1", "up")
    assert [sample.opening for sample in samples(records)] == ["Not much."]


def test_personal_data_never_reaches_a_sample(records):
    """Of the message, the reply, the context, the system prompt and the correction; names by what the persona says to anybody."""
    context = [{"role": "user", "content": "My name is Oluwaseun."}, {"role": "assistant", "content": "Hi Oluwaseun!"}]
    records.exchange("e1", "Write to ann@example.org.", "I will, Oluwaseun.", context=context, prompt="You talk with Oluwaseun, a friend.")
    records.rate("e1", "down", correction="Call +44 20 7946 0958.")
    found, _ = composed(records)
    text = repr(found.samples)
    for private in ("Oluwaseun", "ann@example.org", "7946"):
        assert private not in text
    assert "Hi my friend!" in text
    assert found.redacted["email"] == 2
    assert found.redacted["phone"] == 1


def test_the_name_an_app_gave_is_personal_too(records):
    """The account's name is replaced where the persona used it."""
    records.exchange("e1", "Hello.", "Hi Wilhelmina, how are you?")
    records.rate("e1", "up")
    records.rename("owner of friend", "Wilhelmina")
    assert [sample.completion for sample in samples(records)] == ["Hi my friend, how are you?"]


def test_the_characters_of_an_imported_script_keep_their_names(records):
    """Where people are characters their names are part of the text."""
    records.person("script", "import:i1")
    records.import_("i1")
    records.exchange("e1", "My name is Cordelia.", "Welcome, Cordelia.", person="script")
    records.rate("e1", "up", person="script")
    (sample,) = samples(records)
    assert (sample.prompt[-1].content, sample.completion, sample.origin, sample.import_id) == (
        "My name is Cordelia.",
        "Welcome, Cordelia.",
        "imported",
        "i1",
    )


def _long(*turns, system="s s"):
    roles = ("user", "assistant") * len(turns)
    prompt = (Message("system", system), *(Message(role, text) for role, text in zip(roles, turns, strict=False)))
    return Sample(prompt=prompt, completion="d d", label=True, origin="rated")


@pytest.mark.parametrize(("tokens", "left"), [(20, ["a a a", "b b b", "c c"]), (10, ["c c"]), (6, ["c c"]), (5, None)])
def test_a_prompt_is_cut_from_the_front_by_whole_exchanges(tokens, left):
    """To the budget exactly; the system message, the last message and the reply stay, and what is too long even then is left out."""
    fitted = fit(_long("a a a", "b b b", "c c"), style(tokens=tokens))
    assert (None if fitted is None else [message.content for message in fitted.prompt[1:]]) == left


def test_what_is_too_long_is_counted(records):
    """A message that alone is over the budget leaves no sample, and the count says so."""
    records.exchange("e1", "word " * 50, "Hi!")
    records.rate("e1", "up")
    found, _ = composed(records, tokens=20)
    assert (found.samples, found.left_out) == ([], {"too_long": 1})


def test_rows_name_the_place_in_the_pool(records):
    """Also when some were left out."""
    for number in range(5):
        records.exchange(f"e{number}", "word " * (50 if number == 2 else 1))
        records.rate(f"e{number}", "up")
    found, _ = composed(records, tokens=20)
    assert found.rows == [0, 1, 3, 4]
