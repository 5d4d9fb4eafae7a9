"""Server-sent events: a comment while nothing else is said, so that proxies and clients know the line is alive."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from litestar import Litestar, Request
from litestar.datastructures import Cookie
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from service.db.tables import ExchangeState
from service.web.problems import error_of
from service.web.replies import Reply, failure

_encode = msgspec.json.Encoder().encode
_MEDIA_TYPE = "text/event-stream"
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class Packet(NamedTuple):
    """What goes out at once. With the `last` one the body ends: one packet less than an end of its own."""

    data: bytes
    last: bool = False


PING = Packet(b": ping\n\n")


def event_stream(
    body: AsyncGenerator[Packet, None], exchange_id: str, leave: Callable[[], None], headers: dict[str, str] | None = None
) -> Stream:
    """A streaming answer that names its exchange.

    `leave` is called when it has ended or its reader is gone, even before the first word; then `body` is closed.
    """
    return _EventStream(body, leave, {**_HEADERS, "x-exchange-id": exchange_id, **(headers or {})})


class _EventStream(Stream):
    def __init__(self, body: AsyncGenerator[Packet, None], leave: Callable[[], None], headers: dict[str, str]) -> None:
        super().__init__((), headers=headers, media_type=_MEDIA_TYPE)
        self._body = body
        self._leave = leave

    def to_asgi_response(
        self,
        app: Litestar | None,
        request: Request[Any, Any, Any],
        *,
        cookies: Iterable[Cookie] | None = None,
        headers: dict[str, str] | None = None,
        status_code: int | None = None,
        **options: Any,
    ) -> ASGIResponse:
        return _Sending(
            self._body,
            self._leave,
            cookies=[*self.cookies, *(cookies or ())],
            headers={**(headers or {}), **self.headers},
            status_code=self.status_code or status_code,
            encoded_headers=options.get("encoded_headers"),
        )


class _Sending(ASGIResponse):
    """Sends in the task of the request, with one beside it that listens whether the reader is still there.

    Litestar's own does it in a task group with cancel scopes, which costs several times as much for each stream and each chunk.
    """

    __slots__ = ("_leave", "_packets")
    _should_set_content_length = False

    def __init__(self, packets: AsyncGenerator[Packet, None], leave: Callable[[], None], **options: Any) -> None:
        super().__init__(media_type=_MEDIA_TYPE, **options)
        self._packets = packets
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._packets):
                await super().__call__(scope, receive, send)
        finally:
            self._leave()

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send until the end, or until the reader is gone."""
        sender, gone = asyncio.current_task(), False

        def stop(_: asyncio.Task[None]) -> None:
            nonlocal gone
            gone = sender is not None and sender.cancel()

        listening = asyncio.create_task(_left(receive))
        listening.add_done_callback(stop)
        try:
            async for packet in self._packets:
                await send({"type": "http.response.body", "body": packet.data, "more_body": not packet.last})
        except asyncio.CancelledError:
            if sender is None or not gone or sender.uncancel():
                raise  # Somebody else wants the end.
        finally:
            listening.remove_done_callback(stop)
            listening.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def exchange_events(
    reply: Reply, after: int = 0, beside: Mapping[str, Any] = MappingProxyType({}), ping_seconds: float | None = None
) -> AsyncGenerator[Packet, None]:
    """The events of `/api`: `exchange`, `delta` ..., `done` or `error`, with ids that rise; `after` is the last id the reader has seen.

    The id of `exchange` is 1, that of a `delta` is 1 and as many characters as the reply has up to its end, and the last event has the id
    after that. So a reader can go on from any id, also when the reply is read from its row, where nobody knows how it was cut into pieces.
    `exchange` also says what stands `beside` the reply. After `ping_seconds` of silence there is a ping, which is no event.
    """
    if after < 1:
        yield Packet(_sse(1, "exchange", {"id": reply.id, "version": reply.version, **beside}))
    at = 1
    async for events in reply.follow_closely(ping_seconds):
        said = []
        for event in events:
            if event.kind == "delta":
                at += len(event.text)
                if at > after:
                    said.append(_sse(at, "delta", {"text": event.text[after - at :] if at - len(event.text) < after else event.text}))
            else:
                said.append(_sse(max(at, after) + 1, event.kind, _end(reply, event.kind)))
        yield Packet(b"".join(said), events[-1].kind != "delta") if events else PING


def _end(reply: Reply, kind: str) -> dict[str, Any]:
    ending = reply.ending
    state = ending.state.value if ending else ExchangeState.failed.value
    if kind == "error":
        return {"id": reply.id, "state": state, "error": error_of(failure(reply))}
    return {"id": reply.id, "state": state, "finish_reason": ending.finish_reason if ending else None, "version": reply.version}


def _sse(number: int, kind: str, data: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, kind.encode(), _encode(data))
