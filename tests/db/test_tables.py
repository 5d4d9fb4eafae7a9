from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, select

from service.db.engine import reading, transaction
from service.db.tables import (
    Conversation,
    Dataset,
    Evaluation,
    Exchange,
    Night,
    Outcome,
    Person,
    Prompt,
    Rating,
    Receipt,
    RunState,
    Stage,
    Thumb,
    TrainingRun,
    Version,
)


def keep(engine: Engine, *rows: SQLModel) -> None:
    with transaction(engine) as session:
        for row in rows:
            session.add(row)
            session.flush()


def refused(engine: Engine, *rows: SQLModel) -> None:
    with pytest.raises(IntegrityError):
        keep(engine, *rows)


def test_two_champions_of_one_persona_cannot_be(database: Engine) -> None:
    """The database itself refuses a second champion, whatever the code does; other personas and stages are free."""
    keep(database, Version(persona="friend", number=0, stage=Stage.champion), Version(persona="mentor", number=0, stage=Stage.champion))
    refused(database, Version(persona="friend", number=1, stage=Stage.champion))
    keep(
        database, *[Version(persona="friend", number=number + 1, stage=stage) for number, stage in enumerate(set(Stage) - {Stage.champion})]
    )


def test_two_nights_under_way_of_one_persona_cannot_be(database: Engine) -> None:
    """The database refuses a second open night; ended ones and other personas are free."""
    ended = datetime.now(UTC)
    keep(database, Night(persona="friend"), Night(persona="mentor"), *[Night(persona="friend", ended_at=ended) for _ in range(3)])
    refused(database, Night(persona="friend"))


def test_a_night_has_one_of_each(database: Engine) -> None:
    """A step that runs twice cannot leave two datasets, runs, versions, evaluations or receipts."""
    night, dataset = Night(id="n", persona="friend"), Dataset(id="d", persona="friend", night_id="n", hash="h", counts={})
    version = Version(id="v", persona="friend", number=1, night_id="n")
    rest = {"trainer": "local", "method": "kto", "base": "starter", "parameters": {}, "dataset_id": "d", "persona": "friend"}
    keep(database, night, dataset, version, TrainingRun(night_id="n", **rest))
    keep(database, Evaluation(night_id="n", candidate_id="v", champion_id="v", scorecard={}))
    keep(database, Receipt(night_id="n", persona="friend", outcome=Outcome.skipped, reason="-", details={}))
    refused(database, Dataset(persona="friend", night_id="n", hash="h2", counts={}))
    refused(database, Version(persona="friend", number=2, night_id="n"))
    refused(database, TrainingRun(night_id="n", **rest))
    refused(database, Evaluation(night_id="n", candidate_id="v", champion_id="v", scorecard={}))
    refused(database, Receipt(night_id="n", persona="friend", outcome=Outcome.failed, reason="-", details={}))


def test_version_numbers_and_people_are_unique(database: Engine) -> None:
    """A number names one version of a persona, and an external name one person."""
    keep(database, Version(persona="friend", number=1), Version(persona="mentor", number=1), Person(external="ann"))
    refused(database, Version(persona="friend", number=1))
    refused(database, Person(external="ann"))


def test_nothing_points_at_what_is_not_there(database: Engine) -> None:
    """References hold on SQLite too, where they are off unless asked for."""
    refused(database, Conversation(persona="friend", person_id="nobody"))
    refused(database, Rating(exchange_id="none", person_id="nobody", rating=Thumb.up, reasons=[]))


def test_an_enumeration_is_kept_by_its_value(database: Engine) -> None:
    """What lies in the database is `champion`, as the partial indexes and every reader of SQL expect, and it comes back as it was."""
    for kind in (Stage, Thumb, RunState, Outcome):
        assert all(member.name == member.value for member in kind)
    keep(database, Version(persona="friend", number=0, stage=Stage.champion))
    with reading(database) as session:
        assert session.execute(text("SELECT stage FROM version")).scalar_one() == "champion"
        assert session.exec(select(Version)).one().stage is Stage.champion


def test_moments_come_back_with_their_zone(database: Engine) -> None:
    """A moment is the same moment after a journey through the database, whatever zone it was written in."""
    moment = datetime(2026, 11, 20, 3, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    keep(database, Person(id="p", external="ann", created_at=moment))
    with reading(database) as session:
        found = session.get_one(Person, "p").created_at
    assert found == moment and found.utcoffset() == timedelta(0)


def test_any_text_comes_back_as_it_was(database: Engine) -> None:
    """Words are kept to the last character, in every script."""
    words = "Grüße 👩‍👩‍👧 \u202e\u2028 'quoted' \"twice\" %s {{x}} \\ \t" + "長" * 50_000
    keep(database, Person(id="p", external="p"), Conversation(id="c", persona="friend", person_id="p"))
    keep(database, Prompt(fingerprint="f", persona="friend", text=words), Version(id="v", persona="friend", number=0))
    context = [{"role": "user", "content": words}]
    links = {"conversation_id": "c", "version_id": "v", "fingerprint": "f", "persona": "friend", "boot": "b"}
    keep(database, Exchange(id="e", context=context, message=words, reply=words, **links))
    with reading(database) as session:
        found = session.get_one(Exchange, "e")
        assert (found.context, found.message, found.reply) == (context, words, words)
