"""Programs as clients are started: each with a bound on its time."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 60


class Failed(Exception):
    """A program ended with an error; what it wrote to stderr."""


def started(command: list[str], stdin: int, **variables: str) -> "subprocess.Popen[bytes]":
    """A process that finds nothing of ours in its environment, and no proxy on its way."""
    foreign = ("OPENAI_", "LANG", "LLM_", "ATTUNE_")
    own = {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}
    kept = {name: value for name, value in own.items() if not name.upper().endswith("_PROXY")}
    environment = {**kept, "PYTHONIOENCODING": "utf-8", **variables}
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def output(command: list[str], **variables: str) -> Iterator[str]:
    """What a command writes, as it writes it; raise `Failed` with its complaint when it fails."""
    with started(command, subprocess.DEVNULL, **variables) as process, bounded(process):
        assert process.stdout is not None
        while words := os.read(process.stdout.fileno(), 65536):
            yield words.decode()
        if process.wait():
            raise Failed(complaint(process))


def complaint(process: "subprocess.Popen[bytes]") -> str:
    """What an ended process wrote about its troubles."""
    assert process.stderr is not None
    return process.stderr.read().decode().strip()


@contextmanager
def bounded(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """End the process when this takes too long."""
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
