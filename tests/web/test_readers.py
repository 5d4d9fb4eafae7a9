"""A client that vanishes at any moment leaves one exchange with a true state, and a stalled model leaves none that hangs."""

import asyncio
import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from service.db.tables import Exchange, ExchangeState
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import Event, events, told, until
from tests.web.upstream import Upstream

CHAT = "/v1/chat/completions"
Timed = Callable[..., AbstractContextManager[Service]]


def says(model: str, message: str, **fields: Any) -> dict[str, Any]:
    """A chat completions request."""
    return {"model": model, "messages": [{"role": "user", "content": message}], **fields}


def closed(service: Service, name: str) -> Exchange:
    """The exchange, once it is open no more."""
    found: Exchange = until(lambda: (row := service.home.exchange(name)).state != ExchangeState.open and row)
    return found


def of_message(service: Service, message: str) -> list[Exchange]:
    """All exchanges with this message."""
    rows: list[Exchange] = service.home.ask(lambda session: list(session.exec(select(Exchange).where(Exchange.message == message))))
    return rows


@pytest.fixture
def timed(make_home: MakeHome, run: Run, tmp_path: Path) -> Timed:
    """A service whose patience is so long."""

    @contextmanager
    def timed(grace_seconds: float) -> Iterator[Service]:
        with make_home(tmp_path / "home", personas=["held", "silent"]) as home, run(home, grace_seconds=grace_seconds) as service:
            yield service

    return timed


@contextmanager
def visitor(service: Service, persona: str) -> Iterator[tuple[httpx.Client, str]]:
    """A visitor, and where their conversation takes messages."""
    with service.client() as anybody:
        begun = anybody.post("/api/conversations", json={"persona": persona}).json()
    with service.client(begun["token"]) as client:
        yield client, f"/api/conversations/{begun['id']}/exchanges"


def begin(client: httpx.Client, path: str, message: str) -> tuple[str, list[Event]]:
    """Say something, read until the first words, and leave."""
    with client.stream("POST", path, json={"message": message}) as response:
        coming = events(response)
        return response.headers["x-exchange-id"], [next(coming), next(coming)]


def test_a_reply_that_nobody_comes_back_for_is_cancelled(timed: Timed, gate: Upstream) -> None:
    """On `/api` a reply goes on for a while without readers, and then no longer: the words so far are kept as cancelled."""
    with timed(0.2) as service, visitor(service, "held") as (client, path):
        name, _ = begin(client, path, "gone for good")
        row = closed(service, name)
    assert (row.state, row.reply, row.finish_reason) == (ExchangeState.cancelled, "One", "stop")


def test_whoever_comes_back_in_time_keeps_the_reply(timed: Timed, gate: Upstream) -> None:
    """A reader that follows again stops the clock; leaving again starts it anew."""
    with timed(1.5) as service, visitor(service, "held") as (client, path):
        name, seen = begin(client, path, "back in time")
        headers = {"last-event-id": str(seen[-1].number)}
        with client.stream("GET", f"/api/exchanges/{name}/stream", headers=headers) as response:
            threading.Event().wait(1.8)  # longer than the service would have waited
            assert service.home.exchange(name).state == ExchangeState.open
            gate.open_gate()
            rest = list(events(response))
    assert (told(rest), rest[-1].kind) == (" two.", "done")


def test_a_whole_answer_that_nobody_waits_for_is_cancelled(shared: Service, app: httpx.Client, gate: Upstream) -> None:
    """On `/v1` without a stream too: the client that hangs up ends the reply."""
    with pytest.raises(httpx.ReadTimeout):
        app.post(CHAT, json=says("held", "hung up"), timeout=0.3)
    (row,) = of_message(shared, "hung up")
    assert closed(shared, row.id).state == ExchangeState.cancelled


def test_an_official_client_that_hangs_up_may_try_again(shared: Service, app: httpx.Client, gate: Upstream) -> None:
    """A client that counts its tries will come back within seconds: its whole answer goes on meanwhile."""
    with pytest.raises(httpx.ReadTimeout):
        app.post(CHAT, json=says("held", "hung up, will return"), timeout=0.3, headers={"x-stainless-retry-count": "0"})
    (row,) = of_message(shared, "hung up, will return")
    gate.open_gate()
    assert (closed(shared, row.id).state, closed(shared, row.id).reply) == (ExchangeState.complete, "One two.")


def _raw(path: str, key: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", "host: attune", f"authorization: Bearer {key}", f"content-length: {len(content)}", "", ""]
    return "\r\n".join(head).encode() + content


def _comes(service: Service, message: str) -> bool:
    """Whether an exchange of this message is there within a second."""
    pause = threading.Event()
    return any(of_message(service, message) or pause.wait(0.05) for _ in range(20))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.floats(0, 1), read=st.integers(0, 900), stream=st.booleans(), ours=st.booleans(), abort=st.booleans())
def test_a_client_may_vanish_at_any_moment(shared: Service, sent: float, read: int, stream: bool, ours: bool, abort: bool) -> None:
    """Wherever in its request or in the answer a client is cut off: at most one exchange, with a true state and none of it lost."""
    message = f"vanish {uuid.uuid4()}"
    key = shared.home.key()
    if ours:
        with shared.client(key) as client:
            begun = client.post("/api/conversations", json={"persona": "echo"}).json()
        request = _raw(f"/api/conversations/{begun['id']}/exchanges", key, {"message": message})
    else:
        request = _raw(CHAT, key, says("echo", message, stream=stream))
    whole = int(len(request) * sent) if sent < 0.8 else len(request)
    host, _, port = shared.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request[:whole])
        if whole == len(request) and read:
            connection.recv(read)
        if abort:  # A reset instead of a goodbye.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if whole < len(request):
        with shared.client(key) as client:  # The service is there for the next one.
            assert client.get("/v1/models").status_code == 200
        assert of_message(shared, message) == []
        return
    if not read and not _comes(shared, message):
        return  # It was gone before the service read what it had sent: nothing was accepted.
    (row,) = until(lambda: of_message(shared, message))
    row = closed(shared, row.id)
    assert row.state in {ExchangeState.complete, ExchangeState.cancelled}
    expected = f"You said: {message}"
    assert row.reply == expected if row.state == ExchangeState.complete else expected.startswith(row.reply)
    assert len(of_message(shared, message)) == 1


def test_many_who_vanish_leave_nothing_behind(shared: Service, gate: Upstream) -> None:
    """A hundred streams cut at once on `/v1` are a hundred cancelled exchanges, and the service goes on."""
    key, message = shared.home.key(), f"many {uuid.uuid4()}"

    async def cut() -> None:
        host, _, port = shared.url.removeprefix("http://").partition(":")

        async def one() -> None:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(_raw(CHAT, key, says("held", message, stream=True)))
            await reader.readuntil(b'"One"')
            writer.transport.abort()

        await asyncio.gather(*(one() for _ in range(100)))

    asyncio.run(cut())
    rows = until(lambda: (found := of_message(shared, message)) and all(row.state != ExchangeState.open for row in found) and found)
    assert [(row.state, row.reply) for row in rows] == [(ExchangeState.cancelled, "One")] * 100
    with shared.client(key) as client:
        gate.open_gate()
        assert client.post(CHAT, json=says("echo", "still there?")).status_code == 200


@pytest.mark.parametrize(("persona", "before", "code"), [("silent", "", "provider_timeout"), ("held", "One", "provider_stalled")])
def test_a_stalled_model_ends_as_a_failure(
    make_home: MakeHome, run: Run, tmp_path: Path, gate: Upstream, persona: str, before: str, code: str
) -> None:
    """A model that falls silent, before its first word or after it, is one failed exchange; the caller is told on `/v1` and on `/api`."""
    with make_home(tmp_path / "home", personas=[persona]) as home:
        file = home.settings.providers
        file.write_text(file.read_text() + "timeouts = { first_token = 0.3, between_tokens = 0.3 }\n")
        with run(home) as service, service.client(home.key()) as client, visitor(service, persona) as (talk, path):
            refused = client.post(CHAT, json=says(persona, "whole"))
            assert (refused.status_code, refused.json()["error"]["code"]) == (502, code)
            lines = [line for line in client.post(CHAT, json=says(persona, "stream", stream=True)).text.split("\n\n") if line]
            assert json.loads(lines[-2].removeprefix("data: "))["error"]["code"] == code
            assert lines[-1] == "data: [DONE]"
            *_, last = events(talk.post(path, json={"message": "ours"}))
            assert (last.kind, last.data["error"]["code"]) == ("error", code)
            for message in ("whole", "stream", "ours"):
                (row,) = of_message(service, message)
                assert (row.state, row.error, row.reply) == (ExchangeState.failed, code, before)
