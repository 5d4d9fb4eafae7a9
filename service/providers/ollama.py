"""Ollama's own chat API (`POST /api/chat`, newline-delimited JSON), through its client."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import ollama

from service.errors import ProviderError
from service.providers.base import Call, Piece, Provider

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class OllamaProvider(Provider):
    """An Ollama server at `host`."""

    def __init__(self, host: str) -> None:
        self._client = ollama.AsyncClient(host=host, timeout=_TIMEOUT)

    async def close(self) -> None:
        await self._client._client.aclose()  # The client has no public way to close its connections.

    async def stream(self, call: Call) -> AsyncIterator[Piece]:
        """Yield the reply. Ollama reports a failure in the middle as a line with status 200; that too is a `ProviderError`."""
        messages = [{"role": turn.role, "content": turn.content} for turn in call.messages]
        ended = False
        try:
            async for part in await self._client.chat(model=call.model, messages=messages, options=_options(call), stream=True):
                if part.message.content:
                    yield Piece(text=part.message.content)
                if part.done:
                    ended = True
                    reason = "length" if part.done_reason == "length" else "stop"
                    yield Piece(finish_reason=reason, prompt_tokens=part.prompt_eval_count, completion_tokens=part.eval_count)
        except ollama.ResponseError as error:
            raise ProviderError(f"Ollama answered with an error (status {error.status_code}).") from error
        except (httpx.HTTPError, ConnectionError) as error:
            raise ProviderError(f"Ollama did not answer ({type(error).__name__}).") from error
        if not ended:
            raise ProviderError("Ollama broke off in the middle of a reply.", code="provider_broke_off")


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
