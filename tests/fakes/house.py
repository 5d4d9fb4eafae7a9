"""A database and the steps of a chat, as a test writes them."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session

from service.chat.exchange import Asked, Ending, Opened, close_exchange, find_person, open_stateless
from service.db.engine import reading, transaction
from service.db.tables import Exchange, ExchangeState
from service.personas.persona import Persona
from service.providers.base import Turn


class House:
    """A database with the steps of a chat as a test writes them."""

    def __init__(self, engine: Engine, persona: Persona) -> None:
        self.engine = engine
        self.persona = persona

    def do(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Run `work(session, ...)` as one unit of work."""
        with transaction(self.engine) as session:
            return work(session, *arguments, **options)

    def exchange(self, exchange_id: str) -> Exchange:
        """The exchange as it lies in the database."""
        with reading(self.engine) as session:
            return session.get_one(Exchange, exchange_id)

    def ask(self, question: Callable[[Session], Any]) -> Any:
        """What the database answers."""
        with reading(self.engine) as session:
            return question(session)

    def open(self, message: str = "Hi", *history: str, person: str = "ann", persona: Persona | None = None, boot: str = "b1") -> Opened:
        """Open an exchange as `/v1` does; the history is the user's and the assistant's words in turn."""
        turns = [Turn("user" if number % 2 == 0 else "assistant", words) for number, words in enumerate(history)]
        asked = Asked(persona or self.persona, "champion", message, boot)
        return self.do(lambda session: open_stateless(session, asked, turns, find_person(session, person).id, None))

    def close(self, opened: Opened, reply: str = "Hello.", state: ExchangeState = ExchangeState.complete) -> None:
        """Close an exchange."""
        self.do(close_exchange, opened.id, Ending(state, reply, finish_reason="stop"))

    def said(self, message: str, *history: str, reply: str = "Hello.", **options: Any) -> Exchange:
        """A whole exchange."""
        opened = self.open(message, *history, **options)
        self.close(opened, reply)
        return self.exchange(opened.id)
