"""A reply as it is told to a caller: one in the making, or one that ended, read from its row."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from service.chat.exchange import Ending, get_exchange
from service.chat.generation import Generation
from service.chat.transcript import Event
from service.db.tables import Exchange, ExchangeState, Version
from service.errors import AttuneError, Conflict, ProviderError, Unavailable

_WORDS = {
    "service_stopped": "The service was stopped while the reply was being written.",
    "storage": "The reply could not be kept: the database cannot be written now. Try again in a moment.",
    "provider_broke_off": "The model broke off in the middle of its reply. Try again.",
    "provider_stalled": "The model fell silent in the middle of its reply. Try again.",
    "provider_timeout": "The model did not begin to answer in time. Your message is kept; try again in a moment.",
    "provider_unreachable": "The model cannot be reached now. Your message is kept; try again in a moment.",
    "provider_resting": "The model failed several times and is given a moment's rest. Your message is kept; try again in a minute.",
    "provider_overloaded": "The model has too much to do now, or its quota is used up. Your message is kept; try again in a minute.",
    "provider_refused": "The model's host refused our key or account. The owner can mend that: see the key of the provider.",
    "provider_model_unknown": "The model's host does not know this model. The owner can mend that: see `models` in the persona file.",
    "provider_unknown": "There is no such provider. The owner can mend that: see `models` in the persona file, and attune.toml.",
    "provider_rejected": "The model's host did not accept the request. Shorten the message, or ask the owner to look into the log.",
    "provider_filtered": "The model's host does not let this message pass. Say it in other words.",
    "provider_unreadable": "The model's host sent something that is no reply. Try again; if it stays so, its address may be wrong.",
    "reply_empty": "The model gave an empty reply. Try again.",
    "internal_error": "Something went wrong on our side. Your message is kept; try again.",
}
_KINDS: dict[str, type[AttuneError]] = {"storage": Unavailable, "service_stopped": Unavailable, "internal_error": AttuneError}


class Reply(NamedTuple):
    """Who says it and when, and where its words are: in a generation, or in the row of one that is no longer in memory."""

    id: str
    persona: str
    version: str
    created_at: datetime
    source: "Generation | Kept"

    @property
    def ending(self) -> Ending | None:
        """How it ended, None while it is being written."""
        return self.source.ending

    @property
    def text(self) -> str:
        """The words so far."""
        return self.source.text

    @property
    def failed(self) -> bool:
        """Whether it ended without being whole, and nobody had wished that."""
        ending = self.source.ending
        return ending is not None and ending.state not in {ExchangeState.complete, ExchangeState.cancelled}

    @property
    def promising(self) -> bool:
        """Whether it is whole, or may still become so."""
        if self.ending is not None:
            return self.ending.state == ExchangeState.complete
        return isinstance(self.source, Generation) and self.source.task is not None and not self.source.task.cancelling()

    def follow(self) -> AsyncIterator[Event]:
        """The words as events, and at last `done` or `error`."""
        return self.source.follow()

    def follow_closely(self, silence: float | None = None) -> AsyncIterator[list[Event]]:
        """The same, all that came at once; and no events after every `silence` seconds without any."""
        return self.source.follow_closely(silence=silence)

    def join(self, patience: float) -> Callable[[], None]:
        """Count a reader, who leaves by calling what is returned; see `Generation.join`."""
        return self.source.join(patience).leave if isinstance(self.source, Generation) else _nothing


class Kept:
    """The row of a reply that ended, with what is asked of a generation."""

    def __init__(self, exchange: Exchange) -> None:
        self.text = exchange.reply
        self.ending = Ending(
            exchange.state,
            exchange.reply,
            exchange.finish_reason,
            exchange.error,
            exchange.provider,
            exchange.model,
            exchange.prompt_tokens,
            exchange.completion_tokens,
        )

    async def follow(self) -> AsyncIterator[Event]:
        """All words at once, and the end."""
        if self.text:
            yield Event(1, "delta", self.text)
        whole = self.ending.state in {ExchangeState.complete, ExchangeState.cancelled}
        yield Event(2, "done" if whole else "error")

    async def follow_closely(self, silence: float | None = None) -> AsyncIterator[list[Event]]:
        """The same at once: a row is never silent."""
        yield [event async for event in self.follow()]


def _nothing() -> None:
    """Nobody waits for the reader of a row."""


def reply_of(generation: Generation) -> Reply:
    """The reply that a generation makes."""
    opened = generation.opened
    return Reply(opened.id, opened.persona.name, opened.version.name, opened.created_at, generation)


def kept_reply(session: Session, exchange_id: str) -> Reply:
    """The reply that ended, from its row; raise `NotFound`, and `Conflict` when it is open still, but not written by this process."""
    exchange = get_exchange(session, exchange_id)
    if exchange.state == ExchangeState.open:
        raise Conflict("The end of this reply is not kept yet. Ask again in a moment.", code="exchange_closing")
    version = session.get_one(Version, exchange.version_id)
    return Reply(exchange.id, exchange.persona, version.name, exchange.created_at, Kept(exchange))


def failure(reply: Reply) -> AttuneError:
    """What a caller is told of a reply that failed."""
    code = (reply.ending.error if reply.ending else None) or "provider_failed"
    words = _WORDS.get(code, "The model did not answer. Your message is kept; try again in a moment.")
    return _KINDS.get(code, ProviderError)(words, code=code)
