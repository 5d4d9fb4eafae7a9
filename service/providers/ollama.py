"""Ollama's own chat API: `POST /api/chat` with `stream: true`, answered by one JSON object per line (docs/api.md of ollama/ollama).

Read like the other providers, not with Ollama's client: that one cuts lines at U+0085, which may stand inside a reply.
"""

from typing import Any

import msgspec

from service.providers.base import Call, Piece, Timeouts
from service.providers.lines import LineProvider, Reading, check_key
from service.providers.wire import UNREADABLE, Answer, reported, unreadable

DEFAULT_CONTEXT = 8_192
"""Tokens. Stated, because Ollama's own default depends on the card's memory, and longer prompts are cut without a word."""


class _Message(msgspec.Struct):
    content: str = ""
    thinking: str | None = None


class _Part(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: str | None = None


_decoder = msgspec.json.Decoder(_Part)


class _Reading(Reading):
    def __init__(self, name: str, answer: Answer) -> None:
        self._name = name
        self._answer = answer
        self._last: Piece | None = None

    def take(self, line: bytes) -> str:
        """Ollama reports a failure in the middle as a line with status 200; that too ends the reply."""
        if self.done or not line.strip():
            return ""
        try:
            part = _decoder.decode(line)
        except UNREADABLE as error:
            raise unreadable(self._name) from error
        if part.error is not None:
            raise reported(self._name)
        self._answer.heard(token=bool(part.message.content or part.message.thinking))
        if part.done:
            self.done = True
            reason = "length" if part.done_reason == "length" else "stop"
            self._last = Piece(finish_reason=reason, prompt_tokens=part.prompt_eval_count, completion_tokens=part.eval_count)
        return part.message.content

    def last(self) -> Piece | None:
        return self._last


class OllamaProvider(LineProvider):
    """An Ollama server at `host`. `keep_alive` says how long a model stays loaded, `num_ctx` how many tokens it may read."""

    def __init__(
        self,
        host: str,
        key: str = "",
        *,
        name: str = "ollama",
        timeouts: Timeouts = Timeouts(),
        keep_alive: str | int | None = None,
        num_ctx: int = DEFAULT_CONTEXT,
    ) -> None:
        key = check_key(name, key)
        super().__init__(name, host, {"authorization": f"Bearer {key}"} if key else {}, timeouts)
        self._keep_alive = {} if keep_alive is None else {"keep_alive": keep_alive}
        self._num_ctx = num_ctx

    def _reading(self, answer: Answer) -> Reading:
        return _Reading(self._name, answer)

    async def _ask(self, call: Call) -> tuple[Answer, list[str]]:
        """Ollama takes every parameter of ours: there is nothing to warn of."""
        body = {"model": call.model, "messages": call.messages, "stream": True, "options": self._options(call), **self._keep_alive}
        return await self._link.ask("/api/chat", body), []

    def _options(self, call: Call) -> dict[str, Any]:
        """Ollama's names."""
        options = {
            "num_predict": call.max_tokens,
            "num_ctx": self._num_ctx,
            "temperature": call.temperature,
            "top_p": call.top_p,
            "frequency_penalty": call.frequency_penalty,
            "presence_penalty": call.presence_penalty,
            "seed": call.seed,
            "stop": call.stop or None,
        }
        return {name: value for name, value in options.items() if value is not None}
