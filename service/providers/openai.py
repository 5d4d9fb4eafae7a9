"""OpenAI's chat completions and all that speak them: OpenAI, vLLM, llama.cpp, the embedded engine.

Bytes are read with httpx over the aiohttp transport and decoded with msgspec: several times faster than the SDK's objects on this hot path.
The wire format is OpenAI's `POST /chat/completions` with `stream: true` (server-sent events).
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import msgspec

from service.errors import ProviderError
from service.providers.base import Call, Piece, Provider
from service.providers.wire import UNREADABLE, cut_lines, open_client, wire_errors

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_BROKEN = {"error", "abort"}
"""Finish reasons by which a server says in the last event that there is no whole reply (OpenRouter and vLLM)."""


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Event)


class OpenAIProvider(Provider):
    """A chat completions API at `base_url` (ending in /v1), with a key where one is needed."""

    def __init__(self, base_url: str, key: str = "", *, name: str = "openai", client: httpx.AsyncClient | None = None) -> None:
        key = key.strip()
        if not (key.isascii() and key.isprintable()):
            raise ProviderError(f"The key of the provider {name} holds a character that no key can have.")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._name = name
        self._client = client or open_client(base_url, _TIMEOUT, headers)

    async def close(self) -> None:
        await self._client.aclose()

    async def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield the reply of `POST chat/completions`. A stream that is cut before its finish reason is a `ProviderError`."""
        finish: str | None = None
        usage: _Usage | None = None
        with wire_errors(self._name):
            async with self._client.stream("POST", "chat/completions", json=_body(call)) as response:
                if response.status_code != 200:
                    raise ProviderError(f"The provider {self._name} answered with status {response.status_code}.")
                async for data in _events(response.aiter_bytes()):
                    if data == b"[DONE]":
                        break
                    event = self._decode(data)
                    usage = event.usage or usage
                    for choice in event.choices[:1]:
                        finish = choice.finish_reason or finish
                        if choice.delta.content:
                            yield Piece(text=choice.delta.content)
        if finish is None or finish in _BROKEN:
            raise ProviderError(f"The provider {self._name} broke off in the middle of a reply.", code="provider_broke_off")
        counted = usage or _Usage()
        yield Piece(finish_reason=finish, prompt_tokens=counted.prompt_tokens, completion_tokens=counted.completion_tokens)

    def _decode(self, data: bytes) -> _Event:
        try:
            event = _decoder.decode(data)
        except UNREADABLE as error:
            raise ProviderError(f"The provider {self._name} sent something that is no chat completion.") from error
        if event.error is not None:
            raise ProviderError(f"The provider {self._name} reported an error in the middle of a reply.", code="provider_broke_off")
        return event


def _body(call: Call) -> dict[str, Any]:
    optional = {
        "temperature": call.temperature,
        "top_p": call.top_p,
        "frequency_penalty": call.frequency_penalty,
        "presence_penalty": call.presence_penalty,
        "seed": call.seed,
        "stop": call.stop or None,
    }
    return {
        "model": call.model,
        "messages": [{"role": turn.role, "content": turn.content} for turn in call.messages],
        "max_tokens": call.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in optional.items() if value is not None},
    }


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut a byte stream into the data of server-sent events (one `data:` line each, as every chat completions server sends them)."""
    async for line in cut_lines(chunks):
        if line.startswith(b"data:"):
            yield line[5:].strip()
