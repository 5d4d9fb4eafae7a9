"""Every error in one body: RFC 9457 problem details that also carry OpenAI's `error` member, so that every client shows the words."""

from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from sqlalchemy.exc import DataError

from service.db.ids import new_id
from service.errors import AttuneError

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
    429: "rate_limit_error",
}
_CODES = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 429: "rate_limited"}
log = structlog.get_logger()


def problem(status: int, code: str, message: str, param: str | None = None, request_id: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    return {
        "type": "about:blank",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": message,
        "request_id": request_id or new_id(),
        "error": error_member(status, code, message, param),
    }


def error_member(status: int, code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"message": message, "type": _TYPES.get(status, "server_error"), "param": param, "code": code}


def answer_our_error(request: Request[Any, Any, Any], error: AttuneError) -> Response[dict[str, Any]]:
    """Turn an error of our own tree into its answer."""
    return _answer(request, error.status, error.code, error.message, error.param)


def answer_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """Turn an error of the framework (a body it cannot read, an unknown path) into the same form."""
    message, param = _words(request, error)
    answer = _answer(request, error.status_code, _CODES.get(error.status_code, "request_failed"), message, param)
    answer.headers.update(error.headers or {})
    return answer


def answer_unreadable(request: Request[Any, Any, Any], _: UnicodeDecodeError) -> Response[dict[str, Any]]:
    """Turn away a body that is not text."""
    return _answer(request, 400, "invalid_request", "The body is not UTF-8 text. Send one JSON object in UTF-8.")


def answer_unkeepable(request: Request[Any, Any, Any], _: DataError) -> Response[dict[str, Any]]:
    """Turn away what the database cannot hold, such as a NUL character in PostgreSQL."""
    return _answer(request, 400, "invalid_request", "The request holds a character that cannot be kept (NUL). Remove it.")


def answer_unexpected_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Log what nobody foresaw, and say no more of it than that it happened."""
    answer = _answer(request, 500, "internal_error", "Something went wrong on our side. What was accepted is kept; please try again.")
    log.error("request_failed", path=request.url.path, method=request.method, request_id=answer.content["request_id"], exc_info=error)
    return answer


def _words(request: Request[Any, Any, Any], error: HTTPException) -> tuple[str, str | None]:
    """What was wrong and what to do about it, and the field if one is to blame."""
    path = request.url.path
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        return _fields(error.extra)
    match error.status_code:
        case 400:
            return f"The body is not JSON ({error.detail}). Send one JSON object.", None
        case 404:
            return f"There is nothing at {path}. What there is: /schema/openapi.json", None
        case 405:
            return f"{request.method} does not work at {path}. What works there: {(error.headers or {}).get('allow', 'see /schema')}.", None
        case 413:
            return f"The body is too large: a request may have {BODY_LIMIT:,} bytes. Send less.", None
    return f"{error.detail}.", None


def _fields(complaints: list[Any]) -> tuple[str, str | None]:
    """What the framework says of the fields. It calls the whole body `data`; a missing body is a complaint with no words."""
    named = [(str(item.get("key") or "").removeprefix("data"), str(item.get("message", ""))) for item in complaints]
    if named == [("", "'data'")]:
        return "The body is empty. Send one JSON object.", None
    details = "; ".join(f"{name}: {message}" if name else message for name, message in named)
    return f"The request is not as it must be: {details}.", named[0][0] or None


def _answer(request: Request[Any, Any, Any], status: int, code: str, message: str, param: str | None = None) -> Response[dict[str, Any]]:
    headers = {"x-should-retry": "true" if status in {429, 502, 503} else "false"}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status in {429, 503}:
        headers["retry-after"] = "1"
    return Response(problem(status, code, message, param), status_code=status, media_type="application/problem+json", headers=headers)
