"""A real database to harvest from, and a short way to fill it."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from service.curation.sample import Sample
from service.db.engine import reading, transaction
from service.db.tables import Conversation, Exchange, ExchangeState, Import, Person, Prompt, Rating, Thumb, Version, now
from service.personas.shelf import Message


class Records:
    """Writes people, exchanges and ratings. Ids are given by the test or count upwards, so that order is plain to see."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._ratings = 0
        self._known: set[str] = set()

    def exchange(
        self,
        name: str,
        message: str = "Hello.",
        reply: str = "Hi!",
        *,
        conversation: str = "",
        context: list[dict[str, str]] | None = None,
        persona: str = "friend",
        prompt: str = "You are Friend.",
        state: ExchangeState = ExchangeState.complete,
        person: str = "",
    ) -> None:
        conversation = conversation or f"of {name}"
        person = person or f"owner of {persona}"
        self._once(f"person {person}", Person(id=person, external=person))
        self.begin(persona, prompt)
        self._once(f"conversation {conversation}", Conversation(id=conversation, persona=persona, person_id=person))
        with transaction(self.engine) as session:
            session.add(
                Exchange(
                    id=name,
                    conversation_id=conversation,
                    persona=persona,
                    version_id=f"v0 of {persona}",
                    fingerprint=prompt,
                    context=context or [],
                    message=message,
                    reply=reply,
                    state=state,
                    boot="b",
                )
            )

    def begin(self, persona: str = "friend", prompt: str = "You are Friend.") -> None:
        """What every exchange refers to: the untrained version of the persona, and the prompt in force."""
        self._once(f"version {persona}", Version(id=f"v0 of {persona}", persona=persona, number=0))
        self._once(f"prompt {prompt}", Prompt(fingerprint=prompt, persona=persona, text=prompt))

    def rate(self, exchange: str, thumb: str, *, person: str = "ann", correction: str | None = None) -> str:
        self._once(f"person {person}", Person(id=person, external=person))
        self._ratings += 1
        name = f"r{self._ratings:03}"
        with transaction(self.engine) as session:
            session.add(Rating(id=name, exchange_id=exchange, person_id=person, rating=Thumb(thumb), reasons=[], correction=correction))
        return name

    def add(self, *rows: object) -> None:
        with transaction(self.engine) as session:
            for row in rows:
                session.add(row)
                session.flush()

    def person(self, name: str, external: str, **others: object) -> None:
        self._once(f"person {name}", Person(id=name, external=external, **others))

    def import_(self, name: str, persona: str = "friend") -> None:
        self.add(Import(id=name, persona=persona, source="play.txt", form="play", digest=name, counts={}))

    def rename(self, person: str, name: str) -> None:
        with transaction(self.engine) as session:
            session.get_one(Person, person).name = name

    def quarantine(self, person: str) -> None:
        with transaction(self.engine) as session:
            session.get_one(Person, person).quarantined_at = now()

    def reading(self):
        return reading(self.engine)

    def _once(self, name: str, row: object) -> None:
        if name not in self._known:
            self._known.add(name)
            self.add(row)


@pytest.fixture
def records(sqlite: Engine) -> Records:
    """A way to fill a SQLite file that is empty."""
    return Records(sqlite)


@pytest.fixture(scope="session")
def make_sample() -> Callable[..., Sample]:
    """Makes a rated sample from a message and a reply; anything else of it by keyword."""

    def make(message: str = "Hello.", completion: str = "Hi!", label: bool = True, *, system: str = "You are Friend.", **others) -> Sample:
        prompt = (Message("system", system), Message("user", message))
        return Sample(prompt=prompt, completion=completion, label=label, **{"origin": "rated", **others})

    return make
