"""An upstream that dies at every byte of a recorded answer, head, chunk frames and all: each death has exactly one true ending."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.providers.base import Call, Provider
from service.providers.ollama import OllamaProvider
from service.providers.openai import OpenAIProvider
from tests.fakes.models import ModelServer, OllamaServer, OpenAIServer, Script
from tests.fakes.serving import Answer, Request, Server

Listen = Callable[[Provider, Call], Awaitable[Any]]
Ask = Callable[[str], Call]
PIECES = ("Hello", " caf\u00e9", ".")
MODES = ("abort", "close")
WIRES = [(OpenAIServer(), OpenAIProvider), (OllamaServer(), OllamaProvider)]
AT_ONCE = 16


class Dying(Server):
    """Sends the answer up to the byte that the model's name says, and then dies, with a reset or with a polite end of the connection."""

    def __init__(self, recorded: bytes) -> None:
        super().__init__()
        self._recorded = recorded

    async def answer(self, request: Request, answer: Answer) -> None:
        mode, _, kept = request.headers["authorization"].removeprefix("Bearer ").partition("-")
        await answer.raw(self._recorded[: int(kept)])
        if mode == "abort":
            # What was sent is read first: a reset may overtake it.
            await asyncio.sleep(0)
            return answer.cut()
        raise ConnectionResetError


def _recorded(server: ModelServer) -> tuple[bytes, int]:
    """A whole answer as it goes over the wire, and up to where it must be read so that the reply is whole."""
    script = Script(pieces=PIECES)
    events = [server.event(server.said(text), script) for text in PIECES]
    ending = server.ending(script)
    finish = ending.index(b"\n") + 1
    frames = [b"%x\r\n%b\r\n" % (len(event), event) for event in [*events, ending]]
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {server.kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    whole = head + b"".join(frames) + b"0\r\n\r\n"
    return whole, whole.index(ending) + finish


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("wire", "provider"), [(OpenAIServer(), OpenAIProvider), (OllamaServer(), OllamaProvider)], ids=["openai", "ollama"]
)
async def test_wherever_an_upstream_dies_the_ending_is_true(
    mode: str, wire: ModelServer, provider: Callable[..., Provider], listen: Listen, call: Ask
) -> None:
    """Before the finish it is a failure, after what was said so far, with no finish reason; from the finish on the reply is whole."""
    recorded, whole_at = _recorded(wire)
    turns = asyncio.Semaphore(AT_ONCE)

    async def die_at(kept: int) -> Any:
        async with turns:
            asked = provider(server.url, f"{mode}-{kept}")
            heard = await listen(asked, call("m"))
            await asked.close()
            return heard

    async with Dying(recorded) as server:
        heard = await asyncio.gather(*(die_at(kept) for kept in range(len(recorded) + 1)))
    for kept, one in enumerate(heard):
        assert "".join(PIECES).startswith(one.text), kept
        assert (one.error is None) == (one.last is not None), kept
        if one.error is not None:
            assert one.error.code in {"provider_unreachable", "provider_broke_off"}, (kept, one.error.code)
        if kept < whole_at - 1:
            assert one.error is not None, kept
        if one.error is None:
            assert (one.text, one.last.finish_reason) == ("".join(PIECES), "stop"), kept
    assert heard[len(recorded)].error is None
    assert {one.error.code for one in heard if one.error} == {"provider_unreachable", "provider_broke_off"}
