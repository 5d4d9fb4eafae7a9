"""OpenAI's chat completions and all that speak them: OpenAI, Azure, vLLM, llama.cpp, the embedded engine.

Bytes are read with aiohttp and decoded with msgspec: many times faster than the SDK's objects on this hot path.
The wire format is OpenAI's `POST /chat/completions` with `stream: true` (server-sent events).
"""

from typing import Any
from urllib.parse import quote

import msgspec
import structlog

from service.providers.base import Call, Piece, Timeouts
from service.providers.failure import Failure
from service.providers.lines import LineProvider, Reading, check_key
from service.providers.sampling import OPTIONAL, engine_takes_no, in_words_of_openai, thinkers_take_no
from service.providers.wire import UNREADABLE, Answer, reported, unreadable

_BROKEN = {"error", "abort"}
"""Finish reasons by which a server says in the last event that there is no whole reply (OpenRouter and vLLM)."""

log = structlog.get_logger()


class _Delta(msgspec.Struct):
    content: str | None = None
    # Thoughts are no reply, but a sign of life. vLLM, llama.cpp and DeepSeek name them one way, OpenRouter the other.
    reasoning_content: Any = None
    reasoning: Any = None


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


class _Reading(Reading):
    def __init__(self, name: str, answer: Answer) -> None:
        self._name = name
        self._answer = answer
        self._finish: str | None = None
        self._usage = _Usage()

    def take(self, line: bytes) -> str:
        if self.done or not line.startswith(b"data:"):
            return ""
        data = line[5:].strip()
        if data == b"[DONE]":
            self.done = True
            return ""
        try:
            event = _decoder.decode(data)
        except UNREADABLE as error:
            raise unreadable(self._name) from error
        if event.error is not None:
            raise reported(self._name)
        self._usage = event.usage or self._usage
        if not event.choices:
            return ""
        choice = event.choices[0]
        delta = choice.delta
        self._finish = choice.finish_reason or self._finish
        self._answer.heard(token=bool(delta.content or delta.reasoning_content or delta.reasoning))
        return delta.content or ""

    def last(self) -> Piece | None:
        if self._finish is None or self._finish in _BROKEN:
            return None
        usage = self._usage
        return Piece(finish_reason=self._finish, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


class OpenAIProvider(LineProvider):
    """A chat completions API at `base_url` (ending in /v1), with a key where one is needed. `engine`: it is our embedded one."""

    def __init__(
        self, base_url: str, key: str = "", *, name: str = "openai", timeouts: Timeouts = Timeouts(), engine: bool = False
    ) -> None:
        super().__init__(name, base_url, self._key_header(check_key(name, key)), timeouts)
        self._engine = engine
        self._refused: dict[str, frozenset[str]] = {}

    def _key_header(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def _path(self, model: str) -> str:
        return "/chat/completions"

    def _reading(self, answer: Answer) -> Reading:
        return _Reading(self._name, answer)

    async def _ask(self, call: Call) -> tuple[Answer, list[str]]:
        """Ask; when the model refuses parameters, ask again without them, and remember it as long as we run."""
        known = engine_takes_no(call) if self._engine else thinkers_take_no(call.model)
        left_out = known | self._refused.get(call.model, frozenset())
        while True:
            parameters, warnings = in_words_of_openai(self._name, call, left_out)
            try:
                answer = await self._link.ask(self._path(call.model), _body(call, parameters))
            except Failure as failure:
                refused = failure.refused & OPTIONAL & parameters.keys()
                if not refused:
                    raise
                log.warning("parameters_refused", provider=self._name, parameters=sorted(refused))
                left_out |= refused
                continue
            if left_out != known:
                self._refused[call.model] = left_out - known
            return answer, warnings


class AzureProvider(OpenAIProvider):
    """Azure OpenAI at `base_url` (https://NAME.openai.azure.com); the model is the deployment.

    With an `api_version` it is asked at that version's address of the deployment, without one at the versionless /openai/v1.
    """

    def __init__(
        self, base_url: str, key: str = "", *, api_version: str = "", name: str = "azure", timeouts: Timeouts = Timeouts()
    ) -> None:
        resource = base_url.rstrip("/").removesuffix("/v1").removesuffix("/openai")
        super().__init__(resource, key, name=name, timeouts=timeouts)
        self._api_version = api_version

    def _key_header(self, key: str) -> dict[str, str]:
        return {"api-key": key} if key else {}

    def _path(self, model: str) -> str:
        if not self._api_version:
            return "/openai/v1/chat/completions"
        return f"/openai/deployments/{quote(model, safe='')}/chat/completions?api-version={quote(self._api_version, safe='')}"


def _body(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"model": call.model, "messages": call.messages, "stream": True, **parameters}
