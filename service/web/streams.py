"""Server-sent events: a comment while nothing else is said, so that proxies and clients know the line is alive."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from litestar.background_tasks import BackgroundTask
from litestar.response import Stream

from service.db.tables import ExchangeState
from service.web.problems import error_of
from service.web.replies import Reply, failure

_PING = b": ping\n\n"
_encode = msgspec.json.Encoder().encode
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


def event_stream(
    body: AsyncIterator[bytes], exchange_id: str, ping_seconds: float, leave: Callable[[], None], headers: dict[str, str] | None = None
) -> Stream:
    """A streaming answer that names its exchange, with a ping after every `ping_seconds` of silence.

    `leave` is called when it has ended or its reader is gone, even before the first word.
    """
    return Stream(
        with_pings(body, ping_seconds, leave),
        media_type="text/event-stream",
        headers={**_HEADERS, "x-exchange-id": exchange_id, **(headers or {})},
        background=BackgroundTask(_at_the_end, leave),
    )


async def with_pings(source: AsyncIterator[bytes], seconds: float, leave: Callable[[], None] | None = None) -> AsyncIterator[bytes]:
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
        if leave is not None:
            leave()
        if pending is not None:
            pending.cancel()
        close = getattr(source, "aclose", None)
        if close is not None and pending is None:
            await close()


async def _at_the_end(leave: Callable[[], None]) -> None:
    leave()


async def _next(source: AsyncIterator[bytes]) -> bytes:
    # A plain coroutine: an exception StopAsyncIteration may leave it, but StopIteration could not leave a task.
    return await anext(source)


async def exchange_events(reply: Reply, after: int = 0, beside: Mapping[str, Any] = MappingProxyType({})) -> AsyncIterator[bytes]:
    """The events of `/api`: `exchange`, `delta` ..., `done` or `error`, with ids that rise; `after` is the last id the reader has seen.

    The id of `exchange` is 1, that of a `delta` is 1 and as many characters as the reply has up to its end, and the last event has the id
    after that. So a reader can go on from any id, also when the reply is read from its row, where nobody knows how it was cut into pieces.
    `exchange` also says what stands `beside` the reply.
    """
    if after < 1:
        yield _sse(1, "exchange", {"id": reply.id, "version": reply.version, **beside})
    at = 1
    async for event in reply.follow():
        if event.kind == "delta":
            at += len(event.text)
            if at > after:
                yield _sse(at, "delta", {"text": event.text[after - at :] if at - len(event.text) < after else event.text})
        else:
            yield _sse(max(at, after) + 1, event.kind, _end(reply, event.kind))


def _end(reply: Reply, kind: str) -> dict[str, Any]:
    ending = reply.ending
    state = ending.state.value if ending else ExchangeState.failed.value
    if kind == "error":
        return {"id": reply.id, "state": state, "error": error_of(failure(reply))}
    return {"id": reply.id, "state": state, "finish_reason": ending.finish_reason if ending else None, "version": reply.version}


def _sse(number: int, kind: str, data: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, kind.encode(), _encode(data))
