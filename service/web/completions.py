"""`/v1`: a persona is a model, and any OpenAI client works."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from sqlmodel import Session

from service import registry
from service.chat.exchange import Asked, Opened, find_person, open_stateless
from service.chat.generation import Generation
from service.db.tables import ExchangeState
from service.errors import ProviderError
from service.web.dialect import ChatRequest, Talk, chunks, completion, model_list, overrides, take_apart
from service.web.guards import Caller, known
from service.web.ratings import keep_rating
from service.web.state import Desk
from service.web.streams import event_stream, failure
from service.web.wire import RatingIn, RatingOut


class CompletionsController(Controller):
    """OpenAI's chat completions, with personas for models."""

    path = "/v1"
    guards = [known]
    tags = ["OpenAI dialect"]

    @get("/models")
    async def models(self, desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> dict[str, Any]:
        """The personas, as models."""
        caller.require_key("chat")
        return model_list([persona.name for persona in desk.personas])

    @get("/models/{name:str}")
    async def model(self, name: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> dict[str, Any]:
        """One persona, as a model."""
        caller.require_key("chat")
        persona = desk.personas.get(registry.split_reference(name)[0])
        found: dict[str, Any] = model_list([persona.name])["data"][0]
        return found

    @post("/chat/completions", status_code=200)
    async def complete(
        self, data: JSONBody[ChatRequest], desk: NamedDependency[Desk], caller: NamedDependency[Caller]
    ) -> Response[dict[str, Any]] | Stream:
        """Answer the last message. The response's id, and the header X-Exchange-Id, name the exchange for a rating."""
        caller.require_key("chat")
        name, which = registry.split_reference(data.model)
        talk, drawn = take_apart(data), overrides(data)
        asked = Asked(desk.personas.get(name), which, talk.message, desk.boot, talk.added)
        desk.generations.admit()
        opened = await desk.journal.write(partial(_open, asked=asked, talk=talk, caller=caller, user=data.user or ""))
        generation = desk.generations.start(opened, drawn)
        if data.stream:
            wants_usage = bool(data.stream_options and data.stream_options.include_usage)
            return event_stream(_until_reader_leaves(desk, generation, chunks(generation, wants_usage)), opened.id, desk.ping_seconds)
        return await _whole(generation)

    @post("/chat/completions/{exchange_id:str}/rating", status_code=200)
    async def rate(
        self,
        exchange_id: FromPath[str],
        data: JSONBody[RatingIn],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
    ) -> RatingOut:
        """Rate the exchange behind a completion by its id (`chatcmpl-...`)."""
        return await keep_rating(desk, caller, exchange_id, data)


def _open(session: Session, asked: Asked, talk: Talk, caller: Caller, user: str) -> Opened:
    external = f"key:{caller.key_id}:{user}" if user else f"key:{caller.key_id}"
    person = find_person(session, external)
    return open_stateless(session, asked, talk.history, person.id, caller.key_id)


async def _whole(generation: Generation) -> Response[dict[str, Any]]:
    async for _ in generation.follow():
        pass
    ending = generation.ending
    if ending is None or ending.state not in {ExchangeState.complete, ExchangeState.cancelled}:
        trouble = failure(generation)
        raise ProviderError(trouble["message"], code=trouble["code"])
    return Response(completion(generation), headers={"x-exchange-id": generation.opened.id})


async def _until_reader_leaves(desk: Desk, generation: Generation, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """On `/v1` nobody can come back to a stream: a reader that leaves cancels the reply."""
    try:
        async for chunk in body:
            yield chunk
    finally:
        if generation.ending is None and generation.task is not None:
            generation.task.cancel()
