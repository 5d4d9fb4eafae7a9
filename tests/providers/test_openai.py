"""The chat completions provider against a real server of scripted models, cut anywhere."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.errors import ProviderError
from service.providers.base import Call, Timeouts, Turn
from service.providers.openai import OpenAIProvider
from tests.fakes.models import OpenAIServer, Script
from tests.fakes.serving import Answer, Request, Server

Listen = Callable[[OpenAIProvider, Call], Awaitable[Any]]
Ask = Callable[[str], Call]
HearChunks = Callable[..., Any]

FAILURES = {
    "an error status": (Script(status=500), "provider_failed"),
    "no such model": (Script(status=404), "provider_model_unknown"),
    "a wrong key": (Script(status=401), "provider_refused"),
    "no permission": (Script(status=403), "provider_refused"),
    "a request too large": (Script(status=413), "provider_rejected"),
    "a busy gateway": (Script(status=503), "provider_failed"),
    "too many requests": (Script(status=429), "provider_overloaded"),
    "a redirect": (Script(status=302), "provider_rejected"),
    "a break before the first word": (Script(cut_after=3), "provider_broke_off"),
    "a break inside an event": (Script(cut_after=300), "provider_broke_off"),
    "a break between two events": (Script(after="cut"), "provider_broke_off"),
    "an end without a finish": (Script(after="close"), "provider_broke_off"),
    "a missing finish reason": (Script(finish=None), "provider_broke_off"),
    "a finish that says error": (Script(finish="error"), "provider_broke_off"),
    "an error in the stream": (Script(after="error"), "provider_broke_off"),
    "an error at once": (Script(pieces=(), after="error"), "provider_broke_off"),
    "no JSON": (Script(after="garbage"), "provider_unreadable"),
    "no UTF-8": (Script(after="garbage", garbage=b'{"choices": [{"delta": {"content": "\xff"}}]}'), "provider_unreadable"),
    "another shape": (Script(after="garbage", garbage=b'{"choices": "none"}'), "provider_unreadable"),
    "no object": (Script(after="garbage", garbage=b"[1, 2]"), "provider_unreadable"),
    "an abyss": (Script(after="garbage", garbage=b'{"x": ' + b"[" * 100_000), "provider_unreadable"),
    "a huge line": (Script(after="huge"), "provider_unreadable"),
    "a stall": (Script(after="stall"), "provider_stalled"),
    "a stall before the first word": (Script(pieces=(), after="stall"), "provider_timeout"),
}


def _impatient(url: str) -> OpenAIProvider:
    return OpenAIProvider(f"{url}/v1", timeouts=Timeouts(first_token=0.3, between_tokens=0.3))


def _split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def _body(pieces: Sequence[str], line_end: bytes, *, tight: bool = False) -> bytes:
    server = OpenAIServer()
    script = Script(pieces=tuple(pieces), line_end=line_end)
    body = b": ping" + line_end * 2 + b"".join(server.event(server.said(text), script) for text in pieces) + server.ending(script)
    return body.replace(b"data: ", b"data:") if tight else body


@settings(deadline=None, max_examples=40)
@given(
    pieces=st.lists(st.text(max_size=20), min_size=1, max_size=6),
    line_end=st.sampled_from([b"\n", b"\r\n"]),
    tight=st.booleans(),
    cuts=st.lists(st.integers(0, 5_000), max_size=40),
)
@example(pieces=["na\u00efve \U0001f600", "\x85\u2028\u2029\r\n", "data: [DONE]"], line_end=b"\r\n", tight=True, cuts=list(range(2_000)))
def test_the_text_comes_byte_for_byte(
    hear_chunks: HearChunks, call: Ask, pieces: list[str], line_end: bytes, tight: bool, cuts: list[int]
) -> None:
    """Wherever the bytes are cut, inside a character or inside `data:`, the text, the finish and the counts arrive as they were sent."""
    body = _body(pieces, line_end, tight=tight and not any("data: " in p for p in pieces))
    heard = hear_chunks(OpenAIProvider, call("m"), _split(body, cuts))
    assert heard.error is None
    assert heard.text == "".join(pieces)
    assert (heard.last.finish_reason, heard.last.prompt_tokens, heard.last.completion_tokens) == ("stop", 7, len(pieces))


@settings(deadline=None, max_examples=40)
@given(kept=st.integers(0, 2_000), cuts=st.lists(st.integers(0, 2_000), max_size=5))
def test_a_body_that_ends_early_is_never_a_whole_reply(hear_chunks: HearChunks, call: Ask, kept: int, cuts: list[int]) -> None:
    """However many bytes arrive before the body ends: without the finish reason it is a failure, and the text is a part of the text."""
    body = _body(["Hello", " caf\u00e9", "."], b"\n")
    finished = body.index(b'"finish_reason": "stop"')
    heard = hear_chunks(OpenAIProvider, call("m"), _split(body[:kept], cuts))
    assert "Hello caf\u00e9.".startswith(heard.text)
    assert heard.error is not None or kept >= body.index(b"\n", finished)
    assert heard.error is None or kept < len(body)
    assert (heard.last is None) == (heard.error is not None)


@pytest.mark.anyio
@pytest.mark.parametrize("case", FAILURES)
async def test_every_failure_is_a_provider_error(case: str, listen: Listen, call: Ask, secret: str) -> None:
    """However a server fails, it is a `ProviderError` with its code, after the text so far, and no finish reason came before it."""
    script, code = FAILURES[case]
    async with OpenAIServer(model=script) as server:
        provider = _impatient(server.url)
        heard = await listen(provider, call("model"))
        await provider.close()
    assert heard.error is not None
    assert heard.error.code == code
    assert heard.last is None
    assert "Hello there.".startswith(heard.text)
    assert ("reported an error" in heard.error.message) == (script.after == "error")
    # The server quotes the question in its errors; none of it may come out of ours, nor any of the reply.
    assert not any(words in str(heard.error) for words in (secret, "Zebulonia", "Hello", "no answer"))


@pytest.mark.anyio
async def test_text_before_a_failure_was_yielded(listen: Listen, call: Ask) -> None:
    """What a model said before it broke off is not swallowed."""
    for script in (Script(after="cut"), Script(after="close"), Script(after="error"), Script(after="garbage"), Script(after="stall")):
        async with OpenAIServer(model=script) as server:
            provider = _impatient(server.url)
            assert (await listen(provider, call("model"))).text == "Hello there.", script.after
            await provider.close()


@pytest.mark.anyio
async def test_nobody_listening_is_a_provider_error(listen: Listen, call: Ask) -> None:
    """A server that is not there is a `ProviderError`, at once."""
    async with OpenAIServer() as server:
        pass
    provider = OpenAIProvider(f"{server.url}/v1")
    heard = await listen(provider, call("m"))
    await provider.close()
    assert heard.error.message == "The provider openai did not answer (ClientConnectorError)."
    assert heard.error.code == "provider_unreachable"


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/v1", "http://127.0.0.1:99999/v1", "http://exa mple/v1", ""])
async def test_an_address_that_is_none_is_a_provider_error(url: str, listen: Listen, call: Ask) -> None:
    """A wrong base URL does not break anything but the calls to it."""
    provider = OpenAIProvider(url)
    heard = await listen(provider, call("m"))
    await provider.close()
    assert heard.error is not None


class _NoHttp(Server):
    async def answer(self, request: Request, answer: Answer) -> None:
        await answer.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


@pytest.mark.anyio
async def test_a_server_of_another_protocol_is_a_provider_error(listen: Listen, call: Ask) -> None:
    """What answers may be no HTTP server at all."""
    async with _NoHttp() as server:
        provider = _impatient(server.url)
        heard = await listen(provider, call("m"))
        await provider.close()
    assert heard.error is not None


@pytest.mark.anyio
async def test_a_stream_without_done_is_whole_once_it_has_a_finish(listen: Listen, call: Ask) -> None:
    """`[DONE]` is a courtesy: the finish reason is what makes a reply whole. An empty reply has a finish and no text."""
    async with OpenAIServer(curt=Script(done=False), empty=Script(pieces=()), long=Script(finish="length")) as server:
        provider = _impatient(server.url)
        curt, empty, long = [await listen(provider, call(model)) for model in ("curt", "empty", "long")]
        await provider.close()
    assert (curt.text, curt.last.finish_reason, curt.error) == ("Hello there.", "stop", None)
    assert (empty.text, empty.last.finish_reason, empty.error) == ("", "stop", None)
    assert long.last.finish_reason == "length"


@pytest.mark.anyio
async def test_the_question_goes_out_as_openai_documents_it(listen: Listen) -> None:
    """Path, key, messages and every sampling parameter arrive under OpenAI's names; those not set are not sent."""
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
    async with OpenAIServer(m=Script()) as server:
        provider = OpenAIProvider(f"{server.url}/v1/", " key-1\n")
        await listen(provider, full)
        await listen(provider, Call(model="m", messages=[Turn("user", "Hi")], max_tokens=9))
        await provider.close()
    always = {"model": "m", "max_tokens": 9, "stream": True, "stream_options": {"include_usage": True}}
    assert server.requests[0].headers["authorization"] == "Bearer key-1"
    assert server.asked == [
        {
            **always,
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hallo, \u00fcber \U0001f600"}],
            "temperature": 0.0,
            "top_p": 0.5,
            "frequency_penalty": 0.1,
            "presence_penalty": 0.2,
            "seed": 0,
            "stop": ["\n"],
        },
        {**always, "messages": [{"role": "user", "content": "Hi"}]},
    ]


@pytest.mark.anyio
async def test_without_a_key_none_is_sent(listen: Listen, call: Ask) -> None:
    """A local server gets no authorization header."""
    async with OpenAIServer(m=Script()) as server:
        provider = OpenAIProvider(f"{server.url}/v1")
        await listen(provider, call("m"))
        await provider.close()
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("key", ["schl\u00fcssel", "one\r\nx-admin: yes"])
def test_a_key_that_cannot_be_one_is_refused_unseen(key: str) -> None:
    """A key that no header can carry is refused by name of the provider, and not shown."""
    with pytest.raises(ProviderError) as raised:
        OpenAIProvider("http://127.0.0.1/v1", key, name="home")
    assert raised.value.message == "The key of the provider home holds a character that no key can have."


@pytest.mark.anyio
async def test_whoever_stops_listening_frees_the_server(call: Ask) -> None:
    """Closing the generator in the middle closes the connection: the server learns that nobody listens and need not go on."""
    async with OpenAIServer(model=Script(after="stall")) as server:
        provider = OpenAIProvider(f"{server.url}/v1")
        async with aclosing(provider.stream(call("model"))) as pieces:
            first = await anext(pieces)
        async with asyncio.timeout(10):
            await server.somebody_left.wait()
        await provider.close()
    assert first.text == "Hello"


@pytest.mark.anyio
async def test_two_hundred_streams_run_at_once(listen: Listen, call: Ask) -> None:
    """No stream waits for another one to end: all 200 are with the server before any may go on."""
    together, here = asyncio.Event(), 0

    def count(_: dict[str, Any]) -> None:
        nonlocal here
        here += 1
        if here == 200:
            together.set()

    async with OpenAIServer(model=Script(gates={1: together})) as server:
        server.on_asked = count
        provider = OpenAIProvider(f"{server.url}/v1")
        heard = await asyncio.gather(*(listen(provider, call("model")) for _ in range(200)))
        await provider.close()
    assert {(one.text, one.error) for one in heard} == {("Hello there.", None)}


@pytest.mark.anyio
async def test_the_text_comes_piece_by_piece_while_the_server_speaks(call: Ask) -> None:
    """A piece is yielded when it arrives, not when the reply is over."""
    gate = asyncio.Event()
    async with OpenAIServer(model=Script(gates={1: gate})) as server:
        provider = OpenAIProvider(f"{server.url}/v1")
        async with asyncio.timeout(10), aclosing(provider.stream(call("model"))) as pieces:
            assert (await anext(pieces)).text == "Hello"
            gate.set()
            assert [piece.text async for piece in pieces] == [" there.", ""]
        await provider.close()


def test_what_other_servers_add_is_passed_over(hear_chunks: HearChunks, call: Ask) -> None:
    """Empty choices, named events, unknown fields, a null content and a null error are no trouble; counts may come early."""
    lines = [
        "event: message",
        "id: 4",
        'data: {"choices": [], "prompt_filter_results": [{}], "usage": {"prompt_tokens": 4, "completion_tokens": 1}}',
        'data: {"choices": [{"delta": {"role": "assistant", "content": null, "refusal": null}}], "error": null}',
        'data: {"choices": [{"delta": {"content": "Hi", "reasoning_content": "hm"}, "content_filter_results": {}}]}',
        'data: {"choices": [{"delta": {}, "finish_reason": "stop"}, {"delta": {"content": "another choice"}}]}',
        "data: [DONE]",
        "data: " + json.dumps({"choices": [{"delta": {"content": "after the end"}}]}),
    ]
    heard = hear_chunks(OpenAIProvider, call("m"), ["\n\n".join(lines).encode()])
    assert (heard.text, heard.last.finish_reason, heard.last.prompt_tokens, heard.error) == ("Hi", "stop", 4, None)
