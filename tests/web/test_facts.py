"""Facts over HTTP: whose they are, who may see them, and that deleting is deleting."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from service.db.tables import Fact
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import complaint, events, told
from tests.web.upstream import Upstream


def _begin(client: httpx.Client, persona: str = "echo", user: str = "") -> dict[str, Any]:
    body = {"persona": persona, **({"user": {"id": user}} if user else {})}
    begun: dict[str, Any] = client.post("/api/conversations", json=body).json()
    return begun


def _say(client: httpx.Client, conversation: str, message: str) -> str:
    with client.stream("POST", f"/api/conversations/{conversation}/exchanges", json={"message": message}) as response:
        return told(list(events(response)))


def _facts(client: httpx.Client, conversation: str) -> list[str]:
    answer = client.get(f"/api/conversations/{conversation}/facts")
    assert answer.status_code == 200, answer.text
    return [fact["text"] for fact in answer.json()["data"]]


def _complete(client: httpx.Client, message: str, user: str = "", persona: str = "echo") -> httpx.Response:
    body = {"model": persona, "messages": [{"role": "user", "content": message}], **({"user": user} if user else {})}
    return client.post("/v1/chat/completions", json=body)


def test_a_visitor_sees_adds_and_deletes_their_own(shared: Service, upstream: tuple[Upstream, str]) -> None:
    """What a visitor asks to be remembered is theirs: seen, added to and deleted with the conversation's token, and shown to the model."""
    with shared.client() as anybody:
        begun = _begin(anybody)
    path = f"/api/conversations/{begun['id']}/facts"
    with shared.client(begun["token"]) as visitor:
        assert visitor.get(path).json() == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
        _say(visitor, begun["id"], "Remember that I am allergic to nuts.")
        added = visitor.post(path, json={"text": " I like  tea. "})
        assert (added.status_code, added.json()["text"], set(added.json())) == (201, "I like tea", {"id", "text", "created_at"})
        assert visitor.post(path, json={"text": "i like tea"}).json() == added.json()
        page = visitor.get(path).json()
        assert [fact["text"] for fact in page["data"]] == ["I am allergic to nuts", "I like tea"]
        assert (page["first_id"], page["last_id"], page["has_more"]) == (page["data"][0]["id"], added.json()["id"], False)
        _say(visitor, begun["id"], "What may I eat tonight?")
        system = next(
            each["messages"][0]["content"] for each in upstream[0].asked if each["messages"][-1]["content"].startswith("What may I")
        )
        assert "> I am allergic to nuts\n> I like tea" in system
        assert visitor.delete(f"/api/facts/{page['first_id']}").status_code == 204
        assert _facts(visitor, begun["id"]) == ["I like tea"]
        complaint(visitor.delete(f"/api/facts/{page['first_id']}"), 404)
    assert shared.home.ask(lambda session: session.exec(select(Fact).where(Fact.id == page["first_id"])).first()) is None


def test_a_foreign_fact_is_refused(shared: Service, app: httpx.Client, operator: httpx.Client) -> None:
    """Another visitor, another app and a caller without a key neither see nor delete nor add; the owner's app and an operator may."""
    begun = _begin(app, user="ann")
    with shared.client() as anybody:
        other = _begin(anybody)
        path = f"/api/conversations/{begun['id']}/facts"
        fact = app.post(path, json={"text": "I like tea"}).json()["id"]
        complaint(anybody.get(path), 401)
        complaint(anybody.delete(f"/api/facts/{fact}"), 401)
    with shared.client(shared.home.key()) as stranger, shared.client(other["token"]) as visitor:
        for client in (stranger, visitor):
            complaint(client.get(path), 403)
            complaint(client.post(path, json={"text": "I am evil"}), 403)
            assert "not yours" in complaint(client.delete(f"/api/facts/{fact}"), 403)
            complaint(client.delete("/api/facts/none"), 404)
            complaint(client.get("/api/conversations/none/facts"), 404)
    assert _facts(operator, begun["id"]) == ["I like tea"]
    assert operator.delete(f"/api/facts/{fact}").status_code == 204
    assert _facts(app, begun["id"]) == []


def test_a_persons_facts_are_theirs_in_each_of_their_conversations(shared: Service, app: httpx.Client) -> None:
    """One user of an app is one person: their facts go with them from conversation to conversation, but not to another persona."""
    first, second = _begin(app, user="bea"), _begin(app, user="bea")
    elsewhere, somebody = _begin(app, "names", user="bea"), _begin(app, user="bob")
    _say(app, first["id"], "Please remember: I am Bea")
    assert _facts(app, second["id"]) == ["I am Bea"]
    assert _facts(app, elsewhere["id"]) == _facts(app, somebody["id"]) == []
    [fact] = app.get(f"/api/conversations/{second['id']}/facts").json()["data"]
    with shared.client(elsewhere["token"]) as hers_with_another, shared.client(second["token"]) as hers:
        complaint(hers_with_another.delete(f"/api/facts/{fact['id']}"), 403)
        assert hers.delete(f"/api/facts/{fact['id']}").status_code == 204


def test_a_user_of_an_openai_client_has_facts_too(app: httpx.Client, shared: Service) -> None:
    """On `/v1` the field `user` says whose facts they are; they are listed by it, and the app may delete them."""
    _complete(app, "Remember that I like coffee.", user="carl")
    found = app.get("/api/facts", params={"persona": "echo", "user": "carl"}).json()
    assert [fact["text"] for fact in found["data"]] == ["I like coffee"]
    assert app.get("/api/facts", params={"persona": "names", "user": "carl"}).json()["data"] == []
    assert app.get("/api/facts", params={"persona": "echo", "user": "dora"}).json()["data"] == []
    with shared.client(shared.home.key()) as stranger:
        assert stranger.get("/api/facts", params={"persona": "echo", "user": "carl"}).json()["data"] == []
        complaint(stranger.delete(f"/api/facts/{found['first_id']}"), 403)
    assert app.delete(f"/api/facts/{found['first_id']}").status_code == 204
    assert app.get("/api/facts", params={"persona": "echo", "user": "carl"}).json()["data"] == []


def test_an_app_that_names_nobody_has_no_facts(app: httpx.Client, upstream: tuple[Upstream, str]) -> None:
    """Without `user` a key stands for many people, and what one of them said is never shown to the others."""
    assert _complete(app, "Remember that my secret is blue.").status_code == 200
    assert _complete(app, "What did they say to you?").status_code == 200
    system = next(
        each["messages"][0]["content"] for each in upstream[0].asked if each["messages"][-1]["content"] == "What did they say to you?"
    )
    assert "blue" not in system


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"persona": "echo"}, 400, "user"),
        ({"user": "carl"}, 400, "persona"),
        ({"persona": "nobody", "user": "carl"}, 404, "There is no persona 'nobody'"),
        ({"persona": "echo", "user": "x" * 201}, 400, "user"),
    ],
)
def test_a_wrong_question_for_facts_is_refused(app: httpx.Client, query: dict[str, str], status: int, words: str) -> None:
    """Persona and user have to be named, and the persona has to be there."""
    assert words in complaint(app.get("/api/facts", params=query), status)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"text": "x" * 301}, "301 characters; the limit is 300"),
        ({"text": "  "}, "The fact is empty"),
        ({}, "missing required field `text`"),
        ({"text": "I like tea", "until": "tomorrow"}, "unknown field `until`"),
    ],
)
def test_a_wrong_fact_is_refused(app: httpx.Client, body: dict[str, str], words: str) -> None:
    """What is too long, empty or of another form is refused with the way out, and nothing is kept."""
    begun = _begin(app)
    assert words in complaint(app.post(f"/api/conversations/{begun['id']}/facts", json=body), 400)
    assert _facts(app, begun["id"]) == []


def test_a_conversations_token_does_not_list_by_user(shared: Service, app: httpx.Client) -> None:
    """Only an app asks by its users' names."""
    with shared.client(_begin(app, user="emma")["token"]) as visitor:
        complaint(visitor.get("/api/facts", params={"persona": "echo", "user": "emma"}), 403)


def test_a_persona_may_remember_nothing(make_home: MakeHome, run: Run, tmp_path: Path) -> None:
    """With `memory.facts: false` nothing is kept, and adding is refused with the reason."""
    with make_home(tmp_path / "own", personas=["echo"]) as home:
        file = home.settings.personas / "echo.md"
        file.write_text(file.read_text().replace("---\nYou are", "memory: {facts: false}\n---\nYou are"))
        with run(home) as service, service.client(home.key()) as app:
            _find_it_off(app)


def _find_it_off(app: httpx.Client) -> None:
    begun = _begin(app, user="ann")
    _say(app, begun["id"], "Remember that I like tea")
    assert "memory.facts is off" in complaint(app.post(f"/api/conversations/{begun['id']}/facts", json={"text": "I like tea"}), 409)
    assert _facts(app, begun["id"]) == []
