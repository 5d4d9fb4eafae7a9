"""Parameters that a model does not take are left out and named, never silently, and what was learnt is kept."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from service.providers.base import Call
from service.providers.ollama import OllamaProvider
from service.providers.openai import AzureProvider, OpenAIProvider
from service.providers.sampling import thinkers_take_no
from tests.fakes.models import ModelServer, OllamaServer, OpenAIServer, Script
from tests.fakes.serving import Answer, Request

pytestmark = pytest.mark.anyio
Listen = Callable[..., Awaitable[Any]]
Ask = Callable[[str], Call]
DRAWN = {"temperature": 0.3, "top_p": 0.5, "frequency_penalty": 0.1, "presence_penalty": 0.2, "seed": 3, "stop": ["END"]}


def _drawn(call: Call, **changes: Any) -> Call:
    return msgspec.structs.replace(call, **{**DRAWN, **changes})


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("o1", True),
        ("o3-mini", True),
        ("o4-mini-2025-04-16", True),
        ("gpt-5", True),
        ("gpt-5-nano-2025-08-07", True),
        ("ft:o4-mini-2025-04-16:me:friend:abc", True),
        ("gpt-5-chat-latest", False),
        ("gpt-5.4", False),
        ("gpt-4.1-mini", False),
        ("ft:gpt-4.1-mini-2025-04-14:me::abc", False),
        ("o1000-preview", False),
        ("olmo-7b", False),
    ],
)
def test_the_models_that_think_are_known_by_name(model: str, thinks: bool) -> None:
    """OpenAI's reasoning models are asked in their own way from the start; a name that only looks alike is asked as any other."""
    assert bool(thinkers_take_no(model)) == thinks


async def test_a_model_that_thinks_is_asked_in_its_own_way(listen: Listen, call: Ask) -> None:
    """Its bound is `max_completion_tokens` with room for thoughts; what it does not take is left out and named; all it takes is sent."""
    async with OpenAIServer(**{"o4-mini": Script()}) as server:
        provider = OpenAIProvider(f"{server.url}/v1")
        heard = await listen(provider, _drawn(call("o4-mini")))
        await provider.close()
    [asked] = server.asked
    assert heard.text == "Hello there."
    assert {key: value for key, value in asked.items() if key != "messages"} == {
        "model": "o4-mini",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 50 + 4096,
        "seed": 3,
    }
    assert heard.warnings == [
        *(
            f"openai: {name} is not taken by this model and was left out"
            for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty", "stop")
        ),
        "openai: max_tokens would bound thoughts and reply together; 4096 were added for the thoughts",
    ]


async def test_a_value_that_changes_nothing_is_not_missed(listen: Listen, call: Ask) -> None:
    """A temperature of 1 or a penalty of 0 is what every model does anyway: nobody is warned of it."""
    neutral = _drawn(call("o3"), temperature=1.0, top_p=1.0, frequency_penalty=0.0, presence_penalty=0.0, stop=[], seed=None)
    async with OpenAIServer(o3=Script()) as server:
        provider = OpenAIProvider(f"{server.url}/v1")
        heard = await listen(provider, neutral)
        await provider.close()
    assert [warning for warning in heard.warnings if "max_tokens" not in warning] == []


@pytest.mark.parametrize("kind", [OpenAIProvider, AzureProvider])
async def test_what_a_model_refuses_is_left_out_from_then_on(kind: type[OpenAIProvider], listen: Listen, call: Ask) -> None:
    """A 400 that names a parameter is followed by the same call without it, until the model takes the call; and it is remembered."""
    picky = Script(refuses=("max_tokens", "temperature", "presence_penalty"))
    async with OpenAIServer(**{"gpt-9": picky, "plain": Script()}) as server:
        server.path = "/v1/chat/completions" if kind is OpenAIProvider else "/openai/v1/chat/completions"
        provider = kind(f"{server.url}/v1" if kind is OpenAIProvider else server.url, name="home")
        with capture_logs() as logs:
            first, second = [await listen(provider, _drawn(call("gpt-9"))) for _ in range(2)]
            plain = await listen(provider, _drawn(call("plain")))
        await provider.close()
    assert [(one.text, one.error) for one in (first, second, plain)] == [("Hello there.", None)] * 3
    assert len(server.asked) == 4 + 1 + 1
    assert (
        first.warnings
        == second.warnings
        == [
            "home: temperature is not taken by this model and was left out",
            "home: presence_penalty is not taken by this model and was left out",
            "home: max_tokens would bound thoughts and reply together; 4096 were added for the thoughts",
        ]
    )
    assert server.asked[4]["max_completion_tokens"] == 50 + 4096
    assert (plain.warnings, server.asked[5]["temperature"], server.asked[5]["max_tokens"]) == ([], 0.3, 50)
    assert [entry["parameters"] for entry in logs] == [["max_tokens"], ["temperature"], ["presence_penalty"]]


class _Complaining(OpenAIServer):
    """Answers 400 or 422 with words of the test's own, as long as a parameter is sent."""

    def __init__(self, status: int, parameter: str, body: str) -> None:
        super().__init__(m=Script())
        self._complaint = (status, parameter, body)

    async def answer(self, request: Request, answer: Answer) -> None:
        status, parameter, body = self._complaint
        if parameter not in msgspec.json.decode(request.body):
            return await super().answer(request, answer)
        await answer.start(status, "application/json")
        await answer.send(body.encode())
        return await answer.end()


@pytest.mark.parametrize(
    ("status", "parameter", "body"),
    [
        (400, "seed", '{"error": {"message": "Unsupported parameter: \'seed\'", "param": null, "code": null}}'),
        (400, "stream_options", '{"error": {"message": "Unrecognized request argument supplied: stream_options", "param": null}}'),
        (400, "temperature", '{"error": {"message": "Unsupported value.", "param": "temperature", "code": "unsupported_value"}}'),
        (422, "top_p", '{"detail": [{"type": "extra_forbidden", "loc": ["body", "top_p"], "msg": "Extra inputs are not permitted"}]}'),
        (422, "presence_penalty", '{"detail": "Unexpected fields in the request: {\'presence_penalty\'}"}'),
        (400, "stop", '{"error": "stop is not supported: \'stop\'"}'),
    ],
)
async def test_complaints_come_in_many_words(status: int, parameter: str, body: str, listen: Listen, call: Ask) -> None:
    """OpenAI, old Azure, FastAPI servers and others each name a parameter their own way; all are understood."""
    async with _Complaining(status, parameter, body) as server:
        provider = OpenAIProvider(f"{server.url}/v1")
        heard = await listen(provider, _drawn(call("m")))
        await provider.close()
    assert (heard.text, heard.error) == ("Hello there.", None)
    assert parameter not in server.asked[-1]


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "The maximum context length is 8192 tokens.", "param": "messages", "code": "context_length_exceeded"}}',
        '{"error": {"message": "Invalid \'temperature\': too high.", "param": "temperature", "code": "decimal_above_max_value"}}',
        '{"error": {"message": "Unsupported parameter: \'messages\'", "param": "messages", "code": "unsupported_parameter"}}',
        '{"error": 7}',
        "[]",
        "<html>",
        "\xff",
    ],
)
async def test_another_complaint_is_a_failure(body: str, listen: Listen, call: Ask) -> None:
    """A 400 that names nothing that could be left out is told, and not sent again."""
    async with _Complaining(400, "model", body) as server:
        provider = OpenAIProvider(f"{server.url}/v1")
        heard = await listen(provider, _drawn(call("m")))
        await provider.close()
    assert (heard.error.code, heard.error.message) == ("provider_rejected", "The provider openai answered with status 400.")
    assert len(server.requests) == 1


async def test_a_filtered_message_has_a_code_of_its_own(listen: Listen, call: Ask) -> None:
    """Azure's content filter refuses a message before it reaches a model; the person is told so."""
    async with _Complaining(400, "model", '{"error": {"message": "The prompt was filtered.", "code": "content_filter"}}') as server:
        provider = AzureProvider(server.url)
        heard = await listen(provider, call("m"))
        await provider.close()
    assert heard.error.code == "provider_filtered"


@pytest.mark.parametrize(("penalty", "taken"), [(0.5, True), (-0.5, True), (-1.0, False), (None, True)])
async def test_the_engine_is_not_asked_for_what_it_passes_over(penalty: float | None, taken: bool, listen: Listen, call: Ask) -> None:
    """`transformers serve` ignores a presence penalty, and cannot make a repetition penalty of 1 - 1: both are named instead."""
    async with OpenAIServer(m=Script()) as server:
        provider = OpenAIProvider(f"{server.url}/v1", name="local", engine=True)
        heard = await listen(provider, _drawn(call("m"), frequency_penalty=penalty))
        await provider.close()
    missed = ["presence_penalty"] if taken else ["frequency_penalty", "presence_penalty"]
    assert heard.warnings == [f"local: {name} is not taken by this model and was left out" for name in missed]
    assert not set(missed) & server.asked[0].keys()


@pytest.mark.parametrize("server", [OpenAIServer(m=Script()), OllamaServer(m=Script())], ids=["openai", "ollama"])
async def test_who_takes_everything_gets_everything(server: ModelServer, listen: Listen, call: Ask) -> None:
    """Without a reason nothing is left out, and nobody is warned."""
    async with server:
        provider = OpenAIProvider(f"{server.url}/v1") if isinstance(server, OpenAIServer) else OllamaProvider(server.url)
        heard = await listen(provider, _drawn(call("m")))
        await provider.close()
    asked = server.asked[0] if isinstance(server, OpenAIServer) else server.asked[0]["options"]
    assert heard.warnings == []
    assert {name: asked[name] for name in DRAWN} == DRAWN
