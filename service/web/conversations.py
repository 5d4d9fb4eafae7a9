"""`/api` for the widget and for apps: personas, conversations and their exchanges."""

from functools import partial
from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.response import Stream
from sqlmodel import Session, col, select

from service.chat.exchange import Asked, Opened, find_person, open_in_conversation, open_variant
from service.chat.generation import Generation
from service.chat.messages import check_message
from service.chat.rating import current_rating
from service.db.ids import new_id
from service.db.keys import digest, new_token
from service.db.tables import Conversation, Exchange, Version
from service.errors import Conflict
from service.personas.persona import Persona
from service.web.guards import Caller, known, own_conversation, own_exchange
from service.web.state import Desk
from service.web.streams import event_stream, exchange_events
from service.web.wire import (
    ConversationIn,
    ConversationOut,
    ConversationStarted,
    ExchangeOut,
    MessageIn,
    Page,
    PersonaOut,
    Reasons,
    exchange_out,
)


class PersonasController(Controller):
    """The public part of the personas; needs no key."""

    path = "/api/personas"
    tags = ["Personas"]

    @get()
    async def list_personas(self, desk: NamedDependency[Desk]) -> Page[PersonaOut]:
        """All personas."""
        data = [_persona_out(persona) for persona in desk.personas]
        return Page(data=data, first_id=data[0].name, last_id=data[-1].name, has_more=False)

    @get("/{name:str}")
    async def get_persona(self, name: FromPath[str], desk: NamedDependency[Desk]) -> PersonaOut:
        """One persona."""
        return _persona_out(desk.personas.get(name))


class ConversationsController(Controller):
    """Conversations: anybody may begin one, and its token then opens that one only."""

    path = "/api/conversations"
    tags = ["Conversations"]

    @post()
    async def begin(
        self, data: JSONBody[ConversationIn], desk: NamedDependency[Desk], visitor: NamedDependency[Caller | None]
    ) -> ConversationStarted:
        """Begin a conversation. With a key, `user` names the person as the app knows them; without one a visitor is made."""
        persona = desk.personas.get(data.persona)
        if visitor is not None:
            visitor.require("chat")
        return await desk.journal.write(partial(_begin, persona=persona, data=data, caller=visitor))

    @get("/{conversation_id:str}", guards=[known])
    async def show(self, conversation_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> ConversationOut:
        """A conversation with its exchanges, oldest first, and the person's own ratings."""
        return await desk.read(partial(_show, conversation_id=conversation_id, caller=caller))

    @post("/{conversation_id:str}/exchanges", status_code=200, guards=[known])
    async def exchange(
        self,
        conversation_id: FromPath[str],
        data: JSONBody[MessageIn],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
    ) -> Stream:
        """Say something; the answer streams as events `exchange`, `delta` ..., `done` or `error`."""
        caller.require("chat")
        message = check_message(data.message)
        desk.generations.admit()
        opened = await desk.journal.write(partial(_open, desk=desk, conversation_id=conversation_id, message=message, caller=caller))
        return _streamed(desk, desk.generations.start(opened))


class ExchangesController(Controller):
    """One exchange: look at it, follow it again, cancel it, ask for another reply."""

    path = "/api/exchanges/{exchange_id:str}"
    guards = [known]
    tags = ["Exchanges"]

    @get()
    async def show(self, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> ExchangeOut:
        """One exchange."""
        return await desk.read(partial(_show_exchange, exchange_id=exchange_id, caller=caller))

    @get("/stream")
    async def follow(
        self,
        exchange_id: FromPath[str],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
        last_event_id: Annotated[int, HeaderParameter(name="Last-Event-ID", ge=0)] = 0,
    ) -> Stream:
        """Follow a reply from the event after `Last-Event-ID` on; for a while after it ended, too."""
        exchange, _ = await desk.read(partial(own_exchange, exchange_id=exchange_id, caller=caller))
        generation = desk.generations.get(exchange.id)
        if generation is None:
            raise Conflict("This reply ended a while ago: get the exchange itself.", code="stream_over")
        return _streamed(desk, generation, last_event_id)

    @post("/cancel", status_code=200)
    async def cancel(self, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> ExchangeOut:
        """Stop the reply; what was written so far is kept."""
        exchange, _ = await desk.read(partial(own_exchange, exchange_id=exchange_id, caller=caller))
        await desk.generations.cancel(exchange.id)
        return await desk.read(partial(_show_exchange, exchange_id=exchange_id, caller=caller))

    @post("/regenerate", status_code=200)
    async def regenerate(self, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> Stream:
        """Ask for another reply to the same message in the same context: a variant beside the first."""
        caller.require("chat")
        desk.generations.admit()
        opened = await desk.journal.write(partial(_open_variant, desk=desk, exchange_id=exchange_id, caller=caller))
        return _streamed(desk, desk.generations.start(opened))


def _streamed(desk: Desk, generation: Generation, after: int = 0) -> Stream:
    return event_stream(exchange_events(generation, after), generation.opened.id, desk.ping_seconds)


def _persona_out(persona: Persona) -> PersonaOut:
    settings = persona.settings
    reasons = Reasons(up=settings.ratings.up, down=settings.ratings.down)
    return PersonaOut(name=persona.name, title=settings.title, greeting=settings.greeting, reasons=reasons)


def _begin(session: Session, persona: Persona, data: ConversationIn, caller: Caller | None) -> ConversationStarted:
    key_id = caller.key_id if caller else None
    known = data.user if key_id and data.user else None
    external = f"key:{key_id}:{known.id}" if known and known.id else f"visitor:{new_id()}"
    person = find_person(session, external, known.name if known else "")
    token = new_token()
    conversation = Conversation(persona=persona.name, person_id=person.id, key_id=key_id, token_digest=digest(token))
    session.add(conversation)
    session.flush()
    return ConversationStarted(id=conversation.id, token=token, persona=persona.name)


def _open(session: Session, desk: Desk, conversation_id: str, message: str, caller: Caller) -> Opened:
    conversation = own_conversation(session, conversation_id, caller)
    persona = desk.personas.get(conversation.persona)
    return open_in_conversation(session, Asked(persona, "champion", message, desk.boot), conversation)


def _open_variant(session: Session, desk: Desk, exchange_id: str, caller: Caller) -> Opened:
    exchange, _ = own_exchange(session, exchange_id, caller)
    return open_variant(session, exchange.id, desk.personas.get(exchange.persona), desk.boot)


def _show(session: Session, conversation_id: str, caller: Caller) -> ConversationOut:
    conversation = own_conversation(session, conversation_id, caller)
    rows = session.exec(
        select(Exchange, Version)
        .join(Version, col(Version.id) == Exchange.version_id)
        .where(Exchange.conversation_id == conversation.id)
        .order_by(col(Exchange.id))
    )
    exchanges = [
        exchange_out(exchange, version.name, current_rating(session, exchange.id, conversation.person_id)) for exchange, version in rows
    ]
    return ConversationOut(id=conversation.id, persona=conversation.persona, created_at=conversation.created_at, exchanges=exchanges)


def _show_exchange(session: Session, exchange_id: str, caller: Caller) -> ExchangeOut:
    exchange, conversation = own_exchange(session, exchange_id, caller)
    version = session.get_one(Version, exchange.version_id)
    return exchange_out(exchange, version.name, current_rating(session, exchange.id, conversation.person_id))
