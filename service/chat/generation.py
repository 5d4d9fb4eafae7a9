"""A reply in the making: a task of the application's own, which any number of readers may follow, leave and join again."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, NamedTuple

import structlog

from service.chat.exchange import Ending, Opened, close_exchange, save_progress
from service.chat.messages import assemble
from service.chat.reply import ReplyCleaner
from service.db.journal import Journal
from service.db.tables import ExchangeState
from service.errors import AttuneError, ProviderError, Unavailable
from service.providers.base import Call, Piece
from service.providers.catalog import Providers, served_name, split_model
from service.settings import Settings

_SAVE_EVERY = 1.0
_KEPT_AFTER_END = 300.0
log = structlog.get_logger()


class Event(NamedTuple):
    """What a reader sees: `delta` with text, and at the end `done` or `error`. `number` counts from 1."""

    number: int
    kind: str
    text: str = ""


class Generation:
    """One reply being made. The events stay in memory until the exchange is closed and a while longer, for readers that come back."""

    def __init__(self, opened: Opened, overrides: dict[str, Any]) -> None:
        self.opened = opened
        self.overrides = overrides
        self.ending: Ending | None = None
        self.events: list[Event] = []
        self.task: asyncio.Task[None] | None = None
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

    def __init__(self, providers: Providers, journal: Journal, settings: Settings, most: int = 600) -> None:
        self._providers = providers
        self._journal = journal
        self._settings = settings
        self._most = most
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
        generation = Generation(opened, overrides or {})
        self._running[opened.id] = generation
        generation.task = asyncio.create_task(self._make(generation), name=f"exchange {opened.id}")
        return generation

    def get(self, exchange_id: str) -> Generation | None:
        """The generation of an exchange, while it is running or was a moment ago."""
        return self._running.get(exchange_id)

    async def cancel(self, exchange_id: str) -> None:
        """Stop a reply and wait until it is closed; without a running one there is nothing to do."""
        generation = self._running.get(exchange_id)
        if generation and generation.task and generation.ending is None:
            generation.task.cancel()
            await asyncio.wait([generation.task])

    async def drain(self, seconds: float) -> None:
        """Take no new replies, let the running ones finish for `seconds`, then interrupt the rest."""
        self._stopping = True
        tasks = {each.task for each in self._running.values() if each.task and not each.task.done()}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _make(self, generation: Generation) -> None:
        started = time.monotonic()
        ending = await self._ending_of(generation)
        try:
            await self._close(generation, ending)
        except AttuneError as error:
            ending = ending._replace(state=ExchangeState.failed, error=error.code)
        except Exception:
            log.exception("exchange_close_failed", exchange=generation.opened.id)
            ending = ending._replace(state=ExchangeState.failed, error="internal_error")
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

    async def _close(self, generation: Generation, ending: Ending) -> None:
        # A cancelled task may be cancelled again while it writes; the shield inside Journal.write keeps the write on its way.
        await self._journal.write(partial(close_exchange, exchange_id=generation.opened.id, ending=ending))

    async def _ending_of(self, generation: Generation) -> Ending:
        try:
            return await self._answer(generation)
        except asyncio.CancelledError:
            state = ExchangeState.interrupted if self._stopping else ExchangeState.cancelled
            return Ending(state, generation.text, finish_reason="stop", error="service_stopped" if self._stopping else None)
        except AttuneError as error:
            return Ending(ExchangeState.failed, generation.text, error=error.code)
        except Exception:
            log.exception("exchange_failed", exchange=generation.opened.id)
            return Ending(ExchangeState.failed, generation.text, error="internal_error")

    async def _answer(self, generation: Generation) -> Ending:
        """Ask the models in order; the first that shows a word answers. After that no other one takes over: a reply is never spliced."""
        trouble: ProviderError | None = None
        for provider, model in self._candidates(generation.opened):
            try:
                return await self._answer_by(generation, provider, model)
            except ProviderError as error:
                log.warning("provider_failed", exchange=generation.opened.id, provider=provider, code=error.code)
                trouble = error
                if generation.events:
                    break
        raise trouble or ProviderError("No provider is configured for this persona.")

    def _candidates(self, opened: Opened) -> list[tuple[str, str]]:
        if opened.version.provider and opened.version.model:
            return [(opened.version.provider, opened.version.model)]
        return [split_model(name) for name in opened.persona.settings.models]

    async def _answer_by(self, generation: Generation, provider: str, model: str) -> Ending:
        persona = generation.opened.persona
        rules = persona.settings.reply
        cleaner = ReplyCleaner(
            persona.settings.title, strip_speaker=rules.strip_speaker, stop_at_other_speakers=rules.stop_at_other_speakers
        )
        last = Piece(finish_reason="stop")
        saved = time.monotonic()
        pieces = self._providers.get(provider).stream(self._call(generation, provider, model))
        async for piece in pieces:
            if shown := cleaner.feed(piece.text):
                generation.tell("delta", shown)
            if piece.finish_reason:
                last = piece
            if cleaner.stopped:
                break
            if time.monotonic() - saved > _SAVE_EVERY:
                saved = time.monotonic()
                await self._journal.write(partial(save_progress, exchange_id=generation.opened.id, reply=generation.text))
        if rest := cleaner.finish():
            generation.tell("delta", rest)
        if not generation.text:
            raise ProviderError(f"The provider {provider} gave an empty reply.", code="reply_empty")
        return Ending(
            ExchangeState.complete,
            generation.text,
            finish_reason=last.finish_reason,
            provider=provider,
            model=model,
            prompt_tokens=last.prompt_tokens,
            completion_tokens=last.completion_tokens,
        )

    def _call(self, generation: Generation, provider: str, model: str) -> Call:
        opened, sampling = generation.opened, generation.opened.persona.settings.sampling
        values: dict[str, Any] = {
            name: getattr(sampling, name)
            for name in ("max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop")
        }
        values.update(generation.overrides)
        return Call(
            model=served_name(provider, model, self._settings),
            messages=assemble(opened.prompt, opened.history, opened.message),
            **values,
        )
