"""The way to the database: SQLite by default, PostgreSQL when outgrown; one unit of work is `with transaction(engine) as session`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, event
from sqlalchemy import create_engine as create_sqlalchemy_engine
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlmodel import Session

from service.errors import SettingsError, Unavailable

_BUSY_MILLISECONDS = 10_000


def open_engine(url: str, *, checkpoints: bool = False) -> Engine:
    """Open the database at `url`; raise `SettingsError` when the URL cannot be understood.

    With `checkpoints` this process may fold SQLite's write-ahead log back into the file. Only the web process does: before SQLite 3.51.3
    a checkpoint beside another connection's writes could corrupt the file (sqlite.org, "WAL reset bug").
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError("ATTUNE_DATABASE_URL is not a database URL such as sqlite:///data/attune.sqlite.") from error
    if parsed.get_backend_name() == "postgresql":
        return create_sqlalchemy_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError("ATTUNE_DATABASE_URL must be a sqlite:/// or postgresql:// URL.")
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_sqlalchemy_engine(parsed, connect_args={"check_same_thread": False, "timeout": _BUSY_MILLISECONDS / 1000})
    event.listen(engine, "connect", lambda connection, _: _prepare(connection, checkpoints))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, checkpoints: bool) -> None:
    # The driver's own transaction handling would begin too late (at the first write) and lose to other writers; `_begin` decides instead.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={_BUSY_MILLISECONDS}",
        f"wal_autocheckpoint={1000 if checkpoints else 0}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One unit of work that writes: committed at the end, rolled back on any error; raise `Unavailable` when the storage fails."""
    try:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session
    except DBAPIError as error:
        if storage_failed(error):
            raise Unavailable("The database cannot be written now. Nothing was lost; try again in a moment.", code="storage") from error
        raise


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only reads: on SQLite it takes no write lock."""
    options = {"reads": True} if engine.dialect.name == "sqlite" else {}
    with Session(engine.execution_options(**options), expire_on_commit=False) as session:
        yield session


def storage_failed(error: DBAPIError) -> bool:
    """Tell a failing storage (disk full, locked, gone) from a clash of data such as a broken unique index."""
    return type(error).__name__ in {"OperationalError", "InterfaceError", "InternalError", "DatabaseError"}
