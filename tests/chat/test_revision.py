"""Every text that ever served, kept under its fingerprint."""

from collections.abc import Callable

import msgspec
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from service.chat.revision import find_revision, introduce, kept_under, list_revisions
from service.db.engine import transaction
from service.db.tables import Exchange, Revision, Stage, Version
from service.errors import Invalid, NotFound
from service.personas.persona import Persona, fingerprint
from tests.databases import race
from tests.fakes.house import House

Make = Callable[..., Persona]


@pytest.fixture
def friend(persona: Make) -> Callable[..., Persona]:
    """A friend whose file has this text, served with this safety text."""
    return lambda text="one", safety="": msgspec.structs.replace(persona(), text=text, safety=safety)


def kept(house: House) -> set[tuple[str, str, str]]:
    """Persona, fingerprint and text of every revision."""
    return {(each.persona, each.fingerprint, each.text) for each in house.ask(lambda session: session.exec(select(Revision)).all())}


def test_a_text_is_kept_once_and_for_ever(house: House, friend: Make, persona: Make) -> None:
    """Each text of each persona and each safety text is one row, however often it comes; a new persona gets its version 0."""
    other = msgspec.structs.replace(persona("mentor"), text="one", safety="careful")
    house.do(introduce, [friend("one", "careful"), other])
    first = house.ask(lambda session: session.get_one(Revision, ("friend", fingerprint("one")))).created_at
    house.do(introduce, [friend("two", "careful"), friend("one")])
    assert kept(house) == {
        ("friend", fingerprint("one"), "one"),
        ("friend", fingerprint("two"), "two"),
        ("mentor", fingerprint("one"), "one"),
        ("", fingerprint("careful"), "careful"),
    }
    assert house.ask(lambda session: session.get_one(Revision, ("friend", fingerprint("one")))).created_at == first
    champions = house.ask(lambda session: session.exec(select(Version.persona, Version.number, Version.stage)).all())
    assert sorted(map(tuple, champions)) == [("friend", 0, Stage.champion), ("mentor", 0, Stage.champion)]


def test_many_may_keep_the_same_text_at_once(database: Engine, friend: Make) -> None:
    """Processes that start in one moment on one database do not stumble over each other."""

    def keep(_: int) -> None:
        with transaction(database) as session:
            introduce(session, [friend("the same", "careful")])

    assert race(4, keep) == [None] * 4
    with transaction(database) as session:
        assert len(session.exec(select(Revision)).all()) == 2


def test_an_exchange_is_stamped_with_the_text_that_made_it(house: House, friend: Make) -> None:
    """Its revision leads to the whole file, and the list says how many exchanges each text has served, newest first."""
    for text, times in (("one", 1), ("two", 3)):
        house.do(introduce, [friend(text)])
        for _ in range(times):
            exchange = house.said("Hi", persona=friend(text))
            assert exchange.revision == fingerprint(text)
    found = house.ask(lambda session: list_revisions(session, "friend"))
    assert [(each.revision.text, each.served) for each in found] == [("two", 3), ("one", 1)]
    assert house.ask(lambda session: list_revisions(session, "mentor")) == []


def test_the_safety_text_has_its_own_list(house: House, friend: Make) -> None:
    """It counts the exchanges of all personas that it was served with."""
    house.do(introduce, [friend("one", "careful")])
    exchange = house.said("Hi", persona=friend("one", "careful"))

    def stamp(session: object) -> None:
        session.get_one(Exchange, exchange.id).safety = fingerprint("careful")  # type: ignore[attr-defined]

    house.do(stamp)
    found = house.ask(lambda session: list_revisions(session, kept_under("safety.txt")))
    assert [(each.revision.text, each.served) for each in found] == [("careful", 1)]
    assert kept_under("friend") == "friend"


def test_a_revision_is_found_by_the_beginning_of_its_name(house: House, friend: Make) -> None:
    """As little of the fingerprint as names one text; none and several are told apart."""
    texts = [f"text {number}" for number in range(40)]
    house.do(introduce, [friend(text) for text in texts])
    mark = fingerprint(texts[7])
    assert house.ask(lambda session: find_revision(session, "friend", mark.upper())).text == texts[7]
    unique = next(mark[:size] for size in range(1, 17) if sum(fingerprint(text).startswith(mark[:size]) for text in texts) == 1)
    assert house.ask(lambda session: find_revision(session, "friend", unique)).text == texts[7]
    with pytest.raises(Invalid, match="40 kept texts"):
        house.ask(lambda session: find_revision(session, "friend", ""))
    for persona, wanted in (("friend", "zz"), ("mentor", mark), ("friend", "%")):
        with pytest.raises(NotFound) as refused:
            house.ask(lambda session, persona=persona, wanted=wanted: find_revision(session, persona, wanted))
        assert refused.value.exit_code == 3
