"""Datasets built from a real database and a persona in a folder of its own."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine

from service import ledger
from service.chat.crisis import speaks_of_self_harm
from service.curation.build import Built, Tools, build_dataset
from service.curation.dataset import rows_of
from service.curation.lineage import lineage_rows
from service.curation.reasons import REASONS
from service.db.engine import transaction
from service.db.tables import Conversation, Dataset, Exchange, ExchangeState, Rating, Thumb
from service.personas.shelf import survey

NO_RULES: dict[str, Any] = {
    "minimum": {"liked": 1, "each_label": 0},
    "trust": {"new_person": 0, "burst": 0, "sweep": 0},
    "mix": {"replay": 0, "safety": 0},
    "holdout": 0,
}
"""Learning settings under which nothing waits, nothing is added and nothing is held out: a test adds the rule that it is about."""

_DROPPED = "dropped_"
_START = datetime(2026, 3, 1, tzinfo=UTC)
_SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]


class Builds:
    """A folder with the persona `friend` and the datasets that are built of it; each build is kept in the database, as a night does."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.personas = folder / "personas"
        self.datasets = folder / "datasets"
        self.personas.mkdir()
        self.learn()

    def learn(self, **learning: Any) -> None:
        """Write the persona's file, with these settings over `NO_RULES`."""
        front = json.dumps({"title": "Friend", "models": ["local:starter"], "learning": NO_RULES | learning}, indent=1)
        (self.personas / "friend.md").write_text(f"---\n{front}\n---\nYou are Friend.\n")

    def beside(self, name: str, *rows: dict[str, Any]) -> None:
        """Write a file of rows beside the persona."""
        (self.personas / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    def build(self, count: Callable[[Any], int] = lambda message: len(message.content.split()), **tools: Any) -> Built:
        """Build and keep. Whatever was left out has a reason that can be said in words."""
        shelf = survey(self.personas)
        borrowed = Tools(speaks_of_self_harm, count, **tools)
        built = build_dataset(self.engine, shelf, shelf.require("friend"), self.datasets, borrowed)
        dataset = Dataset(persona="friend", hash=built.frozen.hash, counts=built.counts)
        rows = lineage_rows(dataset.id, built.train, built.holdout)
        with transaction(self.engine) as session:
            ledger.keep_dataset(session, dataset, rows)
        assert all(reason in REASONS or reason.endswith("_over_share") for reason in drops_of(built))
        return built


def drops_of(built: Built) -> dict[str, int]:
    """How much this build left out, by reason. The manifest may be that of an earlier one with the same rows."""
    return {name.removeprefix(_DROPPED): number for name, number in built.counts.items() if name.startswith(_DROPPED)}


def trained(built: Built) -> set[str]:
    """The exchanges whose replies or corrections are trained on, in whatever form."""
    found = [row["exchange"] for row in rows_of(built.frozen.path, "train")]
    pairs = [row[name] for row in rows_of(built.frozen.path, "train", "pair") for name in ("exchange", "other")]
    return {name for name in (*found, *pairs) if name}


def held(built: Built) -> set[str]:
    """The exchanges that are held out."""
    return {row["exchange"] for row in rows_of(built.frozen.path, "holdout") if row["exchange"]}


def babble(number: int, words: int = 8) -> str:
    """Words that mean nothing, the same for each number, and unlike those of every other number."""
    chance = Random(number)
    return " ".join("".join(chance.choices(_SYLLABLES, k=3)) for _ in range(words)).capitalize() + "."


def name_of(number: int) -> str:
    """An id as the service gives them: 32 hexadecimal characters."""
    return f"{number:032x}"


def fill(records: Any, numbers: range, *, person: Callable[[int], str] = lambda number: "ann", thumb: str = "up") -> None:
    """Add an exchange for each number, an hour apart, each in a conversation of its own and rated by the one who talked."""
    rows: list[object] = []
    records.begin()
    for number in numbers:
        who, talk = person(number), f"talk {number}"
        records.person(who, who)
        rows += [Conversation(id=talk, persona="friend", person_id=who), said(number, talk), _rating(number, who, thumb)]
    records.add(*rows)


def said(number: int, talk: str, context: list[dict[str, str]] | None = None) -> Exchange:
    """The exchange of this number, in a conversation of `fill`: `talk 7` is that of number 7."""
    return Exchange(
        id=name_of(number),
        conversation_id=talk,
        persona="friend",
        version_id="v0 of friend",
        fingerprint="You are Friend.",
        context=context or [],
        message=babble(number),
        reply=babble(-number - 1),
        state=ExchangeState.complete,
        boot="b",
    )


def rate(records: Any, number: int, person: str, thumb: str, correction: str | None = None, *, name: str = "") -> str:
    """Rate an exchange at a fixed moment; return the rating's id."""
    records.person(person, person)
    rating = _rating(number, person, thumb, correction, name)
    with transaction(records.engine) as session:
        session.add(rating)
    return name or name_of(number + 2**64)


def _rating(number: int, person: str, thumb: str, correction: str | None = None, name: str = "") -> Rating:
    return Rating(
        id=name or name_of(number + 2**64),
        exchange_id=name_of(number),
        person_id=person,
        rating=Thumb(thumb),
        reasons=[],
        correction=correction,
        created_at=_START + timedelta(hours=number),
    )
