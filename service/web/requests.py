"""What every answer of the service bears: the request's id, and on `/v1` what the caller may still ask for."""

import re
from collections.abc import Awaitable
from typing import Any

import structlog
from litestar import Litestar
from litestar.types import Message, Scope, Send

from service.db.ids import new_id
from service.web.buckets import allowance_headers

_NAME = re.compile(rb"[A-Za-z0-9._:/+=-]{1,100}")


class Application(Litestar):
    """The application, with ids for its requests: the caller's own `x-request-id` if it is a plain name, a new one otherwise.

    Every answer says it, whoever gives the answer, and so does every line that is logged for the request.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        name = _name(scope)
        scope["state"] = {**scope.get("state", {}), "request_id": name}
        structlog.contextvars.bind_contextvars(request_id=name)
        await super().__call__(scope, receive, _marking(scope, send, name))


def request_id(scope: Scope) -> str:
    """The id of a request."""
    name: str = scope["state"]["request_id"]
    return name


def _name(scope: Scope) -> str:
    given = next((value for key, value in scope["headers"] if key == b"x-request-id"), None)
    return given.decode() if given is not None and _NAME.fullmatch(given) else new_id()


def _marking(scope: Scope, send: Send, name: str) -> Send:
    mark = (b"x-request-id", name.encode())

    # No coroutine of its own, but the one it is given: this is called for each chunk of each stream.
    def told(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            allowance = scope["state"].get("allowance")
            more = allowance_headers(allowance) if allowance is not None and scope["path"].startswith("/v1/") else []
            message["headers"] = [*message["headers"], mark, *more]
        return send(message)

    return told
