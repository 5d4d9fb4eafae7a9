"""The wire of OpenAI's chat completions as `/v1` speaks it: what is read of a request, and how answers and chunks look.

Source: OpenAI's API specification, `CreateChatCompletionRequest` and `CreateChatCompletionResponse`.
"""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from service.chat.generation import Generation
from service.chat.messages import check_message
from service.db.tables import ExchangeState
from service.errors import Invalid
from service.providers.base import Turn
from service.web.streams import failure
from service.web.wire import Short

_MOST_TOKENS = 4_096
_encode = msgspec.json.Encoder().encode
DONE = b"data: [DONE]\n\n"


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class ChatMessage(msgspec.Struct):
    """One message of the request; its content is text, or parts of text."""

    role: str
    content: str | list[_Part] | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class ChatRequest(msgspec.Struct, kw_only=True):
    """What is read of a request. Other fields that OpenAI's clients send are accepted and passed over."""

    model: str
    messages: list[ChatMessage]
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    user: Short | None = None
    n: int | None = None
    tools: list[Any] | None = None


class Talk(msgspec.Struct, frozen=True):
    """A request's messages taken apart: the app's own system text, what was said before, and the new message."""

    added: str
    history: list[Turn]
    message: str


def take_apart(request: ChatRequest) -> Talk:
    """Check the request and take its messages apart; raise `Invalid` naming the field."""
    if request.n not in {None, 1}:
        raise Invalid("Attune gives one reply at a time: n must be 1.", code="unsupported", param="n")
    if request.tools:
        raise Invalid("A persona has no tools: leave them out.", code="unsupported", param="tools")
    if not request.messages or request.messages[-1].role != "user":
        raise Invalid("The last message must be the user's.", code="messages_invalid", param="messages")
    *before, last = [(message.role, _text(message)) for message in request.messages]
    unknown = next((role for role, _ in before if role not in {"system", "developer", "user", "assistant"}), None)
    if unknown:
        raise Invalid(f"A message has the role '{unknown[:40]}'; known are system, user and assistant.", param="messages")
    added = "\n\n".join(text for role, text in before if role in {"system", "developer"} and text.strip())
    history = [Turn(role, text) for role, text in before if role in {"user", "assistant"}]
    return Talk(added, history, check_message(last[1], param="messages"))


def overrides(request: ChatRequest) -> dict[str, Any]:
    """The sampling parameters that the request sets itself; raise `Invalid` for one out of its bounds."""
    tokens = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    stop = [request.stop] if isinstance(request.stop, str) else request.stop
    _check_bounds("temperature", request.temperature, 0, 2)
    _check_bounds("top_p", request.top_p, 0, 1)
    _check_bounds("max_tokens", tokens, 1, _MOST_TOKENS)
    _check_bounds("frequency_penalty", request.frequency_penalty, -2, 2)
    _check_bounds("presence_penalty", request.presence_penalty, -2, 2)
    values = {
        "max_tokens": tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "seed": request.seed,
        "stop": stop,
    }
    return {name: value for name, value in values.items() if value is not None}


def completion(generation: Generation) -> dict[str, Any]:
    """The whole answer to a request without `stream`."""
    ending = generation.ending
    message = {"role": "assistant", "content": generation.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(generation)}
    return {**_head(generation, "chat.completion"), "choices": [choice], "usage": _usage(generation) if ending else None}


async def chunks(generation: Generation, include_usage: bool) -> AsyncIterator[bytes]:
    """The stream: `data:` lines only (an `id:` or `retry:` line breaks OpenAI's Python client), then `[DONE]`."""
    yield _chunk(generation, {"role": "assistant", "content": ""})
    async for event in generation.follow():
        if event.kind == "delta":
            yield _chunk(generation, {"content": event.text})
        elif event.kind == "error":
            yield b"data: " + _encode({"error": failure(generation)}) + b"\n\n"
            yield DONE
            return
    yield _chunk(generation, {}, _finish_reason(generation))
    if include_usage:
        yield b"data: " + _encode({**_head(generation, "chat.completion.chunk"), "choices": [], "usage": _usage(generation)}) + b"\n\n"
    yield DONE


def _text(message: ChatMessage) -> str:
    content = message.content or ""
    if isinstance(content, list):
        if any(part.type != "text" for part in content):
            raise Invalid("A persona reads text only: leave out images, sound and files.", code="unsupported", param="messages")
        content = "\n".join(part.text for part in content)
    if "\x00" in content:
        raise Invalid("A message holds a NUL character. Remove it.", code="message_invalid", param="messages")
    return content


def _check_bounds(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise Invalid(f"{name} must lie between {low} and {high}.", code="parameter_out_of_bounds", param=name)


def _head(generation: Generation, kind: str) -> dict[str, Any]:
    opened = generation.opened
    return {
        "id": f"chatcmpl-{opened.id}",
        "object": kind,
        "created": int(opened.created_at.timestamp()) if opened.created_at else int(time.time()),
        "model": f"{opened.persona.name}@{opened.version.name}",
    }


def _chunk(generation: Generation, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + _encode({**_head(generation, "chat.completion.chunk"), "choices": [choice]}) + b"\n\n"


def _finish_reason(generation: Generation) -> str:
    ending = generation.ending
    if ending is None or ending.state == ExchangeState.cancelled:
        return "stop"
    return ending.finish_reason or "stop"


def _usage(generation: Generation) -> dict[str, int]:
    ending = generation.ending
    prompt, reply = (ending.prompt_tokens or 0, ending.completion_tokens or 0) if ending else (0, 0)
    return {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}


def model_list(names: Sequence[str]) -> dict[str, Any]:
    """The answer of `GET /v1/models`."""
    return {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "attune"} for name in names]}
