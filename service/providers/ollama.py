"""Ollama's own chat API: `POST /api/chat` with `stream: true`, answered by one JSON object per line (docs/api.md of ollama/ollama).

Read like the other providers, not with Ollama's client: that one cuts lines at U+0085, which may stand inside a reply.
"""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import msgspec

from service.errors import ProviderError
from service.providers.base import Call, Piece, Provider
from service.providers.wire import UNREADABLE, cut_lines, open_client, wire_errors

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class _Message(msgspec.Struct):
    content: str = ""


class _Part(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: str | None = None


_decoder = msgspec.json.Decoder(_Part)


class OllamaProvider(Provider):
    """An Ollama server at `host`."""

    def __init__(self, host: str, *, timeout: httpx.Timeout = _TIMEOUT) -> None:
        self._client = open_client(host, timeout)

    async def close(self) -> None:
        await self._client.aclose()

    async def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield the reply. Ollama reports a failure in the middle as a line with status 200; that too is a `ProviderError`."""
        with wire_errors("ollama"):
            async with self._client.stream("POST", "/api/chat", json=_body(call)) as response:
                if response.status_code != 200:
                    raise ProviderError(f"Ollama answered with status {response.status_code}.")
                async for line in cut_lines(response.aiter_bytes()):
                    if not line.strip():
                        continue
                    part = _decode(line)
                    if part.message.content:
                        yield Piece(text=part.message.content)
                    if part.done:
                        reason = "length" if part.done_reason == "length" else "stop"
                        yield Piece(finish_reason=reason, prompt_tokens=part.prompt_eval_count, completion_tokens=part.eval_count)
                        return
        raise ProviderError("Ollama broke off in the middle of a reply.", code="provider_broke_off")


def _decode(line: bytes) -> _Part:
    try:
        part = _decoder.decode(line)
    except UNREADABLE as error:
        raise ProviderError("Ollama sent something that is no part of a chat.") from error
    if part.error is not None:
        raise ProviderError("Ollama reported an error in the middle of a reply.", code="provider_broke_off")
    return part


def _body(call: Call) -> dict[str, Any]:
    messages = [{"role": turn.role, "content": turn.content} for turn in call.messages]
    return {"model": call.model, "messages": messages, "stream": True, "options": _options(call)}


def _options(call: Call) -> dict[str, Any]:
    """Ollama's names; `num_ctx` is stated because its default depends on the card's memory and longer prompts are cut without a word."""
    options = {
        "num_predict": call.max_tokens,
        "num_ctx": 8192,
        "temperature": call.temperature,
        "top_p": call.top_p,
        "frequency_penalty": call.frequency_penalty,
        "presence_penalty": call.presence_penalty,
        "seed": call.seed,
        "stop": call.stop or None,
    }
    return {name: value for name, value in options.items() if value is not None}
