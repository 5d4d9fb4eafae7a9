"""The Ollama provider against a real server of scripted models in Ollama's wire format, cut anywhere."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.providers.base import Call, Timeouts, Turn
from service.providers.ollama import OllamaProvider
from tests.fakes.models import OllamaServer, Script

Listen = Callable[[OllamaProvider, Call], Awaitable[Any]]
Ask = Callable[[str], Call]
HearChunks = Callable[..., Any]

FAILURES = {
    "an error status": (Script(status=500), "provider_failed"),
    "no such model": (Script(status=404), "provider_model_unknown"),
    "a break before the first word": (Script(cut_after=3), "provider_broke_off"),
    "a break inside a line": (Script(cut_after=200), "provider_broke_off"),
    "a break between two lines": (Script(after="cut"), "provider_broke_off"),
    "an end without done": (Script(after="close"), "provider_broke_off"),
    "an error in the stream": (Script(after="error"), "provider_broke_off"),
    "an error at once": (Script(pieces=(), after="error"), "provider_broke_off"),
    "no JSON": (Script(after="garbage"), "provider_unreadable"),
    "no UTF-8": (Script(after="garbage", garbage=b'{"message": {"content": "\xff"}}'), "provider_unreadable"),
    "another shape": (Script(after="garbage", garbage=b'{"message": "Zebulonia"}'), "provider_unreadable"),
    "no object": (Script(after="garbage", garbage=b"[1, 2]"), "provider_unreadable"),
    "an abyss": (Script(after="garbage", garbage=b'{"x": ' + b"[" * 100_000), "provider_unreadable"),
    "a huge line": (Script(after="huge"), "provider_unreadable"),
    "a stall": (Script(after="stall"), "provider_stalled"),
    "a stall before the first word": (Script(pieces=(), after="stall"), "provider_timeout"),
}


def _impatient(url: str) -> OllamaProvider:
    return OllamaProvider(url, timeouts=Timeouts(first_token=0.3, between_tokens=0.3))


@settings(deadline=None, max_examples=40)
@given(
    pieces=st.lists(st.text(max_size=20), min_size=1, max_size=6),
    line_end=st.sampled_from([b"\n", b"\r\n", b"\n\n"]),
    cuts=st.lists(st.integers(0, 1_500), max_size=30),
)
@example(pieces=["na\u00efve \U0001f600", "\x85\u2028\u2029\r\n\x1c"], line_end=b"\n", cuts=[])
def test_the_text_comes_byte_for_byte(hear_chunks: HearChunks, call: Ask, pieces: list[str], line_end: bytes, cuts: list[int]) -> None:
    """Wherever the bytes are cut, and whatever the reply holds (U+0085 is a line end to some), all of it arrives as it was sent."""
    server = OllamaServer()
    script = Script(pieces=tuple(pieces), line_end=line_end)
    body = b"".join(server.event(server.said(text), script) for text in pieces) + server.ending(script)
    places = sorted({cut % (len(body) + 1) for cut in cuts})
    chunks = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    heard = hear_chunks(OllamaProvider, call("m"), chunks)
    assert heard.error is None
    assert heard.text == "".join(pieces)
    assert (heard.last.finish_reason, heard.last.prompt_tokens, heard.last.completion_tokens) == ("stop", 7, len(pieces))


@pytest.mark.anyio
@pytest.mark.parametrize("case", FAILURES)
async def test_every_failure_is_a_provider_error(case: str, listen: Listen, call: Ask, secret: str) -> None:
    """However Ollama fails, also by its error line in the middle, it is a `ProviderError` without a word of anybody."""
    script, code = FAILURES[case]
    async with OllamaServer(model=script) as server:
        provider = _impatient(server.url)
        heard = await listen(provider, call("model"))
        await provider.close()
    assert heard.error is not None
    assert heard.error.code == code
    assert heard.last is None
    assert "Hello there.".startswith(heard.text)
    assert ("reported an error" in heard.error.message) == (script.after == "error")
    assert not any(words in str(heard.error) for words in (secret, "Zebulonia", "Hello", "no answer"))


@pytest.mark.anyio
async def test_nobody_listening_is_a_provider_error(listen: Listen, call: Ask) -> None:
    """An Ollama that is not there is a `ProviderError`, at once."""
    async with OllamaServer() as server:
        pass
    provider = OllamaProvider(server.url)
    heard = await listen(provider, call("m"))
    await provider.close()
    assert heard.error.message == "The provider ollama did not answer (ClientConnectorError)."
    assert heard.error.code == "provider_unreachable"


@pytest.mark.anyio
async def test_the_ways_a_reply_may_end(listen: Listen, call: Ask) -> None:
    """`length` is told apart; every other reason of a whole reply, such as an unloaded model, is `stop`; a reply may be empty."""
    async with OllamaServer(long=Script(finish="length"), unloaded=Script(finish="unload"), empty=Script(pieces=())) as server:
        provider = _impatient(server.url)
        long, unloaded, empty = [await listen(provider, call(model)) for model in ("long", "unloaded", "empty")]
        await provider.close()
    assert (long.last.finish_reason, unloaded.last.finish_reason) == ("length", "stop")
    assert (empty.text, empty.last.finish_reason, empty.error) == ("", "stop", None)


@pytest.mark.anyio
async def test_the_question_goes_out_as_ollama_documents_it(listen: Listen) -> None:
    """Messages and options arrive under Ollama's names, with a stated context; options not set are not sent."""
    full = Call(
        model="m",
        messages=[Turn("system", "Be kind."), Turn("user", "Hallo, \u00fcber \U0001f600")],
        max_tokens=9,
        temperature=0.0,
        top_p=0.5,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=0,
        stop=["\n"],
    )
    async with OllamaServer(m=Script()) as server:
        provider = OllamaProvider(server.url)
        await listen(provider, full)
        await listen(provider, Call(model="m", messages=[Turn("user", "Hi")], max_tokens=9))
        await provider.close()
    options = {"num_predict": 9, "num_ctx": 8192}
    drawn = {"temperature": 0.0, "top_p": 0.5, "frequency_penalty": 0.1, "presence_penalty": 0.2, "seed": 0, "stop": ["\n"]}
    assert server.asked == [
        {
            "model": "m",
            "stream": True,
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hallo, \u00fcber \U0001f600"}],
            "options": {**options, **drawn},
        },
        {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}], "options": options},
    ]


@pytest.mark.anyio
async def test_whoever_stops_listening_frees_the_server(call: Ask) -> None:
    """Closing the generator in the middle closes the connection: Ollama stops computing when its client leaves."""
    async with OllamaServer(model=Script(after="stall")) as server:
        provider = OllamaProvider(server.url)
        async with aclosing(provider.stream(call("model"))) as pieces:
            first = await anext(pieces)
        async with asyncio.timeout(10):
            await server.somebody_left.wait()
        await provider.close()
    assert first.text == "Hello"
