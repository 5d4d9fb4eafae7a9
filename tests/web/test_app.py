"""The application as a whole: the page, its start and its end, health, and both databases."""

import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlmodel import select

from service.db.engine import transaction
from service.db.keys import SCOPES
from service.db.tables import Exchange, ExchangeState, Stage, Version
from service.errors import PersonaError
from service.web.app import create_app
from tests.databases import made
from tests.web.conftest import PERSONAS, MakeHome, Run, Service
from tests.web.reading import complaint, events, told, until
from tests.web.upstream import Served, Upstream

CHAT = "/v1/chat/completions"


def says(model: str, text: str = "hi", **fields: object) -> dict[str, object]:
    """A chat completions request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def test_no_other_site_is_asked_for_anything(shared: Service) -> None:
    """Neither the page nor its files nor the description of the API load anything from elsewhere."""
    with shared.client() as anybody:
        texts = [anybody.get(path).text for path in ("/", "/embed/echo", "/schema", "/widget.js", "/assets/page.css")]
    assert not [text for text in texts if re.search(r'(?:src|href|import|url)[=( ]*["\']?(?:https?:)?//(?!www\.w3\.org)', text)]


def test_the_description_of_the_api_knows_every_door(shared: Service) -> None:
    """`/schema` is OpenAPI and names what the contract promises."""
    with shared.client() as anybody:
        described = anybody.get("/schema/openapi.json").json()
        assert anybody.get("/schema").json() == described
    assert described["openapi"].startswith("3.")
    assert {
        "/v1/models",
        CHAT,
        f"{CHAT}/{{exchange_id}}/rating",
        "/api/personas",
        "/api/conversations",
        "/api/conversations/{conversation_id}/exchanges",
        "/api/exchanges/{exchange_id}/stream",
        "/api/exchanges/{exchange_id}/rating",
        "/api/nights",
        "/health/ready",
    } <= set(described["paths"])


def test_health_is_open_and_short(shared: Service) -> None:
    """Alive says that the process answers, ready that the database takes a write."""
    with shared.client() as anybody:
        assert anybody.get("/health/live").json() == {"status": "ok"}
        assert anybody.get("/health/ready").json() == {
            "status": "ok",
            "waiting_writes": 0,
            "persona_count": len(PERSONAS),
            "personas": {},
        }


def test_a_broken_persona_stops_the_start(make_home: MakeHome, tmp_path: Path) -> None:
    """A persona file with an unknown key is refused before anything starts, with file, line and the nearest known key."""
    with make_home(tmp_path / "home", personas=["echo"]) as home:
        wrong = home.settings.personas / "wrong.md"
        wrong.write_text("---\ntitle: Wrong\nmodels: [test:echo]\ngreetings: Hi\n---\nYou are wrong.\n")
        with pytest.raises(PersonaError) as raised:
            create_app(home.settings)
    assert raised.value.message == f"{wrong}:4: unknown key 'greetings'. The nearest known key is 'greeting'."


def test_every_persona_has_a_champion_from_the_start(shared: Service) -> None:
    """A fresh service serves version 0 of each persona."""
    query = select(Version.persona, Version.number).where(Version.stage == Stage.champion)
    assert dict(shared.home.ask(lambda session: session.exec(query).all())) == dict.fromkeys(PERSONAS, 0)


def test_what_an_earlier_life_left_open_is_interrupted(make_home: MakeHome, run: Run, tmp_path: Path) -> None:
    """An exchange whose process died is closed at the next start, with the text so far; the conversation goes on."""
    with make_home(tmp_path / "home") as home:
        with run(home) as service, service.client(home.key()) as client:
            name = client.post(CHAT, json=says("echo")).headers["x-exchange-id"]
        with transaction(home.engine) as session:
            left = session.get_one(Exchange, name)
            left.state, left.reply, left.thread, left.ended_at = ExchangeState.open, "You said", None, None
            session.add(left)
        with run(home) as service, service.client(home.key()) as client:
            assert client.post(CHAT, json=says("echo")).status_code == 200
        kept = home.exchange(name)
    assert (kept.state, kept.reply, kept.error) == (ExchangeState.interrupted, "You said", "service_stopped")


def test_a_stop_lets_a_reply_come_to_its_end(make_home: MakeHome, gate: Upstream, tmp_path: Path) -> None:
    """A reader of a reply that is being written when the service stops gets all of it."""
    with make_home(tmp_path / "home") as home:
        served = Served(create_app(home.settings))
        read: list[str] = []
        begun = threading.Event()

        def reader() -> None:
            key = {"authorization": f"Bearer {home.key()}"}
            with httpx.stream("POST", f"{served.url}{CHAT}", json=says("held", stream=True), headers=key, timeout=30) as response:
                for line in response.iter_lines():
                    read.append(line)
                    if "One" in line:
                        begun.set()

        thread = threading.Thread(target=reader)
        with served:
            thread.start()
            assert begun.wait(20)
            served.ask_to_stop()
            until(lambda: refuses(served.url))
            gate.open_gate()
        thread.join(20)
        (kept,) = home.ask(lambda session: list(session.exec(select(Exchange))))
    assert [line for line in read if line][-1] == "data: [DONE]"
    assert (kept.state, kept.reply) == (ExchangeState.complete, "One two.")


def refuses(url: str) -> bool:
    """Whether nobody listens at this address."""
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(f"{url}/health/live", timeout=5)
        return False
    return True


@pytest.fixture
def postgres_url(tmp_path: Path) -> Iterator[str]:
    """A PostgreSQL database of this test's own."""
    with made("postgresql", tmp_path) as url:
        yield url


@pytest.fixture
def on_postgres(make_home: MakeHome, run: Run, tmp_path: Path, postgres_url: str) -> Iterator[Service]:
    """A service whose database is PostgreSQL."""
    with make_home(tmp_path / "home", database_url=postgres_url) as home, run(home) as service:
        yield service


def test_the_same_service_on_postgresql(on_postgres: Service) -> None:
    """Chatting, streaming, rating, paging and promoting are the same on PostgreSQL."""
    with on_postgres.client(on_postgres.home.key(*SCOPES)) as client:
        answer = client.post(CHAT, json=says("echo", "hello", user="ann")).json()
        assert answer["choices"][0]["message"]["content"] == "You said: hello"
        begun = client.post("/api/conversations", json={"persona": "echo"}).json()
        with client.stream("POST", f"/api/conversations/{begun['id']}/exchanges", json={"message": "two"}) as response:
            assert told(list(events(response))) == "You said: two"
        assert client.post(f"{CHAT}/{answer['id']}/rating", json={"rating": "up", "reasons": ["funny"]}).json()["rating"] == "up"
        first = client.get("/api/exchanges?limit=1").json()
        second = client.get(f"/api/exchanges?limit=1&after={first['last_id']}").json()
        assert [page["data"][0]["message"] for page in (first, second)] == ["two", "hello"]
        assert (first["has_more"], second["has_more"]) == (True, False)
        assert client.post("/api/nights", json={"persona": "echo"}).status_code == 202
        assert "under way already" in complaint(client.post("/api/nights", json={"persona": "echo"}), 409)


def test_what_postgresql_cannot_keep_is_a_400(on_postgres: Service) -> None:
    """A NUL character, in the body or in the path, and a name of absurd length are the caller's mistake, not a server error."""
    with on_postgres.client(on_postgres.home.key(*SCOPES)) as client:
        begin = {"persona": "echo", "user": {"id": "a", "name": "x\x00y"}}
        assert "NUL" in complaint(client.post("/api/conversations", json=begin), 400)
        assert "NUL" in complaint(client.post(CHAT, json=says("echo", user="x\x00y")), 400)
        assert "NUL" in complaint(client.get("/api/exchanges/a%00b"), 400)
        assert "NUL" in complaint(client.get("/api/exchanges?persona=a%00b"), 400)
        assert client.post(CHAT, json=says("echo", "still here", user="u" * 200)).status_code == 200


def test_a_database_that_goes_away_spends_nothing_and_is_found_again(
    on_postgres: Service, postgres_url: str, upstream: tuple[Upstream, str]
) -> None:
    """Without a database messages are refused with 503 before the model is asked; when it is back, so is the service."""
    server_url, _, name = postgres_url.rpartition("/")
    with on_postgres.client(on_postgres.home.key()) as client, psycopg.connect(f"{server_url}/postgres", autocommit=True) as server:
        assert client.post(CHAT, json=says("echo")).status_code == 200
        asked = len(upstream[0].asked)
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        for refused in (client.post(CHAT, json=says("echo")), client.get("/health/ready")):
            assert "try again in a moment" in complaint(refused, 503) or "cannot be written now" in refused.text
            assert refused.json()["error"]["code"] == "storage"
            assert refused.headers["retry-after"] == "1"
        assert len(upstream[0].asked) == asked
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert client.get("/health/ready").status_code == 200
        assert client.post(CHAT, json=says("echo")).status_code == 200
