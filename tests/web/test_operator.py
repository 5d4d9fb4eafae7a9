"""What an operator sees and does: lists in pages, nights, promotions, also under load."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from sqlmodel import Session, select

from service.db.engine import transaction
from service.db.keys import SCOPES
from service.db.tables import Dataset, Night, Outcome, Receipt, RunState, Stage, TrainingRun, Version
from tests.processes import until
from tests.web.conftest import Service
from tests.web.reading import complaint

_LISTS = ["/api/exchanges", "/api/datasets", "/api/runs", "/api/versions", "/api/receipts"]


@pytest.fixture
def boss(own: Service) -> Iterator[httpx.Client]:
    """An operator of a service for this test alone."""
    with own.client(own.home.key(*SCOPES)) as client:
        yield client


def say(client: httpx.Client, model: str, message: str = "hi") -> httpx.Response:
    """Chat over `/v1`."""
    return client.post("/v1/chat/completions", json={"model": model, "messages": [{"role": "user", "content": message}]})


def add_version(service: Service, persona: str, number: int, model: str, stage: Stage = Stage.candidate) -> str:
    """A trained version beside the start; its id."""
    with transaction(service.home.engine) as session:
        version = Version(persona=persona, number=number, stage=stage, provider="test", model=model)
        session.add(version)
        session.flush()
        return version.id


def add_nights(session: Session, count: int) -> None:
    """So many nights that ran, each with all that a night leaves."""
    for number in range(1, count + 1):
        night = Night(persona="echo", step="decide")
        night.ended_at = night.started_at
        session.add(night)
        session.flush()
        dataset = Dataset(persona="echo", night_id=night.id, hash=f"hash{number}", counts={"train": number})
        session.add(dataset)
        session.flush()
        run = TrainingRun(
            persona="echo",
            night_id=night.id,
            dataset_id=dataset.id,
            trainer="local",
            method="kto",
            base="starter",
            parameters={},
            state=RunState.succeeded,
        )
        receipt = Receipt(night_id=night.id, persona="echo", outcome=Outcome.rejected, reason="Not better.", details={"n": number})
        session.add_all([run, receipt, Version(persona="echo", number=number, provider="test", model="names")])
        session.flush()


def walk(client: httpx.Client, path: str, limit: int, **wanted: str) -> list[dict[str, Any]]:
    """All that a list holds, page by page."""
    found: list[dict[str, Any]] = []
    after = ""
    for _ in range(100):
        page = client.get(path, params={"limit": limit, **wanted, **({"after": after} if after else {})}).json()
        assert page["object"] == "list"
        assert 0 < len(page["data"]) <= limit
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
        found += page["data"]
        if not page["has_more"]:
            return found
        after = page["last_id"]
    raise AssertionError("The list never ends.")


def test_pages_walk_every_list_without_gap_or_repeat(own: Service, boss: httpx.Client) -> None:
    """For each list and several page sizes, the pages together are the whole list, newest first, each row once."""
    with transaction(own.home.engine) as session:
        add_nights(session, 7)
    for number in range(7):
        say(boss, "echo", f"message {number}")
    for path in _LISTS:
        whole = boss.get(path, params={"limit": 100}).json()
        assert whole["has_more"] is False
        assert len(whole["data"]) >= 7
        assert [row["id"] for row in whole["data"]] == sorted((row["id"] for row in whole["data"]), reverse=True)
        for limit in (1, 3, 7, len(whole["data"])):
            assert walk(boss, path, limit) == whole["data"]
    assert [row["message"] for row in walk(boss, "/api/exchanges", 2)] == [f"message {number}" for number in range(6, -1, -1)]
    assert [row["counts"]["train"] for row in walk(boss, "/api/datasets", 2)] == [7, 6, 5, 4, 3, 2, 1]
    assert {row["outcome"] for row in walk(boss, "/api/receipts", 2)} == {"rejected"}
    assert {row["state"] for row in walk(boss, "/api/runs", 2)} == {"succeeded"}


def test_new_rows_do_not_shift_a_walk(boss: httpx.Client) -> None:
    """Whoever walks a list while it grows sees what was there at the start, each row once."""
    for number in range(4):
        say(boss, "echo", str(number))
    page = boss.get("/api/exchanges", params={"limit": 2}).json()
    say(boss, "echo", "late")
    rest = boss.get("/api/exchanges", params={"limit": 10, "after": page["last_id"]}).json()
    assert [row["message"] for row in page["data"] + rest["data"]] == ["3", "2", "1", "0"]


def test_an_empty_list_is_a_page(boss: httpx.Client) -> None:
    """Where there is nothing the page says so."""
    assert boss.get("/api/receipts").json() == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


@pytest.mark.parametrize("limit", ["0", "-3", "101", "many"])
@pytest.mark.parametrize("path", _LISTS)
def test_a_wrong_limit_is_refused(operator: httpx.Client, path: str, limit: str) -> None:
    """A page has 1 to 100 rows, and whoever asks for another number is told so."""
    assert "limit" in complaint(operator.get(path, params={"limit": limit}), 400)


def test_a_night_is_asked_for_once(own: Service, boss: httpx.Client) -> None:
    """A night is a row that a worker finds; a second one at the same time is a conflict; other personas are free."""
    asked = boss.post("/api/nights", json={"persona": "echo"})
    assert asked.status_code == 202
    assert asked.json()["persona"] == "echo"
    assert asked.json()["step"] == "queued"
    assert "under way already" in complaint(boss.post("/api/nights", json={"persona": "echo"}), 409)
    assert boss.post("/api/nights", json={"persona": "names"}).status_code == 202
    assert "no persona 'ghost'" in complaint(boss.post("/api/nights", json={"persona": "ghost"}), 404)
    assert "unknown field `when`" in complaint(boss.post("/api/nights", json={"persona": "echo", "when": "now"}), 400)
    nights = own.home.ask(lambda session: list(session.exec(select(Night).order_by(Night.id))))
    assert [night.persona for night in nights] == ["echo", "names"]
    assert nights[0].id == asked.json()["id"]


def test_the_next_exchange_uses_the_promoted_version(own: Service, boss: httpx.Client) -> None:
    """Promotion and rollback take effect at once; a version that does not serve can still be asked for by its name."""
    assert say(boss, "names").json()["model"] == "names@v0"
    newer = add_version(own, "names", 1, "names-b")
    promoted = boss.post(f"/api/versions/{newer}/promotion").json()
    assert (promoted["version"], promoted["stage"], promoted["model"]) == ("v1", "champion", "names-b")
    answer = say(boss, "names").json()
    assert (answer["model"], answer["choices"][0]["message"]["content"]) == ("names@v1", "I am names-b.")
    assert say(boss, "names@v0").json()["choices"][0]["message"]["content"] == "I am names."
    rolled = boss.post("/api/personas/names/rollback").json()
    assert (rolled["version"], rolled["stage"]) == ("v0", "champion")
    assert say(boss, "names").json()["model"] == "names@v0"
    stages = {row["version"]: row["stage"] for row in boss.get("/api/versions").json()["data"] if row["persona"] == "names"}
    assert stages == {"v0": "champion", "v1": "retired"}


def test_promoting_the_champion_again_changes_nothing(own: Service, boss: httpx.Client) -> None:
    """The same promotion twice is one promotion: a rollback still leads to the version before."""
    newer = add_version(own, "names", 1, "names-b")
    for _ in range(2):
        assert boss.post(f"/api/versions/{newer}/promotion").json()["stage"] == "champion"
    assert boss.post("/api/personas/names/rollback").json()["version"] == "v0"


def test_what_may_not_serve_does_not(own: Service, boss: httpx.Client) -> None:
    """A quarantined version, one that does not exist, and a rollback to nowhere are refused with words."""
    bad = add_version(own, "names", 1, "names-b", Stage.quarantined)
    assert "quarantined and cannot serve" in complaint(boss.post(f"/api/versions/{bad}/promotion"), 409)
    assert "no such version" in complaint(boss.post("/api/versions/none/promotion"), 404)
    assert "nothing to roll back to" in complaint(boss.post("/api/personas/names/rollback"), 409)
    assert "no persona 'ghost'" in complaint(boss.post("/api/personas/ghost/rollback"), 404)
    assert say(boss, "names").json()["model"] == "names@v0"


def test_promotion_under_load_drops_no_request(own: Service, boss: httpx.Client) -> None:
    """While eight people chat, twenty promotions go back and forth: every request is answered, by the version it names."""
    newer = add_version(own, "names", 1, "names-b")
    older = next(row["id"] for row in boss.get("/api/versions").json()["data"] if (row["persona"], row["version"]) == ("names", "v0"))
    stop, ready = threading.Event(), threading.Barrier(9, timeout=20)
    answers: list[tuple[int, str, str]] = []
    troubles: list[Exception] = []

    def chat() -> None:
        try:
            with own.client(own.home.key()) as client:
                ready.wait()
                while not stop.is_set():
                    answer = say(client, "names")
                    body = answer.json()
                    answers.append((answer.status_code, body["model"], body["choices"][0]["message"]["content"]))
        except Exception as error:
            troubles.append(error)

    def answered_by(name: str, since: int) -> bool:
        return bool(troubles) or any(model == name for _, model, _ in answers[since:])

    people = [threading.Thread(target=chat) for _ in range(8)]
    for person in people:
        person.start()
    ready.wait()
    crowned = []
    for version, name in [(newer, "names@v1"), (older, "names@v0")] * 10:
        crowned.append(boss.post(f"/api/versions/{version}/promotion").json()["stage"])
        until(partial(answered_by, name, len(answers)), 20, f"answer of {name}")
    stop.set()
    for person in people:
        person.join(20)
    assert troubles == []
    assert crowned == ["champion"] * 20
    assert set(answers) == {(200, "names@v0", "I am names."), (200, "names@v1", "I am names-b.")}
    kept = [(row["version"], row["reply"]) for row in walk(boss, "/api/exchanges", 100)]
    assert len(kept) == len(answers)
    assert set(kept) == {("v0", "I am names."), ("v1", "I am names-b.")}
