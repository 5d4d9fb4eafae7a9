"""`attune serve` as a process: what it logs, and what a kill leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlmodel import Session, select

from service.db.engine import transaction
from service.db.keys import SCOPES
from service.db.tables import Exchange, ExchangeState
from tests.web.conftest import Home, MakeHome
from tests.web.reading import complaint, until
from tests.web.upstream import Upstream

CHAT = "/v1/chat/completions"
_MARK = "zwitschermaschine"


def environment(home: Home, port: int) -> dict[str, str]:
    """The environment of a process that lives in this home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATTUNE_", "OPENAI_", "OLLAMA_", "FORCE_COLOR"))}
    settings = home.settings
    return {
        **kept,
        "ATTUNE_HOME": str(settings.home),
        "ATTUNE_PERSONAS": str(settings.personas),
        "ATTUNE_PROVIDERS": str(settings.providers),
        "ATTUNE_PORT": str(port),
    }


@contextmanager
def served(home: Home, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`attune serve` as a process, with all that it says in `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with log.open("ab") as out:
        process = subprocess.Popen([sys.executable, "-m", "service", "serve"], env=environment(home, port), stdout=out, stderr=out)
    try:
        until(lambda: process.poll() is not None or _ready(url), seconds=60)
        assert process.poll() is None, log.read_text()
        yield process, url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def says(model: str, text: str, **fields: object) -> dict[str, object]:
    """A chat completions request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def _refuse_rows_with(session: Session, word: str) -> None:
    """Make the database refuse a message that holds this word: a failure that nobody foresaw."""
    session.connection().exec_driver_sql(
        f"CREATE TRIGGER refusing BEFORE INSERT ON exchange WHEN NEW.message LIKE '%{word}%' BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )


def test_words_and_keys_never_reach_the_log(make_home: MakeHome, tmp_path: Path) -> None:
    """Whatever goes well or wrong, the log holds ids and codes, and nothing that a person said, nor a key, nor a token."""
    log = tmp_path / "log"
    with make_home(tmp_path / "home") as home, served(home, log) as (_, url):
        key = home.key(*SCOPES)
        with transaction(home.engine) as session:
            _refuse_rows_with(session, "unforeseen")
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=30) as client:
            for persona in ("echo", "second", "broken", "refusing", "empty", "homeless"):
                for stream in (False, True):
                    client.post(CHAT, json=says(persona, f"{_MARK} one", stream=stream, user=f"{_MARK}-user"))
            client.post(CHAT, json={**says("echo", "hi"), "temperature": _MARK})
            client.post(CHAT, json=says(_MARK, "hi"))
            client.post(CHAT, content=f'{{"model": "echo", "messages": "{_MARK}'.encode())
            client.post(CHAT, content=_MARK.encode() + b"\xff")
            client.post(CHAT, json=says("echo", "hi"), headers={"authorization": f"Bearer at_{_MARK}"})
            complaint(client.post(CHAT, json=says("echo", f"{_MARK} unforeseen")), 500)
            begun = client.post("/api/conversations", json={"persona": "echo", "user": {"id": _MARK, "name": _MARK}}).json()
            name = client.post(f"/api/conversations/{begun['id']}/exchanges", json={"message": _MARK}).headers["x-exchange-id"]
            refused = client.post(f"/api/conversations/{begun['id']}/exchanges", json={"message": f"{_MARK} unforeseen"})
            client.put(f"/api/exchanges/{name}/rating", json={"rating": "down", "comment": _MARK, "correction": _MARK})
            client.get(f"/{_MARK}", params={"q": _MARK})
    said = log.read_text()
    assert name in said
    assert "provider_broke_off" in said
    for secret in (_MARK, key, key.removeprefix("at_")[:12], begun["token"]):
        assert secret not in said
    lines = [json.loads(line) for line in said.splitlines()]
    failed = [line for line in lines if line["event"] == "request_failed"]
    assert len(failed) == 2
    assert failed[-1]["request_id"] == refused.json()["request_id"]
    assert lines[-1]["event"] == "web_stopped"


def test_a_kill_loses_nothing_that_was_accepted(make_home: MakeHome, gate: Upstream, tmp_path: Path) -> None:
    """After a kill in the middle of a reply the message is there, interrupted; what was complete stays, and the service starts again."""
    with make_home(tmp_path / "home") as home:
        with served(home, tmp_path / "log") as (process, url), httpx.Client(base_url=url, timeout=30) as client:
            client.headers["authorization"] = f"Bearer {home.key()}"
            whole = client.post(CHAT, json=says("echo", "one")).headers["x-exchange-id"]
            with client.stream("POST", CHAT, json=says("held", "two", stream=True)) as response:
                cut = response.headers["x-exchange-id"]
                assert any("One" in line for line in response.iter_lines())
                process.kill()
                process.wait()
        with served(home, tmp_path / "log") as (_, url), httpx.Client(base_url=url, headers=client.headers, timeout=30) as client:
            assert client.post(CHAT, json=says("echo", "three")).status_code == 200
        kept = {exchange.id: exchange for exchange in home.ask(lambda session: list(session.exec(select(Exchange))))}
    assert (kept[whole].state, kept[whole].reply) == (ExchangeState.complete, "You said: one")
    assert (kept[cut].state, kept[cut].message, kept[cut].error) == (ExchangeState.interrupted, "two", "service_stopped")
    assert len(kept) == 3
    assert '"event": "exchanges_interrupted"' in (tmp_path / "log").read_text()


def refusal(home: Home, **changed: str) -> tuple[int, str]:
    """How a start that cannot be ends: its exit code and what it says."""
    ended = subprocess.run(
        [sys.executable, "-m", "service", "serve"], env={**environment(home, 1), **changed}, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def test_a_start_that_cannot_be_says_why_in_a_sentence(make_home: MakeHome, tmp_path: Path) -> None:
    """A wrong persona is exit 2 with file and line, a database that cannot be opened exit 5; neither is a traceback."""
    with make_home(tmp_path / "home", personas=["echo"]) as home:
        (tmp_path / "notes.txt").write_text("This is no database. " * 100)
        code, words = refusal(home, ATTUNE_DATABASE_URL=f"sqlite:///{tmp_path / 'notes.txt'}")
        assert (code, words) == (5, "attune: The database cannot be opened: file is not a database. See: attune db path\n")
        wrong = home.settings.personas / "echo.md"
        wrong.write_text(wrong.read_text().replace("greeting:", "greting:"))
        assert refusal(home) == (2, f"attune: {wrong}:3: unknown key 'greting'. The nearest known key is 'greeting'.\n")


def test_a_taken_port_is_no_success(make_home: MakeHome, tmp_path: Path) -> None:
    """Where another process listens, the start fails and says so."""
    with make_home(tmp_path / "home", personas=["echo"]) as home, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, words = refusal(home, ATTUNE_PORT=str(taken.getsockname()[1]))
    assert code == 1
    assert "address already in use" in words
