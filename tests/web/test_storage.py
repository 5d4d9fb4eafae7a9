"""A full disk and a locked database: each leaves exactly one exchange with a true state, and the caller a clear error."""

import contextlib
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import func, select

from service.db.tables import Exchange, ExchangeState
from tests.web.conftest import Home, MakeHome, Run, Service
from tests.web.reading import complaint, events, until
from tests.web.test_serve import served
from tests.web.upstream import Upstream

CHAT = "/v1/chat/completions"
_WORDS = "The database cannot be written now. Nothing was lost; try again in a moment."


def says(model: str, message: str, **fields: Any) -> dict[str, Any]:
    """A chat completions request."""
    return {"model": model, "messages": [{"role": "user", "content": message}], **fields}


def rows(home: Home) -> list[tuple[str, ExchangeState, str, str | None]]:
    """All exchanges: message, state, reply and error."""
    found: list[Exchange] = home.ask(lambda session: list(session.exec(select(Exchange).order_by(Exchange.id))))
    return [(row.message, row.state, row.reply, row.error) for row in found]


def refused(answer: httpx.Response) -> None:
    """The answer must be the clear error of a storage that fails now."""
    assert complaint(answer, 503) == _WORDS
    assert answer.json()["error"]["code"] == "storage"
    assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("1", "true")


@pytest.fixture
def hasty(make_home: MakeHome, run: Run, tmp_path: Path) -> Iterator[Service]:
    """A service that does not wait long for another writer."""
    with make_home(tmp_path / "home", personas=["echo", "held"]) as home, run(home, busy_milliseconds=200) as service:
        yield service


def test_a_locked_database_opens_nothing(hasty: Service, upstream: tuple[Upstream, str]) -> None:
    """While somebody else holds the database messages are refused on both doors before the model is asked; afterwards all is well."""
    with hasty.client(hasty.home.key()) as client:
        begun = client.post("/api/conversations", json={"persona": "echo"}).json()
        path, name = f"/api/conversations/{begun['id']}/exchanges", {"idempotency-key": "locked"}
        asked = len(upstream[0].asked)
        with hasty.home.engine.begin():
            refused(client.post(CHAT, json=says("echo", "one")))
            refused(client.post(CHAT, json=says("echo", "one", stream=True), headers=name))
            refused(client.post(path, json={"message": "one"}))
            refused(client.post("/api/conversations", json={"persona": "echo"}))
            assert client.get(path).json()["data"] == []
        assert (rows(hasty.home), len(upstream[0].asked)) == ([], asked)
        assert client.post(CHAT, json=says("echo", "one", stream=True), headers=name).status_code == 200
    assert rows(hasty.home) == [("one", ExchangeState.complete, "You said: one", None)]


def test_a_database_locked_at_the_end_is_told_and_written_later(hasty: Service, gate: Upstream) -> None:
    """A reply whose end cannot be written is no success for its readers, and the row says the same as soon as it can be written."""
    with hasty.client(hasty.home.key()) as client:
        begun = client.post("/api/conversations", json={"persona": "held"}).json()
        with client.stream("POST", f"/api/conversations/{begun['id']}/exchanges", json={"message": "one"}) as response:
            coming = events(response)
            assert [next(coming).kind, next(coming).kind] == ["exchange", "delta"]
            with hasty.home.engine.begin():
                gate.open_gate()
                *_, last = coming
                assert (last.kind, last.data["state"], last.data["error"]["code"]) == ("error", "failed", "storage")
                assert "could not be kept" in last.data["error"]["message"]
        until(lambda: rows(hasty.home)[0][1] != ExchangeState.open)
    assert rows(hasty.home) == [("one", ExchangeState.failed, "One two.", "storage")]


@contextlib.contextmanager
def full(home: Home, process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """No file of the process may grow: what a full disk is to a database. The log, which is shorter, may."""
    log = Path(f"{home.settings.home / 'attune.sqlite'}-wal")
    free = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, free[1]))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, free)


def test_a_full_disk_is_told_and_recovered_from_without_a_restart(make_home: MakeHome, gate: Upstream, tmp_path: Path) -> None:
    """Nothing is spent on what cannot be kept; a reply that was under way is told as failed, and kept as that when there is room."""
    with make_home(tmp_path / "home", personas=["echo", "held"]) as home, served(home, tmp_path / "log") as (process, url):
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {home.key()}"}, timeout=30) as client:
            assert client.post(CHAT, json=says("echo", "before")).status_code == 200
            asked = len(gate.asked)
            with client.stream("POST", CHAT, json=says("held", "under way", stream=True)) as response:
                lines = response.iter_lines()
                assert any('"One"' in line for line in lines)
                until(lambda: rows(home)[1][2] == "One")  # The words so far are saved; nothing more grows by itself now.
                with full(home, process):
                    for number in range(3):
                        refused(client.post(CHAT, json=says("echo", f"full {number}")))
                    assert client.get("/health/ready").status_code == 503
                    assert client.get("/health/live").status_code == 200
                    gate.open_gate()
                    told = [line for line in lines if line]
                    assert '"code":"storage"' in told[-2]
                    assert told[-1] == "data: [DONE]"
                    assert len(gate.asked) == asked + 1
            until(lambda: rows(home)[1][1] != ExchangeState.open)
            assert client.get("/health/ready").status_code == 200
            assert client.post(CHAT, json=says("echo", "after")).status_code == 200
        assert rows(home) == [
            ("before", ExchangeState.complete, "You said: before", None),
            ("under way", ExchangeState.failed, "One two.", "storage"),
            ("after", ExchangeState.complete, "You said: after", None),
        ]
        assert home.ask(lambda session: session.exec(select(func.count()).select_from(Exchange)).one()) == 3
    assert (tmp_path / "log").read_text().count("request_refused") == 1
