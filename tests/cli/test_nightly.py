"""`attune nightly`: asking for a night and waiting for its receipt."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlmodel import Session

from service import ledger
from service.db.engine import transaction
from service.db.tables import Outcome, Worker, now
from tests.cli.conftest import Shell
from tests.processes import ROOT, on_terminal

_STEPS = ("freeze", "train", "host", "evaluate", "decide")


class Work:
    """A worker that gives signs of life and, once it is let go, plays every night to its end, a step at each look."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        self.go = threading.Event()
        self._outcome = outcome
        self._reason = reason
        self._played = 0

    def look(self, session: Session) -> None:
        """What a worker does each second."""
        session.merge(Worker(id="worker-1", seen_at=now()))
        for night in ledger.open_nights(session) if self.go.is_set() else []:
            if self._played == len(_STEPS):
                ledger.write_receipt(session, night.id, self._outcome, self._reason)
                return
            ledger.note_step(session, night.id, _STEPS[self._played])
            ledger.note_progress(session, night.id, step=3, steps=10, loss=1.5)
            self._played += 1


@contextmanager
def working(shell: Shell, outcome: Outcome, reason: str = "So it was decided.", *, held: bool = False) -> Iterator[Work]:
    """A worker at work on the nights of this home; with `held` it only lives until it is let go."""
    work, stop, alive = Work(outcome, reason), threading.Event(), threading.Event()
    if not held:
        work.go.set()

    def run() -> None:
        with shell.database() as engine:
            while not stop.is_set():
                with transaction(engine) as session:
                    work.look(session)
                alive.set()
                stop.wait(0.05)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert alive.wait(20)
        yield work
    finally:
        stop.set()
        thread.join(20)


@contextmanager
def following(shell: Shell) -> Iterator["subprocess.Popen[str]"]:
    """`attune nightly friend --wait` as a process that has found the night under way."""
    # A shell's background job, as this test may be, ignores SIGINT and hands that on; the follower must hear it.
    hears = "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[0] = 'attune'; "
    command = [sys.executable, "-c", f"{hears}runpy.run_module('service', run_name='__main__')", "nightly", "friend", "--wait"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=shell.environment, cwd=ROOT, text=True, **pipes) as follower:
        try:
            assert follower.stderr is not None
            assert follower.stderr.readline() == "A night is under way already; following that one.\n"
            yield follower
        finally:
            follower.kill()


@pytest.mark.parametrize(("outcome", "code"), [(Outcome.promoted, 0), (Outcome.rejected, 6), (Outcome.failed, 1)])
def test_the_exit_code_says_how_the_night_ended(attune: Shell, outcome: Outcome, code: int) -> None:
    """With --wait --json stdout is the receipt alone, and the exit code its outcome; the steps are told on stderr."""
    with working(attune, outcome):
        ended = attune("nightly", "friend", "--wait", "--json")
    assert ended.code == code
    receipt = ended.document
    assert (receipt["outcome"], receipt["reason"], receipt["persona"]) == (outcome.value, "So it was decided.", "friend")
    assert (receipt["version"], receipt["champion"]) == (None, "v0")
    assert receipt["details"]["night"] == receipt["night"]
    assert ended.err
    assert {line.removeprefix("night: ") for line in ended.err.splitlines()} <= {"queued", *_STEPS}


def test_a_night_for_eyes(attune: Shell) -> None:
    """Without --json the outcome and its reason are one line on stdout; who serves, and where there is more, is on stderr."""
    with working(attune, Outcome.skipped, "Too little was rated."):
        ended = attune("nightly", "friend", "--wait")
    assert (ended.code, ended.out) == (6, "skipped: Too little was rated.\n")
    said = re.fullmatch(r"friend is served by v0\. All of it: attune (receipts show \w{8})", ended.err.splitlines()[-1])
    assert said is not None
    assert "Too little was rated." in attune(*said[1].split()).out


def test_a_terminal_shows_a_reason_by_its_sentences() -> None:
    """A receipt's paragraph is long: on a terminal each sentence begins a line, and goes on indented."""
    receipt = "Receipt(id='01a2', persona='friend', outcome=Outcome.promoted, champion='v1', details={}, reason=reason)"
    reason = f"The candidate takes over. It tells {'them ' * 20}apart, by +2.1 nats per token (95 % interval +0.3 to +3.9). It is watched."
    lines = on_terminal(
        60,
        "from service.cli.nightly import show_outcome\nfrom service.db.tables import Outcome, Receipt\n"
        f"reason = {reason!r}\nshow_outcome({receipt})",
    )

    assert lines[0] == "promoted: The candidate takes over."
    assert lines[1].startswith("It tells them") and all(line.startswith("  ") for line in lines[2:-1])
    assert lines[-1] == "It is watched."
    assert " ".join(line.strip() for line in lines) == f"promoted: {reason}"


def test_one_night_at_a_time(attune: Shell) -> None:
    """Without --wait the command ends at once; a second night at the same time is exit 7; with --wait it follows the first to its end."""
    with working(attune, Outcome.rejected, held=True) as work:
        asked = attune("nightly", "friend", "--json")
        assert (asked.code, asked.err) == (0, "")
        assert set(asked.document) == {"night", "persona"}
        again = attune("nightly", "friend", "--json")
        assert (again.code, again.out) == (7, "")
        assert again.err == "attune: A night for friend is under way already. Follow it: attune nightly friend --wait\n"
        with following(attune) as follower:
            work.go.set()
            said, _ = follower.communicate(timeout=60)
    assert (follower.returncode, said) == (6, "rejected: So it was decided.\n")


def test_whoever_stops_waiting_stops_nothing_else(attune: Shell) -> None:
    """Ctrl-C ends the waiting with exit 130 and no traceback; the night is still under way."""
    with attune.database() as engine:
        with transaction(engine) as session:
            ledger.request_night(session, "friend")
            session.merge(Worker(id="worker-1", seen_at=now()))
        with following(attune) as follower:
            assert follower.stderr is not None
            assert follower.stderr.readline() == "night: queued\n"
            follower.send_signal(signal.SIGINT)
            said, complaints = follower.communicate(timeout=60)
        with transaction(engine) as session:
            assert len(ledger.open_nights(session)) == 1
    assert (follower.returncode, said) == (130, ""), complaints
    assert "Traceback" not in complaints


def test_a_night_that_nobody_would_run_is_not_asked_for(attune: Shell) -> None:
    """Without a worker, or with one that died a while ago, the command says so with exit 5 and leaves no night behind."""
    with attune.database() as engine:
        with transaction(engine) as session:
            session.merge(Worker(id="worker-1", seen_at=now().replace(year=2020)))
        ended = attune("nightly", "friend", "--wait", "--json")
        with transaction(engine) as session:
            assert ledger.open_nights(session) == []
    assert (ended.code, ended.out) == (5, "")
    assert ended.err == "attune: No worker is running, so nobody would run the night. Start one: attune up\n"
