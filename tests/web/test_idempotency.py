"""The same request twice is one exchange: named by `Idempotency-Key`, or tried again by an OpenAI client."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from sqlmodel import col, func, select

from service.db.engine import transaction
from service.db.tables import Conversation, Exchange, ExchangeState, IdempotentRequest, now
from tests.databases import made, race
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import complaint, events, told, until
from tests.web.upstream import Receive, Scope, Send, Served, Upstream, read_body

CHAT = "/v1/chat/completions"


def says(model: str, text: str = "hi", **fields: Any) -> dict[str, Any]:
    """A chat completions request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def named(name: str | None = None) -> dict[str, str]:
    """The header that names a request, by default with a name of its own."""
    return {"idempotency-key": name or str(uuid.uuid4())}


def words(stream: str) -> str:
    """The words of a stream of `/v1`."""
    lines = [line.removeprefix("data: ") for line in stream.split("\n\n") if line and not line.startswith(":")]
    assert lines.pop() == "[DONE]"
    return "".join(choice["delta"].get("content", "") for line in lines for choice in json.loads(line)["choices"])


def messages_kept(service: Service, message: str) -> int:
    """How many exchanges there are with this message."""
    count: int = service.home.ask(lambda session: session.exec(select(func.count()).where(Exchange.message == message)).one())
    return count


@contextmanager
def visitor(service: Service, persona: str) -> Iterator[tuple[httpx.Client, str]]:
    """A visitor, and where their conversation takes messages."""
    with service.client() as anybody:
        begun = anybody.post("/api/conversations", json={"persona": persona}).json()
    with service.client(begun["token"]) as client:
        yield client, f"/api/conversations/{begun['id']}/exchanges"


@pytest.fixture(params=["sqlite", "postgresql"])
def on_each(request: pytest.FixtureRequest, make_home: MakeHome, run: Run, tmp_path: Path) -> Iterator[Service]:
    """A service on each kind of database."""
    with made(request.param, tmp_path) as url, make_home(tmp_path / "home", url, ["echo"]) as home, run(home) as service:
        yield service


def test_a_named_request_is_done_once(shared: Service, app: httpx.Client, upstream: tuple[Upstream, str]) -> None:
    """Sent again it is answered from what was kept, whole answer for whole answer; the model is asked once."""
    header, body = named(), says("echo", "once and only once")
    first = app.post(CHAT, json=body, headers=header)
    asked = len(upstream[0].asked)
    again = app.post(CHAT, json=body, headers=header)
    assert first.json() == again.json()
    assert first.headers["x-exchange-id"] == again.headers["x-exchange-id"]
    assert len(upstream[0].asked) == asked
    assert messages_kept(shared, "once and only once") == 1


def test_a_named_stream_is_streamed_again(app: httpx.Client) -> None:
    """Sent again a stream tells the same words under the same id."""
    header, body = named(), says("echo", "stream me twice", stream=True, stream_options={"include_usage": True})
    first, again = (app.post(CHAT, json=body, headers=header) for _ in range(2))
    assert words(first.text) == words(again.text) == "You said: stream me twice"
    assert first.headers["x-exchange-id"] == again.headers["x-exchange-id"]
    assert first.text.splitlines()[-4:] == again.text.splitlines()[-4:]


def test_a_named_request_is_answered_from_its_row_after_a_restart(make_home: MakeHome, run: Run, tmp_path: Path) -> None:
    """Another life of the service gives the same answer, whole and as a stream, also for a reply that failed."""
    header, failing = named("one"), named("two")
    with make_home(tmp_path / "home") as home:
        with run(home) as service, service.client(key := home.key()) as client:
            first = client.post(CHAT, json=says("echo"), headers=header).json()
            failed = client.post(CHAT, json=says("broken"), headers=failing)
            streamed = client.post(CHAT, json=says("echo", stream=True), headers=named("three")).text
        with run(home) as service, service.client(key) as client:
            assert client.post(CHAT, json=says("echo"), headers=header).json() == first
            again = client.post(CHAT, json=says("broken"), headers=failing)
            assert complaint(again, 502) == complaint(failed, 502)
            assert words(client.post(CHAT, json=says("echo", stream=True), headers=named("three")).text) == words(streamed)
        assert home.ask(lambda session: session.exec(select(func.count()).select_from(Exchange)).one()) == 3


def test_whoever_sends_it_again_while_it_runs_follows_from_the_start(shared: Service, app: httpx.Client, gate: Upstream) -> None:
    """A second stream under the same name tells what was said already and then what comes, and both end alike."""
    header, body = named(), says("held", "follow", stream=True)
    with app.stream("POST", CHAT, json=body, headers=header) as first:
        lines = first.iter_lines()
        assert any('"One"' in line for line in lines)
        with app.stream("POST", CHAT, json=body, headers=header) as second:
            assert second.headers["x-exchange-id"] == first.headers["x-exchange-id"]
            others = second.iter_lines()
            assert any('"One"' in line for line in others)
            gate.open_gate()
            assert [line for line in others if line][-1] == [line for line in lines if line][-1] == "data: [DONE]"
    assert messages_kept(shared, "follow") == 1


def test_a_reader_that_leaves_does_not_end_what_another_one_follows(shared: Service, app: httpx.Client, gate: Upstream) -> None:
    """Of two readers of one reply the first may go: the second gets all of it."""
    header, body = named(), says("held", "stay with me", stream=True)
    with app.stream("POST", CHAT, json=body, headers=header) as second:
        lines = second.iter_lines()
        assert any('"One"' in line for line in lines)
        with app.stream("POST", CHAT, json=body, headers=header) as first:
            assert any('"One"' in line for line in first.iter_lines())
        gate.open_gate()
        rest = [json.loads(line.removeprefix("data: ")) for line in lines if line and line != "data: [DONE]"]
    assert [chunk["choices"][0]["finish_reason"] for chunk in rest][-1] == "stop"
    assert shared.home.exchange(second.headers["x-exchange-id"]).state == ExchangeState.complete


def test_a_named_stream_that_is_dropped_goes_on_and_can_be_fetched(shared: Service, app: httpx.Client, gate: Upstream) -> None:
    """On `/v1` too a reader who named the request may come back for the reply."""
    header, body = named(), says("held", "I will be back", stream=True)
    with app.stream("POST", CHAT, json=body, headers=header) as response:
        name = response.headers["x-exchange-id"]
        assert any('"One"' in line for line in response.iter_lines())
    assert shared.home.exchange(name).state == ExchangeState.open
    gate.open_gate()
    assert words(app.post(CHAT, json=body, headers=header).text) == "One two."
    assert shared.home.exchange(name).state == ExchangeState.complete


def test_a_name_is_for_one_request(shared: Service, app: httpx.Client) -> None:
    """With another body, or at another path, it is refused with words; nothing is opened."""
    header = named()
    assert app.post(CHAT, json=says("echo", "first"), headers=header).status_code == 200
    refused = app.post(CHAT, json=says("echo", "second under the name of the first"), headers=header)
    assert "used for another request" in complaint(refused, 422)
    assert refused.json()["error"]["code"] == "idempotency_key_reused"
    assert refused.headers["x-should-retry"] == "false"
    begun = app.post("/api/conversations", json={"persona": "echo"}).json()
    elsewhere = app.post(f"/api/conversations/{begun['id']}/exchanges", json={"message": "first"}, headers=header)
    assert "used for another request" in complaint(elsewhere, 422)
    assert messages_kept(shared, "second under the name of the first") == 0


def test_two_callers_may_use_one_name(shared: Service) -> None:
    """A name tells the requests of one key apart; another key's are its own."""
    header, body = named(), says("echo", "same name, other key")
    ids = set()
    for _ in range(2):
        with shared.client(shared.home.key()) as client:
            ids.add(client.post(CHAT, json=body, headers=header).json()["id"])
    assert len(ids) == 2


@pytest.mark.parametrize("name", ["", "x" * 201, "a\tb", "é"])
@pytest.mark.parametrize("path", [CHAT, "/api/conversations"])
def test_a_name_that_is_none_is_refused(app: httpx.Client, name: str, path: str) -> None:
    """A name has 1 to 200 printable characters, and whoever sends another one is told so."""
    body = says("echo") if path == CHAT else {"persona": "echo"}
    answer = app.post(path, json=body, headers=[(b"idempotency-key", name.encode())])
    assert "1 to 200 printable" in complaint(answer, 400)


def test_the_longest_name_is_taken(app: httpx.Client) -> None:
    """200 characters are a name."""
    answers = [app.post(CHAT, json=says("echo"), headers=named("~" * 200)) for _ in range(2)]
    assert answers[0].json() == answers[1].json()


def test_what_was_refused_is_not_remembered(app: httpx.Client) -> None:
    """A request that opened nothing leaves its name free."""
    header = named()
    assert app.post(CHAT, json=says("echo", " "), headers=header).status_code == 400
    assert app.post(CHAT, json=says("ghost"), headers=header).status_code == 404
    assert app.post(CHAT, json=says("echo"), headers=header).status_code == 200


def test_two_at_once_are_one(on_each: Service) -> None:
    """Sixteen requests with one name in one moment open one exchange, and all get its answer."""
    key, header, body = on_each.home.key(), named(), says("echo", "all at once")

    def ask(_: int) -> str:
        with on_each.client(key) as client:
            answer = client.post(CHAT, json=body, headers=header)
            assert answer.status_code == 200, answer.text
            return answer.text

    answers = race(16, ask)
    assert len(set(answers)) == 1, answers
    assert messages_kept(on_each, "all at once") == 1


def test_a_name_is_forgotten_after_a_day(on_each: Service) -> None:
    """After 24 hours the name is free again, and what was forgotten is not kept."""
    with on_each.client(on_each.home.key()) as client:
        old, header = named(), named()
        first = client.post(CHAT, json=says("echo"), headers=old).json()["id"]
        client.post(CHAT, json=says("echo"), headers=header)
        with transaction(on_each.home.engine) as session:
            for kept in session.exec(select(IdempotentRequest)):
                kept.created_at = now() - timedelta(hours=24, seconds=1)
                session.add(kept)
        assert client.post(CHAT, json=says("echo", "something else"), headers=old).json()["id"] != first
    kept = on_each.home.ask(lambda session: [each.name for each in session.exec(select(IdempotentRequest))])
    assert kept == [old["idempotency-key"]]


def test_a_message_in_a_conversation_is_said_once(shared: Service) -> None:
    """On `/api` a message with a name is one exchange; sent again its events are told again from the first."""
    with visitor(shared, "echo") as (client, path):
        header = named("say-1")
        first, again = (list(events(client.post(path, json={"message": "hello"}, headers=header))) for _ in range(2))
        assert told(first) == told(again) == "You said: hello"
        assert first[0] == again[0]
        assert first[-1] == again[-1]
        assert "used for another request" in complaint(client.post(path, json={"message": "other"}, headers=header), 422)
        shown = client.get(path).json()["data"]
    assert [each["message"] for each in shown] == ["hello"]


def test_another_reply_is_asked_for_once(shared: Service) -> None:
    """`regenerate` with a name gives one variant, however often it is sent."""
    with visitor(shared, "echo") as (client, path):
        name = client.post(path, json={"message": "hello"}).headers["x-exchange-id"]
        again = [client.post(f"/api/exchanges/{name}/regenerate", headers=named("again")).headers["x-exchange-id"] for _ in range(3)]
        assert len(set(again)) == 1
        assert len(client.get(path).json()["data"]) == 2


def test_a_conversation_is_begun_once_by_an_app(make_home: MakeHome, run: Run, tmp_path: Path) -> None:
    """The same name and user give the same conversation and the same token, also after a restart; the database holds no token."""
    body = {"persona": "echo", "user": {"id": "u1", "name": "Ann"}}
    with make_home(tmp_path / "home") as home:
        key, begun = "", []
        for _ in range(2):
            with run(home) as service, service.client(key := key or home.key()) as client:
                begun += [client.post("/api/conversations", json=body, headers=named("c1")).json() for _ in range(2)]
                other = client.post("/api/conversations", json={"persona": "names", "user": body["user"]}, headers=named("c1"))
                assert "used for another conversation" in complaint(other, 422)
                stranger = client.post("/api/conversations", json={"persona": "echo", "user": {"id": "u2"}}, headers=named("c1"))
                assert "used for another conversation" in complaint(stranger, 422)
                with service.client(begun[-1]["token"]) as talk:
                    assert talk.post(f"/api/conversations/{begun[-1]['id']}/exchanges", json={"message": "hi"}).status_code == 200
        kept = home.ask(lambda session: session.exec(select(Conversation)).one())
    assert len({(each["id"], each["token"]) for each in begun}) == 1
    assert begun[0]["token"] not in kept.model_dump_json()


def test_two_apps_with_one_name_have_two_conversations(shared: Service) -> None:
    """The token is made of the app's own key: nobody gets another app's conversation by its name."""
    tokens = set()
    for _ in range(2):
        with shared.client(shared.home.key()) as client:
            tokens.add(client.post("/api/conversations", json={"persona": "echo"}, headers=named("mine")).json()["token"])
    assert len(tokens) == 2


def test_a_visitor_begins_once_under_a_name_that_nobody_guesses(shared: Service) -> None:
    """Without a key the name alone tells visitors apart, so a short one is refused; a UUID gives one conversation."""
    with shared.client() as anybody:
        assert "20 to 200 printable" in complaint(anybody.post("/api/conversations", json={"persona": "echo"}, headers=named("1")), 400)
        header = named()
        begun = [anybody.post("/api/conversations", json={"persona": "echo"}, headers=header).json() for _ in range(2)]
        assert begun[0] == begun[1]
        other = anybody.post("/api/conversations", json={"persona": "echo"}, headers=named()).json()
    assert other["id"] != begun[0]["id"]
    assert other["token"] != begun[0]["token"]


def tried(times: int) -> dict[str, str]:
    """What OpenAI's clients send with their first try (0) and with each further one."""
    return {"x-stainless-retry-count": str(times)}


class _Losing:
    """Stands before the service and loses its first answers: the service did its work, the client sees a 500."""

    def __init__(self, url: str, loses: int) -> None:
        self.url = url
        self.loses = loses
        self.counts: list[str | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        headers = [(name, value) for name, value in scope["headers"] if name not in {b"host", b"content-length"}]
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.request(scope["method"], self.url + scope["path"], content=body, headers=headers)
        self.counts.append(dict(headers).get(b"x-stainless-retry-count", b"").decode())
        lost = len(self.counts) <= self.loses
        await send(
            {
                "type": "http.response.start",
                "status": 500 if lost else answer.status_code,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": b"{}" if lost else answer.content})


def test_a_retry_of_the_official_client_is_the_same_exchange(shared: Service) -> None:
    """The official client sends no name, but counts its tries: what it asks again after a lost answer is one exchange."""
    losing = _Losing(shared.url, loses=1)
    with Served(losing) as proxy, OpenAI(base_url=f"{proxy.url}/v1", api_key=shared.home.key(), max_retries=3) as client:
        answer = client.chat.completions.create(model="echo", messages=says("echo", "lost once")["messages"])
    assert answer.choices[0].message.content == "You said: lost once"
    assert losing.counts == ["0", "1"]
    assert messages_kept(shared, "lost once") == 1


def test_a_retry_while_the_first_try_runs_follows_it(shared: Service, app: httpx.Client, gate: Upstream) -> None:
    """A client that waited too long and asks again gets the reply that is being written, whole or as a stream."""
    whole, stream = says("held", "slow and whole"), says("held", "slow stream", stream=True)
    with app.stream("POST", CHAT, json=stream, headers=tried(0)) as first:
        lines = first.iter_lines()
        assert any('"One"' in line for line in lines)
        with pytest.raises(httpx.ReadTimeout):
            app.post(CHAT, json=whole, headers=tried(0), timeout=0.3)
        until(lambda: messages_kept(shared, "slow and whole") == 1)
        gate.open_gate()
        assert words(app.post(CHAT, json=stream, headers=tried(1)).text) == "One two."
        assert list(lines)
    assert app.post(CHAT, json=whole, headers=tried(1)).json()["choices"][0]["message"]["content"] == "One two."
    assert (messages_kept(shared, "slow and whole"), messages_kept(shared, "slow stream")) == (1, 1)


@pytest.mark.parametrize(("persona", "status"), [("refusing", 502), ("broken", 502), ("empty", 502)])
def test_a_retry_after_a_failure_is_a_new_try(shared: Service, app: httpx.Client, persona: str, status: int) -> None:
    """What failed is tried again in earnest: each try is an exchange of its own."""
    message = f"try {uuid.uuid4()}"
    assert [app.post(CHAT, json=says(persona, message), headers=tried(count)).status_code for count in range(3)] == [status] * 3
    assert messages_kept(shared, message) == 3


def test_a_retry_after_the_reader_left_a_stream_is_a_new_try(shared: Service, app: httpx.Client, gate: Upstream) -> None:
    """A stream that was given up was cancelled; asking again asks the model again."""
    body = says("held", "given up", stream=True)
    with app.stream("POST", CHAT, json=body, headers=tried(0)) as first:
        assert any('"One"' in line for line in first.iter_lines())
    until(lambda: shared.home.exchange(first.headers["x-exchange-id"]).state == ExchangeState.cancelled)
    gate.open_gate()
    assert words(app.post(CHAT, json=body, headers=tried(1)).text) == "One two."
    assert messages_kept(shared, "given up") == 2


def _another_body(client: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    return client.post(CHAT, json={**body, "temperature": 0.5}, headers=tried(1))


def _a_first_try(client: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    return client.post(CHAT, json=body, headers=tried(0))


def _no_count(client: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    return client.post(CHAT, json=body)


@pytest.mark.parametrize("ask", [_another_body, _a_first_try, _no_count])
def test_what_is_no_retry_is_another_exchange(
    shared: Service, app: httpx.Client, ask: Callable[[httpx.Client, dict[str, Any]], httpx.Response]
) -> None:
    """Other words, a first try, and a client that counts nothing: each is a request of its own."""
    body = says("echo", f"not again {uuid.uuid4()}")
    assert app.post(CHAT, json=body, headers=tried(0)).json()["id"] != ask(app, body).json()["id"]


def test_another_keys_retry_is_its_own(shared: Service, app: httpx.Client) -> None:
    """The same body under another key finds nothing of this one's."""
    body = says("echo", "whose is it?")
    first = app.post(CHAT, json=body, headers=tried(0)).json()["id"]
    with shared.client(shared.home.key()) as other:
        assert other.post(CHAT, json=body, headers=tried(1)).json()["id"] != first


def test_a_name_is_kept_in_the_transaction_that_opens(shared: Service, app: httpx.Client) -> None:
    """For every name that is kept there is its exchange, and it is the one that was answered."""
    header = named()
    answered = app.post(CHAT, json=says("echo"), headers=header).headers["x-exchange-id"]
    query = select(IdempotentRequest.exchange_id).where(col(IdempotentRequest.name) == header["idempotency-key"])
    assert shared.home.ask(lambda session: list(session.exec(query))) == [answered]
