"""The wire of OpenAI's chat completions as `/v1` speaks it: what is read of a request, and how answers and chunks look.

Source: OpenAI's API specification, `CreateChatCompletionRequest` and `CreateChatCompletionResponse`.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, Literal

import msgspec

from service.chat.messages import check_message
from service.db.tables import ExchangeState
from service.errors import Invalid
from service.providers.base import Turn
from service.web.problems import error_of
from service.web.replies import Reply, failure
from service.web.streams import PING, Packet
from service.web.wire import Short

_MOST_TOKENS = 4_096
_LONGEST_ADDED = 8_000
_MOST_STOPS, _LONGEST_STOP = 16, 200
_MOST_NAMED = 30
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_encode = msgspec.json.Encoder().encode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
DONE = b"data: [DONE]\n\n"


class Part(msgspec.Struct):
    """A part of a message; only text is read."""

    type: str
    text: str = ""


class ChatMessage(msgspec.Struct):
    """One message of the request; its content is text, or parts of text."""

    role: str
    content: str | list[Part] | None = None


class StreamOptions(msgspec.Struct):
    """What a stream tells beside the words."""

    include_usage: bool = False


class ChatRequest(msgspec.Struct, kw_only=True):
    """What is read of a request. Whatever else OpenAI's clients send is passed over, and named in the header `x-attune-ignored`."""

    model: Annotated[str, msgspec.Meta(description="friend, friend@champion or friend@v3", examples=["friend"])]
    messages: Annotated[list[ChatMessage], msgspec.Meta(examples=[[{"role": "user", "content": "Good morning"}]])]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    user: Annotated[Short | None, msgspec.Meta(description="Who talks, as the app knows them.")] = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    audio: Any = None
    modalities: list[str] | None = None
    response_format: Any = None


_READ = frozenset(ChatRequest.__struct_fields__)


class Said(msgspec.Struct, kw_only=True):
    """What the persona said."""

    content: str
    role: Literal["assistant"] = "assistant"
    refusal: None = None


class Choice(msgspec.Struct, kw_only=True):
    """The one choice there is."""

    message: Said
    finish_reason: str
    index: int = 0
    logprobs: None = None


class Usage(msgspec.Struct, kw_only=True):
    """Tokens as the provider counted them, 0 where it did not."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(msgspec.Struct, kw_only=True):
    """A whole answer. `id` names the exchange for a rating, `model` the version that was asked."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    object: Literal["chat.completion"] = "chat.completion"


class Model(msgspec.Struct, kw_only=True):
    """A persona, or a version of one."""

    id: str
    created: int = 0
    object: Literal["model"] = "model"
    owned_by: Literal["attune"] = "attune"


class ModelList(msgspec.Struct, kw_only=True):
    """All personas."""

    data: list[Model]
    object: Literal["list"] = "list"


class Talk(msgspec.Struct, frozen=True):
    """A request's messages taken apart: the app's own system text, what was said before, and the new message."""

    added: str
    history: list[Turn]
    message: str


def take_apart(request: ChatRequest) -> Talk:
    """Check the request and take its messages apart; raise `Invalid` naming the field."""
    _refuse_what_nobody_can(request)
    if not request.messages or request.messages[-1].role != "user":
        raise Invalid("The last message must be the user's.", code="messages_invalid", param="messages")
    *before, last = [(message.role, _text(message)) for message in request.messages]
    unknown = next((role for role, _ in before if role not in {"system", "developer", "user", "assistant"}), None)
    if unknown:
        raise Invalid(f"A message has the role '{unknown[:40]}'; known are system, user and assistant.", param="messages")
    added = "\n\n".join(text for role, text in before if role in {"system", "developer"} and text.strip())
    if len(added) > _LONGEST_ADDED:
        raise Invalid(
            f"The system messages have {len(added)} characters; the limit is {_LONGEST_ADDED}. They come after the persona's own prompt.",
            code="system_text_too_long",
            param="messages",
        )
    history = [Turn(role, text) for role, text in before if role in {"user", "assistant"}]
    return Talk(added, history, check_message(last[1], param="messages"))


def _refuse_what_nobody_can(request: ChatRequest) -> None:
    """What the caller would miss in the answer is refused; what merely colours it is passed over."""
    if request.n not in {None, 1}:
        raise _unsupported("Attune gives one reply at a time: n must be 1.", "n")
    for name in ("tools", "functions"):
        if getattr(request, name):
            raise _unsupported(f"A persona has no tools: leave {name} out.", name)
    if request.audio is not None or any(kind != "text" for kind in request.modalities or []):
        raise _unsupported("A persona writes text only: leave audio out.", "audio" if request.audio is not None else "modalities")
    form = request.response_format
    if form is not None and not (isinstance(form, dict) and form.get("type") == "text"):
        raise _unsupported("A persona talks as people do, not in JSON: leave response_format out.", "response_format")


def _unsupported(words: str, param: str) -> Invalid:
    return Invalid(words, code="unsupported", param=param)


def ignored(body: bytes) -> list[str]:
    """The names of the fields in a body that were given a value and that nobody reads."""
    given = (name for name, value in _decode_names(body).items() if name not in _READ and bytes(value) not in {b"null", b"false"})
    return [name for name in given if _NAME.fullmatch(name)][:_MOST_NAMED]


def overrides(request: ChatRequest) -> dict[str, Any]:
    """The sampling parameters that the request sets itself; raise `Invalid` for one out of its bounds."""
    tokens = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    stop = [request.stop] if isinstance(request.stop, str) else request.stop
    _check_bounds("temperature", request.temperature, 0, 2)
    _check_bounds("top_p", request.top_p, 0, 1)
    _check_bounds("max_tokens", tokens, 1, _MOST_TOKENS)
    _check_bounds("frequency_penalty", request.frequency_penalty, -2, 2)
    _check_bounds("presence_penalty", request.presence_penalty, -2, 2)
    _check_bounds("seed", request.seed, -(2**63), 2**63 - 1)
    if stop and (len(stop) > _MOST_STOPS or any(len(word) > _LONGEST_STOP for word in stop)):
        raise Invalid(
            f"stop may hold {_MOST_STOPS} texts of {_LONGEST_STOP} characters at most.", code="parameter_out_of_bounds", param="stop"
        )
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


def completion(reply: Reply) -> Completion:
    """The whole answer to a request without `stream`."""
    choice = Choice(message=Said(content=reply.text), finish_reason=_finish_reason(reply))
    return Completion(
        id=f"chatcmpl-{reply.id}",
        created=int(reply.created_at.timestamp()),
        model=f"{reply.persona}@{reply.version}",
        choices=[choice],
        usage=_usage(reply),
    )


async def chunks(reply: Reply, include_usage: bool, ping_seconds: float | None = None) -> AsyncGenerator[Packet, None]:
    """The stream: `data:` lines only (an `id:` or `retry:` line breaks OpenAI's Python client), then `[DONE]`.

    What came at once goes out at once, each delta as a chunk of its own; after `ping_seconds` of silence goes out a ping.
    """
    chunk = _Chunks(reply)
    yield Packet(chunk.choice({"role": "assistant", "content": ""}))
    async for events in reply.follow_closely(ping_seconds):
        said = b"".join([chunk.words(event.text) for event in events if event.kind == "delta"])
        match events[-1].kind if events else "silence":
            case "silence":
                yield PING
            case "delta":
                yield Packet(said)
            case "error":
                yield Packet(said + b"data: " + _encode({"error": error_of(failure(reply))}) + b"\n\n" + DONE, last=True)
            case _:
                usage = chunk.usage(_usage(reply)) if include_usage else b""
                yield Packet(said + chunk.choice({}, _finish_reason(reply)) + usage + DONE, last=True)


class _Chunks:
    """The chunks of one stream; what is the same in all of them is encoded once."""

    def __init__(self, reply: Reply) -> None:
        head = {
            "id": f"chatcmpl-{reply.id}",
            "object": "chat.completion.chunk",
            "created": int(reply.created_at.timestamp()),
            "model": f"{reply.persona}@{reply.version}",
        }
        self._head = b"data: " + _encode(head)[:-1]
        self._words = self._head + b',"choices":[{"index":0,"delta":{"content":'

    def words(self, text: str) -> bytes:
        """A piece of the reply."""
        return self._words + _encode(text) + b'},"finish_reason":null}]}\n\n'

    def choice(self, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        """The beginning or the end."""
        return self._head + b',"choices":' + _encode([{"index": 0, "delta": delta, "finish_reason": finish_reason}]) + b"}\n\n"

    def usage(self, usage: Usage) -> bytes:
        """The counts, in a chunk without choices."""
        return self._head + b',"choices":[],"usage":' + _encode(usage) + b"}\n\n"


def _text(message: ChatMessage) -> str:
    content = message.content or ""
    if isinstance(content, list):
        if any(part.type != "text" for part in content):
            raise _unsupported("A persona reads text only: leave out images, sound and files.", "messages")
        content = "\n".join(part.text for part in content)
    if "\x00" in content:
        raise Invalid("A message holds a NUL character. Remove it.", code="message_invalid", param="messages")
    return content


def _check_bounds(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise Invalid(f"{name} must lie between {low} and {high}.", code="parameter_out_of_bounds", param=name)


def _finish_reason(reply: Reply) -> str:
    ending = reply.ending
    if ending is None or ending.state == ExchangeState.cancelled:
        return "stop"
    return ending.finish_reason or "stop"


def _usage(reply: Reply) -> Usage:
    ending = reply.ending
    prompt, words = (ending.prompt_tokens or 0, ending.completion_tokens or 0) if ending else (0, 0)
    return Usage(prompt_tokens=prompt, completion_tokens=words, total_tokens=prompt + words)


def model_list(names: Sequence[str]) -> ModelList:
    """The answer of `GET /v1/models`."""
    return ModelList(data=[Model(id=name) for name in names])
