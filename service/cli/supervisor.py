"""Keeping processes alive: each is started again when it ends, their output is one stream, and one word stops them all in order."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0
_PATIENCE_SECONDS = 40.0
# Should the supervisor be killed, its children get SIGTERM instead of living on unseen (PR_SET_PDEATHSIG of Linux's prctl(2)).
# A program of its own that then becomes the child: code between fork and exec is unsafe in a process with threads.
_DIE_WITH_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.getppid() == 1 or os.execv(sys.argv[1], sys.argv[1:])"


class Child:
    """One supervised process. `patience` is how long it may take to end when asked."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], patience: float = _PATIENCE_SECONDS) -> None:
        self.name = name
        self.patience = patience
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None
        self._started = 0.0
        self._pause = _FIRST_PAUSE
        self._due = 0.0

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, tell: Callable[[str, str], None]) -> None:
        """Start the process and pass every line it prints to `tell(name, line)`."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _DIE_WITH_PARENT, *self._command] if sys.platform == "linux" else self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=_pump, args=(self._process, self.name, tell), daemon=True).start()

    def revive(self, tell: Callable[[str, str], None]) -> None:
        """Start the process again if it has ended and its pause is over; the pause doubles until it has run for a minute."""
        if self._process is None or self._process.poll() is None:
            return
        if not self._due:
            if time.monotonic() - self._started > _STEADY_SECONDS:
                self._pause = _FIRST_PAUSE
            tell("attune", f"{self.name} ended with code {self._process.returncode}; it is started again in {self._pause:g} s")
            self._due = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        elif time.monotonic() >= self._due:
            self._due = 0.0
            self.start(tell)

    def stop(self) -> None:
        """Ask the process to end, wait, and end it if it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Stream:
    """One stream of lines from several threads, each marked with who said it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def tell(self, name: str, line: str) -> None:
        """Write one line."""
        with self._lock:
            self._out.write(f"{name:<6} | {line}\n")
            self._out.flush()

    def say(self, text: str) -> None:
        """Write text as it is, for people."""
        with self._lock:
            self._out.write(text + "\n")
            self._out.flush()


def _pump(process: subprocess.Popen[str], name: str, tell: Callable[[str, str], None]) -> None:
    if process.stdout is not None:
        with process.stdout as lines:
            for line in lines:
                tell(name, line.rstrip("\n"))
