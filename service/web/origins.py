"""Which sites may talk with a persona from their visitors' browsers: the service's own, and `widget.origins` of the persona's file.

A browser says in `Origin` whose page is asking. On `/api` a page that is not allowed gets 403 and no CORS headers. There is no cookie: a
conversation's token is all that opens anything, so that a page that is allowed still sees its own conversations only. On `/v1` there are
keys, which belong into no page: no CORS header is ever sent there. What is asked without `Origin` was asked by no page.
"""

import re
from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.types import ASGIApp, Message, Receive, Send

from service.errors import NotPermitted
from service.personas.persona import Persona
from service.personas.shelf import Personas
from service.web.problems import answer_our_error

_RULED = "/api/"
_ONE_PERSONA = re.compile(r"/api/personas/([^/]+)")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,200}")
_VARY = (b"vary", b"Origin")
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, PUT, DELETE",
    "access-control-allow-headers": "authorization, content-type, idempotency-key, last-event-id, x-request-id",
    "access-control-max-age": "600",
    "vary": "Origin",
}
_READABLE = b"retry-after, retry-after-ms, x-exchange-id, x-request-id"


class Origins:
    """Stands before all routes: answers preflights, turns foreign pages away, and tells browsers what an allowed page may read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer it."""
        origin = foreign_origin(scope) if scope["path"].startswith(_RULED) else None
        if origin is None:
            await self._app(scope, receive, send)
        elif not _may_ask(scope["app"].state.desk.personas, scope["path"], origin):
            request: Request[Any, Any, Any] = Request(scope, receive, send)
            await _answer(answer_our_error(request, _refusal(origin)), request, _varying(send))
        elif scope["method"] == "OPTIONS":
            allowed = Response(b"", status_code=204, headers={**_PREFLIGHT, "access-control-allow-origin": origin})
            await _answer(allowed, Request(scope, receive, send), send)
        else:
            await self._app(scope, receive, _telling(scope, send, origin))


def foreign_origin(scope: Any) -> str | None:
    """The site whose page asks, if it is not the service's own."""
    headers = {name: value for name, value in scope["headers"] if name in {b"origin", b"host", b"sec-fetch-site"}}
    origin = headers.get(b"origin", b"").decode("latin-1")
    # No page can set this header; a proxy may change the host, but a browser knows what it asked.
    if not origin or headers.get(b"sec-fetch-site") == b"same-origin":
        return None
    own = headers.get(b"host", b"").decode("latin-1").lower()
    return None if own and _ORIGIN.fullmatch(origin) and urlsplit(origin).netloc.lower() == own else origin


def check_origin(connection: ASGIConnection[Any, Any, Any, Any], personas: Personas, name: str) -> None:
    """Raise `NotPermitted` when the request comes from the page of a site that may not talk with this persona."""
    origin = foreign_origin(connection.scope)
    if origin is not None and not (name in personas and _allows(personas.get(name), origin)):
        connection.scope["state"]["origin_refused"] = True
        raise _refusal(origin)


def _may_ask(personas: Personas, path: str, origin: str) -> bool:
    """Whether any persona that this may be about allows the site. About which one it is, the route knows; a preflight says it never."""
    one = _ONE_PERSONA.fullmatch(path)
    about = [personas.get(one[1])] if one and one[1] in personas else list(personas)
    return any(_allows(persona, origin) for persona in about)


def _allows(persona: Persona, origin: str) -> bool:
    origins = persona.settings.widget.origins
    return "*" in origins or origin in origins


def _refusal(origin: str) -> NotPermitted:
    site = origin if _ORIGIN.fullmatch(origin) else "the site"
    return NotPermitted(
        f"Pages of {site} may not talk with this persona. The owner can allow it in the persona's file: widget: {{origins: [https://...]}}",
        code="origin_not_allowed",
    )


def _telling(scope: Any, send: Send, origin: str) -> Send:
    """`send`, which lets the page read the answer, unless the route found that it may not."""
    headers = [
        _VARY,
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", _READABLE),
    ]

    def told(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            refused = scope["state"].get("origin_refused", False)
            message["headers"] = [*message["headers"], *(headers[:1] if refused else headers)]
        return send(message)

    return told


def _varying(send: Send) -> Send:
    def told(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], _VARY]
        return send(message)

    return told


async def _answer(response: Response[Any], request: Request[Any, Any, Any], send: Send) -> None:
    await response.to_asgi_response(app=None, request=request)(request.scope, request.receive, send)
