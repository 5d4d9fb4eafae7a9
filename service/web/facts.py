"""What people asked a persona to remember: theirs to see, to add to and to delete, and nobody else's but the operator's."""

from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlmodel import Session, select

from service.chat.facts import add_fact, list_facts
from service.db.tables import Conversation, Fact, Person
from service.errors import Conflict, NotFound, NotPermitted
from service.personas.persona import Persona
from service.web.guards import Caller, known, own_conversation
from service.web.lists import PageAsked, cut_page, pages
from service.web.state import Desk
from service.web.wire import Page


class FactIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Something to remember."""

    text: str


class FactOut(msgspec.Struct, kw_only=True):
    """Something the person asked the persona to remember."""

    id: str
    text: str
    created_at: datetime


class FactsController(Controller):
    """The facts of one person with one persona. Deleting one deletes it: no copy is kept."""

    path = "/api"
    guards = [known]
    dependencies = pages
    tags = ["Facts"]

    @get("/conversations/{conversation_id:str}/facts", summary="List what is remembered of a person")
    async def list_of_conversation(
        self,
        conversation_id: FromPath[str],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
        page: NamedDependency[PageAsked],
    ) -> Page[FactOut]:
        """What the person of this conversation asked its persona to remember, in this conversation or another, oldest first."""
        return await desk.read(partial(_of_conversation, conversation_id=conversation_id, caller=caller, page=page))

    @post("/conversations/{conversation_id:str}/facts", summary="Remember something")
    async def add(
        self, conversation_id: FromPath[str], data: JSONBody[FactIn], desk: NamedDependency[Desk], caller: NamedDependency[Caller]
    ) -> FactOut:
        """Let the persona remember something about the person of this conversation; what it knows already stays as it is."""
        caller.require("chat")
        return await desk.journal.write(partial(_add, desk=desk, conversation_id=conversation_id, text=data.text, caller=caller))

    @get("/facts", summary="List what is remembered of an app's user")
    async def list_of_user(
        self,
        persona: FromQuery[str],
        user: Annotated[str, QueryParameter(min_length=1, max_length=200)],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
        page: NamedDependency[PageAsked],
    ) -> Page[FactOut]:
        """What a user of the app asked a persona to remember; `user` is the one of the app's chat completions."""
        caller.require_key("chat")
        return await desk.read(partial(_of_user, persona=desk.personas.get(persona), user=user, caller=caller, page=page))

    @delete("/facts/{fact_id:str}", summary="Forget something")
    async def forget(self, fact_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> None:
        """Delete a fact: from the next message on the persona is not told of it."""
        await desk.journal.write(partial(_forget, fact_id=fact_id, caller=caller))


def _of_conversation(session: Session, conversation_id: str, caller: Caller, page: PageAsked) -> Page[FactOut]:
    conversation = own_conversation(session, conversation_id, caller)
    return _page(list_facts(session, conversation.person_id, conversation.persona), page)


def _of_user(session: Session, persona: Persona, user: str, caller: Caller, page: PageAsked) -> Page[FactOut]:
    person = session.exec(select(Person).where(Person.external == f"key:{caller.key_id}:{user}")).first()
    return _page(list_facts(session, person.id, persona.name) if person else [], page)


def _add(session: Session, desk: Desk, conversation_id: str, text: str, caller: Caller) -> FactOut:
    conversation = own_conversation(session, conversation_id, caller)
    persona = desk.personas.get(conversation.persona)
    if not persona.settings.memory.facts:
        raise Conflict(f"{persona.settings.title} remembers no facts: memory.facts is off in the persona file.", code="facts_off")
    return _out(add_fact(session, session.get_one(Person, conversation.person_id), persona.name, text))


def _forget(session: Session, fact_id: str, caller: Caller) -> None:
    fact = session.get(Fact, fact_id)
    if fact is None:
        raise NotFound("There is no such fact.", code="fact_not_found")
    if not (caller.operates or _is_theirs(session, fact, caller)):
        raise NotPermitted("This fact is not yours.")
    session.delete(fact)


def _is_theirs(session: Session, fact: Fact, caller: Caller) -> bool:
    """Whether one of the caller's conversations is this person's with this persona."""
    own = Conversation.id == caller.conversation_id if caller.conversation_id else Conversation.key_id == caller.key_id
    query = select(Conversation.id).where(own, Conversation.person_id == fact.person_id, Conversation.persona == fact.persona)
    return session.exec(query.limit(1)).first() is not None


def _page(facts: list[Fact], page: PageAsked) -> Page[FactOut]:
    """Cut out of all of them: there are never more than `MOST_FACTS`."""
    return cut_page([(fact.id, _out(fact)) for fact in facts], page)


def _out(fact: Fact) -> FactOut:
    return FactOut(id=fact.id, text=fact.text, created_at=fact.created_at)
