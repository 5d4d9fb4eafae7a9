"""Ollama: a version is a model of its own, made of the base and the adapter where Ollama reads such adapters, else of merged weights.

The base is made once, from the very files it was trained on, and never taken from Ollama's library: those models carry templates of their
own, and a model that reads other text than it was trained on talks nonsense. Whether the server would show it that text is asked before it
counts as published (`_debug_render_only` of its chat call).
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import ollama

from service.errors import HostingError
from service.hosting.base import Host, Hosted
from service.hosting.engine import engine_environment
from service.hosting.merging import merge_adapter
from service.hosting.template import PARITY, first_difference, render_template
from service.personas.shelf import Message

_TAKES_ADAPTERS = {"LlamaForCausalLM", "MistralForCausalLM", "Gemma2ForCausalLM"}  # what its converter reads as safetensors
_SECONDS = 1800
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


class OllamaHost(Host):
    """Makes, loads and deletes models of an Ollama server."""

    def __init__(self, url: str, *, artifacts: Path, provider: str = "ollama") -> None:
        self._url = url.rstrip("/")
        self._provider = provider
        self._artifacts = artifacts
        self._released: list[str] = []

    def publish(self, name: str, base: Path, adapter: Path) -> Hosted:
        """See `Host.publish`."""
        hosted = Hosted(provider=self._provider, model=name)
        with self._asking("make the version") as client:
            if _is_there(client, name):
                return hosted
            if set(_config(base).get("architectures", [])) & _TAKES_ADAPTERS:
                made: dict[str, Any] = {"from_": _base_in(client, base), "adapters": _blobs(client, adapter, _ADAPTER_FILES)}
            else:
                merged = self._artifacts.absolute() / "versions" / name
                merge_adapter(base, adapter, merged, engine_environment(os.environ))
                made = {"files": _blobs(client, merged, _model_files(merged)), "parameters": _parameters(base)}
            _create(client, name, **made)
            try:
                self._require_parity(hosted, base)
            except HostingError:
                client.delete(name)
                raise
        return hosted

    def warm_up(self, hosted: Hosted) -> None:
        """See `Host.warm_up`."""
        with self._asking("answer") as client:
            answer = client.chat(hosted.model, [{"role": "user", "content": "Hi."}], options={"num_predict": 8})
        if answer.message.content is None:
            raise HostingError(f"Ollama answered as {hosted.model} without a word.")

    def withdraw(self, hosted: Hosted) -> None:
        """See `Host.withdraw`. The base stays: other versions are made of it."""
        with self._asking("delete the version") as client:
            if _is_there(client, hosted.model):
                client.delete(hosted.model)

    def render(self, hosted: Hosted, messages: Sequence[Message]) -> str | None:
        """See `Host.render`. A server that does not know the request answers it, and then nobody can say."""
        body = {"model": hosted.model, "messages": msgspec.to_builtins(list(messages)), "stream": False, "_debug_render_only": True}
        with _told("show its prompt"):
            response = httpx.post(f"{self._url}/api/chat", json=body | {"options": {"num_predict": 1}}, timeout=_SECONDS)
            response.raise_for_status()
            rendered = (response.json().get("_debug_info") or {}).get("rendered_template")
        return rendered if isinstance(rendered, str) else None

    def release(self) -> str | None:
        """See `Host.release`: every loaded model is asked to go."""
        try:
            with self._asking("let go of its memory") as client:
                self._released = [str(model.model) for model in client.ps().models if model.model]
                for model in self._released:
                    client.generate(model, keep_alive=0)
        except HostingError as error:
            return None if isinstance(error.__cause__, ConnectionError) else error.message
        return None

    def take_back(self) -> str | None:
        """See `Host.take_back`: what was loaded is loaded again."""
        try:
            with self._asking("load its models again") as client:
                while self._released:
                    client.generate(self._released[-1])
                    self._released.pop()
        except HostingError as error:
            return error.message
        return None

    @contextmanager
    def _asking(self, what: str) -> Iterator[ollama.Client]:
        with _told(what), ollama.Client(host=self._url, timeout=_SECONDS) as client:
            yield client

    def _require_parity(self, hosted: Hosted, base: Path) -> None:
        for messages in PARITY:
            shown = self.render(hosted, messages)
            if shown is not None and (difference := first_difference(render_template(base, messages), shown)):
                raise HostingError(
                    f"Ollama would show the version another text than it was trained on: {difference}. "
                    "Start its server with OLLAMA_GO_TEMPLATE=0, so that it uses the model's own template."
                )


def _base_in(client: ollama.Client, base: Path) -> str:
    """The model of the base alone, made when it is not there; its name follows from its settings and the sizes of its files."""
    files = _model_files(base)
    told = json.dumps([_config(base), [(name, (base / name).stat().st_size) for name in files]], sort_keys=True)
    name = f"attune-base-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    if not _is_there(client, name):
        _create(client, name, files=_blobs(client, base, files), parameters=_parameters(base))
    return name


def _blobs(client: ollama.Client, folder: Path, names: Sequence[str]) -> dict[str, str]:
    return {name: client.create_blob(folder / name) for name in names}


def _create(client: ollama.Client, name: str, **made: Any) -> None:
    for _ in client.create(name, stream=True, **made):  # an error in the middle of the stream is raised
        pass


def _is_there(client: ollama.Client, name: str) -> bool:
    try:
        client.show(name)
    except ollama.ResponseError as error:
        if error.status_code == httpx.codes.NOT_FOUND:
            return False
        raise
    return True


def _model_files(folder: Path) -> list[str]:
    """What Ollama's converter reads of a model folder."""
    wanted = (".safetensors", ".json", ".jinja", ".model")
    return sorted(file.name for file in folder.iterdir() if file.suffix in wanted and file.is_file())


def _config(folder: Path) -> Mapping[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError) as error:
        raise HostingError(f"There is no model in {folder}: its config.json cannot be read.") from error
    return config


def _parameters(base: Path) -> dict[str, Any]:
    """What must be baked into the model: without it Ollama cuts long prompts to a length of its own."""
    window = _config(base).get("max_position_embeddings")
    return {"num_ctx": int(window)} if window else {}


@contextmanager
def _told(what: str) -> Iterator[None]:
    """The client's errors in our words; Ollama's own words about a model are nobody's secret."""
    try:
        yield
    except ollama.ResponseError as error:
        raise HostingError(f"Ollama could not {what}: {str(error.error).strip().rstrip('.')}.") from error
    except ConnectionError as error:
        raise HostingError(f"Ollama could not {what}: it cannot be reached. Start it, or set OLLAMA_HOST.") from error
    except httpx.ConnectError as error:
        raise HostingError(f"Ollama could not {what}: it cannot be reached. Start it, or set OLLAMA_HOST.") from ConnectionError(str(error))
    except (httpx.HTTPError, OSError) as error:
        raise HostingError(f"Ollama could not {what} ({type(error).__name__}).") from error
