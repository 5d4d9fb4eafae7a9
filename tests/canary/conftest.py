"""A persona with a champion and a candidate, and people who talk with whichever they get and rate it as they like it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from service import registry
from service.canary.trial import begin
from service.chat.exchange import Asked, Ending, close_exchange, find_person, open_stateless
from service.chat.rating import rate
from service.db.engine import reading, transaction
from service.db.tables import (
    Canary,
    Dataset,
    Exchange,
    ExchangeState,
    Night,
    Receipt,
    Sample,
    Stage,
    Thumb,
    TrainingRun,
    Version,
    now,
)
from service.personas.persona import Persona
from service.personas.shelf import survey
from service.settings import Settings

PERSONA = """---
title: Friend
models: [local:starter]
ratings: {{up: [funny], down: [mean]}}
learning: {{base: {base}}}
gate: {{canary: 0.5, canary_hours: 48, watch_hours: 24}}
---
You are Friend.
"""


class Stand:
    """A database and a folder of personas, in which friend v1 waits beside v0 and v2 beside v1."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.settings = Settings(home=folder, personas=folder)
        self._number = 0
        self.write("starter")

    def write(self, base: str) -> None:
        """Write the persona's file, with this base to learn from."""
        (self.folder / "friend.md").write_text(PERSONA.format(base=base))

    @property
    def persona(self) -> Persona:
        """The persona as its file says now."""
        return survey(self.folder).get("friend")

    def add_version(self, number: int, samples: tuple[str, ...] = ()) -> str:
        """A hosted candidate that a night made, with a dataset of these exchanges; its id."""
        with transaction(self.engine) as session:
            registry.champion(session, "friend")
            night = Night(persona="friend", ended_at=now())
            session.add(night)
            session.flush()
            dataset = Dataset(persona="friend", night_id=night.id, hash=f"{number:064}", counts={})
            session.add(dataset)
            session.flush()
            rows = [Sample(dataset_id=dataset.id, exchange_id=each, split="train", origin="rated", hash="h") for each in samples]
            run = TrainingRun(
                persona="friend", night_id=night.id, dataset_id=dataset.id, trainer="local", method="sft", base="starter", parameters={}
            )
            session.add_all([*rows, run])
            session.flush()
            version = Version(
                persona="friend",
                number=number,
                provider="local",
                model=f"friend-v{number}",
                base="starter",
                night_id=night.id,
                dataset_id=dataset.id,
                training_run_id=run.id,
            )
            session.add(version)
            return version.id

    def begin(self, version_id: str) -> str:
        """Begin a canary; its id."""
        with transaction(self.engine) as session:
            return begin(session, self.persona, session.get_one(Version, version_id)).id

    def talk(self, count: int, taste: Callable[[str], bool], *, people: str = "p", pinned: str = "", reasons: bool = False) -> list[str]:
        """So many conversations of one exchange, each of a person of its own who rates it by the version's name; the exchanges' ids."""
        said: list[str] = []
        with transaction(self.engine) as session:
            for _ in range(count):
                self._number += 1
                person = find_person(session, f"visitor:{people}{self._number}")
                asked = Asked(self.persona, pinned or "champion", f"Hello {self._number}", "b1", pinned=bool(pinned))
                opened = open_stateless(session, asked, [], person.id, None)
                provider, model = opened.version.provider, opened.version.model
                close_exchange(session, opened.id, Ending(ExchangeState.complete, "Hi there.", provider=provider, model=model))
                up = taste(opened.version.name)
                exchange = session.get_one(Exchange, opened.id)
                given = ["mean"] if reasons and not up else []
                rate(session, exchange, person.id, self.persona, Thumb.up if up else Thumb.down, reasons=given)
                said.append(opened.id)
        return said

    def stages(self) -> dict[str, Stage]:
        """Where each version stands."""
        with reading(self.engine) as session:
            return {version.name: version.stage for version in registry.list_versions(session, "friend")}

    def trial(self, trial_id: str) -> Canary:
        """The trial as it lies in the database."""
        with reading(self.engine) as session:
            return session.get_one(Canary, trial_id)

    def receipts(self) -> list[Receipt]:
        """All receipts, oldest first."""
        with reading(self.engine) as session:
            return list(session.exec(select(Receipt).order_by(Receipt.id)))

    def pass_hours(self, trial_id: str) -> None:
        """Let the trial's time be over."""
        with transaction(self.engine) as session:
            trial = session.get_one(Canary, trial_id)
            trial.ends_at = now() - timedelta(seconds=1)
            session.add(trial)


def likes(seed: int = 1, **rates: float) -> Callable[[str], bool]:
    """A taste: how often the replies of each version are liked."""
    chance = Random(seed)
    return lambda name: chance.random() < rates[name]


@pytest.fixture
def stand(sqlite: Engine, tmp_path: Path) -> Stand:
    """A stand on SQLite."""
    (tmp_path / "personas").mkdir()
    return Stand(sqlite, tmp_path / "personas")


@pytest.fixture
def any_stand(database: Engine, tmp_path: Path) -> Stand:
    """A stand on each kind of database."""
    (tmp_path / "personas").mkdir()
    return Stand(database, tmp_path / "personas")
