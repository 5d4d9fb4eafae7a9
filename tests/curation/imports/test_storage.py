"""Imports in both databases: what a harvest makes of them, and that they can be taken back and brought in again."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, func
from sqlmodel import SQLModel, col, select

from service.chat.examples import find_examples, rebuild_examples
from service.curation.imports.dialogue import Dialogue, Judgement
from service.curation.imports.storage import list_imports, store_dialogues, store_passages, withdraw_import
from service.curation.verdicts import majority, quarantined, read_words
from service.db.engine import reading, transaction
from service.db.tables import Conversation, Exchange, Import, Passage, Person, Prompt, Rating, Thumb, Version
from service.errors import Conflict, Invalid, NotFound
from service.personas.persona import Persona, fingerprint
from service.personas.shelf import Message, read_personas
from tests.processes import ROOT


@pytest.fixture(scope="module")
def persona() -> Persona:
    return read_personas(ROOT / "persona_prompts").get("friend")


class Chunk(NamedTuple):
    """A piece of dialogue, as the reader of transcripts gives it."""

    text: str
    scene: str


def dialogue(*texts: str, **judged: Any) -> Dialogue:
    messages = tuple(Message(("user", "assistant")[place % 2], text) for place, text in enumerate(texts))
    return Dialogue(messages=messages, **judged)


def store(engine: Engine, persona: Persona, dialogues: Sequence[Dialogue] | Iterator[Dialogue], digest: str = "d") -> Import:
    with transaction(engine) as session:
        return store_dialogues(session, persona, "talks.jsonl", "openai", digest, dialogues)


def rows(engine: Engine, table: type[SQLModel]) -> list[Any]:
    with reading(engine) as session:
        return list(session.exec(select(table).order_by(table.id)))  # type: ignore[attr-defined]


def count(engine: Engine) -> list[int]:
    """How many rows there are of whatever an import writes."""
    tables = (Import, Person, Conversation, Exchange, Rating, Passage)
    with reading(engine) as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def liked_for_learning(engine: Engine) -> dict[str, bool]:
    """What a harvest learns: replies by whether they are liked."""
    with reading(engine) as session:
        words = read_words(session, "friend")
        heard = words.take(~quarantined(session, words))
        deciding = heard.take(majority(heard).row)
        replies = {row.id: row.reply for row in session.exec(select(Exchange))}
    assert deciding.trusted[deciding.rater].all()
    return {replies[name.decode()]: bool(liked) for name, liked in zip(deciding.exchange, deciding.liked, strict=True)}


def test_a_dialogue_is_a_conversation_of_the_imports_own_person(database: Engine, persona: Persona) -> None:
    """An exchange for each reply, complete, of version 0 under the present prompt, each after the one before it and with its context."""
    earlier = (Judgement(), Judgement(label=False, correction="Tea?", comment="Curt.", reasons=("mean",)))
    kept = store(
        database, persona, [dialogue("Hi", "Hello.", "Thirsty.", "So?", "Yes.", "Tea!", earlier=earlier), dialogue("A", "B", label=None)]
    )
    (person,) = rows(database, Person)
    assert person.external == f"import:{kept.id}"
    assert [(one.persona, one.person_id) for one in rows(database, Conversation)] == [("friend", person.id)] * 2
    first, second, third, other = rows(database, Exchange)
    assert [one.previous_id for one in (first, second, third, other)] == [None, first.id, second.id, None]
    assert (third.message, third.reply) == ("Yes.", "Tea!")
    assert third.context == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Thirsty."},
        {"role": "assistant", "content": "So?"},
    ]
    (version,) = rows(database, Version)
    assert {(one.version_id, one.fingerprint, one.state, one.provider, one.boot) for one in (first, second, third, other)} == {
        (version.id, fingerprint(persona.prompt()), "complete", "import", "import")
    }
    with reading(database) as session:
        assert session.get_one(Prompt, first.fingerprint).text == persona.prompt()
    said = [(one.exchange_id, one.rating, one.correction, one.comment, one.reasons) for one in rows(database, Rating)]
    assert said == [(second.id, Thumb.down, "Tea?", "Curt.", ["mean"]), (third.id, Thumb.up, None, "", [])]
    assert kept.counts == {"dialogues": 2, "exchanges": 4, "liked": 1, "disliked": 1, "corrected": 1}
    assert liked_for_learning(database) == {"So?": False, "Tea!": True}


def test_a_greeting_and_text_that_no_database_takes_are_kept_as_far_as_they_can(database: Engine, persona: Persona) -> None:
    """What the assistant says first is context; NUL and halves of surrogate pairs, which neither database can hold, are not."""
    messages = (Message("assistant", "Welcome."), Message("user", "a\x00b\ud800"), Message("assistant", "c\x00"))
    store(database, persona, [Dialogue(messages=messages, comment="\x00x", correction="\x00y")])
    (exchange,) = rows(database, Exchange)
    assert (exchange.context, exchange.message, exchange.reply) == ([{"role": "assistant", "content": "Welcome."}], "ab\ufffd", "c")
    (rating,) = rows(database, Rating)
    assert (rating.comment, rating.correction) == ("x", "y")


def test_the_same_file_is_brought_in_once(database: Engine, persona: Persona) -> None:
    """The second time is refused with the day, the time and the way to take it back; another persona or another file is free."""
    kept = store(database, persona, [dialogue("Hi", "Hello.")])
    before = count(database)
    with pytest.raises(Conflict) as refused:
        store(database, persona, [dialogue("Hi", "Hello.")])
    assert refused.value.message == (
        f"talks.jsonl was imported for friend on {kept.created_at:%Y-%m-%d at %H:%M} UTC already. "
        f"To take that back: attune exchanges withdraw-import {kept.id}"
    )
    assert count(database) == before
    store(database, persona, [dialogue("Hi", "Hello.")], digest="other")
    with reading(database) as session:
        assert [one.digest for one in list_imports(session)] == ["other", "d"]
        assert list_imports(session, "mentor") == []


def test_a_file_that_breaks_in_the_middle_leaves_nothing(database: Engine, persona: Persona) -> None:
    """Thousands of rows may be written already: all of them go, the prompt and the version too."""

    def breaking() -> Iterator[Dialogue]:
        for number in range(1_500):
            yield dialogue(f"Hi {number}", "Hello.")
        raise Invalid("broken")

    with pytest.raises(Invalid):
        store(database, persona, breaking())
    assert count(database) == [0] * 6
    assert rows(database, Version) == []


def test_a_withdrawn_import_is_not_learned_from_and_can_come_back(database: Engine, persona: Persona) -> None:
    """Nothing of it is harvested, not even when somebody else likes it; the same file is welcome again; twice withdrawn is a conflict."""
    kept = store(database, persona, [dialogue("Hi", "Hello."), dialogue("Bye", "No!", label=False)])
    assert liked_for_learning(database) == {"Hello.": True, "No!": False}
    with transaction(database) as session:
        withdraw_import(session, kept.id)
    assert liked_for_learning(database) == {}
    with transaction(database) as session:
        session.add(Person(id="ann", external="ann"))
        session.flush()
        session.add(Rating(exchange_id=session.exec(select(Exchange.id)).first() or "", person_id="ann", rating=Thumb.up, reasons=[]))
    assert liked_for_learning(database) == {}
    again = store(database, persona, [dialogue("Hi", "Hello.")])
    assert liked_for_learning(database) == {"Hello.": True}
    with transaction(database) as session:
        assert [(one.id, one.withdrawn_at is None) for one in list_imports(session)] == [(again.id, True), (kept.id, False)]
        with pytest.raises(Conflict, match="was withdrawn on"):
            withdraw_import(session, kept.id)
        with pytest.raises(NotFound, match="attune exchanges imports"):
            withdraw_import(session, "nothing")


def test_passages_keep_their_order_and_go_when_they_are_withdrawn(database: Engine, persona: Persona) -> None:
    """Pieces of plain dialogue with their scenes, numbered from 0; withdrawn, they are deleted, and may come again."""
    chunks = [Chunk(f"ANNA: {number}\x00", f"Scene {number // 1000}") for number in range(1_200)]
    for _ in range(2):
        with transaction(database) as session:
            kept = store_passages(session, persona, "play.txt", "transcript", "d", iter(chunks))
        assert kept.counts == {"passages": 1_200}
        with reading(database) as session:
            found = session.exec(select(Passage).where(Passage.import_id == kept.id).order_by(col(Passage.position))).all()
        assert [(one.position, one.title, one.text) for one in found] == [(at, f"Scene {at // 1000}", f"ANNA: {at}") for at in range(1_200)]
        with pytest.raises(Conflict), transaction(database) as session:
            store_passages(session, persona, "play.txt", "transcript", "d", chunks)
        with transaction(database) as session:
            withdraw_import(session, kept.id)
        assert rows(database, Passage) == []


def test_an_imported_reply_is_no_example(database: Engine, persona: Persona) -> None:
    """It is learned from at night, and never shown to a model by day, not even when the examples are made anew."""
    store(database, persona, [dialogue("I dream of lighthouses", "Tell me of them!")])
    with transaction(database) as session:
        assert rebuild_examples(session) == 0
        assert find_examples(session, "friend", "lighthouses", 3, "another") == []


def test_ten_thousand_dialogues_take_seconds(sqlite: Engine, persona: Persona, tmp_path: Path) -> None:
    """In batches, told as they go; a hundred thousand take ten times as long, and no more memory."""
    told: list[int] = []
    begin = time.monotonic()
    with transaction(sqlite) as session:
        many = (dialogue(f"How are you, for the time {number}?", "Well! " * 20) for number in range(10_000))
        kept = store_dialogues(session, persona, "many.csv", "csv", "d", many, told.append)
    assert time.monotonic() - begin < 20
    assert kept.counts["exchanges"] == 10_000
    assert told == [*range(1_000, 10_001, 1_000), 10_000]
