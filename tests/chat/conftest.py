"""A real database, SQLite or PostgreSQL, and personas to talk to."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine
from sqlmodel import SQLModel

from service.db.engine import open_engine
from service.db.migration import upgrade
from service.personas.persona import Memory, Persona, PersonaSettings, RatingReasons
from tests.fakes.house import House
from tests.fakes.stage import Stage

_SERVER = "postgresql://postgres@127.0.0.1:5432"


@pytest.fixture(scope="session")
def persona() -> Callable[..., Persona]:
    """A persona by name, with settings as wanted."""

    def make(name: str = "friend", *models: str, memory: int = 2000, **settings: Any) -> Persona:
        reasons = RatingReasons(up=["funny", "caring"], down=["mean", "boring"])
        front = PersonaSettings(
            title=name.capitalize(),
            models=list(models) or ["test:model"],
            variables={"user": "someone"},
            memory=Memory(max_tokens=memory),
            ratings=reasons,
            **settings,
        )
        return Persona(name=name, settings=front, template="You are {{ char }} and talk with {{ user }}.")

    return make


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database at the present schema."""
    file = tmp_path_factory.mktemp("schema") / "attune.sqlite"
    engine = open_engine(f"sqlite:///{file}", checkpoints=True)
    upgrade(engine)
    engine.dispose()
    return file


@pytest.fixture
def sqlite_url(schema: Path, tmp_path: Path) -> str:
    """A SQLite database of the test's own."""
    return f"sqlite:///{shutil.copy(schema, tmp_path / 'attune.sqlite')}"


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Engine]:
    """An engine on it."""
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Engine]:
    """An engine on a PostgreSQL database of this run's own, dropped at its end."""
    name = f"attune_chat_tests_{os.getpid()}"
    try:
        server = psycopg.connect(f"{_SERVER}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("PostgreSQL does not run on 127.0.0.1:5432: exchanges and ratings were NOT tested on it")
    with server:
        server.execute(f"CREATE DATABASE {name}")
        engine = open_engine(f"{_SERVER}/{name}")
        upgrade(engine)
        try:
            yield engine
        finally:
            engine.dispose()
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres(postgres_server: Engine) -> Engine:
    """An empty PostgreSQL database at the present schema."""
    with postgres_server.begin() as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())
    return postgres_server


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, persona: Callable[..., Persona]) -> House:
    """A database of each kind."""
    return House(request.getfixturevalue(request.param), persona())


@pytest.fixture
def stage(sqlite_url: str, tmp_path: Path, persona: Callable[..., Persona]) -> Callable[..., Stage]:
    """A stage on a SQLite database of the test's own; `async with stage(model=Script(...)) as it`."""

    def make(*, busy_milliseconds: int = 10_000, **options: Any) -> Stage:
        return Stage(open_engine(sqlite_url, busy_milliseconds=busy_milliseconds), persona(), tmp_path, options)

    return make
