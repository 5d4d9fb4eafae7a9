"""What stands beside a reply: a card where help is, and a second reply to choose from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlmodel import Session, col, or_, select

from service.chat.crisis import crisis_card
from service.chat.crisis_words import Card
from service.db.tables import Comparison, Exchange
from service.personas.shelf import Personas
from service.web.wire import CompareOut


class Beside(NamedTuple):
    """What the first event of a reply says besides its name."""

    card: Card | None = None
    compare: CompareOut | None = None

    def fields(self) -> dict[str, Any]:
        """What there is of it."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def card_of(personas: Personas, persona: str, message: str) -> Card | None:
    """The card for this message to a persona that still serves."""
    return crisis_card(personas.get(persona), message) if persona in personas else None


def beside(session: Session, exchanges: Sequence[Exchange], personas: Personas) -> list[Beside]:
    """What stands beside the reply of each of these exchanges; one query for all."""
    ids = [exchange.id for exchange in exchanges]
    part = or_(col(Comparison.first_id).in_(ids), col(Comparison.second_id).in_(ids))
    undecided = session.exec(select(Comparison).where(part, col(Comparison.decided_at).is_(None))).all() if ids else []
    compares = {one: CompareOut(two, [each.first_id, each.second_id]) for each in undecided for one, two in _both_ways(each)}
    return [Beside(card_of(personas, each.persona, each.message), compares.get(each.id)) for each in exchanges]


def _both_ways(comparison: Comparison) -> list[tuple[str, str]]:
    return [(comparison.first_id, comparison.second_id), (comparison.second_id, comparison.first_id)]
