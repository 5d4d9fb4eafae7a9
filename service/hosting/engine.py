"""The embedded engine: `transformers serve` on the loopback, which loads whatever model folder it is asked for. Loads no torch itself."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from service.errors import HostingError
from service.hosting.base import Host, Hosted
from service.providers.catalog import STARTER

PROVIDER = "local"

_STARTER = "starter"
_LOADED_SECONDS = 24 * 3600  # an idle model leaves memory after a day: the champion and a canary stay, the versions they replaced go
_MERGE_SECONDS = 1800
_REPLY_SECONDS = 120
_RETRY_SECONDS = 0.5
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
        self._versions = artifacts.absolute() / "versions"
        self._warm_up_seconds = warm_up_seconds

    def publish(self, name: str, base: Path, adapter: Path) -> Hosted:
        """See `Host.publish`: the folder `versions/<name>` is there when it is whole."""
        if not _NAME.fullmatch(name) or name == _STARTER:
            raise HostingError(f"A version cannot be called {name!r}: use other letters, digits, dots, dashes and underscores.")
        folder = self.folder_of(name)
        if not folder.exists():
            self._versions.mkdir(parents=True, exist_ok=True)
            _merge(base, adapter, folder, log=folder.with_name(f"{name}.log"))
        return Hosted(provider=PROVIDER, model=name)

    def warm_up(self, hosted: Hosted) -> None:
        """See `Host.warm_up`. Asks again while the engine starts; two whole answers, as the engine's very first may lack a token."""
        _have_it_answer(self.chat_url, hosted.model, self.folder_of(hosted.model), self._warm_up_seconds, threading.Event())

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


def _merge(base: Path, adapter: Path, folder: Path, log: Path) -> None:
    command = [sys.executable, "-m", "service.hosting.merge", str(base), str(adapter), str(folder)]
    environment = engine_environment(os.environ)
    with log.open("wb") as stream:
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=_MERGE_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise HostingError(f"Merging the adapter into its base took more than {_MERGE_SECONDS // 60} minutes.") from error
    if code != 0 or not folder.exists():
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        raise HostingError(
            f"The adapter could not be merged into its base (exit code {code}): {lines[-1] if lines else 'nothing was said.'}"
        )
    log.unlink()


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
