"""Pings while nothing is said, and nothing left behind when a reader leaves."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from service.web.streams import with_pings
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import events, told
from tests.web.upstream import Upstream

pytestmark = pytest.mark.anyio


class Source:
    """A stream that speaks when told to, and knows when it was closed."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.begun = asyncio.Event()
        self.closed = False

    async def speak(self) -> AsyncIterator[bytes]:
        self.begun.set()
        try:
            while (word := await self.words.get()) is not None:
                if isinstance(word, Exception):
                    raise word
                yield word
        finally:
            self.closed = True


@pytest.fixture
def source() -> Source:
    """A silent source."""
    return Source()


async def test_a_silent_stream_pings_and_loses_nothing(source: Source) -> None:
    """Pings come for as long as the source is silent; what it then says comes whole and in order."""
    stream = with_pings(source.speak(), 0.01)
    async with asyncio.timeout(20):
        assert [await anext(stream) for _ in range(3)] == [b": ping\n\n"] * 3
    for word in (b"one", b"two", None):
        source.words.put_nowait(word)
    assert [chunk async for chunk in stream if chunk != b": ping\n\n"] == [b"one", b"two"]
    assert source.closed


async def test_a_talking_stream_has_no_pings(source: Source) -> None:
    """Where there is something to say nothing else is said."""
    for word in (b"one", b"two", None):
        source.words.put_nowait(word)
    assert [chunk async for chunk in with_pings(source.speak(), 60)] == [b"one", b"two"]


async def test_the_source_is_closed_when_its_reader_leaves(source: Source) -> None:
    """A reader that goes while something was just said, or while nothing is, closes the source."""
    source.words.put_nowait(b"one")
    stream = with_pings(source.speak(), 60)
    await anext(stream)
    await stream.aclose()
    assert source.closed

    silent = Source()
    stream = with_pings(silent.speak(), 0.01)
    async with asyncio.timeout(20):
        await anext(stream)
    await stream.aclose()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert silent.closed


async def test_a_cancelled_reader_closes_the_source(source: Source) -> None:
    """Litestar cancels a stream whose client is gone; the source ends with it."""

    async def read() -> None:
        async for _ in with_pings(source.speak(), 60):
            raise AssertionError("Nothing was said.")

    reader = asyncio.create_task(read())
    await source.begun.wait()
    reader.cancel()
    await asyncio.wait([reader])
    await asyncio.sleep(0)
    assert source.closed


async def test_an_error_of_the_source_reaches_the_reader(source: Source) -> None:
    """A stream that breaks is not one that ended."""
    source.words.put_nowait(b"one")
    source.words.put_nowait(ValueError("broken"))
    stream = with_pings(source.speak(), 60)
    assert await anext(stream) == b"one"
    with pytest.raises(ValueError, match="broken"):
        await anext(stream)


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
    assert [line for line in lines if line.startswith("id: ")] == ["id: 1", "id: 2", "id: 3"]
    with impatient.client(begun["token"]) as client, client.stream("GET", f"/api/exchanges/{name}/stream") as response:
        assert told(list(events(response))) == "At last."
