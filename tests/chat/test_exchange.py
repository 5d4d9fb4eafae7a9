"""Exchanges in the database: opened with all that made them, found again by their words, closed once."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session, col, select

from service.chat.exchange import (
    Asked,
    Ending,
    Opened,
    close_exchange,
    close_interrupted,
    find_person,
    get_exchange,
    open_in_conversation,
    open_stateless,
    open_variant,
    save_progress,
)
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Version
from service.errors import Conflict, NotFound
from service.personas.persona import Persona, fingerprint
from service.providers.base import Turn
from service.registry import promote
from tests.fakes.house import House

MakePersona = Callable[..., Persona]


def test_an_open_exchange_holds_all_that_will_make_its_reply(house: House) -> None:
    """State, message, context, version, prompt, fingerprint and boot are durable before anybody is asked for a reply."""
    opened = house.open("So?", "Hi", "Hello.")
    kept = house.exchange(opened.id)
    prompt = "You are Friend and talk with someone."
    assert (kept.state, kept.message, kept.reply, kept.boot, kept.ended_at) == (ExchangeState.open, "So?", "", "b1", None)
    assert kept.context == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    assert kept.fingerprint == fingerprint(prompt)
    assert house.ask(lambda session: session.get_one(Prompt, kept.fingerprint).text) == opened.prompt == prompt
    assert house.ask(lambda session: session.get_one(Version, kept.version_id).number) == 0
    assert opened.history == [Turn("user", "Hi"), Turn("assistant", "Hello.")]


def test_a_person_is_made_once(house: House) -> None:
    """Whoever was seen before is the same person; the first name stays."""
    first = house.do(find_person, "key:1:ann", "Ann")
    again = house.do(find_person, "key:1:ann", "Anna")
    assert (first.id, again.name) == (again.id, "Ann")
    assert house.do(find_person, "key:2:ann").id != first.id


def test_the_prompt_names_the_person_and_the_apps_words_are_kept_apart(house: House) -> None:
    """A known name is rendered into the prompt. An app's own system text stands behind it, and is kept under a fingerprint of its own."""
    ann = house.do(find_person, "ann", "Ann").id

    def open_with(added: str) -> Opened:
        def work(session: Session) -> Opened:
            conversation = Conversation(persona="friend", person_id=ann)
            session.add(conversation)
            session.flush()
            return open_in_conversation(session, Asked(house.persona, "champion", "Hi", "b1", added), conversation)

        opened: Opened = house.do(work)
        return opened

    plain, added = open_with(""), open_with("Answer in French.")
    texts = house.ask(lambda session: dict(session.exec(select(Prompt.fingerprint, Prompt.text)).all()))
    first, second = house.exchange(plain.id), house.exchange(added.id)
    assert texts[first.fingerprint] == texts[second.fingerprint] == plain.prompt == added.prompt == "You are Friend and talk with Ann."
    assert plain.view and added.view
    assert (plain.view.system, first.additions) == (plain.prompt, None)
    assert added.view.system == "You are Friend and talk with Ann.\n\nAnswer in French."
    assert second.additions == {"app": fingerprint("Answer in French.")}
    assert texts[second.additions["app"]] == "Answer in French."


def test_a_version_that_was_asked_for_by_name_is_recorded(house: House) -> None:
    """Beside what else was shown; whoever names no version has none recorded."""

    def opened(pinned: bool, added: str = "") -> Any:
        asked = Asked(house.persona, "v0", "Hi", "b1", added, pinned=pinned)
        it = house.do(lambda session: open_stateless(session, asked, [], find_person(session, "ann").id, None))
        return house.exchange(it.id).additions

    assert opened(False) is None
    assert opened(True) == {"pinned": "v0"}
    assert opened(True, "Answer in French.") == {"app": fingerprint("Answer in French."), "pinned": "v0"}


def test_a_stateless_thread_stays_one_conversation(house: House) -> None:
    """A client that sends the reply back in its history goes on in the same conversation, exchange after exchange."""
    history: list[str] = []
    last = None
    for number in range(4):
        said = house.said(f"Message {number}", *history, reply=f"Reply {number}")
        assert last is None or (said.conversation_id, said.previous_id) == (last.conversation_id, last.id)
        history += [f"Message {number}", f"Reply {number}"]
        last = said


def test_a_thread_outgrows_the_memory_and_stays_one_conversation(house: House, persona: MakePersona) -> None:
    """A history longer than the model is shown still finds its conversation: the thread is the whole history, not the trimmed one."""
    small = persona("friend", memory=40)
    history: list[str] = []
    conversations = set()
    for number in range(6):
        said = house.said(f"Message {number}", *history, reply=f"Reply {number}", persona=small)
        conversations.add(said.conversation_id)
        history += [f"Message {number}", f"Reply {number}"]
    assert len(conversations) == 1
    assert 0 < len(said.context) < len(history) - 2


@pytest.mark.parametrize(
    "difference",
    [
        {"person": "ben"},
        {"persona_name": "mentor"},
        {"history": ("Hi", "Hello!")},
        {"history": ("Hi ", "Hello.")},
        {"history": ("Hi",)},
        {"history": ("Hello.", "Hi")},
        {"history": ("HiHello.", "")},
        {"history": ()},
    ],
)
def test_other_words_another_person_or_persona_is_another_conversation(
    house: House, persona: MakePersona, difference: dict[str, Any]
) -> None:
    """Only the same words of the same person with the same persona find a conversation; nobody lands in somebody else's."""
    first = house.said("Hi")
    history = difference.get("history", ("Hi", "Hello."))
    who = persona(difference.get("persona_name", "friend"))
    other = house.exchange(house.open("So?", *history, person=difference.get("person", "ann"), persona=who).id)
    assert other.conversation_id != first.conversation_id
    assert other.previous_id is None


@pytest.mark.parametrize("state", [ExchangeState.failed, ExchangeState.cancelled, ExchangeState.interrupted])
def test_only_a_whole_reply_carries_a_thread_on(house: House, state: ExchangeState) -> None:
    """A reply that broke off is no thread to go on with, nor is a reply still being written."""
    broken = house.open("Hi")
    assert house.exchange(house.open("So?", "Hi").id).conversation_id != broken.conversation_id
    house.close(broken, "Hel", state)
    assert house.exchange(broken.id).thread is None
    assert house.exchange(house.open("So?", "Hi", "Hel").id).conversation_id != broken.conversation_id


def test_the_newest_of_two_equal_threads_goes_on(house: House) -> None:
    """Somebody who says the same twice, and hears the same, goes on with the later conversation."""
    first, second = house.said("Hi"), house.said("Hi")
    assert first.conversation_id != second.conversation_id
    assert house.exchange(house.open("So?", "Hi", "Hello.").id).previous_id == second.id


def test_closing_writes_how_it_ended_once(house: House) -> None:
    """Reply, state, reasons and counts are written once; a second closing, and progress that comes late, change nothing."""
    opened = house.open()
    house.do(save_progress, {opened.id: "Hel"})
    assert (house.exchange(opened.id).reply, house.exchange(opened.id).state) == ("Hel", ExchangeState.open)
    ending = Ending(ExchangeState.complete, "Hello.", "stop", None, "test", "model", 7, 2)
    house.do(close_exchange, opened.id, ending)
    house.do(close_exchange, opened.id, Ending(ExchangeState.failed, "", error="late"))
    house.do(save_progress, {opened.id: "late"})
    kept = house.exchange(opened.id)
    assert Ending(*(getattr(kept, name) for name in Ending._fields)) == ending
    assert kept.ended_at is not None and kept.ended_at >= kept.created_at


def test_a_new_start_interrupts_what_an_earlier_life_left_open(house: House) -> None:
    """Open exchanges of other boots become interrupted and keep their text; this boot's and the closed ones stay as they are."""
    left, mine, done = house.open(boot="b1"), house.open(boot="b2"), house.said("Hi", boot="b1")
    house.do(save_progress, {left.id: "Hello, I w"})
    assert house.do(close_interrupted, "b2") == 1
    kept = house.exchange(left.id)
    assert (kept.state, kept.reply, kept.error) == (ExchangeState.interrupted, "Hello, I w", "service_stopped")
    assert kept.ended_at is not None
    assert house.exchange(mine.id).state == ExchangeState.open
    assert house.exchange(done.id).state == ExchangeState.complete
    assert house.do(close_interrupted, "b2") == 0


def test_variants_share_what_came_before(house: House) -> None:
    """Another reply to the same message has the same previous exchange, context and conversation, and the message again."""
    first = house.said("Hi")
    second = house.said("So?", "Hi", "Hello.", reply="Well.")
    variant = house.exchange(house.do(open_variant, second.id, house.persona, "b1").id)
    again = house.exchange(house.do(open_variant, f"chatcmpl-{second.id}", house.persona, "b1").id)
    for each in (variant, again):
        assert (each.previous_id, each.conversation_id, each.message) == (first.id, first.conversation_id, "So?")
        assert (each.context, each.state, each.reply) == (second.context, ExchangeState.open, "")
    assert len({second.id, variant.id, again.id}) == 3


def test_no_variant_of_a_reply_being_written(house: House) -> None:
    """While the first reply is open there is nothing to vary yet."""
    with pytest.raises(Conflict) as raised:
        house.do(open_variant, house.open().id, house.persona, "b1")
    assert raised.value.code == "exchange_open"


def test_a_conversation_goes_on_from_its_newest_reply(house: House) -> None:
    """On `/api` the history is ours: the chain of the newest reply, failed ones without a word left out, a variant in the first's place."""
    first = house.said("Hi")
    second = house.said("So?", "Hi", "Hello.", reply="Well.")
    variant = house.do(open_variant, second.id, house.persona, "b1")
    house.close(variant, "Oh well.")
    empty = house.do(open_variant, second.id, house.persona, "b1")
    house.close(empty, "", ExchangeState.failed)

    def go_on(session: Session) -> Opened:
        conversation = session.get_one(Conversation, first.conversation_id)
        return open_in_conversation(session, Asked(house.persona, "champion", "Yes", "b1"), conversation)

    opened = house.do(go_on)
    assert [turn.content for turn in opened.history] == ["Hi", "Hello.", "So?", "Oh well."]
    assert house.exchange(opened.id).previous_id == variant.id
    beside = house.do(go_on)  # The one before is still being written: the two stand side by side.
    assert house.exchange(beside.id).previous_id == variant.id


def test_a_chosen_variant_is_what_the_conversation_goes_on_from(house: House) -> None:
    """Told which exchange comes before, the conversation goes on from that one and not from the newest."""
    first = house.said("Hi")
    variant = house.do(open_variant, first.id, house.persona, "b1")
    house.close(variant, "Good day.")

    def go_on(session: Session) -> Opened:
        conversation = session.get_one(Conversation, first.conversation_id)
        return open_in_conversation(session, Asked(house.persona, "champion", "Yes", "b1"), conversation, first.id)

    assert [turn.content for turn in house.do(go_on).history] == ["Hi", "Hello."]


def test_the_context_is_trimmed_to_the_memory(house: House, persona: MakePersona) -> None:
    """What is kept as context is what the model sees: the newest whole exchanges that fit."""
    opened = house.open("So?", "a" * 100, "b" * 100, "Hi", "Hello.", persona=persona("friend", memory=40))
    assert house.exchange(opened.id).context == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]


def test_the_version_asked_for_is_the_version_stamped(house: House) -> None:
    """The champion of the moment answers unless a version is named; one that does not exist is not found, and nothing is opened."""
    house.open()

    def crown(session: Session) -> str:
        version = Version(persona="friend", number=1, provider="local", model="v1")
        session.add(version)
        session.flush()
        return promote(session, version, "better").id

    crowned = house.do(crown)
    assert house.exchange(house.open().id).version_id == crowned

    def open_as(session: Session, which: str) -> Opened:
        conversation = Conversation(persona="friend", person_id=find_person(session, "ann").id)
        session.add(conversation)
        session.flush()
        return open_in_conversation(session, Asked(house.persona, which, "Hi", "b1"), conversation)

    assert house.do(open_as, "v0").version.number == 0
    before = house.ask(lambda session: len(session.exec(select(Conversation)).all()))
    with pytest.raises(NotFound) as raised:
        house.do(open_as, "v7")
    assert raised.value.code == "version_not_found"
    assert house.ask(lambda session: len(session.exec(select(Conversation)).all())) == before


def test_an_exchange_is_found_by_either_of_its_names(house: House) -> None:
    """The id alone and the id of the completion name the same exchange; an unknown one is not found."""
    opened = house.open()
    assert house.ask(lambda session: get_exchange(session, opened.id).id) == opened.id
    assert house.ask(lambda session: get_exchange(session, f"chatcmpl-{opened.id}").id) == opened.id
    with pytest.raises(NotFound) as raised:
        house.ask(lambda session: get_exchange(session, "chatcmpl-nothing"))
    assert raised.value.code == "exchange_not_found"


def test_words_of_every_script_come_back_as_they_went_in(house: House) -> None:
    """Messages, replies and contexts are kept character for character."""
    words = "na\u00efve \u4f60\u597d \U0001f600 \u200f\u05e9\u05dc\u05d5\u05dd \\u0041 'quoted' \"twice\" \r\n\t%s :name"
    said = house.said(words, words, words, reply=words)
    assert (said.message, said.reply, said.context[0]["content"]) == (words, words, words)
    assert house.exchange(house.open("So?", words, words, words, words).id).previous_id == said.id


def test_ids_tell_the_order(house: House) -> None:
    """The exchanges of a conversation sort by id as they were opened, also within one millisecond."""
    opened = [house.open(f"Message {number}").id for number in range(20)]
    assert house.ask(lambda session: list(session.exec(select(Exchange.id).order_by(col(Exchange.id))))) == opened
    assert house.ask(lambda session: len(session.exec(select(Person)).all())) == 1
