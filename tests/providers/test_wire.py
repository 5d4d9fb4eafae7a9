"""Lines out of bytes, patience with bounds, and connections that are used again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import ProviderError
from service.providers.base import Call, Timeouts
from service.providers.openai import OpenAIProvider
from service.providers.wire import Link
from tests.fakes.models import OpenAIServer, Script
from tests.fakes.serving import Answer, Request, Server

Listen = Callable[[OpenAIProvider, Call], Awaitable[Any]]
Ask = Callable[[str], Call]
ROLE = b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'
WORD = b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n'
THOUGHT = b'data: {"choices": [{"delta": {"reasoning_content": "Hm"}}]}\n\n'
END = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


class Slow(Server):
    """Sends these chunks of a body with a pause before each; then it ends the body, or says nothing more."""

    def __init__(self, chunks: Iterable[bytes], *, pause: float = 0.0, ends: bool = True) -> None:
        super().__init__()
        self._chunks = chunks
        self._pause = pause
        self._ends = ends

    async def answer(self, request: Request, answer: Answer) -> None:
        await answer.start(200, "text/event-stream")
        for chunk in self._chunks:
            await asyncio.sleep(self._pause)
            await answer.send(chunk)
        await (answer.end() if self._ends else answer.left())


async def _lines(chunks: Sequence[bytes]) -> list[bytes]:
    found: list[bytes] = []
    async with Slow(chunks) as server:
        link = Link("home", server.url, {}, Timeouts())
        try:
            with await link.ask("/", {}) as answer:
                while (lines := await answer.lines()) is not None:
                    found += lines
        finally:
            await link.close()
    return found


@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(max_size=12).map(lambda some: some.replace(b"b", b"\n")), max_size=12))
def test_lines_do_not_depend_on_where_the_chunks_end(chunks: list[bytes]) -> None:
    """Whatever the chunks, the lines are those of the whole, and the end of a body ends its last line."""
    whole = b"".join(chunks)
    assert asyncio.run(_lines(chunks)) == (whole.removesuffix(b"\n").split(b"\n") if whole else [])


def test_a_line_without_end_is_refused() -> None:
    """A server that sends a line of over a megabyte fails before it fills the memory; one of a megabyte is read."""
    with pytest.raises(ProviderError) as raised:
        asyncio.run(_lines([b"first\n", *[b"x" * 16_384] * 1_000]))
    assert raised.value.code == "provider_unreadable"
    assert asyncio.run(_lines([b"x" * 999_999 + b"\n", b"last"])) == [b"x" * 999_999, b"last"]


def _endless(chunk: bytes) -> Iterable[bytes]:
    while True:
        yield chunk


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        ([], "provider_timeout"),
        (_endless(b": ping\n\n"), "provider_timeout"),
        (_endless(ROLE), "provider_timeout"),
        ([WORD], "provider_stalled"),
        ([THOUGHT], "provider_stalled"),
        ([WORD, *[b": ping\n\n"] * 1_000], "provider_stalled"),
    ],
    ids=["silence", "pings", "announcements", "a word", "a thought", "pings after a word"],
)
async def test_patience_ends(chunks: Iterable[bytes], code: str, listen: Listen, call: Ask) -> None:
    """A model that shows no token in time, or none after one, is given up, though its server goes on to send comments."""
    async with Slow(chunks, pause=0.01, ends=False) as server:
        provider = OpenAIProvider(server.url, timeouts=Timeouts(first_token=0.3, between_tokens=0.3))
        heard = await listen(provider, call("m"))
        async with asyncio.timeout(10):
            await server.somebody_left.wait()
        await provider.close()
    assert heard.error.code == code


@pytest.mark.anyio
async def test_each_token_renews_the_patience(listen: Listen, call: Ask) -> None:
    """A reply may take longer than any bound, as long as something of it keeps coming."""
    async with Slow([ROLE, *[THOUGHT, WORD] * 12, END], pause=0.05) as server:
        provider = OpenAIProvider(server.url, timeouts=Timeouts(first_token=1, between_tokens=1))
        heard = await listen(provider, call("m"))
        await provider.close()
    assert (heard.text, heard.error) == ("Hi" * 12, None)


@pytest.mark.anyio
async def test_a_server_that_takes_no_question_is_given_up(listen: Listen, call: Ask) -> None:
    """The bound of the first token also covers the time before the server says anything at all."""

    class Mute(Server):
        async def answer(self, request: Request, answer: Answer) -> None:
            await answer.left()

    async with Mute() as server:
        provider = OpenAIProvider(server.url, timeouts=Timeouts(first_token=0.2))
        heard = await listen(provider, call("m"))
        await provider.close()
    assert heard.error.code == "provider_timeout"


@pytest.mark.anyio
async def test_whoever_holds_a_piece_does_not_lose_the_rest(call: Ask) -> None:
    """Patience is with the provider, not with the reader: time spent between two pieces does not count."""
    async with OpenAIServer(model=Script()) as server:
        provider = OpenAIProvider(f"{server.url}/v1", timeouts=Timeouts(first_token=0.2, between_tokens=0.2))
        said = []
        async for piece in provider.stream(call("model")):
            said.append(piece.text)
            await asyncio.sleep(0.3)
        await provider.close()
    assert "".join(said) == "Hello there."


@pytest.mark.anyio
async def test_patience_ends_for_whoever_waits(call: Ask) -> None:
    """A reply may be begun in one task and read in another: the one that waits is told of the stall, the other is left in peace."""
    async with OpenAIServer(model=Script(after="stall")) as server:
        provider = OpenAIProvider(f"{server.url}/v1", timeouts=Timeouts(first_token=5, between_tokens=0.2))
        stream = provider.stream(call("model"))
        assert (await asyncio.create_task(anext(stream))).text == "Hello"

        async def rest() -> list[str]:
            return [piece.text async for piece in stream]

        with pytest.raises(ProviderError) as raised:
            await asyncio.create_task(rest())
        await provider.close()
    assert raised.value.code == "provider_stalled"


@pytest.mark.anyio
async def test_a_cancellation_from_outside_stays_one(call: Ask) -> None:
    """Who cancels the asking gets a cancellation, not an error of the provider."""
    asked = asyncio.Event()
    async with OpenAIServer(model=Script(pieces=(), after="stall")) as server:
        server.on_asked = lambda _: asked.set()
        provider = OpenAIProvider(f"{server.url}/v1")
        task = asyncio.create_task(anext(provider.stream(call("model"))))
        async with asyncio.timeout(10):
            await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await provider.close()


@pytest.mark.anyio
async def test_a_connection_is_used_again(listen: Listen, call: Ask) -> None:
    """A whole reply gives its connection back, also when the end of the body comes a moment after `[DONE]`; no handshake each time."""

    class Late(Server):
        connections = 0

        def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            super()._accept(reader, writer)

        async def answer(self, request: Request, answer: Answer) -> None:
            await answer.start(200, "text/event-stream")
            await answer.send(WORD + END)
            await asyncio.sleep(0.02)
            await answer.end()

    async with Late() as server:
        provider = OpenAIProvider(server.url)
        heard = [await listen(provider, call("m")) for _ in range(3)]
        await provider.close()
    assert [(one.text, one.error) for one in heard] == [("Hi", None)] * 3
    assert server.connections == 1


@pytest.mark.anyio
async def test_a_server_that_never_ends_the_body_does_not_hold_the_reply(listen: Listen, call: Ask) -> None:
    """After `[DONE]` the reply is over, whatever the server does with the connection."""
    async with Slow([WORD + END], ends=False) as server:
        provider = OpenAIProvider(server.url)
        heard = await listen(provider, call("m"))
        await provider.close()
    assert (heard.text, heard.last.finish_reason, heard.error) == ("Hi", "stop", None)
