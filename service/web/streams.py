"""Server-sent events: a comment while nothing else is said, so that proxies and clients know the line is alive."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar.response import Stream

from service.chat.generation import Event, Generation
from service.db.tables import ExchangeState
from service.web.problems import error_member

_PING = b": ping\n\n"
_encode = msgspec.json.Encoder().encode
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}

_WORDS = {
    "service_stopped": "The service was stopped while the reply was being written.",
    "storage": "The reply could not be kept: the database cannot be written now. Try again in a moment.",
    "provider_broke_off": "The model broke off in the middle of its reply. Try again.",
    "reply_empty": "The model gave an empty reply. Try again.",
    "internal_error": "Something went wrong on our side. Your message is kept; try again.",
}


def event_stream(body: AsyncIterator[bytes], exchange_id: str, ping_seconds: float) -> Stream:
    """A streaming answer that names its exchange, with a ping after every `ping_seconds` of silence."""
    return Stream(with_pings(body, ping_seconds), media_type="text/event-stream", headers={**_HEADERS, "x-exchange-id": exchange_id})


async def with_pings(source: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """Pass `source` on, with a ping comment after every `seconds` of silence; closes `source` when the reader leaves."""
    pending: asyncio.Task[bytes] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(_next(source))
            done, _ = await asyncio.wait([pending], timeout=seconds)
            if not done:
                yield _PING
                continue
            finished, pending = pending, None
            try:
                yield finished.result()
            except StopAsyncIteration:
                return
    finally:
        if pending is not None:
            pending.cancel()
        close = getattr(source, "aclose", None)
        if close is not None and pending is None:
            await close()


async def _next(source: AsyncIterator[bytes]) -> bytes:
    # A plain coroutine: an exception StopAsyncIteration may leave it, but StopIteration could not leave a task.
    return await anext(source)


async def exchange_events(generation: Generation, after: int = 0) -> AsyncIterator[bytes]:
    """The events of `/api`: `exchange`, `delta` ..., `done` or `error`, numbered; `after` is the last number the reader has seen.

    Number 1 is the `exchange` event; the generation's own events follow from number 2.
    """
    opened = generation.opened
    if after < 1:
        yield _sse(1, "exchange", {"id": opened.id, "version": opened.version.name})
    async for event in generation.follow(max(after - 1, 0)):
        yield _sse(event.number + 1, event.kind, _data(generation, event))


def failure(generation: Generation) -> dict[str, Any]:
    """OpenAI's error member for a reply that failed."""
    code = (generation.ending.error if generation.ending else None) or "provider_failed"
    return error_member(502, code, _WORDS.get(code, "The model did not answer. Your message is kept; try again in a moment."))


def _data(generation: Generation, event: Event) -> dict[str, Any]:
    if event.kind == "delta":
        return {"text": event.text}
    ending = generation.ending
    state = ending.state.value if ending else ExchangeState.failed.value
    if event.kind == "error":
        return {"id": generation.opened.id, "state": state, "error": failure(generation)}
    return {
        "id": generation.opened.id,
        "state": state,
        "finish_reason": ending.finish_reason if ending else None,
        "version": generation.opened.version.name,
    }


def _sse(number: int, kind: str, data: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, kind.encode(), _encode(data))
