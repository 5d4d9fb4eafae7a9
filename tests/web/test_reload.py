"""A running service follows its persona files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from service.db.tables import Revision, Stage, Version
from service.personas.persona import fingerprint
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import complaint, events, told, until
from tests.web.upstream import Upstream

CHAT = "/v1/chat/completions"
_LOOK = 0.05


@pytest.fixture
def lively(make_home: MakeHome, run: Run, tmp_path: Path) -> Iterator[Service]:
    """A service that looks at its files all the time."""
    with make_home(tmp_path / "lively", personas=["echo", "names", "held"]) as home, run(home, look_seconds=_LOOK) as service:
        yield service


def edit(service: Service, name: str, *change: str) -> str:
    """Replace one text by another in a persona's file; the file's new text."""
    path = service.home.settings.personas / f"{name}.md"
    text = path.read_text().replace(*change)
    path.write_text(text)
    return text


def greeting(client: httpx.Client, name: str) -> Any:
    return client.get(f"/api/personas/{name}").json().get("greeting")


def says(model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}]}


def test_a_saved_text_serves_without_a_restart(lively: Service, upstream: tuple[Upstream, str]) -> None:
    """The next exchange is made by the new text and stamped with it, and both texts are kept."""
    with lively.client(lively.home.key()) as client:
        first = client.post(CHAT, json=says("echo")).headers["x-exchange-id"]
        old = (lively.home.settings.personas / "echo.md").read_text()
        new = edit(lively, "echo", "You are Echo", "You are always Echo")
        edit(lively, "names", "Hello from Names", "Welcome")
        until(lambda: greeting(client, "names") == "Welcome.")
        second = client.post(CHAT, json=says("echo")).headers["x-exchange-id"]
    assert upstream[0].asked[-1]["messages"][0]["content"].startswith("You are always Echo, and you talk with someone.")
    assert [lively.home.exchange(name).revision for name in (first, second)] == [fingerprint(old), fingerprint(new)]
    kept = lively.home.ask(lambda session: session.exec(select(Revision.text).where(Revision.persona == "echo")).all())
    assert set(kept) == {old, new}


def test_a_new_file_is_a_new_persona(lively: Service) -> None:
    """It is offered, has a champion, and answers."""
    text = (lively.home.settings.personas / "echo.md").read_text().replace("Echo", "Second")
    (lively.home.settings.personas / "second.md").write_text(text)
    with lively.client(lively.home.key()) as client:
        until(lambda: greeting(client, "second"))
        assert client.post(CHAT, json=says("second")).json()["model"] == "second@v0"
        assert "second" in [model["id"] for model in client.get("/v1/models").json()["data"]]
        assert client.get("/health/ready").json()["persona_count"] == 4
    champion = select(Version.number).where(Version.persona == "second", Version.stage == Stage.champion)
    assert lively.home.ask(lambda session: session.exec(champion).all()) == [0]


def test_a_removed_file_is_a_persona_no_longer(lively: Service) -> None:
    """It is offered no more, and its conversations say so."""
    with lively.client(lively.home.key()) as client:
        talk = client.post("/api/conversations", json={"persona": "names"}).json()
        (lively.home.settings.personas / "names.md").unlink()
        until(lambda: "names" not in [each["name"] for each in client.get("/api/personas").json()["data"]])
        gone = "There is no persona 'names'. There are: echo, held."
        refused = client.post(f"/api/conversations/{talk['id']}/exchanges", json={"message": "hi"})
        assert complaint(refused, 404) == complaint(client.post(CHAT, json=says("names")), 404) == gone
        assert refused.json()["error"]["code"] == "persona_not_found"
        assert client.post(CHAT, json=says("echo")).status_code == 200


def test_a_broken_edit_harms_nobody(lively: Service, upstream: tuple[Upstream, str]) -> None:
    """The last good text serves on, readiness tells the file and the line and stays ok, and a mended file ends it."""
    with lively.client(lively.home.key()) as client:
        assert client.get("/health/ready").json()["personas"] == {}
        edit(lively, "echo", "greeting:", "greetings:")
        ready = until(lambda: (told := client.get("/health/ready").json())["personas"] and told)
        path = lively.home.settings.personas / "echo.md"
        assert ready == {
            "status": "ok",
            "waiting_writes": 0,
            "persona_count": 3,
            "personas": {"echo": f"{path}:3: unknown key 'greetings'. The nearest known key is 'greeting'."},
        }
        assert client.post(CHAT, json=says("echo")).status_code == 200
        assert upstream[0].asked[-1]["messages"][0]["content"].startswith("You are Echo")
        edit(lively, "echo", "greetings: Hello", "greeting: Welcome")
        until(lambda: client.get("/health/ready").json()["personas"] == {})
        assert greeting(client, "echo") == "Welcome from Echo."


def test_an_exchange_under_way_keeps_its_persona(lively: Service, gate: Upstream) -> None:
    """A reply that is being written when its text changes, or its file goes, comes to its end under the text it began with."""
    with lively.client(lively.home.key()) as client:
        talk = client.post("/api/conversations", json={"persona": "held"}).json()
        with client.stream("POST", f"/api/conversations/{talk['id']}/exchanges", json={"message": "hi"}) as response:
            stream = events(response)
            begun = [next(stream), next(stream)]
            old = (lively.home.settings.personas / "held.md").read_text()
            (lively.home.settings.personas / "held.md").unlink()
            with lively.client() as other:
                until(lambda: other.get("/api/personas/held").status_code == 404)
            gate.open_gate()
            seen = [*begun, *stream]
    assert (told(seen), seen[-1].kind) == ("One two.", "done")
    assert lively.home.exchange(begun[0].data["id"]).revision == fingerprint(old)


def test_what_serves_at_the_start_is_kept_first(shared: Service) -> None:
    """Every persona's text is in the database before the first exchange, and the safety text, where there is one, with it."""
    kept = dict(shared.home.ask(lambda session: session.exec(select(Revision.persona, Revision.fingerprint)).all()))
    files = {path.stem: fingerprint(path.read_text()) for path in shared.home.settings.personas.glob("*.md")}
    assert kept == files
