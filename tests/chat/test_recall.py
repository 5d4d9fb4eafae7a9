"""What an exchange is opened with: lore, examples, the app's words and the safety text, shown, recorded, and shown again to a variant."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from service.chat.exchange import Asked, Opened, find_person, open_stateless, open_variant
from service.chat.rating import rate, withdraw
from service.db.tables import Exchange, ExchangeState, Person, Thumb, now
from service.errors import Invalid
from service.personas.lorebook import Lorebook
from service.personas.lorebook_file import read_book
from service.personas.persona import Memory, Persona, Sampling, fingerprint
from service.providers.base import Turn
from service.providers.catalog import STARTER
from service.providers.tokens import TokenCounters
from service.settings import Settings
from tests.fakes.house import House
from tests.fakes.models import Script
from tests.fakes.stage import Stage

MakePersona = Callable[..., Persona]


def _lore() -> Lorebook:
    entries = [
        {
            "keys": ["Hollow"],
            "content": "The Hollow is a valley that {{user}} knows.",
            "extensions": {},
            "enabled": True,
            "insertion_order": 1,
        },
        {"keys": ["mill"], "content": "The mill burnt down.", "extensions": {}, "enabled": True, "insertion_order": 2},
    ]
    names = {"char": "Friend", "user": "someone"}
    return Lorebook((read_book({"entries": entries, "extensions": {}}, "friend.json", "card", names),))


def _system(opened: Opened) -> str:
    assert opened.view is not None
    return opened.view.system


def _liked(house: House, message: str, reply: str, person: str = "bea") -> Exchange:
    exchange = house.said(message, reply=reply, person=person)

    def like(session: Session) -> None:
        found = session.get_one(Exchange, exchange.id)
        rate(session, found, find_person(session, person).id, house.persona, Thumb.up)

    house.do(like)
    return exchange


def test_lore_is_shown_when_the_conversation_speaks_of_it(house: House) -> None:
    """An entry whose key was named comes behind the prompt, with the person's name in it where that is known, and is recorded."""
    wise = msgspec.structs.replace(house.persona, lorebook=_lore())
    opened = house.open("Tell me of the Hollow.", persona=wise)
    assert _system(opened) == "You are Friend and talk with someone.\n\nThe Hollow is a valley that someone knows."
    [hollow, mill] = [entry.id for entry in _lore().entries]
    assert house.exchange(opened.id).additions == {"lore": [hollow]}
    house.do(find_person, "ben", "Ben")
    both = house.open("So?", "What of the mill?", "It is in the Hollow.", persona=wise, person="ben")
    assert "a valley that Ben knows.\n\nThe mill burnt down." in _system(both)
    assert house.exchange(both.id).additions == {"lore": [hollow, mill]}
    assert house.exchange(house.open("Hi", persona=wise).id).additions is None


def test_liked_replies_are_shown_as_examples(house: House, persona: MakePersona) -> None:
    """With `examples: 2` the two liked exchanges nearest to the message are shown, marked as such, and recorded by their ids."""
    tea, milk = _liked(house, "Do you like green tea?", "I love tea."), _liked(house, "Do you put milk into your tea?", "Never!")
    _liked(house, "Where is the station?", "Over there.")
    house.said("Is tea healthy?", person="bea", reply="Not rated.")
    opened = house.open("What about green tea with milk?", persona=persona("friend", examples=2))
    shown = house.exchange(opened.id).additions["examples"]
    assert set(shown) == {tea.id, milk.id}
    assert "> Person: Do you like green tea?\n> Friend: I love tea." in _system(opened)
    assert "> Person: Do you put milk into your tea?\n> Friend: Never!" in _system(opened)
    assert "station" not in _system(opened) and "Not rated" not in _system(opened)
    assert house.exchange(house.open("What about green tea?").id).additions is None


def test_examples_keep_to_their_budget(house: House, persona: MakePersona) -> None:
    """Examples may cost half of what the memory may; the nearest come first."""
    for number in range(4):
        _liked(house, f"Do you like tea number {number}?", f"Number {number}: " + "yes " * 40)
    opened = house.open("Do you like tea number 2?", persona=persona("friend", memory=160, examples=4))
    assert len(house.exchange(opened.id).additions["examples"]) == 1


def test_the_safety_text_comes_last_and_is_stamped(house: House) -> None:
    """It is in what the model sees, and neither in the prompt nor under its fingerprint; the exchange names it by its own."""
    safe = msgspec.structs.replace(house.persona, safety="Be careful.", lorebook=_lore(), text="the file")
    opened = house.open("The Hollow?", persona=safe)
    row = house.exchange(opened.id)
    assert _system(opened).endswith("someone knows.\n\nBe careful.")
    assert opened.prompt == "You are Friend and talk with someone."
    assert (row.fingerprint, row.safety, row.revision) == (fingerprint(opened.prompt), fingerprint("Be careful."), fingerprint("the file"))
    assert house.exchange(house.open("Hi").id).safety is None


def test_a_variant_is_shown_what_the_first_was_shown(house: House, persona: MakePersona) -> None:
    """The same system message and history, recorded the same, also when more was liked and said since; the app's words too."""
    tea = _liked(house, "Do you like green tea?", "I love tea.")
    friend = msgspec.structs.replace(persona("friend", examples=1), lorebook=_lore())

    def open_first(session: Session) -> Opened:
        history = [Turn("user", "I was in the Hollow."), Turn("assistant", "Nice.")]
        asked = Asked(friend, "champion", "Do they have green tea?", "b1", "Answer in French.")
        return open_stateless(session, asked, history, find_person(session, "ann", "Ann").id, None)

    first = house.do(open_first)
    house.close(first)
    _liked(house, "Do they have green tea?", "They have nothing else.")
    variant = house.do(open_variant, first.id, friend, "b1")
    assert (_system(variant), variant.history) == (_system(first), first.history)
    assert "Answer in French." in _system(variant) and "I love tea." in _system(variant) and "Ann knows" in _system(variant)
    assert house.exchange(variant.id).additions == house.exchange(first.id).additions
    assert house.exchange(variant.id).additions["examples"] == [tea.id]


@pytest.mark.parametrize("how", ["withdrawn", "quarantined"])
def test_a_variant_is_not_shown_what_may_no_longer_be_shown(house: House, persona: MakePersona, how: str) -> None:
    """An example whose thumb was withdrawn, or whose person was quarantined, is shown to nobody, nor is lore that was taken out."""
    tea = _liked(house, "Do you like green tea?", "I love tea.")
    friend = msgspec.structs.replace(persona("friend", examples=1), lorebook=_lore())
    first = house.said("Green tea in the Hollow?", persona=friend)
    assert set(first.additions) == {"examples", "lore"}

    def take_back(session: Session) -> None:
        bea = session.exec(select(Person).where(Person.external == "bea")).one()
        if how == "withdrawn":
            withdraw(session, session.get_one(Exchange, tea.id), bea.id)
        else:
            bea.quarantined_at = now()
            session.add(bea)

    house.do(take_back)
    variant = house.do(open_variant, first.id, msgspec.structs.replace(friend, lorebook=None), "b1")
    assert (_system(variant), house.exchange(variant.id).additions) == (variant.prompt, None)


def test_a_message_too_long_for_the_window_opens_nothing(house: House, persona: MakePersona, tmp_path: Any) -> None:
    """A message that leaves no room for a reply is refused with the numbers before anything is kept; a shorter one gets a shorter reply."""
    counters = TokenCounters(Settings(home=tmp_path, providers=tmp_path / "attune.toml"))
    friend = persona("friend", "local:starter", sampling=Sampling(max_tokens=100))

    def open_with(session: Session, words: int) -> Opened:
        asked = Asked(friend, "champion", "a " * words, "b1", counters=counters)
        return open_stateless(session, asked, [], find_person(session, "ann").id, None)

    with pytest.raises(Invalid) as raised:
        house.do(open_with, 2000)
    assert raised.value.code == "message_too_long"
    assert "of the 1024 that the model can see" in raised.value.message
    assert house.ask(lambda session: session.exec(select(Exchange)).all()) == []
    opened = house.do(open_with, 930)
    assert opened.view is not None and opened.view.room is not None and 16 <= opened.view.room < 100


def test_the_history_is_counted_by_the_models_own_tokenizer(house: House, persona: MakePersona, tmp_path: Any) -> None:
    """For the starter the memory's budget is in its own tokens, the marks of its chat template among them."""
    counters = TokenCounters(Settings(home=tmp_path, providers=tmp_path / "attune.toml"))
    counter = counters.get("local:starter")
    history = [Turn(role, f"{role} {number} likes the tea in the morning.") for number in range(9) for role in ("user", "assistant")]
    exact = sum(counter.turn(turn) for turn in history[-6:])

    def kept(budget: int) -> int:
        def work(session: Session) -> Opened:
            asked = Asked(persona("friend", "local:starter", memory=budget), "champion", "Hi", "b1", counters=counters)
            return open_stateless(session, asked, history, find_person(session, "ann").id, None)

        opened: Opened = house.do(work)
        return len(opened.history)

    assert (kept(exact), kept(exact - 1)) == (6, 4)


@pytest.mark.parametrize(("history", "user", "most"), [((), "ann", 8), (("Hi", "Hello."), "ann", 8), ((), "key:1", 7)])
def test_opening_costs_few_statements(house: House, history: tuple[str, ...], user: str, most: int) -> None:
    """What nobody asked for is not looked up: the number of statements that open an exchange is known, and small."""
    house.said("Hi", person=user)
    seen: list[str] = []
    event.listen(house.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    house.open("So?", *history, person=user)
    told = [statement for statement in seen if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE"))]
    assert len(told) <= most, "\n".join(told)
    assert not any(table in statement for statement in told for table in ("summary", "liked"))


@pytest.mark.anyio
async def test_a_model_with_a_small_window_is_shown_what_fits(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """When another model has to answer, it sees as much of the context as its window takes, and the exchange says what it did not see."""
    friend = persona("friend", "test:large", "local:starter", memory=6000, sampling=Sampling(max_tokens=100))
    history = [Turn(role, f"{role} {number} " + "word " * 60) for number in range(12) for role in ("user", "assistant")]
    async with stage(**{"large": Script(status=503), str(STARTER): Script()}) as it:
        generation = await it.begin("Hi", *history, persona=friend, max_tokens=4000)
        await it.events(generation)
        row = it.row(generation)
        asked = it.server.asked[-1]
    counter = it.generations.counters.get("local:starter")
    cost = sum(counter.turn(Turn(turn["role"], turn["content"])) for turn in asked["messages"]) + counter.opening
    assert (row.state, row.provider, len(row.context)) == (ExchangeState.complete, "local", 24)
    assert 2 < len(asked["messages"]) < 20
    assert cost + asked["max_tokens"] == 1024
    assert row.warnings == [
        "test:large could not answer (provider_failed)",
        f"its window has no room for: {24 + 2 - len(asked['messages'])} messages of the history",
    ]


@pytest.mark.anyio
async def test_a_reply_is_given_no_more_than_the_window_has_left(stage: Callable[..., Stage], persona: MakePersona) -> None:
    """A client that asks for a longer reply than the model can give gets what there is; a shorter one is left as it is."""
    friend = persona("friend", "local:starter", sampling=Sampling(max_tokens=100))
    friend = msgspec.structs.replace(friend, settings=msgspec.structs.replace(friend.settings, memory=Memory(max_tokens=400)))
    asked = []
    async with stage(**{str(STARTER): Script()}) as it:
        for most in (4000, 50):
            opened = await it.journal.write(
                lambda session: open_stateless(
                    session,
                    Asked(friend, "champion", "Hi", "b1", counters=it.generations.counters),
                    [],
                    find_person(session, "ann").id,
                    None,
                )
            )
            await it.events(it.generations.start(opened, {"max_tokens": most}))
            asked.append(it.server.asked[-1]["max_tokens"])
    assert opened.view is not None
    assert asked == [opened.view.room, 50]
    assert 900 < asked[0] < 1024
