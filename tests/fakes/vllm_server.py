"""vLLM's management calls, as its documentation and its API server's source word them: adapters by name, tokens, sleep."""

import json
from pathlib import Path
from typing import Any

from tests.fakes.management import ManagementServer, Reply, render


class VllmServer(ManagementServer):
    """Serves one base under `root`; `updating` and `dev` are what it was started with, `most_rank` is its --max-lora-rank.

    `seen` says where a path that it sees lies here; all others lie where it sees them.
    """

    def __init__(self, root: str, template: str = "") -> None:
        super().__init__()
        self.root = root
        self.template = template
        self.adapters: dict[str, str] = {}
        self.asleep = False
        self.updating = True
        self.dev = True
        self.most_rank = 16
        self.seen: dict[str, Path] = {}

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        asked = json.loads(body) if body else {}
        match method, path.partition("?")[0]:
            case "GET", "/v1/models":
                return Reply(document={"object": "list", "data": [_card(self.root, None, self.root), *self._cards()]})
            case "POST", "/v1/load_lora_adapter" if self.updating:
                return self._load(asked)
            case "POST", "/v1/unload_lora_adapter" if self.updating:
                return self._unload(asked)
            case "POST", "/v1/chat/completions":
                return self._chat(asked)
            case "POST", "/tokenize" if self.template:
                return Reply(document={"count": 1, "max_model_len": 512, "tokens": [ord(letter) for letter in self._rendered(asked)]})
            case "POST", "/detokenize":
                return Reply(document={"prompt": "".join(map(chr, asked["tokens"]))})
            case "GET", "/is_sleeping" if self.dev:
                return Reply(document={"is_sleeping": self.asleep})
            case "POST", "/sleep" | "/wake_up" if self.dev:
                self.asleep = path.startswith("/sleep")
                return Reply(200)
        return Reply(404, document={"detail": "Not Found"})

    def _cards(self) -> list[dict[str, Any]]:
        return [_card(name, self.root, path) for name, path in self.adapters.items()]

    def _load(self, asked: dict[str, str]) -> Reply:
        name, path = asked["lora_name"], asked["lora_path"]
        if name in self.adapters:
            return _error(400, f"The lora adapter '{name}' has already been loaded.", "InvalidUserInput")
        settings = self.seen.get(path, Path(path)) / "adapter_config.json"
        if not settings.exists():
            return _error(404, f"Loading lora {name} failed: No adapter found for {path}", "NotFoundError")
        if (rank := json.loads(settings.read_bytes())["r"]) > self.most_rank:
            return _error(400, f"LoRA rank {rank} is greater than max_lora_rank {self.most_rank}.", "BadRequestError")
        self.adapters[name] = path
        return Reply(text=f"Success: LoRA adapter '{name}' added successfully.")

    def _unload(self, asked: dict[str, str]) -> Reply:
        name = asked["lora_name"]
        if self.adapters.pop(name, None) is None:
            return _error(404, f"The lora adapter '{name}' cannot be found.", "NotFoundError")
        return Reply(text=f"Success: LoRA adapter '{name}' removed successfully.")

    def _chat(self, asked: dict[str, Any]) -> Reply:
        if asked["model"] not in {self.root, *self.adapters}:
            return _error(404, f"The model `{asked['model']}` does not exist.", "NotFoundError")
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
        return Reply(document={"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": asked["model"], "choices": [choice]})

    def _rendered(self, asked: dict[str, Any]) -> str:
        if "prompt" in asked:
            return str(asked["prompt"]) if asked["add_special_tokens"] is False else f"<s>{asked['prompt']}"
        return render(self.template, asked["messages"], {}) if asked["add_generation_prompt"] else ""


def _card(name: str, parent: str | None, root: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1, "owned_by": "vllm", "root": root, "parent": parent, "max_model_len": 512}


def _error(status: int, message: str, kind: str) -> Reply:
    return Reply(status, document={"error": {"message": message, "type": kind, "param": None, "code": status}})
