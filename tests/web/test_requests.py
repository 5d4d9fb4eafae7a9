"""What every answer bears, and the answers that no route gives: ids, methods, paths that lead nowhere."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.conftest import MakeHome, Service
from tests.web.reading import complaint
from tests.web.test_serve import served

CHAT = "/v1/chat/completions"
_ANSWERS = [
    ("GET", "/"),
    ("GET", "/health/live"),
    ("HEAD", "/health/ready"),
    ("GET", "/schema/openapi.json"),
    ("GET", "/schema/unknown"),
    ("GET", "/nothing"),
    ("PUT", "/v1/models"),
    ("OPTIONS", "/v1/models"),
    ("OPTIONS", "/nothing"),
    ("GET", "/assets/none.js"),
    ("GET", "/v1/models"),
    ("POST", CHAT),
    ("GET", "/api/personas"),
]


@pytest.mark.parametrize(("method", "path"), _ANSWERS)
def test_every_answer_has_the_callers_id(app: httpx.Client, method: str, path: str) -> None:
    """Whoever answers, the caller's own id comes back once; without one each answer has a new one."""
    answer = app.request(method, path, headers={"x-request-id": "trace-1.a:b/c=+"})
    assert answer.headers.get_list("x-request-id") == ["trace-1.a:b/c=+"]
    made_up = {app.request(method, path).headers["x-request-id"] for _ in range(3)}
    assert len(made_up) == 3


@given(st.binary(min_size=1, max_size=150).filter(lambda name: not set(name) & set(b"\r\n\0")))
@settings(max_examples=50)
def test_an_id_is_taken_over_only_if_it_is_plain(shared: Service, name: bytes) -> None:
    """Anything but up to 100 plain characters is replaced: nothing that could break a log line or a header comes back."""
    stripped = name.strip(b" \t")
    try:
        answer = httpx.get(f"{shared.url}/health/live", headers=[(b"x-request-id", name)])
    except httpx.HTTPError:
        return  # No header that could be sent.
    plain = 1 <= len(stripped) <= 100 and all(chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "._:/+=-") for byte in stripped)
    if answer.status_code == 200:
        found = answer.headers["x-request-id"]
        assert (found == stripped.decode("latin-1")) == plain
        assert found.isascii() and found.isprintable() and len(found) <= 100


def test_a_problem_and_its_header_have_one_id(app: httpx.Client) -> None:
    """What a person reports from the words is what the owner finds in the headers, and in the log."""
    answer = app.get("/v1/models/ghost", headers={"x-request-id": "mine"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine"


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready", "/schema", "/schema/openapi.json"])
def test_head_is_get_without_the_body(app: httpx.Client, path: str) -> None:
    """Whoever only looks whether something is there may."""
    looked, got = app.head(path), app.get(path)
    assert looked.status_code == got.status_code == 200
    assert looked.content == b""
    assert looked.headers["content-type"] == got.headers["content-type"]


def test_head_elsewhere_says_what_works(app: httpx.Client) -> None:
    """Where HEAD is no use the answer says what is; what does not exist does not exist for HEAD."""
    refused = app.head("/v1/models")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, OPTIONS")
    assert app.head("/nothing").status_code == 404


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/v1/models", "GET, OPTIONS"), (CHAT, "OPTIONS, POST"), ("/api/receipts", "GET, OPTIONS"), ("/health/live", "GET, HEAD, OPTIONS")],
)
def test_options_need_no_key(shared: Service, path: str, allowed: str) -> None:
    """What a route can do is no secret, and asking for it does nothing; where there is no route there are no options."""
    with shared.client() as anybody:
        answer = anybody.options(path)
        assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allowed, b"")
        assert "nothing at /nothing" in complaint(anybody.options("/nothing"), 404)


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("POST", "/v1/responses", "client.chat.completions instead of client.responses"),
        ("GET", "/v1/responses/resp_1", "client.chat.completions instead of client.responses"),
        ("POST", "/v1/completions", "What was the prompt is the last message"),
        ("POST", "/v1/embeddings", "makes no embeddings"),
        ("POST", "/v1/audio/speech", "text only"),
        ("POST", "/v1/images/generations", "text only"),
        ("POST", "/v1/fine_tuning/jobs", "attune nightly"),
        ("GET", "/v1/assistants", "POST /v1/chat/completions"),
        ("POST", "/v1/v1/chat/completions", "leave one out"),
        ("POST", "/chat/completions", "needs a /v1 at its end"),
        ("GET", "/schema/unknown", "There is nothing at /schema/unknown."),
        ("GET", "/schema/a/b/c.yaml", "There is nothing at"),
        ("GET", "/api/", "There is nothing at"),
        ("GET", "/" + "x" * 3000, "There is nothing at"),
    ],
)
def test_what_is_not_there_says_what_is(app: httpx.Client, method: str, path: str, words: str) -> None:
    """The message of an unknown path, which OpenAI's clients show, says what to use instead; it is no longer than a message should be."""
    answer = app.request(method, path, json={"model": "echo"} if method == "POST" else None)
    told = complaint(answer, 404)
    assert words in told
    assert told.endswith("What there is: /schema/openapi.json")
    assert len(told) < 500
    assert answer.headers["x-should-retry"] == "false"


def test_a_wrong_host_is_told(shared: Service) -> None:
    """A Host that is none is no fault of the body."""
    with shared.client() as client:
        assert complaint(client.get("/health/live", headers={"host": "a b"}), 400) == "The Host header is no name of a host."


@pytest.mark.parametrize("path", ["/v1/models", "/api/receipts", "/health/live"])
def test_no_other_site_is_let_in(app: httpx.Client, path: str) -> None:
    """No answer lets a page of another site read it."""
    for method in ("GET", "OPTIONS"):
        answer = app.request(method, path, headers={"origin": "https://elsewhere.example", "access-control-request-method": "GET"})
        assert "access-control-allow-origin" not in answer.headers


def test_the_log_of_a_request_bears_its_id(make_home: MakeHome, tmp_path: Path) -> None:
    """What is logged for a request, also by the reply that is made in a task of its own, has the caller's id."""
    log = tmp_path / "log"
    body: dict[str, Any] = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
    with make_home(tmp_path / "home", personas=["echo"]) as home, served(home, log) as (_, url), httpx.Client(base_url=url) as client:
        headers = {"authorization": f"Bearer {home.key()}", "x-request-id": "trace-7"}
        assert client.post(CHAT, json=body, headers=headers).status_code == 200
        assert client.post(CHAT, json={**body, "model": "echo@v9"}, headers=headers).status_code == 404
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["request_id"] for line in lines if line["event"] == "exchange_closed"] == ["trace-7"]
