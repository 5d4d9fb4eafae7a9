"""Attune itself on a free port, answered by the scripted model of `upstream.py`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from service.db.engine import open_engine, reading, transaction
from service.db.keys import SCOPES, create_key
from service.db.tables import Exchange
from service.settings import Settings
from service.web.app import create_app
from tests.web.upstream import Served, Upstream

_PERSONA = """---
title: {title}
greeting: Hello from {title}.
models: [{models}]
variables: {{user: someone}}
ratings: {{up: [funny], down: [mean, boring]}}
---
You are {title}, and you talk with {{{{ user }}}}.
"""
PERSONAS = {
    "echo": "test:echo",
    "names": "test:names",
    "held": "test:held",
    "silent": "test:silent",
    "broken": "test:broken",
    "refusing": "test:refusing",
    "empty": "test:empty",
    "homeless": "nowhere:model",
    "second": "test:refusing, test:echo",
}

_UNLIMITED = dict.fromkeys(("limit_key", "limit_visitor", "limit_begin", "replies_key", "replies_visitor"), 0)
"""Tests are in more of a hurry than people; those of the limits set their own."""


class Home(NamedTuple):
    """Where one service of a test lives."""

    settings: Settings
    engine: Engine

    def key(self, *scopes: str) -> str:
        """Make a key, by default one that may chat and rate."""
        with transaction(self.engine) as session:
            return create_key(session, "test", scopes or ("chat", "rate"))[1]

    def key_with_id(self, *scopes: str) -> tuple[str, str]:
        """Make a key; its id and its secret."""
        with transaction(self.engine) as session:
            key, secret = create_key(session, "test", scopes)
            return key.id, secret

    def exchange(self, exchange_id: str) -> Exchange:
        """The exchange as the database holds it."""
        return self.ask(lambda session: session.get_one(Exchange, exchange_id))

    def ask(self, question: Callable[[Session], Any]) -> Any:
        """What the database answers."""
        with reading(self.engine) as session:
            return question(session)


class Service(NamedTuple):
    """A running service: its URL, and the home behind it."""

    url: str
    home: Home

    def client(self, key: str | None = None) -> httpx.Client:
        """An HTTP client, with a key or without."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


MakeHome = Callable[..., AbstractContextManager[Home]]
Run = Callable[..., AbstractContextManager[Service]]


@pytest.fixture(scope="session")
def upstream() -> Iterator[tuple[Upstream, str]]:
    """The scripted model and its base URL."""
    model = Upstream()
    with Served(model) as served:
        yield model, f"{served.url}/v1"


@pytest.fixture(scope="session")
def make_home(upstream: tuple[Upstream, str]) -> MakeHome:
    """Make a home with personas and an attune.toml in a folder; without limits, unless settings say otherwise."""

    @contextmanager
    def make(folder: Path, database_url: str = "", personas: Sequence[str] = tuple(PERSONAS), **more: Any) -> Iterator[Home]:
        (folder / "personas").mkdir(parents=True)
        for name in personas:
            (folder / "personas" / f"{name}.md").write_text(_PERSONA.format(title=name.capitalize(), models=PERSONAS[name]))
        (folder / "attune.toml").write_text(f'[providers.test]\nbase_url = "{upstream[1]}"\n')
        where = {"home": folder / "data", "personas": folder / "personas", "providers": folder / "attune.toml"}
        settings = Settings(**where, database_url=database_url, **{**_UNLIMITED, **more})
        engine = open_engine(settings.database)
        try:
            yield Home(settings, engine)
        finally:
            engine.dispose()

    return make


@pytest.fixture(scope="session")
def run() -> Run:
    """Run Attune in a home."""

    @contextmanager
    def run(home: Home, **options: Any) -> Iterator[Service]:
        with Served(create_app(home.settings, **options)) as served:
            yield Service(served.url, home)

    return run


@pytest.fixture(scope="session")
def shared(make_home: MakeHome, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service that many tests share; each makes a key of its own, and sees only what belongs to it."""
    with make_home(tmp_path_factory.mktemp("shared")) as home, run(home) as service:
        yield service


@pytest.fixture
def own(make_home: MakeHome, run: Run, tmp_path: Path) -> Iterator[Service]:
    """A service for one test alone."""
    with make_home(tmp_path / "own") as home, run(home) as service:
        yield service


@pytest.fixture
def gate(upstream: tuple[Upstream, str]) -> Iterator[Upstream]:
    """The scripted model with its gate closed; it is opened at the end, whatever happened."""
    upstream[0].close_gate()
    try:
        yield upstream[0]
    finally:
        upstream[0].open_gate()


@pytest.fixture
def operator(shared: Service) -> Iterator[httpx.Client]:
    """A client whose key may do everything."""
    with shared.client(shared.home.key(*SCOPES)) as client:
        yield client


@pytest.fixture
def app(shared: Service) -> Iterator[httpx.Client]:
    """A client whose key may chat and rate."""
    with shared.client(shared.home.key()) as client:
        yield client
