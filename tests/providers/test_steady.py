"""Asking again, and leaving alone: against a real server of scripted models, in a time of the test's own."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from email.utils import formatdate
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from service.errors import ProviderError
from service.providers.base import Call, Timeouts
from service.providers.failure import Resting
from service.providers.openai import OpenAIProvider
from service.providers.steady import SteadyProvider
from tests.fakes.models import OpenAIServer, Script
from tests.fakes.serving import Answer, Request, Server

pytestmark = pytest.mark.anyio
Listen = Callable[[SteadyProvider, Call], Awaitable[Any]]
Ask = Callable[[str], Call]


class Time:
    """A clock that only moves when somebody pauses, or the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def clock(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    """A time of the test's own."""
    return Time()


def _steady(url: str, time: Time, retries: int = 2) -> SteadyProvider:
    inner = OpenAIProvider(f"{url}/v1", name="home", timeouts=Timeouts(first_token=0.3, between_tokens=0.3))
    return SteadyProvider(inner, "home", retries=retries, clock=time.clock, pause=time.pause)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
async def test_what_may_pass_is_asked_again(status: int, time: Time, listen: Listen, call: Ask) -> None:
    """After a failure that may pass the same call is sent again, after a pause, and its reply is the reply."""
    async with OpenAIServer(model=Script(status=status, then=Script())) as server:
        steady = _steady(server.url, time)
        heard = await listen(steady, call("model"))
        await steady.close()
    assert (heard.text, heard.error, len(server.asked)) == ("Hello there.", None, 2)
    assert server.asked[0] == server.asked[1]
    assert len(time.pauses) == 1
    assert 0 <= time.pauses[0] <= 0.25


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (Script(status=400), "provider_rejected"),
        (Script(status=401), "provider_refused"),
        (Script(status=403), "provider_refused"),
        (Script(status=404), "provider_model_unknown"),
        (Script(status=413), "provider_rejected"),
        (Script(status=422), "provider_rejected"),
        (Script(status=503, headers={"x-should-retry": "false"}), "provider_failed"),
        (Script(status=429, headers={"retry-after": "3600"}), "provider_overloaded"),
        (Script(after="cut"), "provider_broke_off"),
        (Script(pieces=(), after="cut"), "provider_broke_off"),
        (Script(after="error"), "provider_broke_off"),
        (Script(after="garbage"), "provider_unreadable"),
        (Script(after="stall"), "provider_stalled"),
        (Script(pieces=(), after="stall"), "provider_timeout"),
    ],
)
async def test_what_will_not_pass_is_asked_once(script: Script, code: str, time: Time, listen: Listen, call: Ask) -> None:
    """A call that is wrong, a wait that would be too long, and above all a reply that had begun are not sent again."""
    async with OpenAIServer(model=script._replace(then=Script())) as server:
        steady = _steady(server.url, time)
        heard = await listen(steady, call("model"))
        await steady.close()
    assert (heard.error.code, len(server.asked), time.pauses) == (code, 1, [])
    assert "Hello there.".startswith(heard.text)


async def test_an_end_is_an_end(time: Time, listen: Listen, call: Ask) -> None:
    """Two retries are two; each pause is drawn from twice the span of the one before; the last failure is told."""
    async with OpenAIServer(model=Script(status=500)) as server:
        steady = _steady(server.url, time)
        heard = await listen(steady, call("model"))
        await steady.close()
    assert (heard.error.code, len(server.asked)) == ("provider_failed", 3)
    assert [pause <= span for pause, span in zip(time.pauses, (0.25, 0.5), strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after-ms": "1500"}, 1.5, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5, 1.5),
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after": "0"}, 0, 0),
        ({"retry-after": formatdate(usegmt=True)}, 0, 2),
        ({"retry-after": "soon"}, 0, 0.25),
        ({"retry-after": "inf"}, 0, 0.25),
        ({"retry-after": "-5"}, 0, 0.25),
    ],
)
async def test_the_wait_that_is_asked_for_is_kept(
    headers: dict[str, str], low: float, high: float, time: Time, listen: Listen, call: Ask
) -> None:
    """`Retry-After` in seconds or as a date, and `retry-after-ms`, say how long; what cannot be read is passed over."""
    async with OpenAIServer(model=Script(status=429, headers=headers, then=Script())) as server:
        steady = _steady(server.url, time)
        heard = await listen(steady, call("model"))
        await steady.close()
    assert heard.text == "Hello there."
    assert len(time.pauses) == 1
    assert low <= time.pauses[0] <= high


async def test_a_connection_that_was_closed_meanwhile_is_no_failure(time: Time, listen: Listen, call: Ask) -> None:
    """A server may close a kept connection just as it is used again; nothing of a reply had come, so it is asked again."""

    class Closing(Server):
        async def answer(self, request: Request, answer: Answer) -> None:
            if len(self.requests) == 1:
                return answer.cut()
            await answer.start(200, "text/event-stream")
            await answer.send(b'data: {"choices": [{"delta": {"content": "Back."}, "finish_reason": "stop"}]}\n\n')
            return await answer.end()

    async with Closing() as server:
        steady = _steady(server.url, time)
        heard = await listen(steady, call("model"))
        await steady.close()
    assert (heard.text, heard.error, len(server.requests)) == ("Back.", None, 2)


async def test_a_refused_connection_is_tried_again(time: Time, listen: Listen, call: Ask) -> None:
    """A server that is being restarted refuses connections for a moment."""
    async with OpenAIServer() as server:
        pass
    steady = _steady(server.url, time)
    heard = await listen(steady, call("model"))
    await steady.close()
    assert (heard.error.code, len(time.pauses)) == ("provider_unreachable", 2)


async def _down(steady: SteadyProvider, call: Call, listen: Listen, times: int = 5) -> None:
    for _ in range(times):
        assert (await listen(steady, call)).error is not None


async def test_a_dead_model_costs_nothing_until_it_is_back(time: Time, listen: Listen, call: Ask) -> None:
    """Open: nobody is asked. Half-open: one is, and while that one waits nobody else. Closed: all are. The log says when."""
    gate = asyncio.Event()
    async with OpenAIServer(model=Script(status=500)) as server:
        steady = _steady(server.url, time, retries=0)
        with capture_logs() as logs:
            await _down(steady, call("model"), listen)
            opened = await listen(steady, call("model"))
            assert isinstance(opened.error, Resting)
            assert (opened.error.code, len(server.asked)) == ("provider_resting", 5)
            time.now += 2
            server.scripts["model"] = Script(gates={1: gate})
            async with aclosing(steady.stream(call("model"))) as probe:
                assert (await anext(probe)).text == "Hello"
                assert (await listen(steady, call("model"))).error.code == "provider_resting"
                gate.set()
                assert [piece.text async for piece in probe] == [" there.", ""]
            assert [(await listen(steady, call("model"))).text for _ in range(2)] == ["Hello there."] * 2
        await steady.close()
    assert len(server.asked) == 8
    assert [entry["event"] for entry in logs] == ["provider_resting", "provider_back"]


async def test_a_failing_probe_lengthens_the_rest(time: Time, listen: Listen, call: Ask) -> None:
    """Still down after two seconds, it is left alone for four; the probe is not repeated."""
    async with OpenAIServer(model=Script(status=500)) as server:
        steady = _steady(server.url, time)
        await _down(steady, call("model"), listen, times=2)
        before = len(server.asked)
        for wait, asked in ((2, 1), (2, 1), (2, 2)):
            time.now += wait
            await listen(steady, call("model"))
            assert len(server.asked) == before + asked, wait
        await steady.close()


async def test_a_broken_model_does_not_take_the_others_down(time: Time, listen: Listen, call: Ask) -> None:
    """The embedded engine answers 500 for a version whose folder is broken, and goes on to serve the champion."""
    async with OpenAIServer(broken=Script(status=500), champion=Script()) as server:
        steady = _steady(server.url, time, retries=0)
        await _down(steady, call("broken"), listen)
        assert (await listen(steady, call("broken"))).error.code == "provider_resting"
        assert (await listen(steady, call("champion"))).text == "Hello there."
        await steady.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_a_wrong_call_is_not_the_providers_fault(status: int, time: Time, listen: Listen, call: Ask) -> None:
    """However many wrong calls there are, the right ones still go through."""
    async with OpenAIServer(model=Script(status=status)) as server:
        steady = _steady(server.url, time)
        await _down(steady, call("model"), listen, times=12)
        await steady.close()
    assert len(server.asked) == 12


async def test_who_insists_is_asked_once(time: Time, listen: Listen, call: Ask) -> None:
    """A call that insists is sent to a resting model, without retries; its success closes the breaker for all."""
    insisting = msgspec.structs.replace(call("model"), insist=True)
    async with OpenAIServer(model=Script(status=500)) as server:
        steady = _steady(server.url, time, retries=2)
        await _down(steady, call("model"), listen, times=2)
        before = len(server.asked)
        assert (await listen(steady, insisting)).error.code == "provider_failed"
        assert len(server.asked) == before + 1
        server.scripts["model"] = Script()
        assert (await listen(steady, insisting)).text == "Hello there."
        assert (await listen(steady, call("model"))).text == "Hello there."
        await steady.close()


@pytest.mark.parametrize("spoken", [False, True], ids=["before a word", "after a word"])
async def test_a_probe_whose_reader_leaves_blocks_nobody(spoken: bool, time: Time, listen: Listen, call: Ask) -> None:
    """A person who closes the page in the very moment of the probe does not keep the breaker open for ever."""
    async with OpenAIServer(model=Script(status=500)) as server:
        steady = _steady(server.url, time, retries=0)
        await _down(steady, call("model"), listen)
        time.now += 2
        asked = asyncio.Event()
        server.on_asked = lambda _: asked.set()
        server.scripts["model"] = Script(pieces=("Hello",) if spoken else (), after="stall", then=Script())
        stream = steady.stream(call("model"))
        first = asyncio.create_task(anext(stream))
        async with asyncio.timeout(10):
            await (first if spoken else asked.wait())
        first.cancel()
        await asyncio.wait([first])
        await stream.aclose()
        heard = await listen(steady, call("model"))
        await steady.close()
    assert (heard.text, heard.error) == ("Hello there.", None)


async def test_no_error_repeats_a_word(time: Time, listen: Listen, call: Ask, secret: str) -> None:
    """The server quotes the question in its errors; ours hold the provider's name and numbers alone."""
    async with OpenAIServer(model=Script(status=500)) as server:
        steady = _steady(server.url, time)
        heard = [await listen(steady, call("model")) for _ in range(4)]
        await steady.close()
    assert all(isinstance(one.error, ProviderError) and secret not in str(one.error) for one in heard)
    assert {one.error.message for one in heard} == {
        "The provider home answered with status 500.",
        "The provider home failed too often, and is being left alone for a moment.",
    }
