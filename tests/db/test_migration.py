import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, inspect, text
from sqlmodel import SQLModel, select

from service.chat.examples import find_examples, rebuild_examples
from service.db import migration
from service.db.engine import open_engine, reading, transaction
from service.db.migration import revision, upgrade
from service.db.tables import (
    Canary,
    Conversation,
    Exchange,
    ExchangeState,
    LikedExchange,
    Night,
    Outcome,
    Person,
    Promotion,
    Prompt,
    Rating,
    Receipt,
    ReceiptKind,
    Stage,
    Version,
    now,
)
from service.errors import Unavailable
from tests.databases import made
from tests.fakes.writer import barrier, bring_up, bring_up_at_once, heard, process


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without any table."""
    with made(request.param, tmp_path) as url:
        engine = open_engine(url, busy_milliseconds=30_000)
        yield engine
        engine.dispose()


def go_to(engine: Engine, where: str) -> None:
    """Bring the schema forward or back to a revision with Alembic itself."""
    config = Config()
    config.set_main_option("script_location", str(Path(migration.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        past = where == "base" or (revision(engine) or "") > where
        (command.downgrade if past else command.upgrade)(config, where)


def differences(connection: Connection) -> list[Any]:
    """Where the schema is not what the tables say. The full-text search is no table of ours: only the migration knows how it is made."""

    def is_of_tables(_: object, name: str | None, *others: object) -> bool:
        return name != "vector" and not (name or "").startswith(("liked_exchange_words", "liked_exchange_vector"))

    opts = {"compare_type": True, "compare_server_default": True, "include_object": is_of_tables}
    found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=opts), SQLModel.metadata)
    return found


def test_the_migrations_make_what_the_tables_say(empty: Engine) -> None:
    """From nothing to the present schema: Alembic finds no difference to the tables, and every index is there."""
    assert revision(empty) is None
    upgrade(empty)
    with empty.connect() as connection:
        assert differences(connection) == []
        search = "liked_exchange_words" if empty.dialect.name == "sqlite" else "liked_exchange_vector"
        assert search in {
            *inspect(connection).get_table_names(),
            *(row["name"] for row in inspect(connection).get_indexes("liked_exchange")),
        }
        indexes = {index["name"]: index for table in SQLModel.metadata.tables for index in inspect(connection).get_indexes(table)}
    assert {"one_champion", "one_night_under_way", "exchange_persona", "exchange_state", "ix_rating_exchange_id"} <= set(indexes)
    assert indexes["one_champion"]["unique"] and indexes["one_night_under_way"]["unique"]


def test_upgrading_again_changes_nothing(empty: Engine) -> None:
    """A start on a database at the present schema leaves it and its rows alone."""
    upgrade(empty)
    with transaction(empty) as session:
        session.add(Version(persona="friend", number=0))
    before = revision(empty)
    upgrade(empty)
    assert revision(empty) == before is not None
    with reading(empty) as session:
        assert len(session.exec(select(Version)).all()) == 1


def test_rows_live_through_every_migration(empty: Engine) -> None:
    """Back to the first schema and forward again, a registry keeps its versions and its history."""
    upgrade(empty)
    with transaction(empty) as session:
        versions = [Version(id=f"v{number}", persona="friend", number=number) for number in range(3)]
        versions[2].stage = Stage.champion
        session.add_all(versions)
        session.flush()
        for number in range(3):
            session.add(Promotion(id=f"p{number}", persona="friend", version_id=f"v{number}", reason="r"))
            session.flush()
    go_to(empty, "0001")
    assert revision(empty) == "0001"
    upgrade(empty)
    with reading(empty) as session:
        assert [(row.id, row.version_id, row.restores_id) for row in session.exec(select(Promotion).order_by(Promotion.id))] == [
            ("p0", "v0", None),
            ("p1", "v1", None),
            ("p2", "v2", None),
        ]
        assert session.get_one(Version, "v2").stage is Stage.champion


_SAID = {"persona": "friend", "version_id": "v", "fingerprint": "f", "context": [], "boot": "b", "conversation_id": "c"}
_PEOPLE = ("ann", "ben", "mallory")
_RATINGS = [
    # exchange, person, thumb, correction
    ("liked", "ann", "up", None),
    ("corrected", "ann", "up", "Better."),
    ("corrected", "ben", "up", None),
    ("outvoted", "ann", "up", None),
    ("outvoted", "ben", "down", None),
    ("changed", "ann", "up", None),
    ("changed", "ann", "down", None),
    ("forgiven", "ben", "down", None),
    ("forgiven", "ann", "up", None),
    ("forgiven", "ben", "withdrawn", None),
    ("withdrawn", "ann", "up", None),
    ("withdrawn", "ann", "withdrawn", None),
    ("spam", "mallory", "up", "Buy this!"),
    ("cancelled", "ann", "up", None),
    ("wordless", "ann", "up", None),
    ("long", "ann", "up", None),
    ("endless", "ann", "up", None),
    ("shortened", "ann", "up", "Short."),
]


def test_ratings_of_before_are_found_as_examples(empty: Engine) -> None:
    """The migration that brings the index fills it with what is liked by then: the same as a rebuild from the ratings finds."""
    upgrade(empty)
    with transaction(empty) as session:
        session.add_all([Version(id="v", persona="friend", number=0), Prompt(fingerprint="f", persona="friend", text="t")])
    go_to(empty, "0003")
    with transaction(empty) as session:
        people = [{"id": name, "external": name, "name": "", "created_at": now()} for name in _PEOPLE]
        session.execute(insert(Person), [{**person, "quarantined_at": now() if person["id"] == "mallory" else None} for person in people])
        session.add(Conversation(id="c", persona="friend", person_id="ann"))
        session.flush()
        for name in dict.fromkeys(row[0] for row in _RATINGS):
            message = {"wordless": "😂", "long": "Hi " + "x" * 498}.get(name, f"My {name} cat")
            reply = "y" * 1_001 if name in {"endless", "shortened"} else "Oh."
            state = ExchangeState.cancelled if name == "cancelled" else ExchangeState.complete
            session.add(Exchange(id=name, message=message, reply=reply, state=state, **_SAID))
        session.flush()
        for number, (exchange, person, thumb, correction) in enumerate(_RATINGS):
            session.add(Rating(id=f"r{number:02}", exchange_id=exchange, person_id=person, rating=thumb, reasons=[], correction=correction))
    upgrade(empty)
    filled = _liked(empty)
    assert [(row[1], row[2]) for row in filled] == [("corrected", "r01"), ("forgiven", "r08"), ("liked", "r00"), ("shortened", "r17")]
    with transaction(empty) as session:
        rebuild_examples(session)
    assert _liked(empty) == filled
    with reading(empty) as session:
        assert [example.reply for example in find_examples(session, "friend", "corrected", 3, "another")] == ["Better."]


def _liked(engine: Engine) -> list[tuple[Any, ...]]:
    with reading(engine) as session:
        rows = session.exec(select(LikedExchange).order_by(LikedExchange.exchange_id)).all()
        return [(row.words, row.exchange_id, row.rating_id, row.persona, row.conversation_id, row.person_id, row.rater_id) for row in rows]


def test_receipts_of_before_find_their_trials(empty: Engine) -> None:
    """A receipt of a canary is that of the version's first one; on the way back later ones and those without a night go, and no other."""
    upgrade(empty)
    with transaction(empty) as session:
        session.add(Night(id="n", persona="friend", ended_at=now()))
        session.flush()
        session.add_all([Version(id="v0", persona="friend", number=0), Version(id="v1", persona="friend", number=1, night_id="n")])
        session.flush()
        trials = [
            ("t1", "v1", ReceiptKind.canary),
            ("t2", "v1", ReceiptKind.canary),
            ("t3", "v1", ReceiptKind.watch),
            ("t4", "v0", ReceiptKind.watch),
        ]
        session.add_all(
            Canary(id=name, persona="friend", kind=kind, version_id=version, champion_id="v0", share=0.5, ends_at=now(), ended_at=now())
            for name, version, kind in trials
        )
        session.flush()
        same = {"persona": "friend", "outcome": Outcome.skipped, "reason": "r", "details": {}}
        session.add(Receipt(id="r0", night_id="n", **same))
        for name, version, kind in trials:
            night = "n" if version == "v1" else None
            session.add(Receipt(id=name.replace("t", "r"), night_id=night, canary_id=name, kind=kind, **same))
    go_to(empty, "0007")
    upgrade(empty)
    with reading(empty) as session:
        kept = session.exec(select(Receipt).order_by(Receipt.id)).all()
    assert [(row.id, row.night_id, row.canary_id) for row in kept] == [("r0", "n", None), ("r1", "n", "t1"), ("r3", "n", "t3")]


def test_the_way_back_leaves_no_table(empty: Engine) -> None:
    """Every migration can be taken back."""
    upgrade(empty)
    go_to(empty, "base")
    assert set(inspect(empty).get_table_names()) <= {"alembic_version"}
    upgrade(empty)
    assert revision(empty) is not None


def test_a_newer_schema_is_refused_in_words(empty: Engine) -> None:
    """A database made by a newer Attune is not touched: the message names its schema and the way out."""
    upgrade(empty)
    with transaction(empty) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match=r"newer Attune \(schema 9999\)\. Upgrade Attune"):
        upgrade(empty)
    assert revision(empty) == "9999"


def test_processes_that_start_at_once_make_one_schema(empty: Engine) -> None:
    """Four processes that bring an empty database up in one moment all succeed."""
    url = empty.url.render_as_string(hide_password=False)
    with contextlib.ExitStack() as stack:
        gate = barrier(4)
        pipes = [stack.enter_context(process(bring_up_at_once, url, gate))[1] for _ in range(4)]
        assert [list(heard(pipe)) for pipe in pipes] == [["done"]] * 4
    with empty.connect() as connection:
        assert differences(connection) == []


def test_a_killed_upgrade_leaves_the_old_schema_or_the_new(tmp_path: Path) -> None:
    """SIGKILL after any statement of a migration leaves all of it or nothing, and the next start carries on."""
    for statements in range(1, 1_000, 13):
        folder = tmp_path / str(statements)
        folder.mkdir()
        with made("sqlite", folder) as url, process(bring_up, url, statements) as (child, pipe):
            said = next(heard(pipe))
            child.kill()
            child.join(30)
            with contextlib.closing(sqlite3.connect(folder / "attune.sqlite")) as connection:
                tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if said == "done":
                assert set(SQLModel.metadata.tables) < tables
                break
            assert tables == set()
            engine = open_engine(url)
            upgrade(engine)
            assert revision(engine) is not None
            engine.dispose()
    assert statements > 20 and said == "done"


def test_a_start_on_the_present_schema_needs_no_lock(sqlite: Engine) -> None:
    """A command that only reads starts while another program writes."""
    engine = open_engine(str(sqlite.url), busy_milliseconds=20)
    with contextlib.closing(sqlite3.connect(sqlite.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        upgrade(engine)
    engine.dispose()


def test_an_upgrade_of_a_locked_database_is_unavailable(tmp_path: Path) -> None:
    """When the file stays locked, the start says so in words and changes nothing."""
    with contextlib.closing(sqlite3.connect(tmp_path / "attune.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        engine = open_engine(f"sqlite:///{tmp_path / 'attune.sqlite'}", busy_milliseconds=20)
        with pytest.raises(Unavailable):
            upgrade(engine)
        other.execute("ROLLBACK")
        assert revision(engine) is None
        upgrade(engine)
        engine.dispose()


def test_the_newest_schema_is_told_without_alembic() -> None:
    """The numbers in the names of the files are Alembic's own, in its order: a short command need not import it to see that all is done."""
    script = ScriptDirectory(str(Path(migration.__file__).parent / "migrations"))

    assert migration._revisions() == [known.revision for known in reversed(list(script.walk_revisions()))]
