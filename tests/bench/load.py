"""The client of the bench, in a process of its own: raw HTTP over asyncio, every stream checked to its last event. Prints one JSON object.

    python tests/bench/load.py '{"mode": "rate", "url": ..., "model": ..., "key": ..., ...}'

- `rate`: so many connections, each asking again as soon as its stream is whole; each talks on, four exchanges to a conversation.
- `first`: one connection, asking the upstream itself in between: the time from the question to the first word of each.
- `open`: so many paced streams at once; how late each token comes.
"""

import asyncio
import statistics
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop
from chunks import decode

_OPENING_SECONDS = 5.0
"""The slow streams begin one after the other in this time, not all at one moment."""

EXCHANGES = 4
"""Exchanges of one conversation: each question carries the history, as clients of OpenAI send it."""


class Plan(msgspec.Struct, kw_only=True):
    """What to do."""

    mode: str
    url: str
    model: str
    expected: str
    key: str = ""
    connections: int = 1
    seconds: float = 1.0
    times: int = 1
    tokens: int = 1
    direct_url: str = ""
    direct_model: str = ""
    tag: str = ""


class Broken(Exception):
    """A stream that was not whole."""


class Connection(asyncio.Protocol):
    """One kept connection, one stream at a time."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._done: asyncio.Future[None] | None = None

    async def ask(self, request: bytes) -> None:
        """Send the request, and wait for the whole stream; raise `Broken` when it is none."""
        self.words: list[str] = []
        self.came_at: list[int] = []
        self.first_at = 0
        self._finish, self._closed, self._in_body = None, False, False
        self._wire, self._body = b"", b""
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._done
        if self._finish != "stop" or not self._closed:
            raise Broken(f"A stream ended without its finish reason or [DONE]: {self._body[-200:]!r}")

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("The connection was closed in the middle of a stream.")

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self._wire += data
        if not self._in_body:
            head, end, rest = self._wire.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self._fail(f"Instead of a stream came: {self._wire[:400]!r}")
                return
            self._in_body, self._wire = True, rest
        self._take_chunks(now)

    def _take_chunks(self, now: int) -> None:
        wire, at, ended = self._wire, 0, False
        while not ended and (end := wire.find(b"\r\n", at)) >= 0:
            size = int(wire[at:end], 16)
            if len(wire) < end + size + 4:
                break
            at = end + size + 4
            ended = size == 0
            self._body += wire[end + 2 : end + 2 + size]
        self._wire = wire[at:]
        *events, self._body = self._body.split(b"\n\n")
        for event in events:
            self._take(event, now)
        if ended:
            self._settle()

    def _take(self, event: bytes, now: int) -> None:
        if not event.startswith(b"data: "):
            return
        if event == b"data: [DONE]":
            self._closed = True
            return
        for choice in decode(event[6:]).choices:
            self._finish = choice.finish_reason or self._finish
            if choice.delta.content:
                self.first_at = self.first_at or now
                self.words.append(choice.delta.content)
                self.came_at.append(now)

    def _settle(self) -> None:
        if self._done and not self._done.done():
            self._done.set_result(None)

    def _fail(self, words: str) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(Broken(words))


async def connect(url: str) -> Connection:
    """Open a connection."""
    parts = urlsplit(url)
    _, connection = await asyncio.get_running_loop().create_connection(Connection, parts.hostname, parts.port)
    return connection


def request(url: str, key: str, model: str, messages: list[dict[str, str]]) -> bytes:
    """A question as the wire has it."""
    parts = urlsplit(url)
    body = msgspec.json.encode({"model": model, "messages": messages, "stream": True})
    head = f"POST {parts.path}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def rate(plan: Plan) -> dict[str, Any]:
    """How many whole streams a second."""
    began = time.monotonic()
    end = began + plan.seconds

    async def talk(number: int) -> int:
        connection, streams = await connect(plan.url), 0
        while True:
            messages: list[dict[str, str]] = []
            for _ in range(EXCHANGES):
                messages.append({"role": "user", "content": f"{plan.tag} {number}: what about {streams}?"})
                await connection.ask(request(plan.url, plan.key, plan.model, messages))
                streams += 1
                reply = "".join(connection.words).strip()
                if reply != plan.expected:
                    raise Broken(f"Another reply than the model's came: {reply[:200]!r}")
                if time.monotonic() > end:
                    connection.close()
                    return streams
                messages.append({"role": "assistant", "content": reply})

    streams = sum(await asyncio.gather(*map(talk, range(plan.connections))))
    return {"streams": streams, "seconds": time.monotonic() - began}


async def first(plan: Plan) -> dict[str, Any]:
    """The time to the first word, and the same from the upstream itself."""
    through, direct = await connect(plan.url), await connect(plan.direct_url)
    times: dict[Connection, list[float]] = {through: [], direct: []}
    for number in range(plan.times):
        messages = [{"role": "user", "content": f"{plan.tag}: what about {number}?"}]
        asked = {
            through: request(plan.url, plan.key, plan.model, messages),
            direct: request(plan.direct_url, "", plan.direct_model, messages),
        }
        for connection, question in asked.items():
            began = time.monotonic_ns()
            await connection.ask(question)
            times[connection].append((connection.first_at - began) / 1e6)
    through.close()
    direct.close()
    ours, bare = (statistics.median(times[each]) for each in (through, direct))
    return {"streams": plan.times, "milliseconds": ours, "direct_milliseconds": bare, "added_milliseconds": ours - bare}


async def keep_open(plan: Plan) -> dict[str, Any]:
    """Many slow streams at once: none may be dropped, and each token is as late as it is."""
    late: list[float] = []
    broken: list[str] = []
    open_now = most_open = 0

    async def listen(number: int) -> None:
        nonlocal open_now, most_open
        await asyncio.sleep(number / plan.connections * _OPENING_SECONDS)
        try:
            connection = await connect(plan.url)
            open_now += 1
            most_open = max(most_open, open_now)
            message = {"role": "user", "content": f"{plan.tag} {number}: count to {plan.tokens}"}
            await connection.ask(request(plan.url, plan.key, plan.model, [message]))
            open_now -= 1
            told = [(int(sent), came) for words, came in zip(connection.words, connection.came_at, strict=True) for sent in words.split()]
            if len(told) != plan.tokens:
                raise Broken(f"Of {plan.tokens} tokens {len(told)} came.")
            late.extend((came // 1000 - sent) % 10**9 / 1000 for sent, came in told)
            connection.close()
        except (Broken, OSError) as error:
            broken.append(str(error))

    await asyncio.gather(*map(listen, range(plan.connections)))
    marks = statistics.quantiles(late, n=1000) if len(late) > 1 else [0.0] * 999
    return {
        "streams": plan.connections - len(broken),
        "dropped": len(broken),
        "trouble": broken[:1],
        "open_at_once": most_open,
        "p50_milliseconds": marks[499],
        "p99_milliseconds": marks[989],
        "most_milliseconds": max(late, default=0.0),
    }


async def main(plan: Plan) -> dict[str, Any]:
    """Do what the plan says."""
    return await {"rate": rate, "first": first, "open": keep_open}[plan.mode](plan)


if __name__ == "__main__":
    try:
        print(msgspec.json.encode(uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Plan)))).decode())
    except (Broken, OSError) as error:
        sys.exit(f"load: {error}")
