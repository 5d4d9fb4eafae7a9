"""A service of its own for a rehearsal: `attune up` in a folder of its own, with the persona as it is, reached over HTTP."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import yaml

from service.errors import Unavailable
from service.personas.file import split_front_matter
from service.personas.markup import read_text

_READY_SECONDS = 240
_END_SECONDS = 60
_NIGHT_SECONDS = 6 * 3600
_OUTCOMES = (0, 1, 6)  # a night's exit codes: it ended, one way or another


class Box:
    """A running service: its address, and a key of an app."""

    def __init__(self, url: str, key: str, environment: Mapping[str, str]) -> None:
        self.url = url
        self.key = key
        self._environment = environment

    def night(self, persona: str) -> dict[str, Any]:
        """Run a night; return its receipt. Raises `Unavailable` when it leaves none."""
        done = _attune(self._environment, "nightly", persona, "--wait", "--json", seconds=_NIGHT_SECONDS)
        if done.returncode not in _OUTCOMES or not done.stdout:
            raise Unavailable(f"The night left no receipt: {_last_line(done.stderr)}")
        receipt: dict[str, Any] = json.loads(done.stdout)
        return receipt


@contextmanager
def open_box(folder: Path, personas: Path, persona: str, environ: Mapping[str, str]) -> Iterator[Box]:
    """Start a service in `folder` and end it again. Raises `Unavailable` with the last line of its log when it does not come up."""
    copied = folder / "personas"
    shutil.copytree(personas, copied, dirs_exist_ok=True)
    _adapt(copied / f"{persona}.md")
    port = _free_port()
    environment = {**environ, "ATTUNE_HOME": str(folder / "home"), "ATTUNE_PERSONAS": str(copied), "ATTUNE_PORT": str(port)}
    environment |= {"ATTUNE_HOST": "127.0.0.1", "ATTUNE_NIGHTLY": "0 0 1 1 *", "ATTUNE_ARTIFACTS": "", "ATTUNE_DATABASE_URL": ""}
    url, log = f"http://127.0.0.1:{port}", folder / "service.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "up"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        _wait(process, f"{url}/health/ready", log)
        made = _attune(environment, "keys", "create", "--name", "rehearsal", "--scope", "chat", "--scope", "rate", "--json", seconds=60)
        if made.returncode:
            raise Unavailable(f"The rehearsal's service made no key: {_last_line(made.stderr)}")
        yield Box(url, json.loads(made.stdout)["key"], environment)
    finally:
        _end(process)


def _adapt(file: Path) -> None:
    """Fit the copy to a rehearsal, which presses weeks into minutes: the rules about haste are off, and a night promotes at once."""
    front, body, _ = split_front_matter(file, read_text(file))
    settings = yaml.safe_load(front)
    settings.setdefault("learning", {}).setdefault("trust", {})["burst"] = 0
    settings.setdefault("gate", {})["canary"] = 0
    file.write_text(f"---\n{yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)}---\n{body}", encoding="utf-8")


def _attune(environment: Mapping[str, str], *arguments: str, seconds: float) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "service", *arguments]
    return subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=seconds, check=False)


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2).is_success:
                return
        time.sleep(0.3)
    raise Unavailable(f"The rehearsal's service did not come up: {_last_line(log.read_text('utf-8', 'replace'))} Its log is {log}.")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "nothing was said.")
