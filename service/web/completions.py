"""`/v1`: a persona is a model, and any OpenAI client works."""

import asyncio
from functools import partial
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from sqlmodel import Session

from service import registry
from service.chat.exchange import Asked, Opened, identify, open_stateless
from service.web.dialect import (
    ChatRequest,
    Completion,
    Model,
    ModelList,
    Talk,
    chunks,
    completion,
    ignored,
    model_list,
    overrides,
    take_apart,
)
from service.web.guards import MAKES_A_REPLY, Caller, known
from service.web.opening import answer
from service.web.replies import Reply, failure
from service.web.state import Desk
from service.web.streams import event_stream

_SDK_PATIENCE = 20.0
"""Seconds within which OpenAI's clients try again: they wait 8 at most between two tries."""


class CompletionsController(Controller):
    """OpenAI's chat completions, with personas for models."""

    path = "/v1"
    guards = [known]
    tags = ["OpenAI dialect"]

    @get("/models", summary="List the personas, as models")
    async def models(self, desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> ModelList:
        """All personas. A version of one is asked for as `friend@v3`, the one that serves as `friend` or `friend@champion`."""
        caller.require_key("chat")
        return model_list([persona.name for persona in desk.personas])

    @get("/models/{name:str}", summary="Get a persona or a version, as a model")
    async def model(self, name: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> Model:
        """`friend`, `friend@champion` or `friend@v3`, if there is one that can be asked."""
        caller.require_key("chat")
        persona, which = registry.split_reference(name)
        desk.personas.get(persona)
        version = await desk.read(partial(registry.find_version, persona=persona, which=which))
        return Model(id=name, created=int(version.created_at.timestamp()) if "@" in name else 0)

    @post("/chat/completions", status_code=200, opt=MAKES_A_REPLY, summary="Ask a persona for a reply")
    async def complete(
        self, request: Request[Any, Any, Any], data: JSONBody[ChatRequest], desk: NamedDependency[Desk], caller: NamedDependency[Caller]
    ) -> Response[Completion] | Response[None] | Stream:
        """Answer the last message, whole or as a stream of `data:` lines that ends with `[DONE]`.

        The response's id, and the header `X-Exchange-Id`, name the exchange for a rating. A client that goes before the end cancels the
        reply, unless the request had an `Idempotency-Key`: then it goes on for a while, and the same request again gets it.
        """
        caller.require_key("chat")
        name, which = registry.split_reference(data.model)
        talk, drawn = take_apart(data), overrides(data)
        asked = Asked(desk.personas.get(name), which, talk.message, desk.boot, talk.added, desk.generations.counters, "@" in data.model)
        headers = {"x-attune-ignored": ", ".join(names)} if (names := ignored(await request.body())) else {}
        work = partial(_open, asked=asked, talk=talk, caller=caller, user=data.user or "")
        reply = await answer(desk, caller, request, work, drawn)
        leave = reply.join(_patience(desk, request, streams=bool(data.stream)))
        if data.stream:
            wants_usage = bool(data.stream_options and data.stream_options.include_usage)
            return event_stream(chunks(reply, wants_usage, desk.ping_seconds), reply.id, leave, headers)
        try:
            return await _whole(request, reply, headers)
        finally:
            leave()


def _open(session: Session, asked: Asked, talk: Talk, caller: Caller, user: str) -> Opened:
    external = f"key:{caller.key_id}:{user}" if user else f"key:{caller.key_id}"
    return open_stateless(session, asked, talk.history, identify(session, external), caller.key_id)


def _patience(desk: Desk, request: Request[Any, Any, Any], *, streams: bool) -> float:
    """How long the reply goes on for a client that left: as long as it may come back for it, and that is not long on `/v1`."""
    if "idempotency-key" in request.headers:
        return desk.grace_seconds
    # OpenAI's clients try again when they waited too long for a whole answer, but never once a stream began.
    return _SDK_PATIENCE if "x-stainless-retry-count" in request.headers and not streams else 0.0


async def _whole(request: Request[Any, Any, Any], reply: Reply, headers: dict[str, str]) -> Response[Completion] | Response[None]:
    """Wait for the end, or for the client to go."""
    reading = asyncio.create_task(_read_out(reply))
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait([reading, leaving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        reading.cancel()
        leaving.cancel()
    if reply.ending is None:
        return Response(None, status_code=499)  # Nobody hears it.
    if reply.failed:
        raise failure(reply)
    return Response(completion(reply), headers={**headers, "x-exchange-id": reply.id})


async def _read_out(reply: Reply) -> None:
    async for _ in reply.follow():
        pass


async def _left(request: Request[Any, Any, Any]) -> None:
    # The body was read: the next thing that the server tells is that the client is gone.
    while (await request.receive())["type"] != "http.disconnect":
        pass
