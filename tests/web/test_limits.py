"""Limits over real sockets: per key, per visitor, per address; and so many replies at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from sqlmodel import func, select

from service.db.keys import SCOPES
from service.db.tables import Exchange
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import complaint, events, until
from tests.web.upstream import Upstream

CHAT = "/v1/chat/completions"
BEGIN = "/api/conversations"
Limited = Callable[..., AbstractContextManager[Service]]


def says(model: str, **fields: Any) -> dict[str, Any]:
    """A chat completions request."""
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}


@pytest.fixture
def limited(make_home: MakeHome, run: Run, tmp_path: Path) -> Limited:
    """A service with these limits and no others."""

    @contextmanager
    def limited(**settings: int) -> Iterator[Service]:
        with make_home(tmp_path / "home", personas=["echo", "held"], **settings) as home, run(home) as service:
            yield service

    return limited


def talk(service: Service, persona: str = "echo", **headers: str) -> tuple[httpx.Client, str]:
    """A visitor, and where their conversation takes messages."""
    with service.client() as anybody:
        begun = anybody.post(BEGIN, json={"persona": persona}, headers=headers).json()
    return service.client(begun["token"]), f"{BEGIN}/{begun['id']}/exchanges"


def test_a_key_may_send_so_many_messages(limited: Limited) -> None:
    """Every answer says what is left; beyond it is a 429 that says when to come back, and nothing is opened; another key has its own."""
    with limited(limit_key=3) as service, service.client(service.home.key()) as client:
        answers = [client.post(CHAT, json=says("echo")) for _ in range(3)]
        assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["2", "1", "0"]
        assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"3"}
        refused = client.post(CHAT, json=says("echo"))
        assert "3 a minute are allowed. Try again in" in complaint(refused, 429)
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert 0 < int(refused.headers["retry-after-ms"]) <= 20_000
        assert refused.headers["x-should-retry"] == "true"
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert refused.headers["x-ratelimit-reset-requests"].endswith("s")
        with service.client(service.home.key()) as other:
            assert other.post(CHAT, json=says("echo")).status_code == 200
        assert service.home.ask(lambda session: session.exec(select(func.count()).select_from(Exchange)).one()) == 4


def test_the_official_client_knows_the_limit(limited: Limited) -> None:
    """OpenAI's client raises its own RateLimitError with our words."""
    with limited(limit_key=1) as service, OpenAI(base_url=f"{service.url}/v1", api_key=service.home.key(), max_retries=0) as client:
        client.chat.completions.create(model="echo", messages=[{"role": "user", "content": "hi"}])
        with pytest.raises(openai.RateLimitError, match="1 a minute are allowed") as raised:
            client.chat.completions.create(model="echo", messages=[{"role": "user", "content": "hi"}])
    assert raised.value.code == "rate_limited"


def test_every_answer_of_v1_says_what_is_left(limited: Limited) -> None:
    """Whole, as a stream, or as an error: the headers are there. On `/api`, and where there is no limit, there are none."""
    names = {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"}
    with limited(limit_key=100) as service, service.client(service.home.key()) as client:
        for answer in (
            client.post(CHAT, json=says("echo")),
            client.post(CHAT, json=says("echo", stream=True)),
            client.post(CHAT, json=says("ghost")),
            client.post(CHAT, content=b"{"),
            client.get("/v1/models"),
            client.get("/v1/models/echo"),
        ):
            assert names <= set(answer.headers), answer.request.url
        assert not names & set(client.post(BEGIN, json={"persona": "echo"}).headers)


def test_no_limit_says_nothing(app: httpx.Client) -> None:
    """Where nothing is limited there is nothing to say."""
    assert "x-ratelimit-limit-requests" not in app.post(CHAT, json=says("echo")).headers


def test_reading_and_rating_may_be_more_than_talking(limited: Limited) -> None:
    """Ten times as much, counted apart: whoever may not talk for a while can still read and rate; in the end that is refused too."""
    with limited(limit_visitor=2) as service:
        client, path = talk(service)
        with client:
            name = client.post(path, json={"message": "one"}).headers["x-exchange-id"]
            assert client.post(path, json={"message": "two"}).status_code == 200
            assert complaint(client.post(path, json={"message": "three"}), 429)
            assert complaint(client.post(f"/api/exchanges/{name}/regenerate"), 429)
            assert client.put(f"/api/exchanges/{name}/rating", json={"rating": "up"}).status_code == 200
            read, began = 0, time.monotonic()
            while (answer := client.get(path)).status_code == 200 and read < 100:
                read += 1
            assert 19 <= read <= 20 + (time.monotonic() - began) / 3  # one more is allowed every three seconds meanwhile
            assert "20 a minute are allowed" in complaint(answer, 429)


def test_visitors_do_not_use_up_each_others(limited: Limited) -> None:
    """Each conversation has its own."""
    with limited(limit_visitor=1) as service:
        for _ in range(3):
            client, path = talk(service)
            with client:
                assert client.post(path, json={"message": "hi"}).status_code == 200
                assert complaint(client.post(path, json={"message": "hi"}), 429)


def test_one_address_begins_so_many_conversations(limited: Limited) -> None:
    """Without a key, or with another conversation's token, beginning is counted by address; an app's key may go on."""
    with limited(limit_begin=2) as service, service.client() as anybody:
        begun = [anybody.post(BEGIN, json={"persona": "echo"}) for _ in range(2)]
        assert {answer.status_code for answer in begun} == {201}
        assert "2 a minute are allowed" in complaint(anybody.post(BEGIN, json={"persona": "echo"}), 429)
        with service.client(begun[0].json()["token"]) as visitor:
            assert complaint(visitor.post(BEGIN, json={"persona": "echo"}), 429)
        with service.client(service.home.key()) as app:
            assert [app.post(BEGIN, json={"persona": "echo"}).status_code for _ in range(5)] == [201] * 5


def test_behind_a_proxy_the_visitors_address_counts(limited: Limited) -> None:
    """With one trusted proxy its word counts and the client's own does not: nobody gets more by writing addresses of their own."""
    with limited(limit_begin=1, trust_proxy=1) as service, service.client() as anybody:

        def begin(forwarded: str) -> int:
            return anybody.post(BEGIN, json={"persona": "echo"}, headers={"x-forwarded-for": forwarded}).status_code

        assert [begin("198.51.100.1"), begin("198.51.100.2"), begin("198.51.100.1")] == [201, 201, 429]
        assert begin("203.0.113.77, 198.51.100.1") == 429


def test_without_a_trusted_proxy_the_header_is_only_words(limited: Limited) -> None:
    """By default `X-Forwarded-For` changes nothing."""
    with limited(limit_begin=1) as service, service.client() as anybody:
        codes = [
            anybody.post(BEGIN, json={"persona": "echo"}, headers={"x-forwarded-for": f"198.51.100.{number}"}).status_code
            for number in range(3)
        ]
    assert codes == [201, 429, 429]


def test_a_visitor_has_so_many_replies_at_once(limited: Limited, gate: Upstream) -> None:
    """The third is refused with the way out while two are being written; when one is over there is room, however it ended."""
    with limited(replies_visitor=2) as service:
        client, path = talk(service, "held")
        with (
            client,
            client.stream("POST", path, json={"message": "one"}) as first,
            client.stream("POST", path, json={"message": "two"}) as second,
        ):
            refused = client.post(path, json={"message": "three"})
            assert "2 replies are being written for you already" in complaint(refused, 429)
            assert refused.json()["error"]["code"] == "too_many_replies"
            assert refused.headers["retry-after"] == "1"
            client.post(f"/api/exchanges/{first.headers['x-exchange-id']}/cancel")
            gate.open_gate()
            assert list(events(second))[-1].kind == "done"
            assert client.post(path, json={"message": "three"}).status_code == 200
            shown = client.get(path).json()["data"]
    assert [each["state"] for each in shown] == ["cancelled", "complete", "complete"]


def test_a_key_has_so_many_replies_at_once(limited: Limited, gate: Upstream) -> None:
    """For a key as for a visitor; a reply that fails, and one that never began, leave no place taken."""
    with limited(replies_key=1) as service, service.client(service.home.key()) as client:
        for _ in range(3):
            complaint(client.post(CHAT, json=says("ghost")), 404)
            complaint(client.post(CHAT, json=says("echo@v9")), 404)
        with client.stream("POST", CHAT, json=says("held", stream=True)) as first:
            lines = first.iter_lines()
            assert any('"One"' in line for line in lines)
            assert "One reply is being written" in complaint(client.post(CHAT, json=says("echo")), 429)
        until(lambda: client.post(CHAT, json=says("echo")).status_code == 200)


def test_whoever_follows_a_reply_again_needs_no_place(limited: Limited, gate: Upstream) -> None:
    """A named request that is sent again follows the reply it began, though no further one could begin."""
    with limited(replies_visitor=1) as service:
        client, path = talk(service, "held")
        header = {"idempotency-key": "once"}
        with (
            client,
            client.stream("POST", path, json={"message": "one"}, headers=header) as first,
            client.stream("POST", path, json={"message": "one"}, headers=header) as second,
        ):
            assert second.headers["x-exchange-id"] == first.headers["x-exchange-id"]
            gate.open_gate()
            assert list(events(first)) == list(events(second))


def test_no_limits_refuse_nobody(shared: Service) -> None:
    """With 0 everywhere fifty in a row are answered."""
    with shared.client(shared.home.key(*SCOPES)) as client:
        assert {client.get("/v1/models").status_code for _ in range(50)} == {200}
