"""Rated exchanges for tests, as if people had chatted: real messages and replies of the starter's corpus, rated by a taste."""

from collections.abc import Callable
from random import Random

from sqlalchemy import Engine

from service.chat.exchange import Asked, Ending, close_exchange, find_person, open_stateless
from service.chat.rating import rate
from service.db.engine import transaction
from service.db.tables import Exchange, ExchangeState, Thumb, now
from service.personas.persona import Persona
from service.starter.corpus import read_corpus

OPENINGS = (
    "I am tired of {}.",
    "What do you think about {}?",
    "I cannot stop thinking about {}.",
    "Help me with {}.",
    "Tell me about {}.",
    "I love {}.",
    "I am afraid of {}.",
)
SUBJECTS = ("my work", "the rain", "my sister", "running", "the city", "my garden", "a big test", "my old phone")
REPLIES = sorted({reply.text for block in read_corpus() for turn in block.turns for reply in turn.replies if "{" not in reply.text})


def asks_a_question(reply: str) -> bool:
    """A simple taste."""
    return "?" in reply


def add_rated_exchanges(
    engine: Engine, persona: Persona, count: int, taste: Callable[[str], bool] = asks_a_question, seed: int = 1
) -> None:
    """Add `count` complete exchanges of one person whom the owner approved, each rated by `taste`."""
    chance = Random(seed)
    messages = [opening.format(subject) for opening in OPENINGS for subject in SUBJECTS]
    with transaction(engine) as session:
        person = find_person(session, "test:person")
        person.approved_at = now()
        for number in range(count):
            asked = Asked(persona, "champion", messages[number % len(messages)], "test")
            opened = open_stateless(session, asked, [], person.id, None)
            reply = chance.choice(REPLIES)
            close_exchange(session, opened.id, Ending(ExchangeState.complete, reply, finish_reason="stop"))
            thumb = Thumb.up if taste(reply) else Thumb.down
            rate(session, session.get_one(Exchange, opened.id), person.id, persona, thumb)
