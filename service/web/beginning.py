"""Beginning a conversation: by an app for one of its people, or by anybody as a visitor."""

from functools import partial
from typing import Any

from litestar import Request
from sqlmodel import Session, select

from service.chat.exchange import find_person
from service.db.ids import new_id
from service.db.keys import digest, new_token
from service.db.tables import Conversation, Person
from service.errors import Reused
from service.personas.persona import Persona
from service.web.guards import Caller, read_secret
from service.web.idempotency import read_name, token_for
from service.web.state import Desk
from service.web.wire import ConversationIn, ConversationStarted

_SHORTEST_OF_VISITORS = 20
"""Characters: without a key, the name alone tells one visitor from another, so it has to be one that nobody guesses."""


async def begin_once(
    desk: Desk, request: Request[Any, Any, Any], caller: Caller | None, persona: Persona, data: ConversationIn
) -> ConversationStarted:
    """Begin a conversation, or find the one that was begun under this name, for as long as it is there; raise `Reused`.

    Its token is kept by nobody. The one of a named beginning is made of the name and a secret that the caller has (the key) or that only
    this process has, so that it can be made again.
    """
    name = read_name(request.headers, 1 if caller else _SHORTEST_OF_VISITORS)
    if name is None:
        token = new_token()
    else:
        token = token_for(read_secret(request.headers.get("authorization")).encode() if caller else desk.secret, name)
    return await desk.journal.write(partial(_begin, persona=persona, data=data, caller=caller, token=token))


def _begin(session: Session, persona: Persona, data: ConversationIn, caller: Caller | None, token: str) -> ConversationStarted:
    key_id = caller.key_id if caller else None
    known = data.user if key_id and data.user else None
    external = f"key:{key_id}:{known.id}" if known and known.id else f"visitor:{new_id()}"
    found = session.exec(select(Conversation).where(Conversation.token_digest == digest(token))).first()
    if found is None:
        person = find_person(session, external, known.name if known else "")
        found = Conversation(persona=persona.name, person_id=person.id, key_id=key_id, token_digest=digest(token))
        session.add(found)
        session.flush()
    elif found.persona != persona.name or not _same_person(session.get_one(Person, found.person_id), external):
        raise Reused("This Idempotency-Key was used for another conversation. Make a new one for each.", param="Idempotency-Key")
    return ConversationStarted(id=found.id, token=token, persona=persona.name)


def _same_person(person: Person, external: str) -> bool:
    visitor = "visitor:"
    return person.external == external or (person.external.startswith(visitor) and external.startswith(visitor))
