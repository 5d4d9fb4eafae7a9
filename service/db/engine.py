"""The way to the database: SQLite by default, PostgreSQL when outgrown; one unit of work is `with transaction(engine) as session`."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy import create_engine as create_sqlalchemy_engine
from sqlalchemy.engine import Connection, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from service.errors import SettingsError, Unavailable

BUSY_MILLISECONDS = 10_000


def open_engine(url: str, *, checkpoints: bool = False, busy_milliseconds: int = BUSY_MILLISECONDS) -> Engine:
    """Open the database at `url`; raise `SettingsError` when the URL cannot be understood or its folder cannot be made.

    On SQLite a writer waits `busy_milliseconds` for another one. With `checkpoints` this process may fold SQLite's write-ahead log back
    into the file. Only the web process does: before SQLite 3.51.3 a checkpoint beside another connection's writes could corrupt the file
    (sqlite.org, "WAL reset bug").
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError("ATTUNE_DATABASE_URL is not a database URL such as sqlite:///data/attune.sqlite.") from error
    if parsed.get_backend_name() == "postgresql":
        engine = create_sqlalchemy_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, hide_parameters=True)
        event.listen(engine, "handle_error", _withhold_rows)
        return engine
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError("ATTUNE_DATABASE_URL must be a sqlite:/// or postgresql:// URL.")
    if parsed.database:
        _make_folder(Path(parsed.database).parent)
    waits = {"check_same_thread": False, "timeout": busy_milliseconds / 1000}
    engine = create_sqlalchemy_engine(parsed, connect_args=waits, hide_parameters=True)
    event.listen(engine, "connect", lambda connection, _: _prepare(connection, checkpoints, busy_milliseconds))
    event.listen(engine, "begin", _begin)
    event.listen(engine, "commit", _require_transaction)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The database's folder {folder} cannot be made: {error.strerror}. Set ATTUNE_HOME to another.") from error


def _prepare(connection: sqlite3.Connection, checkpoints: bool, busy_milliseconds: int) -> None:
    # The driver's own transaction handling would begin too late (at the first write) and lose to other writers; `_begin` decides instead.
    connection.isolation_level = None
    _write_ahead(connection, time.monotonic() + busy_milliseconds / 1000)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"wal_autocheckpoint={1000 if checkpoints else 0}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection, end: float) -> None:
    # Connections that open a new file at the same time block each other here, and SQLite does not wait for this lock by itself.
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _withhold_rows(context: ExceptionContext) -> None:
    # PostgreSQL adds the row to a message (DETAIL: Failing row contains ...), and with it a person's words; errors end up in logs.
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            error.args = tuple(part.partition("\nDETAIL:")[0] if isinstance(part, str) else part for part in error.args)


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _require_transaction(connection: Connection) -> None:
    # Where SQLite took the transaction back by itself, a commit would succeed and keep nothing.
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        raise Unavailable("The database took the transaction back. Nothing of it was kept; try again in a moment.", code="storage")


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One unit of work that writes: committed at the end, rolled back on any error; raise `Unavailable` when the storage fails."""
    with _storage("written"), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One unit of work for the sessions of many (`part_of`); on SQLite it holds the write lock from the start."""
    with _storage("written"), engine.begin() as connection:
        yield connection


@contextmanager
def shared(connection: Connection) -> Iterator[Session]:
    """A session that is the whole of a unit of work: nothing of it can be taken back alone, and it costs a fraction of `part_of`."""
    with Session(connection, expire_on_commit=False, join_transaction_mode="rollback_only") as session:
        yield session


@contextmanager
def part_of(connection: Connection) -> Iterator[Session]:
    """A session behind a savepoint of its own: what it did is kept or taken back without its neighbours'."""
    with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only reads: on SQLite it takes no write lock; raise `Unavailable` when the storage fails."""
    with _storage("read"), Session(engine.execution_options(reads=True), expire_on_commit=False) as session:
        yield session


def touch(session: Session) -> None:
    """Write without changing anything, so that a disk which takes no more is noticed; on PostgreSQL that is the server's to notice."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA user_version = 0")


def storage_failed(error: BaseException | None) -> bool:
    """Tell a failing storage (disk full, locked, gone) from a clash of data such as a broken unique index, and from faulty SQL.

    The errors before it count too: on a full disk SQLite takes the whole transaction back, and then complains of the missing savepoint.
    """
    if error is None:
        return False
    failed = type(error).__name__ in {"OperationalError", "InterfaceError", "InternalError", "DatabaseError"}
    return (isinstance(error, DBAPIError) and failed and not _faulty_sql(error)) or storage_failed(error.__context__)


def _faulty_sql(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR"


@contextmanager
def _storage(done: str) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        if isinstance(error, PoolTimeout) or storage_failed(error):
            raise Unavailable(f"The database cannot be {done} now. Nothing was lost; try again in a moment.", code="storage") from error
        raise
