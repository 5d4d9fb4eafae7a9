"""All that a reply in the making needs, real and small: a database, its journal, a server of scripted models, and the generations."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Engine

from service.chat.exchange import Asked, Opened, find_person, open_stateless
from service.chat.generation import Generation, Generations
from service.chat.transcript import Event
from service.db.journal import Journal
from service.db.tables import Exchange
from service.personas.persona import Persona
from service.providers.base import Turn
from service.providers.catalog import Providers
from service.settings import Settings
from tests.fakes.house import House
from tests.fakes.models import OpenAIServer, Script

_SECONDS = 20


class Stage(House):
    """Open between `async with` and its end. `test:NAME` is the scripted model NAME of the options that are scripts."""

    def __init__(self, engine: Engine, persona: Persona, folder: Path, options: dict[str, Any]) -> None:
        super().__init__(engine, persona)
        self.folder = folder
        self.server = OpenAIServer(**{name: value for name, value in options.items() if isinstance(value, Script)})
        self._providers = options.get("providers", Providers)
        self._limits = {name: options[name] for name in ("most", "save_every") if name in options}

    async def __aenter__(self) -> "Stage":
        await self.server.__aenter__()
        (self.folder / "attune.toml").write_text(f'[providers.test]\nbase_url = "{self.server.url}/v1"\n')
        settings = Settings(home=self.folder, providers=self.folder / "attune.toml", engine=self.server.url)
        self.providers = self._providers(settings)
        self.journal = Journal(self.engine)
        self.journal.start()
        self.generations = Generations(self.providers, self.journal, settings, **self._limits)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.generations.drain(0)
        await self.providers.close()
        await self.server.__aexit__(kind, error, trace)
        await asyncio.to_thread(self.journal.close)
        self.engine.dispose()

    async def opened(self, message: str = "Hi", *history: Turn, persona: Persona | None = None) -> Opened:
        """Open an exchange through the journal, as the web does."""
        asked = Asked(persona or self.persona, "champion", message, "b1")
        return await self.journal.write(lambda session: open_stateless(session, asked, history, find_person(session, "ann").id, None))

    async def begin(self, message: str = "Hi", *history: Turn, persona: Persona | None = None, **overrides: Any) -> Generation:
        """Open an exchange and begin its reply."""
        return self.generations.start(await self.opened(message, *history, persona=persona), overrides)

    async def events(self, generation: Generation, after: int = 0) -> list[Event]:
        """Follow to the end."""
        async with asyncio.timeout(_SECONDS):
            return [event async for event in generation.follow(after)]

    async def first(self, generation: Generation) -> Event:
        """Wait for the first event."""
        async with asyncio.timeout(_SECONDS):
            async for event in generation.follow():
                return event
        raise AssertionError("there was no event")

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait, with a bound, until something is true that nobody tells us of."""
        for _ in range(_SECONDS * 100):
            if true():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never became true")

    def row(self, generation: Generation) -> Exchange:
        """The exchange as it lies in the database."""
        return self.exchange(generation.opened.id)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody else holds the write lock of the database."""
        other = sqlite3.connect(str(self.engine.url.database), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
