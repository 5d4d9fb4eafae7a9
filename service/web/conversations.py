"""`/api` for the widget and for apps: personas, conversations and their exchanges."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.response import Stream
from sqlmodel import Session, col, select

from service.chat.crisis import speaks_of_self_harm
from service.chat.exchange import Opened, get_exchange, open_variant
from service.chat.messages import check_message
from service.db.tables import Conversation, Exchange, Rating, Thumb, Version
from service.personas.persona import Persona
from service.personas.shelf import Personas
from service.web.addresses import client_address
from service.web.beginning import begin_once
from service.web.beside import beside
from service.web.guards import MAKES_A_REPLY, Caller, known, own_conversation, own_exchange
from service.web.limits import require
from service.web.lists import MOST_PER_PAGE, PageAsked, cut_page, pages, read_page
from service.web.opening import answer, find_reply
from service.web.origins import check_origin
from service.web.replies import Reply
from service.web.saying import say
from service.web.state import Desk
from service.web.streams import event_stream, exchange_events
from service.web.wire import (
    ConversationIn,
    ConversationOut,
    ConversationStarted,
    ExchangeOut,
    MessageIn,
    NoticeOut,
    Page,
    PersonaOut,
    Reasons,
    exchange_out,
)

AnyRequest = Request[Any, Any, Any]


class PersonasController(Controller):
    """The public part of the personas; needs no key."""

    path = "/api/personas"
    dependencies = pages
    tags = ["Personas"]
    security = [{}]

    @get(summary="List personas")
    async def list_personas(self, desk: NamedDependency[Desk], page: NamedDependency[PageAsked]) -> Page[PersonaOut]:
        """The public part of all personas, in the order of their names."""
        return cut_page(sorted((persona.name, _persona_out(persona)) for persona in desk.personas), page)

    @get("/{name:str}", summary="Get a persona")
    async def get_persona(self, name: FromPath[str], desk: NamedDependency[Desk]) -> PersonaOut:
        """The public part of one persona: its title, its greeting, and what may be said about a reply."""
        return _persona_out(desk.personas.get(name))


class ConversationsController(Controller):
    """Conversations: anybody may begin one, and its token then opens that one only."""

    path = "/api/conversations"
    dependencies = pages
    tags = ["Conversations"]

    @post(summary="Begin a conversation", security=[{}, {"key": []}])
    async def begin(
        self, request: AnyRequest, data: JSONBody[ConversationIn], desk: NamedDependency[Desk], visitor: NamedDependency[Caller | None]
    ) -> ConversationStarted:
        """With a key, `user` names the person as the app knows them; without one a visitor is made.

        The token is shown once, and again when the same request comes with the same `Idempotency-Key`.
        """
        persona = desk.personas.get(data.persona)
        check_origin(request, desk.personas, persona.name)
        if visitor is not None:
            visitor.require("chat")
        if visitor is not None and visitor.key_id is not None:
            require(desk.limits.other(visitor.name, visitor=False))
        else:
            require(desk.limits.beginning(_address(request, desk.settings.trust_proxy)))
        return await begin_once(desk, request, visitor, persona, data)

    @get("/{conversation_id:str}", guards=[known], summary="Get a conversation")
    async def show(self, conversation_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> ConversationOut:
        """A conversation with its newest exchanges, oldest first, and the person's own ratings."""
        return await desk.read(partial(_show, conversation_id=conversation_id, caller=caller, personas=desk.personas))

    @get("/{conversation_id:str}/exchanges", guards=[known], summary="List the exchanges of a conversation")
    async def list_exchanges(
        self,
        conversation_id: FromPath[str],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
        page: NamedDependency[PageAsked],
    ) -> Page[ExchangeOut]:
        """All exchanges, oldest first, with the person's own ratings. Variants of one message share `previous`."""
        return await desk.read(partial(_list, conversation_id=conversation_id, caller=caller, page=page, personas=desk.personas))

    @post("/{conversation_id:str}/exchanges", status_code=200, guards=[known], opt=MAKES_A_REPLY, summary="Say something")
    async def exchange(
        self,
        request: AnyRequest,
        conversation_id: FromPath[str],
        data: JSONBody[MessageIn],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
    ) -> Stream:
        """The answer streams as events `exchange`, `delta` ..., `done` or `error`; a reader who leaves may come back for the rest.

        The event `exchange` has a `card` where the message speaks of self-harm: words and links to show beside the reply. It has `compare`
        where there are two replies to choose from: the id of the `other`, to be followed like this one, and the `order` to show them in.
        """
        caller.require("chat")
        check_message(data.message)
        others: list[Opened] = []
        in_crisis = await anyio.to_thread.run_sync(speaks_of_self_harm, data.message)
        work = partial(say, desk=desk, conversation_id=conversation_id, data=data, caller=caller, in_crisis=in_crisis, others=others)
        reply = await answer(desk, caller, request, work)
        for other in others:
            desk.generations.start(other)
        return await _streamed(desk, reply)


class ExchangesController(Controller):
    """One exchange: how it stands, its stream, and another reply to the same message."""

    path = "/api/exchanges/{exchange_id:str}"
    guards = [known]
    tags = ["Exchanges"]

    @get(summary="Get an exchange")
    async def show(self, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> ExchangeOut:
        """One exchange, as far as it is."""
        return await desk.read(partial(_show_exchange, exchange_id=exchange_id, caller=caller, personas=desk.personas))

    @get("/stream", summary="Follow a reply")
    async def follow(
        self,
        exchange_id: FromPath[str],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
        last_event_id: Annotated[int, HeaderParameter(name="Last-Event-ID", ge=0, description="The id of the last event seen.")] = 0,
    ) -> Stream:
        """Follow a reply from the event after `Last-Event-ID` on, while it is written and at any time after it ended."""
        exchange, _ = await desk.read(partial(own_exchange, exchange_id=exchange_id, caller=caller))
        return await _streamed(desk, await find_reply(desk, exchange.id), last_event_id)

    @post("/cancel", status_code=200, summary="Stop a reply")
    async def cancel(self, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> ExchangeOut:
        """Stop the reply; what was written so far is kept. One that has ended stays as it is."""
        exchange, _ = await desk.read(partial(own_exchange, exchange_id=exchange_id, caller=caller))
        await desk.generations.cancel(exchange.id)
        return await desk.read(partial(_show_exchange, exchange_id=exchange_id, caller=caller, personas=desk.personas))

    @post("/regenerate", status_code=200, opt=MAKES_A_REPLY, summary="Ask for another reply")
    async def regenerate(
        self, request: AnyRequest, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]
    ) -> Stream:
        """Another reply to the same message in the same context: a variant beside the first, streamed like it."""
        caller.require("chat")
        work = partial(_open_variant, desk=desk, exchange_id=exchange_id, caller=caller)
        return await _streamed(desk, await answer(desk, caller, request, work))


async def _streamed(desk: Desk, reply: Reply, after: int = 0) -> Stream:
    leave = reply.join(desk.grace_seconds)
    try:
        (stands,) = await desk.read(lambda session: beside(session, [get_exchange(session, reply.id)], desk.personas))
    except BaseException:
        leave()
        raise
    return event_stream(exchange_events(reply, after, stands.fields(), desk.ping_seconds), reply.id, leave)


def _address(request: AnyRequest, hops: int) -> str:
    peer = request.scope["client"]
    return client_address(peer[0] if peer else "", ",".join(request.headers.getall("x-forwarded-for", [])), hops)


def _persona_out(persona: Persona) -> PersonaOut:
    settings = persona.settings
    reasons = Reasons(up=settings.ratings.up, down=settings.ratings.down)
    notice = NoticeOut(settings.notice.start, settings.notice.hours)
    return PersonaOut(name=persona.name, title=settings.title, greeting=settings.greeting, reasons=reasons, notice=notice)


def _open_variant(session: Session, desk: Desk, exchange_id: str, caller: Caller) -> Opened:
    exchange, _ = own_exchange(session, exchange_id, caller)
    return open_variant(session, exchange.id, desk.personas.get(exchange.persona), desk.boot, desk.generations.counters)


def _show(session: Session, conversation_id: str, caller: Caller, personas: Personas) -> ConversationOut:
    conversation = own_conversation(session, conversation_id, caller)
    page = _page(session, conversation, PageAsked(MOST_PER_PAGE, None), personas, newest_first=True)
    return ConversationOut(
        id=conversation.id,
        persona=conversation.persona,
        created_at=conversation.created_at,
        exchanges=page.data[::-1],
        has_more=page.has_more,
    )


def _list(session: Session, conversation_id: str, caller: Caller, page: PageAsked, personas: Personas) -> Page[ExchangeOut]:
    return _page(session, own_conversation(session, conversation_id, caller), page, personas, newest_first=False)


def _page(session: Session, conversation: Conversation, page: PageAsked, personas: Personas, *, newest_first: bool) -> Page[ExchangeOut]:
    query = select(Exchange, Version).join(Version, col(Version.id) == Exchange.version_id)
    query = query.where(Exchange.conversation_id == conversation.id)
    show = partial(_with_ratings, person_id=conversation.person_id, personas=personas)
    return read_page(session, query, Exchange, page, show, newest_first=newest_first)


def _with_ratings(session: Session, rows: Sequence[Any], person_id: str, personas: Personas) -> list[ExchangeOut]:
    ids = [exchange.id for exchange, _ in rows]
    words = select(Rating).where(col(Rating.exchange_id).in_(ids), Rating.person_id == person_id).order_by(col(Rating.id))
    last = {rating.exchange_id: rating for rating in session.exec(words)}
    standing = {name: rating for name, rating in last.items() if rating.rating != Thumb.withdrawn}
    besides = beside(session, [exchange for exchange, _ in rows], personas)
    return [
        exchange_out(exchange, version.name, standing.get(exchange.id), **stands.fields())
        for (exchange, version), stands in zip(rows, besides, strict=True)
    ]


def _show_exchange(session: Session, exchange_id: str, caller: Caller, personas: Personas) -> ExchangeOut:
    exchange, conversation = own_exchange(session, exchange_id, caller)
    version = session.get_one(Version, exchange.version_id)
    return _with_ratings(session, [(exchange, version)], conversation.person_id, personas)[0]
