"""The embedded engine: `transformers serve` on the loopback, which loads whatever model folder it is asked for. Loads no torch itself."""

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from service.errors import HostingError
from service.hosting.base import Host, Hosted
from service.hosting.merging import merge_adapter
from service.hosting.template import render_template
from service.personas.shelf import Message
from service.providers.catalog import STARTER

PROVIDER = "local"

_STARTER = "starter"
_LOADED_SECONDS = 24 * 3600  # an idle model leaves memory after a day: the champion and a canary stay, the versions they replaced go
_REPLY_SECONDS = 120
_RETRY_SECONDS = 0.5
_RESET_SECONDS = 60
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # the engine reads what follows an "@" in a path as a revision, and a ":" as a file
_GREETING = {"messages": [{"role": "user", "content": "Hi."}], "max_tokens": 8}
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait by spinning starve a training process on the same processor, and are starved by it
    "PYTHONWARNINGS": "ignore",
}


class EngineHost(Host):
    """Merges an adapter into a folder of its own and has the engine load it."""

    def __init__(self, base_url: str, artifacts: Path, *, warm_up_seconds: float = 180) -> None:
        self.chat_url = f"{base_url.rstrip('/')}/v1/chat/completions"
        self._reset_url = f"{base_url.rstrip('/')}/reset"
        self._versions = artifacts.absolute() / "versions"
        self._warm_up_seconds = warm_up_seconds

    def publish(self, name: str, base: Path, adapter: Path) -> Hosted:
        """See `Host.publish`: the folder `versions/<name>` is there when it is whole."""
        if not _NAME.fullmatch(name) or name == _STARTER:
            raise HostingError(f"A version cannot be called {name!r}: use other letters, digits, dots, dashes and underscores.")
        folder = self.folder_of(name)
        if not folder.exists():
            self._versions.mkdir(parents=True, exist_ok=True)
            merge_adapter(base, adapter, folder, engine_environment(os.environ))
        return Hosted(provider=PROVIDER, model=name)

    def warm_up(self, hosted: Hosted) -> None:
        """See `Host.warm_up`. Asks again while the engine starts; two whole answers, as the engine's very first may lack a token."""
        _have_it_answer(self.chat_url, hosted.model, self.folder_of(hosted.model), self._warm_up_seconds, threading.Event())

    def withdraw(self, hosted: Hosted) -> None:
        """See `Host.withdraw`. The engine forgets a model that nobody asks for; its folder goes at once."""
        if hosted.model == _STARTER or not _NAME.fullmatch(hosted.model):
            raise HostingError(f"{hosted.model!r} is no version of this engine.")
        folder = self.folder_of(hosted.model)
        if folder.exists():
            going = folder.with_name(f"{hosted.model}.going")
            shutil.rmtree(going, ignore_errors=True)
            folder.rename(going)  # whoever looks while it is deleted finds all of it or nothing
            shutil.rmtree(going)

    def render(self, hosted: Hosted, messages: Sequence[Message]) -> str | None:
        """See `Host.render`. The engine applies the template that lies in the model's folder."""
        return render_template(self.folder_of(hosted.model), messages)

    def release(self) -> str | None:
        """See `Host.release`."""
        try:
            httpx.post(self._reset_url, timeout=_RESET_SECONDS).raise_for_status()
        except httpx.ConnectError:
            return None
        except httpx.HTTPError as error:
            return f"The embedded engine did not let go of its memory ({type(error).__name__})."
        return None

    def take_back(self) -> str | None:
        """See `Host.take_back`. The engine loads a model when it is next asked for."""
        return None

    def folder_of(self, name: str) -> Path:
        """The folder of the starter or of a published version: what the engine must be asked for."""
        return STARTER if name == _STARTER else self._versions / name


def warm_up_starter(base_url: str, artifacts: Path, seconds: float, stop: threading.Event) -> None:
    """Wait until the engine at `base_url` has answered with the starter, or `stop` is set; `HostingError` after `seconds`."""
    host = EngineHost(base_url, artifacts)
    _have_it_answer(host.chat_url, _STARTER, host.folder_of(_STARTER), seconds, stop)


def engine_command(host: str, port: int) -> list[str]:
    """The command that starts the engine. Give it the loopback only: it loads any path that anyone asks it for.

    Without continuous batching, which ignores the request's `stop`, `temperature` and `top_p`.
    """
    options = {"--host": host, "--port": str(port), "--model-timeout": str(_LOADED_SECONDS), "--log-level": "error"}
    return [sys.executable, "-m", "transformers.cli.transformers", "serve", *(word for option in options.items() for word in option)]


def engine_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the engine: `environ`, and no network, no warnings, no spinning; without the service's own settings and keys."""
    inherited = {name: value for name, value in environ.items() if not name.startswith(("ATTUNE_", "OPENAI_"))}
    return {**_QUIET, **inherited}


def _have_it_answer(url: str, name: str, folder: Path, seconds: float, stop: threading.Event) -> None:
    """Ask until there were two whole answers."""
    body = {**_GREETING, "model": str(folder)}
    deadline = time.monotonic() + seconds
    with httpx.Client(timeout=_REPLY_SECONDS) as client:
        for _ in range(2):
            while not stop.is_set() and (trouble := _trouble(client, url, body)):
                if time.monotonic() > deadline:
                    raise HostingError(f"The model {name} did not answer within {seconds:g} s: {trouble}")
                stop.wait(_RETRY_SECONDS)


def _trouble(client: httpx.Client, url: str, body: dict[str, object]) -> str:
    """Ask once; say what was wrong, or nothing."""
    try:
        response = client.post(url, json=body)
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return "" if response.is_success else f"the engine answered {response.status_code}."
