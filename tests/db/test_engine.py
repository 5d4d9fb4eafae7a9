import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session, select

from service.db.engine import open_engine, part_of, reading, storage_failed, transaction, writing
from service.db.tables import Conversation, Person
from service.errors import Conflict, SettingsError, Unavailable
from tests.databases import race
from tests.processes import free_port


@pytest.fixture
def impatient(sqlite: Engine) -> Iterator[Engine]:
    """The same file through an engine that hardly waits for other writers."""
    engine = open_engine(str(sqlite.url), busy_milliseconds=20)
    yield engine
    engine.dispose()


@contextlib.contextmanager
def written_elsewhere(engine: Engine) -> Iterator[None]:
    """Another program holds the write lock of the file."""
    with contextlib.closing(sqlite3.connect(engine.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def names(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return sorted(session.exec(select(Person.external)))


def pragma(engine: Engine, name: str) -> object:
    with reading(engine) as session:
        return session.execute(text(f"PRAGMA {name}")).scalar_one()


@pytest.mark.parametrize(
    ("name", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1), ("busy_timeout", 30_000)],
)
def test_every_connection_is_durable_and_strict(sqlite: Engine, name: str, value: object) -> None:
    """Each connection syncs at every commit (2 is FULL: in WAL mode anything less loses acknowledged rows in a power cut)."""
    with reading(sqlite) as first, reading(sqlite) as second:
        assert [session.execute(text(f"PRAGMA {name}")).scalar_one() for session in (first, second)] == [value, value]


def test_only_who_is_told_to_folds_the_log_back(sqlite: Engine) -> None:
    """Checkpoints are off but for the one process that asks for them."""
    assert pragma(sqlite, "wal_autocheckpoint") == 0
    web = open_engine(str(sqlite.url), checkpoints=True)
    assert pragma(web, "wal_autocheckpoint") == 1000
    web.dispose()


def test_the_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    """The first start needs no folder made by hand."""
    engine = open_engine(f"sqlite:///{tmp_path / 'deep' / 'down' / 'attune.sqlite'}")
    assert pragma(engine, "foreign_keys") == 1
    engine.dispose()
    assert (tmp_path / "deep" / "down" / "attune.sqlite").exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """Where a file stands in the way, the setting is named and no traceback shown."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SettingsError, match="ATTUNE_HOME"):
        open_engine(f"sqlite:///{tmp_path / 'taken' / 'attune.sqlite'}")


@pytest.mark.parametrize("url", ["nonsense", "", "mysql://h/attune", "postgres://h/attune", "sqlite+", "http://u:s3cret@h", "://"])
def test_what_is_no_database_url_of_ours_is_refused(url: str) -> None:
    """A URL that we cannot use is refused by the name of its setting, and its password not repeated."""
    with pytest.raises(SettingsError) as refused:
        open_engine(url)
    assert "ATTUNE_DATABASE_URL" in refused.value.message and "s3cret" not in refused.value.message


def test_a_transaction_is_kept_whole_or_not_at_all(database: Engine) -> None:
    """What ends well is kept; any error takes all of it back and reaches the caller as it was."""
    with transaction(database) as session:
        session.add(Person(external="ann"))
    with pytest.raises(Conflict, match="no"), transaction(database) as session:
        session.add(Person(external="ben"))
        session.flush()
        raise Conflict("no")
    assert names(database) == ["ann"]


def test_rows_are_readable_after_the_transaction(database: Engine) -> None:
    """What a transaction returns can be used after it."""
    with transaction(database) as session:
        person = Person(external="ann")
        session.add(person)
    assert person.external == "ann" and len(person.id) == 32


def test_a_clash_of_data_stays_what_it_is(database: Engine) -> None:
    """A broken unique index is the caller's to tell, not a failing storage."""
    with pytest.raises(IntegrityError), transaction(database) as session:
        session.add_all([Person(external="ann"), Person(external="ann")])
    with pytest.raises(IntegrityError), transaction(database) as session:
        session.add(Conversation(persona="friend", person_id="nobody"))


def test_parts_of_one_transaction_fail_alone(database: Engine) -> None:
    """Sessions that share a transaction are kept or taken back one by one."""
    with writing(database) as connection:
        with part_of(connection) as session:
            session.add(Person(external="ann"))
        with contextlib.suppress(ValueError), part_of(connection) as session:
            session.add(Person(external="ben"))
            session.flush()
            raise ValueError("no")
        with part_of(connection) as session:
            session.add(Person(external="cid"))
    assert names(database) == ["ann", "cid"]


def test_a_locked_database_is_unavailable(impatient: Engine) -> None:
    """While another program writes for longer than we wait, a write is refused with 503 and a code; then it goes on."""
    with written_elsewhere(impatient):
        for refused in (transaction, writing):
            with pytest.raises(Unavailable) as failed, refused(impatient) as session:
                session.execute(text("SELECT 1"))
            assert (failed.value.code, failed.value.status) == ("storage", 503)
    with transaction(impatient) as session:
        session.add(Person(external="ann"))
    assert names(impatient) == ["ann"]


def test_a_new_file_that_is_locked_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """Two programs that open a new file in the same moment wait for each other, also where SQLite itself would not."""
    path = tmp_path / "attune.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE anything (x)")
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        release.start()
        engine = open_engine(f"sqlite:///{path}", busy_milliseconds=30_000)
        assert pragma(engine, "journal_mode") == "wal"
        release.join()
        engine.dispose()


def test_a_new_file_that_stays_locked_is_unavailable(tmp_path: Path) -> None:
    """A file that another program will not let go of is told in words, after no longer than we wait."""
    path = tmp_path / "attune.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE anything (x)")
        other.execute("BEGIN IMMEDIATE")
        engine = open_engine(f"sqlite:///{path}", busy_milliseconds=20)
        with pytest.raises(Unavailable), reading(engine) as session:
            session.execute(text("SELECT 1"))
        engine.dispose()


def test_reading_never_waits_for_a_writer(impatient: Engine) -> None:
    """A reader takes no lock: it reads on while another program writes."""
    with transaction(impatient) as session:
        session.add(Person(external="ann"))
    with written_elsewhere(impatient):
        assert names(impatient) == ["ann"]


def test_a_reader_sees_one_moment(database: Engine) -> None:
    """What is uncommitted elsewhere is not seen."""
    with transaction(database) as session:
        session.add(Person(external="ann"))
        session.flush()
        assert names(database) == []
    assert names(database) == ["ann"]


@pytest.mark.parametrize("way", [transaction, reading, writing])
def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path, way: object) -> None:
    """A damaged file is told in words, for reading and for writing."""
    (tmp_path / "attune.sqlite").write_text("This is no database at all. " * 200)
    engine = open_engine(f"sqlite:///{tmp_path / 'attune.sqlite'}")
    with pytest.raises(Unavailable), way(engine) as session:  # type: ignore[operator]
        session.execute(text("SELECT 1"))
    engine.dispose()


@pytest.mark.parametrize("way", [transaction, reading, writing])
def test_a_server_that_does_not_answer_is_unavailable(way: object) -> None:
    """When nobody listens at PostgreSQL's address, that is told in words, without the password."""
    engine = open_engine(f"postgresql://u:s3cret@127.0.0.1:{free_port()}/attune")
    with pytest.raises(Unavailable) as failed, way(engine) as session:  # type: ignore[operator]
        session.execute(text("SELECT 1"))
    assert "s3cret" not in failed.value.message
    engine.dispose()


def test_no_connection_left_is_unavailable(sqlite: Engine) -> None:
    """When all connections are taken for too long, that too is told as something that passes."""
    with pytest.raises(Unavailable), transaction(sqlite):
        raise PoolTimeout("QueuePool limit reached")


def test_faulty_sql_is_not_taken_for_a_failing_storage(database: Engine) -> None:
    """A mistake of ours is not answered with `try again`."""
    with pytest.raises(Exception, match="nowhere") as failed, transaction(database) as session:
        session.execute(text("SELECT * FROM nowhere"))
    assert not isinstance(failed.value, Unavailable) and not storage_failed(failed.value)
    assert not storage_failed(None) and not storage_failed(ValueError("x"))


def test_the_cause_counts_when_a_later_error_hides_it() -> None:
    """SQLite on a full disk ends by complaining of a missing savepoint; the full disk is still seen behind it."""
    full, lost = sqlite3.OperationalError("database or disk is full"), sqlite3.OperationalError("no such savepoint")
    full.sqlite_errorname, lost.sqlite_errorname = "SQLITE_FULL", "SQLITE_ERROR"
    with pytest.raises(OperationalError) as hidden:
        try:
            raise OperationalError("INSERT", {}, full)
        except OperationalError:
            raise OperationalError("ROLLBACK TO SAVEPOINT", {}, lost)  # noqa: B904  # as it happens: nobody says `from`
    assert storage_failed(hidden.value)
    assert not storage_failed(OperationalError("SELECT", {}, lost))


def test_what_was_erased_is_gone_from_the_file(sqlite: Engine) -> None:
    """Deleted words are overwritten: after a checkpoint neither the file nor its log holds them."""
    words = "a confession nobody may find again"
    with transaction(sqlite) as session:
        session.add_all([Person(external=f"{number}", name=words * 20) for number in range(50)])
    with transaction(sqlite) as session:
        session.execute(text("DELETE FROM person"))
    with sqlite.connect() as connection:
        connection.rollback()
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    file = Path(sqlite.url.database or "")
    assert not any(words.encode() in each.read_bytes() for each in file.parent.glob(f"{file.name}*"))


def test_reading_first_and_then_writing_loses_no_step(sqlite: Engine) -> None:
    """Twelve threads that each read a number and write it one higher end at twelve: a writer holds the lock before it reads."""
    with transaction(sqlite) as session:
        session.add(Person(id="counter", external="counter", name="0"))

    def up(_: int) -> None:
        with transaction(sqlite) as session:
            counter = session.get_one(Person, "counter")
            counter.name = str(int(counter.name) + 1)
            session.add(counter)

    assert race(12, up) == [None] * 12
    with reading(sqlite) as session:
        assert session.get_one(Person, "counter").name == "12"


def test_a_session_for_reading_keeps_nothing(database: Engine) -> None:
    """What is added while only reading is not kept."""
    with reading(database) as session:
        assert isinstance(session, Session)
        session.add(Person(external="ann"))
        session.flush()
    assert names(database) == []
