"""Every error in one body: RFC 9457 problem details that also carry OpenAI's `error` member, so that every client shows the words."""

from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from service.db.ids import new_id
from service.errors import AttuneError

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
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
    return _answer(request, error.status_code, _CODES.get(error.status_code, "request_failed"), _words(request, error))


def answer_unexpected_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Log what nobody foresaw, and say no more of it than that it happened."""
    log.error("request_failed", path=request.url.path, method=request.method, exc_info=error)
    return _answer(request, 500, "internal_error", "Something went wrong on our side. What was accepted is kept; please try again.")


def _words(request: Request[Any, Any, Any], error: HTTPException) -> str:
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        details = [f"{item['key']}: {item['message']}" if item.get("key") else str(item.get("message", "")) for item in error.extra]
        return f"The request is not as it must be: {'; '.join(details)}."
    if error.status_code == 404:
        return f"There is nothing at {request.url.path}."
    if error.status_code == 400:
        return f"The request cannot be read: {error.detail}."
    return f"{error.detail}."


def _answer(request: Request[Any, Any, Any], status: int, code: str, message: str, param: str | None = None) -> Response[dict[str, Any]]:
    headers = {"x-should-retry": "true" if status in {429, 502, 503} else "false"}
    if status in {429, 503}:
        headers["retry-after"] = "1"
    return Response(problem(status, code, message, param), status_code=status, media_type="application/problem+json", headers=headers)
