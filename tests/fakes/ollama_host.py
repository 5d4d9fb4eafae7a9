"""Ollama's management calls, as its docs/api.md describes them: blobs by digest, models made of blobs, shown, listed, loaded, deleted.

Like the server it takes the chat template from the files it was given, and with `_debug_render_only` shows what it makes of a conversation.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.fakes.management import ManagementServer, Reply, render

_TAKES_ADAPTERS = {"LlamaForCausalLM", "Gemma2ForCausalLM", "MistralForCausalLM"}


class OllamaServer(ManagementServer):
    """Keeps blobs and models; `template` renders otherwise than the model's own template, as a server with templates of its own does."""

    def __init__(self) -> None:
        super().__init__()
        self.blobs: dict[str, bytes] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.loaded: list[str] = []
        self.template: str | None = None
        self.renders = True
        self.full = False

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        if path.startswith("/api/blobs/"):
            return self._blob(method, path.removeprefix("/api/blobs/"), body)
        document = json.loads(body) if body else {}
        calls: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "/api/create": self._create,
            "/api/show": self._show,
            "/api/ps": lambda _: Reply(document={"models": [_listed(name) for name in self.loaded]}),
            "/api/generate": self._generate,
            "/api/chat": self._chat,
            "/api/delete": self._delete,
        }
        return calls[path](document) if path in calls else Reply(404, document={"error": "not found"})

    def _blob(self, method: str, digest: str, body: bytes) -> Reply:
        if method == "HEAD":
            return Reply(200 if digest in self.blobs else 404)
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            return Reply(400, document={"error": "digest mismatch"})
        if self.full:
            return Reply(500, document={"error": "write blob: no space left on device"})
        self.blobs[digest] = body
        return Reply(201)

    def _create(self, asked: dict[str, Any]) -> Reply:
        made = {**asked.get("files", {}), **asked.get("adapters", {})}
        if missing := [name for name, digest in made.items() if digest not in self.blobs]:
            return Reply(400, document={"error": f"blob for {missing[0]} not found"})
        base = asked.get("from")
        if base and _full(base) not in self.models:
            return Reply(404, document={"error": f"model '{base}' not found"})
        if "adapters" in asked and self._architecture(base) not in _TAKES_ADAPTERS:
            return Reply(lines=[{"status": "converting adapter"}, {"error": "unsupported architecture"}])
        self.models[_full(asked["model"])] = asked
        return Reply(lines=[{"status": "reading model metadata"}, {"status": "writing manifest"}, {"status": "success"}])

    def _show(self, asked: dict[str, Any]) -> Reply:
        if _full(asked["model"]) not in self.models:
            return _missing(asked)
        return Reply(document={"modelfile": "", "parameters": "", "template": "", "details": {}, "model_info": {}})

    def _generate(self, asked: dict[str, Any]) -> Reply:
        name = _full(asked["model"])
        if name not in self.models:
            return _missing(asked)
        unloads = asked.get("keep_alive") == 0
        if unloads and name in self.loaded:
            self.loaded.remove(name)
        elif not unloads and name not in self.loaded:
            self.loaded.append(name)
        reason = "unload" if unloads else "load"
        return Reply(document={"model": name, "created_at": "2026-11-27T03:00:00Z", "response": "", "done": True, "done_reason": reason})

    def _chat(self, asked: dict[str, Any]) -> Reply:
        name = _full(asked["model"])
        if name not in self.models:
            return _missing(asked)
        if asked.get("_debug_render_only") and self.renders:
            return Reply(document={"model": name, "_debug_info": {"rendered_template": self._rendered(name, asked["messages"])}})
        if name not in self.loaded:
            self.loaded.append(name)
        said = {"role": "assistant", "content": "Hello."}
        return Reply(document={"model": name, "created_at": "2026-11-27T03:00:00Z", "message": said, "done": True, "done_reason": "stop"})

    def _delete(self, asked: dict[str, Any]) -> Reply:
        return Reply(200) if self.models.pop(_full(asked["model"]), None) is not None else _missing(asked)

    def _files(self, name: str | None) -> dict[str, bytes]:
        asked = self.models[_full(name or "")]
        below = self._files(asked["from"]) if asked.get("from") else {}
        return {**below, **{file: self.blobs[digest] for file, digest in asked.get("files", {}).items()}}

    def _architecture(self, name: str | None) -> str:
        return str(json.loads(self._files(name)["config.json"])["architectures"][0])

    def _rendered(self, name: str, messages: list[dict[str, str]]) -> str:
        source = self.template or self._files(name)["chat_template.jinja"].decode()
        special = json.loads(self._files(name)["tokenizer_config.json"])
        return render(source, messages, special)


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def _listed(name: str) -> dict[str, Any]:
    return {"model": name, "name": name, "size": 1, "size_vram": 1, "digest": "d", "details": {}}


def _missing(asked: dict[str, Any]) -> Reply:
    return Reply(404, document={"error": f"model '{asked['model']}' not found"})
