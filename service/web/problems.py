"""Every error in one body: RFC 9457 problem details that also carry OpenAI's `error` member, so that every client shows the words."""

import math
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers.base import BaseRouteHandler
from sqlalchemy.exc import DataError

from service.errors import AttuneError, Invalid, RateLimited
from service.web.fields import describe
from service.web.requests import request_id

AnyRequest = Request[Any, Any, Any]

BODY_LIMIT = 1_000_000
"""Bytes the body of a request may have."""

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
_CODES = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 429: "rate_limited"}
_PASSING = {"exchange_closing"}
"""Conflicts that go away by themselves."""

_CHAT = "Attune speaks chat completions: POST /v1/chat/completions, with a persona as the model. "
_ELSEWHERE = {
    "responses": f"{_CHAT}In OpenAI's clients that is client.chat.completions instead of client.responses. ",
    "completions": f"{_CHAT}What was the prompt is the last message. ",
    "embeddings": "A persona talks and makes no embeddings. ",
    "audio": "A persona reads and writes text only. ",
    "images": "A persona reads and writes text only. ",
    "files": "Attune trains by itself, on rated exchanges: see attune nightly. ",
    "fine_tuning": "Attune trains by itself, on rated exchanges: see attune nightly. ",
}
_QUIET_SECONDS = 60.0
log = structlog.get_logger()


class Error(msgspec.Struct, kw_only=True):
    """OpenAI's error object."""

    message: str
    type: str
    param: str | None
    code: str


class Problem(msgspec.Struct, kw_only=True):
    """Every error: problem details (RFC 9457) and OpenAI's `error` in one body. Report `request_id` to the owner: the log knows it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str
    error: Error


def error_of(error: AttuneError) -> Error:
    """OpenAI's error object for one of ours."""
    return Error(message=error.message, type=_TYPES.get(error.status, "server_error"), param=error.param, code=error.code)


def answer_our_error(request: AnyRequest, error: AttuneError) -> Response[Problem]:
    """Turn an error of our own tree into its answer."""
    if error.status == 503:
        request.app.state.refusals.note(error.code)
    return _answer(request, error)


def answer_http_error(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    """Turn an error of the framework (a body it cannot read, an unknown path) into the same form."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if allowed := headers.get("allow"):
        headers["allow"] = ", ".join(sorted(allowed.split(", ")))  # The framework keeps them in a set.
    message, param = _words(request, error, headers.get("allow", "see /schema"))
    ours = AttuneError(message, code=_CODES.get(error.status_code, "request_failed"), param=param)
    ours.status = error.status_code
    answer = _answer(request, ours)
    answer.headers.update(headers)
    return answer


def answer_unreadable(request: AnyRequest, _: UnicodeDecodeError) -> Response[Problem]:
    """Turn away a body that is not text."""
    return _answer(request, Invalid("The body is not UTF-8 text. Send one JSON object in UTF-8."))


def answer_unkeepable(request: AnyRequest, _: DataError) -> Response[Problem]:
    """Turn away what the database cannot hold, such as a NUL character in PostgreSQL."""
    return _answer(request, Invalid("The request holds a character that cannot be kept (NUL). Remove it."))


def answer_unexpected_error(request: AnyRequest, error: Exception) -> Response[Problem]:
    """Log what nobody foresaw, and say no more of it than that it happened."""
    log.error("request_failed", path=request.url.path, method=request.method, exc_info=error)
    return _answer(request, AttuneError("Something went wrong on our side. What was accepted is kept; please try again."))


class Refusals:
    """Logs that the service refuses, once a minute per reason: whoever is refused asks again, and a full disk needs no more lines."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}
        self._since: dict[str, int] = {}

    def note(self, code: str) -> None:
        """Log a refusal, or count it for the next line."""
        now = self._clock()
        if now - self._told.get(code, -_QUIET_SECONDS) < _QUIET_SECONDS:
            self._since[code] = self._since.get(code, 0) + 1
            return
        self._told[code] = now
        log.warning("request_refused", code=code, unlogged_before=self._since.pop(code, 0))


def _words(request: AnyRequest, error: HTTPException, allowed: str) -> tuple[str, str | None]:
    """What was wrong and what to do about it, and the field if one is to blame."""
    path = request.url.path
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        return _fields(request.route_handler, error.extra)
    match error.status_code:
        case 400 if "host header" in error.detail:
            return "The Host header is no name of a host.", None
        case 400:
            return f"The body is not JSON ({error.detail}). Send one JSON object.", None
        case 404:
            return f"There is nothing at {path[:200]}. {_hint(path)}What there is: /schema/openapi.json", None
        case 405:
            return f"{request.method} does not work at {path}. What works there: {allowed}.", None
        case 413:
            return f"The body is too large: a request may have {BODY_LIMIT:,} bytes. Send less.", None
    return f"{error.detail}.", None


def _hint(path: str) -> str:
    """What somebody who uses a client of OpenAI's most likely meant."""
    if path.startswith("/v1/v1"):
        return "The base URL ends with /v1 already, and the client added another one: leave one out. "
    if path.startswith("/chat/completions"):
        return "The base URL needs a /v1 at its end. "
    first = path.removeprefix("/v1/").partition("/")[0]
    return _ELSEWHERE.get(first, "Attune speaks GET /v1/models and POST /v1/chat/completions. ") if path.startswith("/v1/") else ""


def _fields(handler: BaseRouteHandler, complaints: list[Any]) -> tuple[str, str | None]:
    """What the framework says of the fields. It calls the whole body `data`; a missing body is a complaint with no words."""
    named = [describe(handler, each) for each in complaints]
    if named == [("", "'data'")]:
        return "The body is empty. Send one JSON object.", None
    details = "; ".join(f"{name}: {message}" if name else message for name, message in named)
    return f"The request is not as it must be: {details}.", named[0][0] or None


def _answer(request: AnyRequest, error: AttuneError) -> Response[Problem]:
    headers = {"x-should-retry": "true" if error.status in {429, 502, 503} or error.code in _PASSING else "false"}
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, RateLimited):
        headers["retry-after"] = str(math.ceil(error.wait))
        headers["retry-after-ms"] = str(math.ceil(error.wait * 1000))
    elif error.status == 503:
        headers["retry-after"] = "1"
    body = Problem(
        title=error.code.replace("_", " ").capitalize(),
        status=error.status,
        detail=error.message,
        request_id=request_id(request.scope),
        error=error_of(error),
    )
    return Response(body, status_code=error.status, media_type="application/problem+json", headers=headers)
