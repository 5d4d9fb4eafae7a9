"""A message of a conversation becomes an exchange: after which one, with how many replies, and with a card counted where one is due."""

import random

from msgspec import UNSET
from sqlmodel import Session

from service.chat.comparison import kept_reply_of, open_beside
from service.chat.crisis import note_referral
from service.chat.exchange import Asked, Opened, open_in_conversation
from service.db.tables import Conversation, Exchange, ExchangeState
from service.errors import NotFound
from service.personas.persona import Persona
from service.web.guards import Caller, own_conversation
from service.web.state import Desk
from service.web.wire import MessageIn


def say(
    session: Session, desk: Desk, conversation_id: str, data: MessageIn, caller: Caller, *, in_crisis: bool, others: list[Opened]
) -> Opened:
    """Open the exchange, and into `others` a second one for the same message where the visitor is to choose between two.

    Somebody who speaks of self-harm (`in_crisis`) gets a card, and nothing to choose. Raise `NotFound`, `NotPermitted` or `Invalid`.
    """
    others.clear()
    conversation = own_conversation(session, conversation_id, caller)
    persona = desk.personas.get(conversation.persona)
    asked = Asked(persona, "champion", data.message, desk.boot, counters=desk.generations.counters)
    previous = _previous(session, persona, conversation, data)
    opened = open_in_conversation(session, asked, conversation, previous, from_start=data.previous is None)
    if in_crisis:
        note_referral(session, persona.name)
    elif caller.conversation_id is not None and random.random() < persona.settings.compare.share:
        others.append(open_beside(session, asked, conversation, opened))
    return opened


def _previous(session: Session, persona: Persona, conversation: Conversation, data: MessageIn) -> str | None:
    """The exchange that the message follows; None for the newest, which of two that were compared is the preferred one."""
    if data.previous is None:
        return None
    if data.previous is UNSET:
        return kept_reply_of(session, conversation.id) if persona.settings.compare.share else None
    found = session.get(Exchange, data.previous)
    if found is None or found.conversation_id != conversation.id or not found.reply or found.state == ExchangeState.open:
        raise NotFound("This conversation has no such exchange with a reply to go on from.", code="exchange_not_found", param="previous")
    return found.id
