"""One way to ask a provider, and a wire in memory whose chunks end exactly where a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

import httpx
import pytest

from service.errors import ProviderError
from service.providers.base import Call, Piece, Provider, Turn

SECRET = "my sister Zebulonia owes me forty crowns"


class Heard(NamedTuple):
    """What a provider yielded, and how it failed."""

    text: str
    last: Piece | None
    error: ProviderError | None


class _Chunks(httpx.AsyncByteStream):
    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


class _Wire(httpx.AsyncBaseTransport):
    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=_Chunks(self._chunks))


@pytest.fixture(scope="session")
def secret() -> str:
    """A person's words, which no error may repeat."""
    return SECRET


@pytest.fixture(scope="session")
def call() -> Callable[[str], Call]:
    """A call of a model with a person's words in it."""
    return lambda model: Call(model=model, messages=[Turn("system", "Be kind."), Turn("user", SECRET)], max_tokens=50)


async def _listen(provider: Provider, call: Call) -> Heard:
    text, last = [], None
    try:
        async with asyncio.timeout(20):
            async for piece in provider.stream(call):
                assert last is None, "nothing may come after the last piece"
                text.append(piece.text)
                last = piece if piece.finish_reason else None
    except ProviderError as error:
        return Heard("".join(text), last, error)
    return Heard("".join(text), last, None)


@pytest.fixture(scope="session")
def listen() -> Callable[[Provider, Call], object]:
    """Listen to a provider until its end."""
    return _listen


@pytest.fixture(scope="session")
def wire() -> Callable[[Sequence[bytes]], httpx.AsyncClient]:
    """A client whose answer is these chunks, one by one, and then the end of the body."""
    return lambda chunks: httpx.AsyncClient(base_url="http://wire", transport=_Wire(chunks))
