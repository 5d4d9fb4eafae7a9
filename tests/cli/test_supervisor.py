"""Supervised processes: started again when they end, one stream, and all gone when they are told to stop."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from service.cli.supervisor import Child, Stream
from tests.processes import ROOT, until


def child_of(code: str, patience: float = 10) -> Child:
    """A supervised Python program."""
    return Child("test", [sys.executable, "-u", "-c", code], os.environ, patience)


def test_a_process_that_ends_is_started_again_after_a_pause() -> None:
    """A crash is told with its exit code, and the process comes back with another id."""
    told: list[str] = []
    child = child_of("import os, time; print('up', os.getpid()); time.sleep(60)")
    child.start(lambda _, line: told.append(line))
    try:
        until(lambda: len(told) == 1, 10, "first line")
        first = child.pid
        os.kill(first or 0, signal.SIGKILL)

        def back() -> bool:
            child.revive(lambda _, line: told.append(line))
            return child.pid not in {None, first}

        until(back, 10, "second life")
        until(lambda: len(told) == 3, 10, "second line")
    finally:
        child.stop()

    assert told[1] == "test ended with code -9; it is started again in 1 s"
    assert None is child.pid


def test_a_process_that_does_not_end_when_asked_is_ended() -> None:
    """A program that ignores SIGTERM is killed when its patience is over."""
    told: list[str] = []
    child = child_of("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)", patience=0.5)
    child.start(lambda _, line: told.append(line))
    until(lambda: told == ["deaf"], 10, "first line")

    child.stop()

    assert None is child.pid


def test_lines_of_all_processes_are_one_stream_marked_with_who_spoke() -> None:
    """Each line bears its speaker's name; words for people stand as they are."""
    out = io.StringIO()
    stream = Stream(out)
    stream.tell("web", "hello")
    stream.say("Welcome.")

    assert out.getvalue() == "web    | hello\nWelcome.\n"


def test_children_do_not_outlive_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    """After SIGKILL of the supervisor its children end by themselves (Linux)."""
    if sys.platform != "linux":
        return
    code = (
        "import os, sys, time; from service.cli.supervisor import Child;"
        "child = Child('x', [sys.executable, '-c', 'import time; time.sleep(60)'], os.environ);"
        "child.start(lambda *_: None); print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.5)  # the child must have come to its own program before its parent dies
    parent.kill()
    parent.wait()
    parent.stdout.close()

    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 10, "end of the child")
