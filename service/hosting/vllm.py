"""vLLM: adapters are loaded into a running server by name (docs.vllm.ai, "LoRA Adapters"; its sleep mode for the memory).

The server must have been started with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, and its administration belongs on a private
network: the path of an adapter is a path on the server. A name is never loaded twice with different weights.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from service.errors import HostingError
from service.hosting.base import Host, Hosted
from service.hosting.template import PARITY, first_difference, render_template
from service.personas.shelf import Message

_LOAD_SECONDS = 300
_LOOK_SECONDS = 20
_SLEEP_LEVEL = 1  # the weights move to the processor's memory, so that waking takes seconds
_START = "Start the server with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"


class VllmHost(Host):
    """Loads and unloads adapters of a vLLM server. `seen_as` is where the server sees the folder `artifacts`."""

    def __init__(self, base_url: str, key: str, *, provider: str, artifacts: Path, seen_as: str = "") -> None:
        self._url = base_url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._provider = provider
        self._artifacts = artifacts.absolute()
        self._seen_as = seen_as

    def publish(self, name: str, base: Path, adapter: Path) -> Hosted:
        """See `Host.publish`. After a restart of the server its adapters are gone: publishing again loads this one again."""
        hosted, models = Hosted(provider=self._provider, model=name), self._models()
        if any(model["id"] == name for model in models):
            self._require_parity(hosted, base)
            return hosted
        _require_same_base(models, base)
        _require_adapter_of(base, adapter)
        self._load(name, adapter)
        try:
            self._require_parity(hosted, base)
        except HostingError:
            self.withdraw(hosted)
            raise
        return hosted

    def warm_up(self, hosted: Hosted) -> None:
        """See `Host.warm_up`."""
        body = {"model": hosted.model, "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 8}
        response = self._post("/v1/chat/completions", body)
        if not response.is_success:
            raise HostingError(f"The vLLM server does not answer as {hosted.model}: {_said(response)}")

    def withdraw(self, hosted: Hosted) -> None:
        """See `Host.withdraw`."""
        response = self._post("/v1/unload_lora_adapter", {"lora_name": hosted.model})
        if not response.is_success and not _is_gone(response):
            raise HostingError(f"The vLLM server did not unload {hosted.model}: {_said(response)}")

    def render(self, hosted: Hosted, messages: Sequence[Message]) -> str | None:
        """See `Host.render`. The server tokenizes the conversation and spells the tokens out again."""
        tokens = self._tokenize(hosted, messages)
        if tokens is None:
            return None
        text = self._post("/detokenize", {"model": hosted.model, "tokens": tokens})
        return str(text.json()["prompt"]) if text.is_success else None

    def release(self) -> str | None:
        """See `Host.release`: the server sleeps. Whoever asks a sleeping vLLM for words may bring it down (vLLM issue 15483)."""
        return self._administrate(f"/sleep?level={_SLEEP_LEVEL}", "fall asleep", asleep=True)

    def take_back(self) -> str | None:
        """See `Host.take_back`: the server wakes up."""
        return self._administrate("/wake_up", "wake up", asleep=False)

    def _administrate(self, path: str, what: str, *, asleep: bool) -> str | None:
        """Tell the server, unless it is so already: it is not safe to wake one that is awake."""
        try:
            state = self._send("GET", "/is_sleeping", None, _LOOK_SECONDS)
            if state.is_success and state.json()["is_sleeping"] == asleep:
                return None
            response = self._post(path, None) if state.is_success else state
        except HostingError as error:
            return None if isinstance(error.__cause__, httpx.ConnectError) else error.message
        if response.is_success:
            return None
        return f"The vLLM server did not {what} ({response.status_code}). Start it with VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode."

    def _load(self, name: str, adapter: Path) -> None:
        response = self._post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": self._seen(adapter)})
        if response.status_code == httpx.codes.NOT_FOUND and "error" not in response.text:  # there is no such route
            raise HostingError(f"The vLLM server takes no adapters while it runs. {_START}.")
        if not response.is_success and "already" not in response.text:
            raise HostingError(f"The vLLM server did not load the adapter: {_said(response)} {_hint(response.text)}".strip())

    def _require_parity(self, hosted: Hosted, base: Path) -> None:
        """Compare tokens, not texts: spelling them out again is not exact with every tokenizer."""
        for messages in PARITY:
            trained_on = render_template(base, messages)
            if self._tokenize(hosted, messages) != self._tokenize(hosted, trained_on):
                difference = first_difference(trained_on, self.render(hosted, messages) or "")
                raise HostingError(
                    f"The vLLM server would show the version another text than it was trained on: {difference}. "
                    "Start it without --chat-template, so that it uses the model's own."
                )

    def _tokenize(self, hosted: Hosted, asked: str | Sequence[Message]) -> list[int] | None:
        """The tokens of a text as it is, or of a conversation with what begins a reply; None where the server does not say."""
        if isinstance(asked, str):
            body: dict[str, Any] = {"model": hosted.model, "prompt": asked, "add_special_tokens": False}
        else:
            body = {"model": hosted.model, "messages": msgspec.to_builtins(list(asked)), "add_generation_prompt": True}
        response = self._post("/tokenize", body)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if not response.is_success:
            raise HostingError(f"The vLLM server does not take the conversation: {_said(response)}")
        tokens: list[int] = response.json()["tokens"]
        return tokens

    def _models(self) -> list[dict[str, Any]]:
        try:
            response = httpx.get(f"{self._url}/v1/models", headers=self._headers, timeout=_LOOK_SECONDS)
            response.raise_for_status()
            models: list[dict[str, Any]] = response.json()["data"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise HostingError(f"The vLLM server at {self._url} does not say what it serves ({type(error).__name__}).") from error
        return models

    def _post(self, path: str, body: dict[str, Any] | None) -> httpx.Response:
        return self._send("POST", path, body, _LOAD_SECONDS)

    def _send(self, method: str, path: str, body: dict[str, Any] | None, seconds: float) -> httpx.Response:
        try:
            return httpx.request(method, f"{self._url}{path}", json=body, headers=self._headers, timeout=seconds)
        except httpx.HTTPError as error:
            raise HostingError(f"The vLLM server at {self._url} cannot be reached ({type(error).__name__}).") from error

    def _seen(self, adapter: Path) -> str:
        """The adapter's path on the server."""
        path = adapter.absolute()
        if self._seen_as and path.is_relative_to(self._artifacts):
            return f"{self._seen_as.rstrip('/')}/{path.relative_to(self._artifacts).as_posix()}"
        return str(path)


def _require_same_base(models: Sequence[dict[str, Any]], base: Path) -> None:
    """An adapter belongs to one base. Servers name theirs by a path or by a name of a hub: the last part is what can be compared."""
    served = [str(model.get("root") or model["id"]) for model in models if not model.get("parent")]
    if base.name not in {name.rstrip("/").rpartition("/")[2] for name in served}:
        there = ", ".join(served) or "nothing"
        raise HostingError(f"The vLLM server serves {there}, and the adapter belongs to {base.name}. Start the server with that base.")


def _require_adapter_of(base: Path, adapter: Path) -> None:
    try:
        settings = json.loads((adapter / "adapter_config.json").read_bytes())
    except (OSError, ValueError) as error:
        raise HostingError(f"There is no adapter in {adapter}: adapter_config.json is missing or damaged.") from error
    trained = str(settings.get("base_model_name_or_path", ""))
    if Path(trained).name != base.name:
        raise HostingError(f"The adapter in {adapter} was trained on {Path(trained).name}, and not on {base.name}.")


def _is_gone(response: httpx.Response) -> bool:
    return response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST} and "cannot be found" in response.text


def _said(response: httpx.Response) -> str:
    """What the server had to say; nobody's words are in it."""
    try:
        document = response.json()
        error = document.get("error") or document
        text = str(error.get("message") or response.status_code)
    except (ValueError, AttributeError):
        text = str(response.status_code)
    return f"{text.strip().rstrip('.')}."


def _hint(text: str) -> str:
    return "Raise --max-lora-rank, or lower learning.tuning.rank." if "rank" in text.lower() else ""
