"""How tests read Attune's answers."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx


class Event(NamedTuple):
    """One server-sent event of `/api`."""

    number: int
    kind: str
    data: dict[str, Any]


def events(response: httpx.Response) -> Iterator[Event]:
    """The events of a stream, as they come. Comments are passed over; anything else out of order fails."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line.startswith(":"):
            continue
        if not line:
            if fields:
                yield Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}
            continue
        name, _, value = line.partition(": ")
        assert name in {"id", "event", "data"}
        fields[name] = value


def told(seen: list[Event]) -> str:
    """The text of the reply that these events tell."""
    return "".join(event.data["text"] for event in seen if event.kind == "delta")


def until(question: Callable[[], Any], seconds: float = 20) -> Any:
    """Ask until the answer is true, and return it; fail after so many seconds."""
    pause = threading.Event()
    for _ in range(int(seconds * 50)):
        if answer := question():
            return answer
        pause.wait(0.02)
    raise AssertionError("It did not happen in time.")


def complaint(response: httpx.Response, status: int) -> str:
    """The words of an error, which must be in the one form that every error has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "request_id", "error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["status"] == status
    assert body["detail"] == body["error"]["message"]
    assert "data:" not in body["detail"]
    words: str = body["detail"]
    return words
