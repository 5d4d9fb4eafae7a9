"""Real databases for tests: a SQLite file, or a PostgreSQL database of their own where a server runs."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from service.db.engine import open_engine
from service.db.migration import upgrade

T = TypeVar("T")
_SERVER = "postgresql://postgres@127.0.0.1:5432"


@contextmanager
def made(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of this kind (sqlite, postgresql); it is dropped at the end."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'attune.sqlite'}"
        return
    name = f"attune_test_{secrets.token_hex(8)}"
    administrator = create_engine(f"{_SERVER.replace(':', '+psycopg:', 1)}/postgres?connect_timeout=3", isolation_level="AUTOCOMMIT")
    try:
        try:
            with administrator.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
        except OperationalError:
            pytest.skip(f"NO POSTGRESQL at {_SERVER}: what is promised there was not tried")
        try:
            yield f"{_SERVER}/{name}"
        finally:
            with administrator.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        administrator.dispose()


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """The database at its present schema; a writer waits long, so that only a deadlock can fail."""
    engine = open_engine(url, busy_milliseconds=30_000)
    try:
        upgrade(engine)
        yield engine
    finally:
        engine.dispose()


def emptied(engine: Engine) -> None:
    """Take every row out, leave the schema."""
    with engine.begin() as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())


def race(times: int, act: Callable[[int], T]) -> list[T | Exception]:
    """Do `act(0)`, `act(1)` ... in as many threads, all let go in one moment; return what each returned or raised."""
    gate = Barrier(times)

    def run(number: int) -> T | Exception:
        gate.wait(30)
        try:
            return act(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))
