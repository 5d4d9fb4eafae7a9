"""A reply in the making: a task of the application's own, which any number of readers may follow, leave and join again."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, NamedTuple

import structlog

from service.chat.answer import Question
from service.chat.exchange import Ending, Opened, close_exchange, save_progress
from service.db.journal import Journal
from service.db.tables import ExchangeState
from service.errors import AttuneError, Unavailable
from service.providers.catalog import Providers
from service.settings import Settings

_KEPT_AFTER_END = 300.0
log = structlog.get_logger()


class Event(NamedTuple):
    """What a reader sees: `delta` with text, and at the end `done` or `error`. `number` counts from 1."""

    number: int
    kind: str
    text: str = ""


class Generation:
    """One reply being made. The events stay in memory until the exchange is closed and a while longer, for readers that come back."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.ending: Ending | None = None
        self.events: list[Event] = []
        self.task: asyncio.Task[Ending] | None = None
        """The asking and reading alone; whoever cancels it ends the reply, and the exchange is closed all the same."""
        self.closing: asyncio.Task[None] | None = None
        self.interrupted = False
        self._news = asyncio.Event()

    @property
    def text(self) -> str:
        """The reply so far, as shown."""
        return "".join(event.text for event in self.events if event.kind == "delta")

    def tell(self, kind: str, text: str = "") -> None:
        """Add an event and wake the readers."""
        self.events.append(Event(len(self.events) + 1, kind, text))
        self._news.set()
        self._news = asyncio.Event()

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """Yield the events after number `after`, from the past and as they come; ends with `done` or `error`."""
        while True:
            news = self._news
            while after < len(self.events):
                event = self.events[after]
                after += 1
                yield event
                if event.kind != "delta":
                    return
            if self.ending is not None and after >= len(self.events):
                return
            await news.wait()


class Generations:
    """All replies in the making: starts them, finds them again, cancels them, and waits for them when the service stops."""

    def __init__(self, providers: Providers, journal: Journal, settings: Settings, most: int = 600, *, save_every: float = 1.0) -> None:
        """At `most` so many replies at once; the text so far is saved every `save_every` seconds."""
        self._providers = providers
        self._journal = journal
        self._settings = settings
        self._most = most
        self._save_every = save_every
        self._running: dict[str, Generation] = {}
        self._stopping = False

    def admit(self) -> None:
        """Raise `Unavailable` when no further reply can be made now; asked before an exchange is opened."""
        if self._stopping:
            raise Unavailable("The service is stopping. Try again in a moment.", code="stopping")
        if len(self._running) >= self._most and sum(1 for each in self._running.values() if each.ending is None) >= self._most:
            raise Unavailable("Too many replies are being written at once. Try again in a moment.", code="overloaded")

    def start(self, opened: Opened, overrides: dict[str, Any] | None = None) -> Generation:
        """Begin the reply of an opened exchange. It goes on whether or not anybody follows."""
        generation = Generation(opened)
        question = Question(opened, overrides or {}, self._providers, self._settings, partial(generation.tell, "delta"))
        self._running[opened.id] = generation
        generation.task = asyncio.create_task(question.answer(), name=f"answer {opened.id}")
        generation.closing = asyncio.create_task(self._see_through(generation, generation.task), name=f"exchange {opened.id}")
        return generation

    def get(self, exchange_id: str) -> Generation | None:
        """The generation of an exchange, while it is running or was a moment ago."""
        return self._running.get(exchange_id)

    async def cancel(self, exchange_id: str) -> None:
        """Stop a reply and wait until it is closed; without a running one there is nothing to do."""
        generation = self._running.get(exchange_id)
        if generation and generation.task:
            generation.task.cancel()
            async for _ in generation.follow():
                pass

    async def drain(self, seconds: float) -> None:
        """Take no new replies, let the running ones finish for `seconds`, then interrupt the rest."""
        self._stopping = True
        closings = {each.closing: each for each in self._running.values() if each.closing and not each.closing.done()}
        if not closings:
            return
        _, late = await asyncio.wait(closings, timeout=seconds)
        for generation in [closings[closing] for closing in late]:
            if generation.task and not generation.task.done():
                generation.interrupted = True
                generation.task.cancel()
        if late:
            await asyncio.wait(late)

    async def _see_through(self, generation: Generation, answer: asyncio.Task[Ending]) -> None:
        """Wait for the answer, close the exchange, tell the readers."""
        started = time.monotonic()
        saving = asyncio.create_task(self._save_now_and_then(generation))
        await asyncio.wait([answer])
        saving.cancel()
        ending = _ending_of(generation, answer)
        trouble = await self._close(generation, ending)
        if trouble:
            ending = ending._replace(state=ExchangeState.failed, error=trouble)
        generation.ending = ending
        generation.tell("done" if ending.state in {ExchangeState.complete, ExchangeState.cancelled} else "error")
        log.info(
            "exchange_closed",
            exchange=generation.opened.id,
            persona=generation.opened.persona.name,
            version=generation.opened.version.name,
            state=ending.state.value,
            error=ending.error,
            provider=ending.provider,
            milliseconds=round((time.monotonic() - started) * 1000),
            completion_tokens=ending.completion_tokens,
        )
        asyncio.get_running_loop().call_later(_KEPT_AFTER_END, self._running.pop, generation.opened.id, None)
        # What could not be written is `open` in the database still; once that can be written again, it learns what the readers were told.
        while trouble == "storage" and not self._stopping:
            await asyncio.sleep(self._save_every)
            trouble = await self._close(generation, ending)

    async def _close(self, generation: Generation, ending: Ending) -> str | None:
        """Write the ending; return the code of what prevented it."""
        try:
            await self._journal.write(partial(close_exchange, exchange_id=generation.opened.id, ending=ending))
        except AttuneError as error:
            return error.code
        except Exception:
            log.exception("exchange_close_failed", exchange=generation.opened.id)
            return "internal_error"
        return None

    async def _save_now_and_then(self, generation: Generation) -> None:
        """Keep the text so far, for the case that the whole service dies; a storage that fails now does not end the reply."""
        saved = 0
        while True:
            await asyncio.sleep(self._save_every)
            if len(generation.events) > saved:
                saved = len(generation.events)
                try:
                    await self._journal.write(partial(save_progress, exchange_id=generation.opened.id, reply=generation.text))
                except AttuneError as error:
                    log.warning("progress_not_saved", exchange=generation.opened.id, code=error.code)


def _ending_of(generation: Generation, answer: asyncio.Task[Ending]) -> Ending:
    """How the answer ended; text that was shown is kept in every case."""
    if answer.cancelled():
        if generation.interrupted:
            return Ending(ExchangeState.interrupted, generation.text, error="service_stopped")
        return Ending(ExchangeState.cancelled, generation.text, finish_reason="stop")
    error = answer.exception()
    if error is None:
        return answer.result()
    if isinstance(error, AttuneError):
        return Ending(ExchangeState.failed, generation.text, error=error.code)
    log.error("exchange_failed", exchange=generation.opened.id, exc_info=error)
    return Ending(ExchangeState.failed, generation.text, error="internal_error")
