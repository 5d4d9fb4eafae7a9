"""Ready statements and rows by their key: quick, never stale, and failing as any other statement does."""

from datetime import UTC

import pytest
from sqlalchemy import Engine, bindparam, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from service.db.engine import reading, transaction
from service.db.rows import Lookup, Statement
from service.db.tables import Person, Stage, Version, now

PEOPLE = Lookup(Person, "external")
ADD = Statement(insert(Person).values({name: bindparam(name) for name in ("id", "external", "name", "created_at")}))


def add(engine: Engine, external: str, name: str = "") -> None:
    with transaction(engine) as session:
        ADD.run(session, id=external, external=external, name=name, created_at=now())


def found(engine: Engine, external: str) -> Person | None:
    with reading(engine) as session:
        return PEOPLE.find(session, external=external)


def test_a_row_is_found_as_it_was_kept(database: Engine) -> None:
    """Texts, dates with their zone and empty values come back as they would from a session; what is not there is None."""
    add(database, "ann", "Ann")
    person = found(database, "ann")
    assert person is not None
    with reading(database) as session:
        assert person.model_dump() == session.get_one(Person, "ann").model_dump()
    assert person.created_at.tzinfo == UTC
    assert found(database, "ben") is None


def test_a_row_that_was_changed_is_found_changed(database: Engine) -> None:
    """Nothing is remembered beyond what the database says now: a changed row is another object, the same row the same."""
    add(database, "ann", "Ann")
    before = found(database, "ann")
    assert found(database, "ann") is before
    with transaction(database) as session:
        session.execute(update(Person).where(col(Person.external) == "ann").values(name="Anna"))
    after = found(database, "ann")
    assert before is not None and before.name == "Ann"
    assert after is not None and after.name == "Anna"
    with transaction(database) as session:
        session.delete(session.get_one(Person, "ann"))
    assert found(database, "ann") is None


def test_enumerations_are_looked_up_and_come_back_as_such(database: Engine) -> None:
    """A column of an enumeration can be asked for and is one in the row."""
    with transaction(database) as session:
        session.add(Version(persona="friend", number=0, stage=Stage.champion))
    versions = Lookup(Version, "persona", "stage")
    with reading(database) as session:
        serving = versions.find(session, persona="friend", stage=Stage.champion)
        assert serving is not None and serving.stage is Stage.champion
        assert versions.find(session, persona="friend", stage=Stage.canary) is None


def test_more_rows_than_are_remembered_are_found_all_the_same(database: Engine) -> None:
    """What is remembered has a bound, and that bound is no other."""
    with transaction(database) as session:
        session.add_all([Person(external=f"p{number}", name=f"P{number}") for number in range(1_100)])
    with reading(database) as session:
        assert {f"P{number}" for number in range(1_100)} == {_name(session, f"p{number}") for number in range(1_100)}


def test_a_statement_fails_as_any_other_does(database: Engine) -> None:
    """A clash of data is SQLAlchemy's error, and nothing of the transaction is kept."""
    add(database, "ann")
    with pytest.raises(IntegrityError), transaction(database) as session:
        ADD.run(session, id="other", external="other", name="", created_at=now())
        ADD.run(session, id="second", external="ann", name="", created_at=now())
    assert found(database, "other") is None


def _name(session: Session, external: str) -> str:
    person = PEOPLE.find(session, external=external)
    return person.name if person else ""
