"""The description of the API: made from the routes, served at `/schema`, and kept in deploy/openapi.json (`attune openapi`)."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any

import anyio.to_thread
import msgspec
from litestar import HttpMethod, Litestar, Response, route
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from service.web.dialect import Completion
from service.web.problems import Problem
from service.web.routes import DEPENDENCIES, ROUTES

_ABOUT = """Attune serves chat personas. `/v1` speaks OpenAI's chat completions, with personas for models: `friend`, `friend@champion`,
`friend@v3`. `/api` is for the widget and for apps of its own.

Errors are problem details (RFC 9457) that also carry OpenAI's `error` object. Every answer has an `x-request-id`: the caller's own, if it
is a plain name, or a new one. Answers of `/v1` say in `x-ratelimit-*` what a key may still ask for; a 429 says in `retry-after` when to ask
again. Lists come in pages: ask for the next one with `after=last_id`.
"""
_EVENTS = """id: 1
event: exchange
data: {"id":"019a...","version":"v0"}

id: 6
event: delta
data: {"text":"Hello"}

id: 7
event: done
data: {"id":"019a...","state":"complete","finish_reason":"stop","version":"v0"}

"""
_CHUNKS = """data: {"id":"chatcmpl-019a...","object":"chat.completion.chunk","created":1700000000,"model":"friend@v0",\
"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}

data: [DONE]

"""
_CHAT = "/v1/chat/completions"
_SAY = "/api/conversations/{conversation_id}/exchanges"
_REGENERATE = "/api/exchanges/{exchange_id}/regenerate"
_STREAMS = {_CHAT: _CHUNKS, _SAY: _EVENTS, _REGENERATE: _EVENTS, "/api/exchanges/{exchange_id}/stream": _EVENTS}
_TWICE = (_CHAT, _SAY, _REGENERATE, "/api/conversations")
_METHODS = ("get", "put", "post", "delete", "head")
_GENERIC = re.compile(r"Page_[\w.]+\.(\w+)_")
_FRAMEWORKS_WORDS = ("Request fulfilled, document follows", "Document created, URL follows", "Stream Response")


@route(["/schema", "/schema/openapi.json"], http_method=[HttpMethod.GET, HttpMethod.HEAD], include_in_schema=False)
async def description() -> Response[dict[str, Any]]:
    """The OpenAPI document; no key is needed for it."""
    return Response(await anyio.to_thread.run_sync(describe), media_type="application/vnd.oai.openapi+json")


def written() -> str:
    """The OpenAPI document as the file that is kept of it."""
    return msgspec.json.format(msgspec.json.encode(describe()), indent=1).decode() + "\n"


@cache
def describe() -> dict[str, Any]:
    """The OpenAPI document."""
    words = "A key (`attune keys create`), or the token of a conversation, which opens that conversation only."
    config = OpenAPIConfig(
        title="Attune",
        version=version("attune"),
        description=_ABOUT,
        components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer", description=words)}),
        security=[{"key": []}],
        use_handler_docstrings=True,
    )
    generated = Litestar(route_handlers=ROUTES, dependencies=DEPENDENCIES, openapi_config=config).openapi_schema.to_schema()
    document: dict[str, Any] = msgspec.json.decode(_GENERIC.sub(r"PageOf\1", msgspec.json.encode(generated).decode()))
    _, schemas = msgspec.json.schema_components([Problem, Completion], ref_template="#/components/schemas/{name}")
    document["components"]["schemas"].update(schemas)
    document["components"]["responses"] = {"Problem": _problem()}
    document["components"]["parameters"] = {"IdempotencyKey": _idempotency_key()}
    for path, method, operation in _operations(document):
        _complete(operation, path, method)
    return _in_order(document)


def _in_order(document: dict[str, Any]) -> dict[str, Any]:
    """The same document, with what the framework keeps in sets in an order that is always the same."""
    paths = {path: {method: item[method] for method in _METHODS if method in item} for path, item in sorted(document["paths"].items())}
    components = {kind: dict(sorted(parts.items())) for kind, parts in document["components"].items()}
    return {**document, "paths": paths, "components": components}


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _complete(operation: dict[str, Any], path: str, method: str) -> None:
    """Say what the framework cannot know: how errors look, what streams, and what may be sent twice."""
    responses = operation["responses"]
    responses.pop("400", None)  # The framework's own form of an error, which is not ours.
    for response in responses.values():
        if response["description"] in _FRAMEWORKS_WORDS:
            response["description"] = operation["summary"]
    if path in _STREAMS and (method == "post" or path.endswith("/stream")):
        stream = {"schema": {"type": "string"}, "example": _STREAMS[path]}
        whole = {"application/json": {"schema": {"$ref": "#/components/schemas/Completion"}}} if path == _CHAT else {}
        responses["200"]["content"] = {**whole, "text/event-stream": stream}
    if path in _TWICE and method == "post":
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
    responses["default"] = {"$ref": "#/components/responses/Problem"}


def _problem() -> dict[str, Any]:
    words = "There is no such conversation."
    example = {
        "type": "about:blank",
        "title": "Conversation not found",
        "status": 404,
        "detail": words,
        "request_id": "019a...",
        "error": {"message": words, "type": "not_found_error", "param": None, "code": "conversation_not_found"},
    }
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    return {"description": "An error: 400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 502 or 503.", "content": content}


def _idempotency_key() -> dict[str, Any]:
    words = (
        "A name for this request, new for each: the same request with the same name is done once, and answered again, for 24 hours. "
        "1 to 200 printable characters; to begin a conversation without a key, 20 at least."
    )
    return {"name": "Idempotency-Key", "in": "header", "required": False, "description": words, "schema": {"type": "string"}}
