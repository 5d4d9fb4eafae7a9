"""Real processes for tests: started on loopback, waited for with a bound, ended by their id."""

import os
import re
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until `true()`, at most `seconds`; then fail, naming what never came."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"within {seconds:g} s there was no {what}"
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Whether there is a 200 at the address."""
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def environment(home: Path, **settings: str) -> dict[str, str]:
    """An environment with its data in `home`, and nothing of ours left over from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATTUNE_", "OPENAI_", "OLLAMA_"))}
    return {**kept, "ATTUNE_HOME": str(home), "ATTUNE_PERSONAS": str(ROOT / "persona_prompts"), **settings}


@contextmanager
def running(command: list[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a session of its own; at the end it gets SIGTERM, and a minute later SIGKILL."""
    with log.open("ab") as stream:
        process = subprocess.Popen(command, env=dict(env), cwd=ROOT, stdout=stream, stderr=stream, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def attune(env: Mapping[str, str], *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Run one command of the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        env=dict(env),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def on_terminal(width: int, code: str) -> list[str]:
    """The lines that a piece of Python prints on a terminal so many characters wide, without the colours."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (40, width))
    env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    with subprocess.Popen([sys.executable, "-c", code], env={**env, "TERM": "xterm"}, cwd=ROOT, stdout=theirs) as process:
        os.close(theirs)
        said = b""
        with suppress(OSError):  # what Linux says where a terminal has nobody left to write to it
            while more := os.read(ours, 4096):
                said += more
        os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).splitlines()
