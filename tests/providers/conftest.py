"""One way to ask a provider, and a real server whose answer is cut exactly where a test says."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from service.errors import ProviderError
from service.providers.base import Call, Piece, Provider, Turn
from tests.fakes.serving import Answer, Request, Server

SECRET = "my sister Zebulonia owes me forty crowns"


class Heard(NamedTuple):
    """What a provider yielded, and how it failed."""

    text: str
    last: Piece | None
    error: ProviderError | None
    warnings: list[str]


class Chunks(Server):
    """Sends a body in chunks that end where the test says, and then the end of the body."""

    def __init__(self, chunks: Sequence[bytes], kind: str = "text/event-stream") -> None:
        super().__init__()
        self._chunks = chunks
        self._kind = kind

    async def answer(self, request: Request, answer: Answer) -> None:
        await answer.start(200, self._kind)
        for chunk in self._chunks:
            await answer.send(chunk)
            await asyncio.sleep(0)
        await answer.end()


@pytest.fixture(scope="session")
def secret() -> str:
    """A person's words, which no error may repeat."""
    return SECRET


@pytest.fixture(scope="session")
def call() -> Callable[[str], Call]:
    """A call of a model with a person's words in it."""
    return lambda model: Call(model=model, messages=[Turn("system", "Be kind."), Turn("user", SECRET)], max_tokens=50)


async def _listen(provider: Provider, call: Call) -> Heard:
    text: list[str] = []
    warnings: list[str] = []
    last = None
    try:
        async with asyncio.timeout(20):
            async for piece in provider.stream(call):
                assert last is None, "nothing may come after the last piece"
                text.append(piece.text)
                warnings += piece.warnings
                last = piece if piece.finish_reason else None
    except ProviderError as error:
        return Heard("".join(text), last, error, warnings)
    return Heard("".join(text), last, None, warnings)


@pytest.fixture(scope="session")
def listen() -> Callable[[Provider, Call], object]:
    """Listen to a provider until its end."""
    return _listen


@pytest.fixture(scope="session")
def hear_chunks() -> Callable[[Callable[[str], Provider], Call, Sequence[bytes]], Heard]:
    """What a provider, built for an address, hears of an answer whose body comes in these chunks, one by one."""

    def hear(build: Callable[[str], Provider], call: Call, chunks: Sequence[bytes]) -> Heard:
        async def run() -> Heard:
            async with Chunks(chunks) as there:
                provider = build(there.url)
                try:
                    return await _listen(provider, call)
                finally:
                    await provider.close()

        return asyncio.run(run())

    return hear
