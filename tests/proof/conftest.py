"""A home in which two nights left all that nights leave: v1 was promoted and watched, the second made nothing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from service import registry
from service.chat.exchange import Asked, find_person, open_stateless
from service.db.engine import transaction
from service.db.tables import (
    Canary,
    Dataset,
    Evaluation,
    Night,
    Outcome,
    Receipt,
    ReceiptKind,
    Revision,
    RunState,
    Sample,
    TrainingRun,
    Version,
)
from service.personas.persona import Persona, PersonaSettings

MORNING = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
COUNTS = {"train_samples": 3, "train_liked": 2, "train_disliked": 1, "holdout_samples": 1, "dropped_burst": 7, "dropped_new_person": 2}
SCORECARD = {
    "holdout": {"replies": 40, "groups": 30, "liked": 25, "disliked": 15},
    "gain": {"value": 0.21, "low": 0.05, "high": 0.37, "why": ""},
    "probes": {
        "total": {"pairs": 9, "candidate": 8, "champion": 8, "gained": 1, "lost": 1, "worse_p": 0.75},
        "about": {"safety": {"pairs": 3, "candidate": 3, "champion": 3, "gained": 0, "lost": 0, "worse_p": 1.0}},
        "items": [{"ask": "Is 2|3 *true*?", "about": "honesty", "pairs": 3, "candidate": 2, "champion": 3, "failed": ["no <b>word</b>"]}],
        "unpaired": 0,
    },
    "candidate": {"replies": 9, "loops": 0.0, "distinct_2": 0.81},
    "champion": {"replies": 9, "loops": 0.1, "distinct_2": 0.84},
    "a_new_section": {"wins": 12, "ties": 3, "of": {"value": None, "low": None, "high": None, "why": "nobody judged"}},
    "decision": {"promote": True, "rules": [{"name": "preference", "passed": True, "words": "It is better by +0.21."}]},
}


class Nights(NamedTuple):
    """The ids of what lies in the home."""

    engine: Engine
    artifacts: Path
    good: str
    idle: str
    version: str
    rater: str
    talker: str
    stranger: str


def leave_nights(engine: Engine, artifacts: Path) -> Nights:
    """Write all of it."""
    with transaction(engine) as session:
        start = registry.champion(session, "friend")
        session.add(Revision(persona="friend", fingerprint="aaaa", text="a persona"))
        rater, talker, stranger = (find_person(session, f"visitor:{name}").id for name in ("rater", "talker", "stranger"))
        said = [_exchange(session, talker, number) for number in range(4)]
        good = Night(persona="friend", step="decide", started_at=MORNING, ended_at=MORNING + timedelta(minutes=8))
        idle = Night(persona="friend", step="freeze", started_at=MORNING + timedelta(days=1), ended_at=MORNING + timedelta(days=1))
        session.add_all([good, idle])
        session.flush()
        dataset = Dataset(persona="friend", night_id=good.id, hash="d" * 64, counts=COUNTS)
        session.add(dataset)
        session.flush()
        sides = ("train", "train", "train", "holdout")
        rows = [
            Sample(dataset_id=dataset.id, exchange_id=each, person_id=rater, split=side, origin="rated", hash="h")
            for each, side in zip(said, sides, strict=True)
        ]
        rows[2].person_id = talker
        session.add_all(rows)
        run = TrainingRun(
            persona="friend",
            night_id=good.id,
            dataset_id=dataset.id,
            trainer="local",
            method="sft+dpo",
            base="starter",
            state=RunState.succeeded,
            attempts=2,
            parameters={"rank": 8, "schedules": {"sft": {"learning_rate": 0.0002, "epochs": 3}}, "why": "there is enough of it"},
        )
        session.add(run)
        session.flush()
        version = Version(persona="friend", number=1, provider="local", model="friend-v1", base="starter", revision="bbbb")
        version.night_id, version.dataset_id, version.training_run_id = good.id, dataset.id, run.id
        session.add(version)
        session.flush()
        session.add(Evaluation(night_id=good.id, candidate_id=version.id, champion_id=start.id, scorecard=SCORECARD))
        registry.promote(session, version, f"night {good.id}")
        session.add_all(_receipts(good, idle))
        session.add(_watch(version, start))
        found = Nights(engine, artifacts, good.id, idle.id, version.id, rater, talker, stranger)
    folder = artifacts / "runs" / found.good
    folder.mkdir(parents=True)
    steps = [{"method": "sft", "step": 1, "steps": 4, "loss": 2.5}, {"method": "sft", "step": 2, "steps": 4, "loss": 1.5}]
    steps += [{"method": "dpo", "step": 3, "steps": 4, "loss": None}, {"method": "dpo", "step": 4, "steps": 4, "loss": 0.69}]
    lines = [json.dumps(each) for each in steps]
    (folder / "progress.jsonl").write_text("\n".join([*lines, '{"method": "dpo", "st']))
    return found


def _exchange(session: Session, talker: str, number: int) -> str:
    persona = Persona(name="friend", settings=PersonaSettings(title="Friend", models=["local:starter"]), template="You are Friend.")
    return open_stateless(session, Asked(persona, "champion", f"Secret words {number}", "b"), [], talker, None).id


def _receipts(good: Night, idle: Night) -> list[Receipt]:
    details = {"step": "decide", "seconds": 480.0}
    return [
        Receipt(
            night_id=good.id,
            persona="friend",
            outcome=Outcome.promoted,
            reason="The candidate takes over.",
            version="v1",
            champion="v1",
            details=details,
        ),
        Receipt(night_id=idle.id, persona="friend", outcome=Outcome.skipped, reason="There is nothing new.", champion="v1", details={}),
    ]


def _watch(version: Version, start: Version) -> Canary:
    tally = {"votes": 30, "ups": 24, "complaints": 2, "people": 11, "answers": 90, "broken": 0}
    return Canary(
        persona="friend",
        kind=ReceiptKind.watch,
        version_id=version.id,
        champion_id=start.id,
        share=1.0,
        started_at=MORNING,
        ends_at=MORNING + timedelta(hours=72),
        ended_at=MORNING + timedelta(hours=72),
        outcome=Outcome.promoted,
        reason="People liked 80% of its 30 rated replies. It stays.",
        figures={"version": tally, "beside": {}, "history": {**tally, "votes": 400, "ups": 310}},
    )


@pytest.fixture
def nights(database: Engine, tmp_path: Path) -> Nights:
    """The home, on each kind of database."""
    return leave_nights(database, tmp_path / "artifacts")


@pytest.fixture
def sqlite_nights(sqlite: Engine, tmp_path: Path) -> Nights:
    """The home, on SQLite."""
    return leave_nights(sqlite, tmp_path / "artifacts")
