"""Conversations over `/api`: events, following a reply again, cancelling, variants, and whose they are."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from service.db.engine import transaction
from service.db.keys import SCOPES
from service.db.tables import Conversation, Exchange, ExchangeState, Person
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import Event, complaint, events, told, until
from tests.web.upstream import Upstream


class Talk:
    """A visitor in a conversation of their own."""

    def __init__(self, client: httpx.Client, conversation_id: str) -> None:
        self.client = client
        self.id = conversation_id

    def say(self, message: str) -> list[Event]:
        """Say something and read the answer to its end."""
        with self.stream(message) as (_, seen):
            return list(seen)

    @contextmanager
    def stream(self, message: str) -> Iterator[tuple[str, Iterator[Event]]]:
        """Say something; the exchange's id, and the events as they come. Leaving the block early is leaving the stream."""
        with self.client.stream("POST", f"/api/conversations/{self.id}/exchanges", json={"message": message}) as response:
            assert response.status_code == 200, response.read()
            yield response.headers["x-exchange-id"], events(response)

    def follow(self, exchange_id: str, after: int | None = None) -> list[Event]:
        """Follow an exchange again, to its end."""
        headers = {} if after is None else {"last-event-id": str(after)}
        with self.client.stream("GET", f"/api/exchanges/{exchange_id}/stream", headers=headers) as response:
            assert response.status_code == 200, response.read()
            return list(events(response))


@contextmanager
def talk_with(service: Service, persona: str) -> Iterator[Talk]:
    """Begin a conversation as anybody may."""
    with service.client() as anybody:
        begun = anybody.post("/api/conversations", json={"persona": persona})
        assert begun.status_code == 201
    with service.client(begun.json()["token"]) as client:
        yield Talk(client, begun.json()["id"])


def exchange_of(seen: list[Event]) -> str:
    """The id of the exchange that these events belong to."""
    name: str = seen[0].data["id"]
    return name


def test_the_public_part_of_personas_needs_no_key(shared: Service) -> None:
    """Anybody sees name, title, greeting, rating reasons and the AI notice, and nothing else: not the prompt, not the models."""
    with shared.client() as anybody:
        one = anybody.get("/api/personas/echo").json()
        all_of_them = anybody.get("/api/personas").json()
        assert "no persona 'ghost'" in complaint(anybody.get("/api/personas/ghost"), 404)
    assert one == {
        "name": "echo",
        "title": "Echo",
        "greeting": "Hello from Echo.",
        "reasons": {"up": ["funny"], "down": ["mean", "boring"]},
        "notice": {"start": True, "hours": 3},
    }
    assert one in all_of_them["data"]
    assert all_of_them["object"] == "list"
    assert all_of_them["has_more"] is False
    assert (all_of_them["first_id"], all_of_them["last_id"]) == (all_of_them["data"][0]["name"], all_of_them["data"][-1]["name"])


def test_a_reply_is_a_row_of_numbered_events(shared: Service) -> None:
    """First the exchange with its version, then the text, then `done`; each has an id that says how far the reply is."""
    with talk_with(shared, "echo") as talk:
        seen = talk.say("hello you")
        shown = talk.client.get(f"/api/exchanges/{exchange_of(seen)}").json()
    lengths = [len(event.data["text"]) for event in seen[1:-1]]
    assert [event.number for event in seen] == [1, *(1 + total for total in itertools.accumulate(lengths)), 2 + sum(lengths)]
    assert [seen[0].kind, *{event.kind for event in seen[1:-1]}, seen[-1].kind] == ["exchange", "delta", "done"]
    assert seen[0].data["version"] == "v0"
    assert told(seen) == shown["reply"] == "You said: hello you"
    assert seen[-1].data == {"id": shown["id"], "state": "complete", "finish_reason": "stop", "version": "v0"}
    assert (shown["state"], shown["conversation"], shown["message"], shown["provider"]) == ("complete", talk.id, "hello you", "test")


def test_a_reply_can_be_followed_again_from_any_event(shared: Service) -> None:
    """`Last-Event-ID` gives all that follows the event of this id: no gap, no repeat; the end is told in every case."""
    with talk_with(shared, "echo") as talk:
        seen = talk.say("one two three four")
        for place, event in enumerate(seen[:-1]):
            assert talk.follow(exchange_of(seen), event.number) == seen[place + 1 :]
        assert [event.kind for event in talk.follow(exchange_of(seen), seen[-1].number)] == ["done"]
        assert talk.follow(exchange_of(seen), 0) == seen
        assert talk.follow(exchange_of(seen)) == seen
        assert talk.follow(f"chatcmpl-{exchange_of(seen)}") == seen


def test_a_reader_who_comes_back_misses_nothing(shared: Service, gate: Upstream) -> None:
    """On `/api` the reply goes on when its reader leaves, and whoever resumes gets exactly the rest."""
    with talk_with(shared, "held") as talk:
        with talk.stream("hi") as (name, coming):
            seen = [next(coming), next(coming)]
        assert shared.home.exchange(name).state == ExchangeState.open
        gate.open_gate()
        rest = talk.follow(name, seen[-1].number)
    assert told(seen) == "One"
    assert told(rest) == " two."
    assert [event.number for event in seen + rest] == [1, 4, 9, 10]
    assert shared.home.exchange(name).state == ExchangeState.complete


def test_a_reply_that_nobody_reads_is_finished(shared: Service, gate: Upstream) -> None:
    """A client that disconnects on `/api` leaves a whole reply behind."""
    with talk_with(shared, "silent") as talk:
        with talk.stream("hi") as (name, coming):
            next(coming)
        gate.open_gate()
        kept = until(lambda: (found := shared.home.exchange(name)).state != ExchangeState.open and found)
    assert (kept.state, kept.reply) == (ExchangeState.complete, "At last.")


def test_two_readers_follow_one_reply(shared: Service, gate: Upstream) -> None:
    """A reply may be followed while it is being written, by a second reader too."""
    with talk_with(shared, "held") as talk, talk.stream("hi") as (name, coming):
        seen = [next(coming), next(coming)]
        with talk.client.stream("GET", f"/api/exchanges/{name}/stream") as second:
            other = events(second)
            assert [next(other), next(other)] == seen
            gate.open_gate()
            assert list(coming) == list(other)


@pytest.mark.parametrize("wrong", ["x", "-1", "1.5"])
def test_a_wrong_last_event_id_is_refused(shared: Service, wrong: str) -> None:
    """An event number that is none gets words, not a stream from the start."""
    with talk_with(shared, "echo") as talk:
        name = exchange_of(talk.say("hi"))
        assert "must be: Last-Event-ID: " in complaint(
            talk.client.get(f"/api/exchanges/{name}/stream", headers={"last-event-id": wrong}), 400
        )


def test_a_failure_is_told_in_the_stream(shared: Service) -> None:
    """A model that fails ends the stream with an `error` event of our words; the text so far is kept as failed."""
    with talk_with(shared, "broken") as talk:
        *_, delta, last = talk.say("hi")
        shown = talk.client.get(f"/api/exchanges/{last.data['id']}").json()
    assert (last.kind, last.data["state"], last.data["error"]["code"]) == ("error", "failed", "provider_broke_off")
    assert "Try again." in last.data["error"]["message"]
    assert (shown["state"], shown["error"], shown["reply"]) == ("failed", "provider_broke_off", delta.data["text"])


@pytest.mark.parametrize("prefix", ["", "chatcmpl-"])
def test_a_reply_is_cancelled_with_the_text_so_far(shared: Service, gate: Upstream, prefix: str) -> None:
    """Cancelling stops the reply, answers with what is kept, and ends the stream with `done`; a second time changes nothing."""
    with talk_with(shared, "held") as talk:
        with talk.stream("hi") as (name, coming):
            next(coming), next(coming)
            cancelled = talk.client.post(f"/api/exchanges/{prefix}{name}/cancel").json()
            (last,) = coming
        again = talk.client.post(f"/api/exchanges/{name}/cancel").json()
    assert (cancelled["state"], cancelled["reply"]) == ("cancelled", "One")
    assert (last.kind, last.data["state"]) == ("done", "cancelled")
    assert again == cancelled


def test_another_reply_is_a_variant_beside_the_first(shared: Service, upstream: tuple[Upstream, str]) -> None:
    """Asking again gives a second exchange with the same message and the same context; the first stays."""
    with talk_with(shared, "echo") as talk:
        before = exchange_of(talk.say("one"))
        first = exchange_of(talk.say("two"))
        with talk.client.stream("POST", f"/api/exchanges/{first}/regenerate") as response:
            variant = exchange_of(list(events(response)))
        asked, asked_again = (call["messages"] for call in upstream[0].asked[-2:])
        shown = talk.client.get(f"/api/conversations/{talk.id}").json()
    assert asked == asked_again
    assert [(each["id"], each["previous"]) for each in shown["exchanges"]] == [(before, None), (first, before), (variant, before)]


def test_an_open_reply_has_no_variant_yet(shared: Service, gate: Upstream) -> None:
    """While a reply is being written another one is refused, with the way out."""
    with talk_with(shared, "held") as talk, talk.stream("hi") as (name, coming):
        assert "Cancel it first or wait." in complaint(talk.client.post(f"/api/exchanges/{name}/regenerate"), 409)
        gate.open_gate()
        assert list(coming)[-1].kind == "done"


def test_a_conversation_remembers_what_was_said(shared: Service, upstream: tuple[Upstream, str]) -> None:
    """The model is shown the earlier exchanges, and the conversation shows them oldest first with the person's ratings."""
    with talk_with(shared, "echo") as talk:
        first, second = exchange_of(talk.say("one")), exchange_of(talk.say("two"))
        assert [turn["content"] for turn in upstream[0].asked[-1]["messages"][1:]] == ["one", "You said: one", "two"]
        talk.client.put(f"/api/exchanges/{second}/rating", json={"rating": "up", "reasons": ["funny"]})
        shown = talk.client.get(f"/api/conversations/{talk.id}").json()
    assert [each["id"] for each in shown["exchanges"]] == [first, second]
    assert [each["rating"] for each in shown["exchanges"]] == [
        None,
        {"rating": "up", "reasons": ["funny"], "comment": "", "correction": None},
    ]


def test_an_app_names_its_people(shared: Service, app: httpx.Client, upstream: tuple[Upstream, str]) -> None:
    """With a key, `user` names who talks: the persona is told the name, and two conversations of one id are one person's."""
    begun = [app.post("/api/conversations", json={"persona": "echo", "user": {"id": "u1", "name": "Ann"}}).json() for _ in range(2)]
    app.post(f"/api/conversations/{begun[0]['id']}/exchanges", json={"message": "hi"})
    assert upstream[0].asked[-1]["messages"][0]["content"] == "You are Echo, and you talk with Ann."
    ids = [each["id"] for each in begun]
    people = shared.home.ask(lambda session: set(session.exec(select(Conversation.person_id).where(col(Conversation.id).in_(ids)))))
    assert len(people) == 1


def test_a_visitor_cannot_pass_for_an_apps_person(shared: Service) -> None:
    """Without a key `user` makes nobody: whoever begins is a new visitor."""
    with shared.client() as anybody:
        begun = anybody.post("/api/conversations", json={"persona": "echo", "user": {"id": "u1", "name": "Ann"}}).json()
    person = shared.home.ask(lambda session: session.get_one(Person, session.get_one(Conversation, begun["id"]).person_id))
    assert person.external.startswith("visitor:")


def test_a_token_is_shown_once_and_kept_as_its_hash(shared: Service) -> None:
    """The database holds no token that could be used."""
    with shared.client() as anybody:
        begun = anybody.post("/api/conversations", json={"persona": "echo"}).json()
    kept = shared.home.ask(lambda session: session.get_one(Conversation, begun["id"]))
    assert begun["token"] not in kept.model_dump_json()
    assert kept.token_digest is not None


def _doors(talk: Talk, exchange_id: str) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Every way into a conversation and its exchange."""
    return [
        ("GET", f"/api/conversations/{talk.id}", None),
        ("POST", f"/api/conversations/{talk.id}/exchanges", {"message": "let me in"}),
        ("GET", f"/api/exchanges/{exchange_id}", None),
        ("GET", f"/api/exchanges/{exchange_id}/stream", None),
        ("POST", f"/api/exchanges/{exchange_id}/cancel", None),
        ("POST", f"/api/exchanges/{exchange_id}/regenerate", None),
        ("GET", f"/api/exchanges/{exchange_id}/rating", None),
        ("PUT", f"/api/exchanges/{exchange_id}/rating", {"rating": "up"}),
        ("DELETE", f"/api/exchanges/{exchange_id}/rating", None),
        ("POST", f"/v1/chat/completions/{exchange_id}/rating", {"rating": "up"}),
    ]


def test_a_foreign_conversation_is_closed_to_every_other_caller(shared: Service, app: httpx.Client) -> None:
    """Neither another app's key nor another conversation's token opens any door, and nothing is changed by trying."""
    with talk_with(shared, "echo") as talk, talk_with(shared, "echo") as other:
        name = exchange_of(talk.say("mine"))
        before = talk.client.get(f"/api/conversations/{talk.id}").json()
        for stranger in (app, other.client):
            for method, path, body in _doors(talk, name):
                assert "not yours" in complaint(stranger.request(method, path, json=body), 403), path
        assert talk.client.get(f"/api/conversations/{talk.id}").json() == before


def test_what_does_not_exist_is_not_found(shared: Service, app: httpx.Client) -> None:
    """Every door of a conversation and an exchange that were never there answers 404."""
    nowhere = Talk(app, "none")
    for method, path, body in _doors(nowhere, "none"):
        assert "There is no such" in complaint(app.request(method, path, json=body), 404), path


def test_an_app_opens_the_conversations_it_began(shared: Service, app: httpx.Client) -> None:
    """The key that began a conversation may use it as its visitor may."""
    begun = app.post("/api/conversations", json={"persona": "echo"}).json()
    talk = Talk(app, begun["id"])
    name = exchange_of(talk.say("hi"))
    assert [app.request(method, path, json=body).is_success for method, path, body in _doors(talk, name)] == [
        True,
        True,
        True,
        True,
        True,
        True,
        False,
        True,
        True,
        True,
    ]


def test_an_operator_sees_every_conversation(shared: Service) -> None:
    """An operator may look at what a visitor said."""
    with talk_with(shared, "echo") as talk, shared.client(shared.home.key(*SCOPES)) as operator:
        name = exchange_of(talk.say("hi"))
        assert operator.get(f"/api/conversations/{talk.id}").json()["exchanges"][0]["id"] == name
        assert operator.get(f"/api/exchanges/{name}").json()["message"] == "hi"


def test_a_key_without_chat_neither_begins_nor_talks(shared: Service) -> None:
    """A key that may only rate cannot begin a conversation, and a wrong key is not taken for no key."""
    with shared.client(shared.home.key("rate")) as rater, shared.client("at_wrong") as nobody:
        assert "scope 'chat'" in complaint(rater.post("/api/conversations", json={"persona": "echo"}), 403)
        assert "not known" in complaint(nobody.post("/api/conversations", json={"persona": "echo"}), 401)


@pytest.mark.parametrize(("persona", "end"), [("echo", "done"), ("broken", "error"), ("empty", "error")])
def test_a_reply_of_an_earlier_life_is_followed_from_its_row(make_home: MakeHome, run: Run, tmp_path: Path, persona: str, end: str) -> None:
    """After a restart a reader goes on from any id it has seen, and gets the rest of the words and the same end."""
    with make_home(tmp_path / "home") as home:
        with run(home) as service, talk_with(service, persona) as talk:
            seen = talk.say("one two three")
            token = talk.client.headers["authorization"].removeprefix("Bearer ")
        with run(home) as service, service.client(token) as client:
            again = Talk(client, talk.id)
            for place, event in enumerate(seen[:-1]):
                rest = again.follow(exchange_of(seen), event.number)
                assert told(rest) == told(seen[place + 1 :])
                assert (rest[-1].kind, rest[-1].number, rest[-1].data) == (end, seen[-1].number, seen[-1].data)
                assert all(later.number > event.number for later in rest)


def test_a_reader_who_saw_more_than_was_kept_hears_the_end(make_home: MakeHome, run: Run, tmp_path: Path) -> None:
    """A kill loses the last moment of a reply; whoever had read on is told the end all the same, with an id after the last it saw."""
    with make_home(tmp_path / "home") as home:
        with run(home) as service, talk_with(service, "echo") as talk:
            name, token = exchange_of(talk.say("hi")), talk.client.headers["authorization"].removeprefix("Bearer ")
        with transaction(home.engine) as session:
            left = session.get_one(Exchange, name)
            left.state, left.reply, left.finish_reason, left.ended_at = ExchangeState.open, "You", None, None
            session.add(left)
        with run(home) as service, service.client(token) as client:
            (last,) = Talk(client, talk.id).follow(name, 9)
    assert (last.kind, last.number, last.data["state"], last.data["error"]["code"]) == ("error", 10, "interrupted", "service_stopped")
