"""A reply in the making: a task of the application's own, which any number of readers may follow, leave and join again."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import structlog

from service.chat.answer import Question
from service.chat.exchange import Ending, Opened, close_exchange, save_progress
from service.chat.summary import Summaries
from service.chat.transcript import Event, Transcript
from service.db.journal import Journal
from service.db.tables import ExchangeState
from service.errors import AttuneError, Unavailable
from service.providers.catalog import Providers
from service.providers.tokens import TokenCounters
from service.settings import Settings

_KEPT_AFTER_END = 300.0
_MOST_KEPT_AFTER_END = 1_000
_SAVED_TOGETHER = 100
log = structlog.get_logger()


class Generation:
    """One reply being made. The events stay in memory until the exchange is closed and a while longer, for readers that come back."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.ending: Ending | None = None
        self.question: Question | None = None
        self.task: asyncio.Task[Ending] | None = None
        """The asking and reading alone; whoever cancels it ends the reply, and the exchange is closed all the same."""
        self.closing: asyncio.Task[None] | None = None
        self.interrupted = False
        self.transcript = Transcript()
        self._readers = 0
        self._patience = 0.0
        self._alone: asyncio.TimerHandle | None = None

    @property
    def text(self) -> str:
        """The reply so far, as shown."""
        return self.transcript.text

    @property
    def events(self) -> list[Event]:
        """All events so far."""
        return self.transcript.since()

    def join(self, patience: float) -> "Reader":
        """Count a reader. When the last one leaves before the end, the reply is cancelled, unless somebody joins in time.

        In time is within the longest `patience` (in seconds) that any of the readers had. A reply that nobody ever joined goes on.
        """
        self._readers += 1
        self._patience = max(self._patience, patience)
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None
        return Reader(self)

    def left(self) -> None:
        """A reader has left."""
        self._readers -= 1
        if not self._readers and self.ending is None and self.task is not None:
            self._alone = asyncio.get_running_loop().call_later(self._patience, self.task.cancel)

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """Yield the events after number `after`, from the past and as they come; ends with `done` or `error`."""
        async for events in self.follow_closely(after):
            for event in events:
                yield event

    def follow_closely(self, after: int = 0, silence: float | None = None) -> AsyncIterator[list[Event]]:
        """Like `follow`, but yield all events at once that have come since; and none after every `silence` seconds without any."""
        return self.transcript.follow(after, silence)


class Reader:
    """One who follows a reply."""

    def __init__(self, generation: Generation) -> None:
        self._generation: Generation | None = generation

    def leave(self) -> None:
        """Follow no longer; a second time changes nothing."""
        generation, self._generation = self._generation, None
        if generation is not None:
            generation.left()


class Generations:
    """All replies in the making: starts them, finds them again, cancels them, and waits for them when the service stops."""

    def __init__(self, providers: Providers, journal: Journal, settings: Settings, most: int = 2_000, *, save_every: float = 1.0) -> None:
        """At `most` so many replies at once; the text so far is saved every `save_every` seconds.

        `counters` count tokens as the models do: whoever opens an exchange fits it to its model with these. `summaries` are made of
        what no longer fitted.
        """
        self.counters = TokenCounters(settings)
        self.summaries = Summaries(providers, journal, settings, self.counters)
        self._providers = providers
        self._journal = journal
        self._settings = settings
        self._most = most
        self._save_every = save_every
        self._running: dict[str, Generation] = {}
        self._ended: dict[str, tuple[Generation, float]] = {}
        self._clearing: asyncio.TimerHandle | None = None
        self._closings: dict[asyncio.Task[None], Generation] = {}
        self._saving: asyncio.Task[None] | None = None
        self._stopping = False

    def admit(self) -> None:
        """Raise `Unavailable` when no further reply can be made now; asked before an exchange is opened."""
        if self._stopping:
            raise Unavailable("The service is stopping. Try again in a moment.", code="stopping")
        if len(self._running) >= self._most:
            raise Unavailable("Too many replies are being written at once. Try again in a moment.", code="overloaded")

    def start(self, opened: Opened, overrides: dict[str, Any] | None = None) -> Generation:
        """Begin the reply of an opened exchange. It goes on whether or not anybody follows."""
        generation = Generation(opened)
        question = Question(opened, overrides or {}, self._providers, self._settings, generation.transcript, self.counters)
        generation.question = question
        self._running[opened.id] = generation
        generation.task = asyncio.create_task(question.answer(), name=f"answer {opened.id}")
        generation.closing = asyncio.create_task(self._see_through(generation, generation.task), name=f"exchange {opened.id}")
        self._closings[generation.closing] = generation
        generation.closing.add_done_callback(self._closings.pop)
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save_now_and_then(), name="progress")
        return generation

    def get(self, exchange_id: str) -> Generation | None:
        """The generation of an exchange, while it is running or was a moment ago."""
        return self._running.get(exchange_id) or self._ended.get(exchange_id, (None, 0.0))[0]

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
        await self.summaries.stop()
        closings = dict(self._closings)
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
        await asyncio.wait([answer])
        ending = _ending_of(generation, answer)
        trouble = await self._close(generation, ending)
        if trouble:
            ending = ending._replace(state=ExchangeState.failed, error=trouble)
        generation.ending = ending
        self._keep_for_a_while(generation)
        generation.transcript.tell("done" if ending.state in {ExchangeState.complete, ExchangeState.cancelled} else "error")
        if not (trouble or self._stopping):
            self.summaries.consider(generation.opened, ending)
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

    def _keep_for_a_while(self, generation: Generation) -> None:
        """Keep what has ended for readers that come back: not for long, and not for many."""
        loop, name = asyncio.get_running_loop(), generation.opened.id
        generation.question = None
        self._ended[name] = (self._running.pop(name), loop.time() + _KEPT_AFTER_END)
        if len(self._ended) > _MOST_KEPT_AFTER_END:
            del self._ended[next(iter(self._ended))]
        if self._clearing is None:
            self._clearing = loop.call_later(_KEPT_AFTER_END, self._clear)

    def _clear(self) -> None:
        """Forget what was kept long enough; one timer for all."""
        loop, self._clearing = asyncio.get_running_loop(), None
        while self._ended:
            name, (_, until) = next(iter(self._ended.items()))
            if until > loop.time():
                self._clearing = loop.call_at(until, self._clear)
                return
            del self._ended[name]

    async def _save_now_and_then(self) -> None:
        """Keep the texts so far, for the case that the whole service dies; a storage that fails now does not end the replies."""
        saved: dict[str, int] = {}
        while self._running:
            await asyncio.sleep(self._save_every)
            grown = [each for name, each in self._running.items() if len(each.transcript) > saved.get(name, 0)]
            saved = {name: len(each.transcript) for name, each in self._running.items()}
            for start in range(0, len(grown), _SAVED_TOGETHER):
                replies = {each.opened.id: each.text for each in grown[start : start + _SAVED_TOGETHER]}
                try:
                    await self._journal.write(partial(save_progress, replies=replies))
                except AttuneError as error:
                    log.warning("progress_not_saved", exchanges=len(replies), code=error.code)


def _ending_of(generation: Generation, answer: asyncio.Task[Ending]) -> Ending:
    """How the answer ended; text that was shown is kept in every case, and who said it."""
    if answer.cancelled():
        if generation.interrupted:
            return _broken(generation, ExchangeState.interrupted, error="service_stopped")
        return _broken(generation, ExchangeState.cancelled, finish_reason="stop")
    error = answer.exception()
    if error is None:
        return answer.result()
    if isinstance(error, AttuneError):
        return _broken(generation, ExchangeState.failed, error=error.code)
    log.error("exchange_failed", exchange=generation.opened.id, exc_info=error)
    return _broken(generation, ExchangeState.failed, error="internal_error")


def _broken(generation: Generation, state: ExchangeState, *, error: str | None = None, finish_reason: str | None = None) -> Ending:
    text, question = generation.text, generation.question
    provider, model = (question.asked if question and text else None) or (None, None)
    warnings = question.warnings if question else None
    return Ending(state, text, finish_reason, error, provider, model, warnings=warnings)
