"""Two small servers of scripted models: one speaks OpenAI's chat completions, one Ollama's chat API. The model's name picks the script.

Wire formats: OpenAI's `POST /v1/chat/completions` with `stream: true` (server-sent events), and Ollama's `POST /api/chat`
(docs/api.md of ollama/ollama: a JSON object per line, an error in the middle as a line `{"error": ...}` under status 200).
"""

import asyncio
import json
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from tests.fakes.serving import Answer, Request, Server

After = Literal["end", "close", "cut", "error", "garbage", "huge", "stall", "endless"]


class Script(NamedTuple):
    """What a model does: say the pieces, then what `after` says.

    `end` is a whole reply; `close` ends the body without a finish; `cut` breaks the connection; `error` reports one in the stream;
    `garbage` sends a line that is no JSON of this API; `huge` one of over a megabyte; `stall` says nothing more; `endless` never ends.
    """

    pieces: tuple[str, ...] = ("Hello", " there.")
    """In a piece, {message} is the last message asked."""
    after: After = "end"
    finish: str | None = "stop"
    done: bool = True
    status: int = 200
    headers: dict[str, str] = {}
    """Sent with an error status."""
    cut_after: int | None = None
    """Break the connection after so many bytes of the body."""
    line_end: bytes = b"\n"
    garbage: bytes = b"{this is not JSON"
    gates: dict[int, asyncio.Event] = {}
    """Wait for the event before the piece of this index is said."""
    refuses: tuple[str, ...] = ()
    """Answer 400 as OpenAI does, naming the first of these parameters that was sent."""
    then: "Script | None" = None
    """What it does from the next question on."""


class ModelServer(Server):
    """A server of scripted models; `asked` holds the bodies, `on_asked` looks on when a question comes in."""

    kind: str
    path: str

    def __init__(self, **scripts: Script) -> None:
        super().__init__()
        self.scripts = scripts
        self.asked: list[dict[str, Any]] = []
        self.on_asked: Callable[[dict[str, Any]], None] = lambda _: None

    @abstractmethod
    def event(self, data: dict[str, Any], script: Script) -> bytes:
        """One event or line."""

    @abstractmethod
    def said(self, text: str) -> dict[str, Any]:
        """The data of a piece of text."""

    @abstractmethod
    def ending(self, script: Script) -> bytes:
        """What ends a whole reply."""

    @abstractmethod
    def failure(self, words: str) -> dict[str, Any]:
        """The data of an error in the stream."""

    async def answer(self, request: Request, answer: Answer) -> None:
        """Do what the script of the model asked for says; like real servers, quote the question in errors."""
        asked = json.loads(request.body)
        self.asked.append(asked)
        self.on_asked(asked)
        script = self.scripts.get(asked["model"], Script(status=404))
        quoted = f"no answer to: {asked['messages'][-1]['content']}"
        if script.then is not None:
            self.scripts[asked["model"]] = script.then
        if refused := next((name for name in script.refuses if name in asked), None):
            await answer.start(400, "application/json")
            await answer.send(json.dumps({"error": _refusal(refused)}).encode())
            return await answer.end()
        if request.method != "POST" or request.path != self.path:
            script = Script(status=405)
        if script.status != 200:
            await answer.start(script.status, "application/json", script.headers)
            await answer.send(json.dumps({"error": {"message": quoted}}).encode())
            return await answer.end()
        await answer.start(200, self.kind)
        said = tuple(text.replace("{message}", asked["messages"][-1]["content"]) for text in script.pieces)
        return await self._speak(script._replace(pieces=said), answer, quoted)

    async def _speak(self, script: Script, answer: Answer, quoted: str) -> None:
        sent = 0
        for number, text in enumerate(script.pieces):
            if number in script.gates:
                await script.gates[number].wait()
            data = self.event(self.said(text), script)
            if script.cut_after is not None and sent + len(data) > script.cut_after:
                await answer.send(data[: script.cut_after - sent])
                return answer.cut()
            await answer.send(data)
            sent += len(data)
        match script.after:
            case "end":
                ending = self.ending(script)
                if script.cut_after is not None and sent + len(ending) > script.cut_after:
                    await answer.send(ending[: script.cut_after - sent])
                    return answer.cut()
                await answer.send(ending)
            case "cut":
                return answer.cut()
            case "error":
                await answer.send(self.event(self.failure(quoted), script))
            case "garbage":
                await answer.send(self.garbage(script))
            case "huge":
                await answer.send(self.event(self.said("x" * 1_500_000), script))
            case "stall":
                await answer.left()
            case "endless":
                while True:
                    await answer.send(self.event(self.said("and on " * 100), script))
        return await answer.end()

    def garbage(self, script: Script) -> bytes:
        """A line that is no JSON of this API."""
        return script.garbage + script.line_end


def _refusal(parameter: str) -> dict[str, Any]:
    words = f"Unsupported parameter: '{parameter}' is not supported with this model."
    return {"message": words, "type": "invalid_request_error", "param": parameter, "code": "unsupported_parameter"}


class OpenAIServer(ModelServer):
    """OpenAI's chat completions."""

    kind = "text/event-stream"
    path = "/v1/chat/completions"

    def event(self, data: dict[str, Any], script: Script) -> bytes:
        return b"data: " + json.dumps(data, ensure_ascii=False).encode() + script.line_end * 2

    def said(self, text: str) -> dict[str, Any]:
        return self._chunk({"content": text}, None)

    def failure(self, words: str) -> dict[str, Any]:
        return {"error": {"message": words, "type": "server_error", "code": None}}

    def garbage(self, script: Script) -> bytes:
        return b"data: " + super().garbage(script)

    def ending(self, script: Script) -> bytes:
        usage = {"prompt_tokens": 7, "completion_tokens": len(script.pieces), "total_tokens": 7 + len(script.pieces)}
        ending = self.event(self._chunk({}, script.finish), script)
        ending += self.event({"object": "chat.completion.chunk", "choices": [], "usage": usage}, script)
        return ending + (b"data: [DONE]" + script.line_end * 2 if script.done else b"")

    def _chunk(self, delta: dict[str, str], finish: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], "usage": None}


class OllamaServer(ModelServer):
    """Ollama's chat API."""

    kind = "application/x-ndjson"
    path = "/api/chat"

    def event(self, data: dict[str, Any], script: Script) -> bytes:
        return json.dumps(data, ensure_ascii=False).encode() + script.line_end

    def said(self, text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        return {"model": "m", "created_at": "2026-11-20T03:00:00.123456Z", "message": message, "done": False}

    def failure(self, words: str) -> dict[str, Any]:
        return {"error": words}

    def ending(self, script: Script) -> bytes:
        if script.finish is None:
            return b""
        counts = {"total_duration": 9, "load_duration": 1, "prompt_eval_count": 7, "eval_count": len(script.pieces), "eval_duration": 5}
        return self.event({**self.said(""), "done": True, "done_reason": script.finish, **counts}, script)
