"""Openings: the first words of a conversation, by which those that begin alike are known."""

from sqlalchemy import func, select
from sqlmodel import Session, col

from service.db.tables import Exchange


def read_openings(session: Session, conversations: set[str]) -> dict[str, str]:
    """The first message that a person wrote in each conversation. That row never changes, whatever is said or rated later."""
    first = (
        select(func.min(col(Exchange.id))).where(col(Exchange.conversation_id).in_(conversations)).group_by(col(Exchange.conversation_id))
    )
    query = select(col(Exchange.conversation_id), col(Exchange.context), col(Exchange.message)).where(col(Exchange.id).in_(first))
    return {name: first_message(context, message) for name, context, message in session.execute(query)}


def first_message(context: list[dict[str, str]], message: str) -> str:
    """The first user message of what the model saw."""
    return next((turn["content"] for turn in context if turn["role"] == "user"), message)
