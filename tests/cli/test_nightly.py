"""`attune nightly`: asking for a night and waiting for its receipt."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from service import ledger
from service.db.engine import transaction
from service.db.tables import Outcome, Worker, now
from tests.cli.conftest import Shell


@contextmanager
def working(shell: Shell, outcome: Outcome, reason: str = "So it was decided.") -> Iterator[None]:
    """A worker that gives signs of life, and plays every night to this outcome in no time."""
    assert shell("db", "upgrade").code == 0
    stop, alive = threading.Event(), threading.Event()
    seen: list[str] = []

    def work() -> None:
        with shell.database() as engine:
            while not stop.is_set():
                with transaction(engine) as session:
                    session.merge(Worker(id="worker-1", seen_at=now()))
                    for night in ledger.open_nights(session):
                        _play(session, night.id, seen, outcome, reason)
                alive.set()
                stop.wait(0.1)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert alive.wait(20)
        yield
    finally:
        stop.set()
        thread.join(20)


def _play(session: "ledger.Session", night_id: str, seen: list[str], outcome: Outcome, reason: str) -> None:
    """One look at a night is one step of it."""
    steps = ["freeze", "train", "host", "evaluate", "decide"]
    step = len(seen)
    if step < len(steps):
        ledger.note_step(session, night_id, steps[step])
        if steps[step] == "train":
            ledger.note_progress(session, night_id, step=3, steps=10, loss=1.5)
        seen.append(steps[step])
    else:
        ledger.write_receipt(session, night_id, outcome, reason)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.promoted, 0), (Outcome.canary, 0), (Outcome.rejected, 6), (Outcome.skipped, 6), (Outcome.failed, 1)],
)
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
    assert all(line.startswith("night: ") for line in ended.err.splitlines())


def test_a_night_for_eyes(attune: Shell) -> None:
    """Without --json the outcome and its reason are one line on stdout, and who serves is on stderr."""
    with working(attune, Outcome.skipped, "Too little was rated."):
        ended = attune("nightly", "friend", "--wait")
    assert (ended.code, ended.out) == (6, "skipped: Too little was rated.\n")
    assert ended.err.splitlines()[-1] == "friend is served by v0."


def test_a_night_without_waiting_is_asked_for_once(attune: Shell) -> None:
    """Without --wait the command ends at once; a second night at the same time is exit 7; --wait then follows the first."""
    assert attune("db", "upgrade").code == 0
    with attune.database() as engine, transaction(engine) as session:
        session.merge(Worker(id="worker-1", seen_at=now()))
    asked = attune("nightly", "friend", "--json")
    assert (asked.code, asked.err) == (0, "")
    assert set(asked.document) == {"night", "persona"}
    with attune.database() as engine, transaction(engine) as session:
        session.merge(Worker(id="worker-1", seen_at=now()))
    again = attune("nightly", "friend", "--json")
    assert (again.code, again.out) == (7, "")
    assert again.err == "attune: A night for friend is under way already. Follow it: attune nightly friend --wait\n"
    with working(attune, Outcome.rejected):
        followed = attune("nightly", "friend", "--wait", "--json")
    assert (followed.code, followed.document["night"]) == (6, asked.document["night"])
    assert followed.err.startswith("A night is under way already; following that one.\n")


def test_a_night_that_nobody_would_run_is_not_asked_for(attune: Shell) -> None:
    """Without a worker, or with one that died a while ago, the command says so with exit 5 and leaves no night behind."""
    assert attune("db", "upgrade").code == 0
    with attune.database() as engine:
        with transaction(engine) as session:
            session.merge(Worker(id="worker-1", seen_at=now().replace(year=2020)))
        ended = attune("nightly", "friend", "--wait", "--json")
        with transaction(engine) as session:
            assert ledger.open_nights(session) == []
    assert (ended.code, ended.out) == (5, "")
    assert ended.err == "attune: No worker is running, so nobody would run the night. Start one: attune up\n"
