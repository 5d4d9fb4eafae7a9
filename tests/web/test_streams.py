"""Streams over real sockets: pings while nothing is said, and nothing left behind when a reader leaves."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from service.web.streams import Packet, event_stream
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import events, told
from tests.web.upstream import Upstream

pytestmark = pytest.mark.anyio


class Wire:
    """The server's side of one stream: what was sent, and a reader that goes when told to."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.left = asyncio.Event()
        self.leaves = 0

    def leave(self) -> None:
        self.leaves += 1

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def serve(self, body: AsyncGenerator[Packet, None]) -> None:
        answer = event_stream(body, "x1", self.leave).to_asgi_response(None, None)  # type: ignore[arg-type]  # neither is looked at
        await answer({"type": "http"}, self.receive, self.send)  # type: ignore[arg-type, typeddict-item]

    @property
    def body(self) -> list[tuple[bytes, bool]]:
        return [(each["body"], each["more_body"]) for each in self.sent[1:]]


@pytest.fixture
def wire() -> Wire:
    """A reader that stays."""
    return Wire()


async def test_a_stream_is_sent_as_it_comes_and_ends_with_its_last_words(wire: Wire) -> None:
    """Each packet is sent at once, the last one ends the body, and then the reader is counted out."""

    async def body() -> AsyncGenerator[Packet, None]:
        yield Packet(b"one")
        assert wire.body == [(b"one", True)]
        yield Packet(b"two", last=True)

    await wire.serve(body())
    assert wire.body == [(b"one", True), (b"two", False)]
    assert dict(wire.sent[0]["headers"])[b"x-exchange-id"] == b"x1"
    assert wire.leaves == 1


async def test_a_reader_that_goes_ends_the_stream(wire: Wire) -> None:
    """Whoever leaves while nothing is said is counted out, the body is closed, and nobody is cancelled who did not ask for it."""
    closed = asyncio.Event()

    async def body() -> AsyncGenerator[Packet, None]:
        try:
            yield Packet(b"one")
            wire.left.set()
            await asyncio.sleep(60)
        finally:
            closed.set()

    async with asyncio.timeout(20):
        await wire.serve(body())
    current = asyncio.current_task()
    assert closed.is_set() and wire.leaves == 1
    assert current is not None and current.cancelling() == 0


async def test_a_server_that_stops_is_obeyed(wire: Wire) -> None:
    """A cancellation from outside is no reader that left: it goes on, after the reader was counted out and the body closed."""
    begun, closed = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncGenerator[Packet, None]:
        try:
            begun.set()
            await asyncio.sleep(60)
            yield Packet(b"")
        finally:
            closed.set()

    serving = asyncio.create_task(wire.serve(body()))
    await begun.wait()
    serving.cancel()
    await asyncio.wait([serving])
    assert serving.cancelled() and closed.is_set() and wire.leaves == 1


async def test_an_error_of_the_body_reaches_the_server(wire: Wire) -> None:
    """A stream that breaks is not one that ended."""

    async def body() -> AsyncGenerator[Packet, None]:
        yield Packet(b"one")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await wire.serve(body())
    assert wire.body == [(b"one", True)] and wire.leaves == 1


@pytest.fixture
def impatient(make_home: MakeHome, run: Run, tmp_path: Path) -> Iterator[Service]:
    """A service that pings after a moment."""
    with make_home(tmp_path / "home", personas=["silent"]) as home, run(home, ping_seconds=0.02) as service:
        yield service


def test_pings_come_while_the_model_is_silent(impatient: Service, gate: Upstream) -> None:
    """On `/v1` a silent model gives comment lines, and the rest of the stream is `data:` lines as ever."""
    body = {"model": "silent", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with impatient.client(impatient.home.key()) as client, client.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = []
        for line in response.iter_lines():
            lines.append(line)
            if lines.count(": ping") == 3:
                gate.open_gate()
    said = [line for line in lines if line]
    assert said.count(": ping") >= 3
    data = [line.removeprefix("data: ") for line in said if line != ": ping"]
    assert data.pop() == "[DONE]"
    assert [json.loads(line)["choices"][0]["finish_reason"] for line in data][-1] == "stop"
    assert all(after == "" for before, after in itertools.pairwise(lines) if before == ": ping")


def test_the_official_client_is_not_troubled_by_pings(impatient: Service, gate: Upstream) -> None:
    """Pings between the chunks are passed over by OpenAI's client. A second reader sees that they come."""
    key, body = impatient.home.key(), {"model": "silent", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with OpenAI(base_url=f"{impatient.url}/v1", api_key=key, max_retries=0) as client, impatient.client(key) as second:
        stream = client.chat.completions.create(model="silent", messages=[{"role": "user", "content": "hi"}], stream=True)
        first = next(stream)
        with second.stream("POST", "/v1/chat/completions", json=body) as response:
            pings = (line for line in response.iter_lines() if line == ": ping")
            assert [next(pings) for _ in range(3)]
            gate.open_gate()
            assert "".join(chunk.choices[0].delta.content or "" for chunk in [first, *stream]) == "At last."


def test_pings_do_not_count_as_events(impatient: Service, gate: Upstream) -> None:
    """On `/api` pings have no number: the events are numbered as if there had been none."""
    with impatient.client() as anybody:
        begun = anybody.post("/api/conversations", json={"persona": "silent"}).json()
    path = f"/api/conversations/{begun['id']}/exchanges"
    with impatient.client(begun["token"]) as client, client.stream("POST", path, json={"message": "hi"}) as response:
        lines = []
        for line in response.iter_lines():
            lines.append(line)
            if lines.count(": ping") == 2:
                gate.open_gate()
        name = response.headers["x-exchange-id"]
    assert [line for line in lines if line.startswith("id: ")] == ["id: 1", "id: 9", "id: 10"]
    with impatient.client(begun["token"]) as client, client.stream("GET", f"/api/exchanges/{name}/stream") as response:
        assert told(list(events(response))) == "At last."
