"""What the application holds while it runs; opened and closed by the lifespan in `app.py`, handed to handlers as one dependency."""

import secrets
from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread
from sqlalchemy import Engine
from sqlmodel import Session

from service.chat.generation import Generations
from service.db.engine import reading
from service.db.journal import Journal
from service.personas.reload import Watch
from service.personas.shelf import Personas
from service.settings import Settings
from service.web.guards import Caller, Gatekeeper
from service.web.idempotency import Tries
from service.web.limits import Limits

T = TypeVar("T")


class Desk:
    """Everything a handler may need: personas, the journal for writes, threads for reads, the replies in the making."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        watch: Watch,
        journal: Journal,
        generations: Generations,
        boot: str,
        ping_seconds: float,
        grace_seconds: float,
    ) -> None:
        """A reply whose readers have all left goes on for `grace_seconds`, where they can come back."""
        self.settings = settings
        self.watch = watch
        self.journal = journal
        self.generations = generations
        self.boot = boot
        self.ping_seconds = ping_seconds
        self.grace_seconds = grace_seconds
        self.limits = Limits(settings)
        self.tries = Tries()
        self.secret = secrets.token_bytes(32)
        self._engine = engine
        self._gatekeeper = Gatekeeper(engine)

    @property
    def personas(self) -> Personas:
        """The personas that serve at this moment; another moment may have others."""
        return self.watch.personas

    async def read(self, query: Callable[[Session], T]) -> T:
        """Run `query` with a reading session in a thread: the event loop never waits for the database."""
        return await anyio.to_thread.run_sync(self._read, query)

    async def recognise(self, header: str | None) -> Caller:
        """Return who sent this `Authorization` header."""
        known = self._gatekeeper.remembered(header)
        return known if known is not None else await anyio.to_thread.run_sync(self._gatekeeper.recognise, header)

    def _read(self, query: Callable[[Session], T]) -> T:
        with reading(self._engine) as session:
            return query(session)
