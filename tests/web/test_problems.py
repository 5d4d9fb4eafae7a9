"""Bad input gets one form of error, with words that say what to do."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from service.web.problems import BODY_LIMIT, Refusals
from tests.web.conftest import Service
from tests.web.reading import complaint

CHAT = "/v1/chat/completions"
BEGIN = "/api/conversations"
GOOD: dict[str, Any] = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def visitor(shared: Service) -> Iterator[tuple[httpx.Client, str]]:
    """A visitor, and where their conversation takes messages."""
    with shared.client() as anybody:
        begun = anybody.post(BEGIN, json={"persona": "echo"}).json()
    with shared.client(begun["token"]) as client:
        yield client, f"/api/conversations/{begun['id']}/exchanges"


@pytest.mark.parametrize("path", [CHAT, BEGIN])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"model": "echo", ', "The body is not JSON (Input data was truncated). Send one JSON object."),
        (b"model=echo", "The body is not JSON (JSON is malformed: invalid character (byte 0)). Send one JSON object."),
        (b"", "The body is empty. Send one JSON object."),
        (b"[]", "Expected `object`, got `array`"),
        (b"null", "Expected `object`, got `null`"),
        (b'{"model": "a\xffb"}', "The body is not UTF-8 text."),
        (b'{"model": "a\\ud800b"}', "The body is not JSON"),
        (b"{}", "missing required field"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_400(app: httpx.Client, path: str, body: bytes, words: str) -> None:
    """Whatever a body is that is no JSON object of the right kind, it is refused with words and never a server error."""
    assert words in complaint(app.post(path, content=body, headers={"content-type": "application/json"}), 400)


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({**GOOD, "model": 7}, "model", "model: Expected `str`, got `int`"),
        ({**GOOD, "temperature": "hot"}, "temperature", "temperature: Expected `float | null`, got `str`"),
        ({**GOOD, "temperature": 9}, "temperature", "temperature must lie between 0 and 2"),
        ({**GOOD, "messages": [{"role": "user", "content": 7}]}, "messages[0].content", "messages[0].content: Expected"),
        ({**GOOD, "messages": [{"content": "hi"}]}, "messages[0]", "missing required field `role`"),
        ({**GOOD, "user": "u" * 201}, "user", "length <= 200"),
    ],
)
def test_a_wrong_field_is_named(app: httpx.Client, body: dict[str, Any], param: str, words: str) -> None:
    """The words and OpenAI's `param` both name the field that was wrong."""
    answer = app.post(CHAT, json=body)
    assert words in complaint(answer, 400)
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"persona": "echo", "colour": "red"}, "unknown field `colour`"),
        ({"persona": "echo", "user": {"id": "1", "age": 3}}, "unknown field `age`"),
        ({"persona": "echo", "user": {"id": "1" * 201}}, "user.id: Expected `str` of length <= 200"),
        ({"persona": "echo", "user": {"name": "n" * 201}}, "user.name: Expected `str` of length <= 200"),
    ],
)
def test_an_unknown_field_of_ours_is_named(app: httpx.Client, body: dict[str, Any], words: str) -> None:
    """On `/api` a field that nobody reads is a mistake, and is named."""
    assert words in complaint(app.post(BEGIN, json=body), 400)


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ("", "message_empty", "The message is empty. Write something."),
        (" \n\t", "message_empty", "The message is empty. Write something."),
        ("x" * 8001, "message_too_long", "The message has 8001 characters; the limit is 8000."),
        ("a\x00b", "message_invalid", "NUL"),
    ],
)
def test_an_empty_or_overlong_message_is_a_400_with_the_limit(
    app: httpx.Client, visitor: tuple[httpx.Client, str], message: str, code: str, words: str
) -> None:
    """Both doors refuse the same messages with the same words."""
    client, path = visitor
    for answer in (
        client.post(path, json={"message": message}),
        app.post(CHAT, json={**GOOD, "messages": [{"role": "user", "content": message}]}),
    ):
        assert words in complaint(answer, 400)
        assert answer.json()["error"]["code"] == code


def test_the_longest_message_is_taken(app: httpx.Client) -> None:
    """The limit itself is allowed, in characters and not in bytes."""
    answer = app.post(CHAT, json={**GOOD, "messages": [{"role": "user", "content": "\U0001f600" * 8000}]})
    assert answer.status_code == 200


def _drops() -> Iterator[bytes]:
    for _ in range(BODY_LIMIT // 1000 + 50):
        yield b"x" * 1000


@pytest.mark.parametrize("content", ["at once", "in drops"])
@pytest.mark.parametrize("path", [CHAT, BEGIN])
def test_a_body_over_a_megabyte_is_a_413(app: httpx.Client, path: str, content: str) -> None:
    """A body that is too large is refused with the limit, also when it comes in pieces of no stated length."""
    body = b"x" * (BODY_LIMIT + 1) if content == "at once" else _drops()
    answer = app.post(path, content=body)
    assert "a request may have 1,000,000 bytes" in complaint(answer, 413)
    assert answer.json()["error"]["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", CHAT, "POST"), ("DELETE", "/v1/models", "GET"), ("GET", BEGIN, "POST"), ("POST", "/api/exchanges/x/rating", "PUT")],
)
def test_a_wrong_method_is_a_405_that_says_the_right_one(app: httpx.Client, method: str, path: str, allowed: str) -> None:
    """The words and the `Allow` header both name what works."""
    answer = app.request(method, path)
    words = complaint(answer, 405)
    assert words.startswith(f"{method} does not work at {path}.")
    assert allowed in words
    assert allowed in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/completions", "/api/nothing", "/nothing", "/assets/../app.py"])
def test_an_unknown_path_is_a_404_with_a_way_out(app: httpx.Client, path: str) -> None:
    """Where there is nothing, the answer says so and where to look."""
    assert "What there is: /schema/openapi.json" in complaint(app.get(path), 404)


def test_errors_tell_clients_whether_to_try_again(app: httpx.Client) -> None:
    """OpenAI's clients retry by themselves; a header tells them when that is of no use."""
    assert app.post(CHAT, json={**GOOD, "model": "ghost"}).headers["x-should-retry"] == "false"
    assert app.post(CHAT, json={**GOOD, "model": "refusing"}).headers["x-should-retry"] == "true"


def test_a_refusal_is_logged_once_a_minute() -> None:
    """Of many 503s for one reason in a minute the first is logged, and the next line says how many were not."""
    moment = 0.0
    refusals = Refusals(lambda: moment)
    with capture_logs() as logs:
        for code in ("storage", "storage", "overloaded", "storage"):
            refusals.note(code)
        moment = 60.0
        refusals.note("storage")
        refusals.note("overloaded")
    told = [(line["event"], line["code"], line["unlogged_before"]) for line in logs]
    assert told == [
        ("request_refused", "storage", 0),
        ("request_refused", "overloaded", 0),
        ("request_refused", "storage", 2),
        ("request_refused", "overloaded", 0),
    ]


def test_no_two_errors_share_a_request_id(app: httpx.Client) -> None:
    """A person who reports an error can name it."""
    assert len({app.get("/v1/nothing").json()["request_id"] for _ in range(5)}) == 5


def test_an_error_repeats_no_more_than_the_name(app: httpx.Client) -> None:
    """A wrong message is not sent back in its error."""
    answer = app.post(CHAT, json={**GOOD, "messages": [{"role": "user", "content": "secret " * 2000}]})
    assert "secret" not in answer.text
