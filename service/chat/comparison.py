"""Two replies to one message, side by side: opened together, shown in an order drawn at random, and one of them preferred, or neither."""

import random

from sqlmodel import Session, col, or_, select

from service.chat.exchange import Asked, Opened, open_in_conversation
from service.chat.rating import current_rating, rate, withdraw
from service.db.tables import Comparison, Conversation, Exchange, Thumb, now
from service.errors import Conflict
from service.personas.persona import Persona


def open_beside(session: Session, asked: Asked, conversation: Conversation, one: Opened) -> Opened:
    """Open a second reply to the message of `one`, which is not answered yet, and keep the order in which the two are shown."""
    other = open_in_conversation(session, asked, conversation, one.previous_id, from_start=one.previous_id is None)
    first, second = random.sample([one.id, other.id], 2)
    session.add(Comparison(first_id=first, second_id=second, conversation_id=conversation.id))
    session.flush()
    return other


def find_comparison(session: Session, exchange_id: str) -> Comparison | None:
    """The comparison that the exchange is part of, None when it was shown alone."""
    part = or_(col(Comparison.first_id) == exchange_id, col(Comparison.second_id) == exchange_id)
    return session.exec(select(Comparison).where(part)).first()


def kept_reply_of(session: Session, conversation_id: str) -> str | None:
    """The exchange that the conversation goes on from, where its newest message had two replies and one was preferred."""
    newest = select(Exchange.id).where(Exchange.conversation_id == conversation_id).order_by(col(Exchange.id).desc())
    exchange_id = session.exec(newest).first()
    comparison = find_comparison(session, exchange_id) if exchange_id else None
    return comparison.preferred_id if comparison else None


def prefer(session: Session, comparison: Comparison, person_id: str, persona: Persona, preferred_id: str | None) -> None:
    """Make this the person's choice, None for neither. The preferred reply is rated up and the other one down, so that a night learns it.

    A rating that says so already stays as it is, with its reasons. Raise `Conflict` where one of the two is no reply to judge.
    """
    pair = [session.get_one(Exchange, each) for each in (comparison.first_id, comparison.second_id)]
    if preferred_id is not None and any(not exchange.reply.strip() for exchange in pair):
        raise Conflict("One of the two replies is empty or not there yet, so there is nothing to choose from.", code="exchange_open")
    for exchange in pair:
        if preferred_id is not None:
            thumb = Thumb.up if exchange.id == preferred_id else Thumb.down
            before = current_rating(session, exchange.id, person_id)
            if before is None or before.rating != thumb:
                rate(session, exchange, person_id, persona, thumb)
        elif comparison.preferred_id is not None:
            withdraw(session, exchange, person_id)
    comparison.preferred_id, comparison.decided_at = preferred_id, now()
    session.add(comparison)
