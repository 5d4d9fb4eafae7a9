"""The worker's schedule: what is due, once, also when it was missed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from service import ledger, registry
from service.cli.nightly import _follow
from service.db.engine import open_engine, transaction
from service.db.migration import upgrade
from service.db.tables import Night, Outcome, Worker, now
from service.errors import Unavailable
from service.worker import _Names, request_due_nights
from tests.processes import attune, environment


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    engine = open_engine(f"sqlite:///{tmp_path / 'attune.sqlite'}")
    upgrade(engine)
    yield engine
    engine.dispose()


def born(engine: Engine, persona: str, moment: datetime) -> None:
    """A persona that has been served since `moment`."""
    with transaction(engine) as session:
        version = registry.champion(session, persona)
        version.created_at = moment
        session.add(version)


def test_a_scheduled_time_that_has_passed_is_due_once(engine: Engine) -> None:
    """However often the worker looks, one scheduled time brings one night, also after that night has ended."""
    born(engine, "friend", now() - timedelta(days=3))
    latest = now() - timedelta(hours=2)
    with transaction(engine) as session:
        assert ["friend"] == request_due_nights(session, ["friend"], latest)
        [night] = ledger.open_nights(session)
        assert [] == request_due_nights(session, ["friend"], latest)
        ledger.write_receipt(session, night.id, Outcome.skipped, "nothing to do")
        assert [] == request_due_nights(session, ["friend"], latest)


def test_many_missed_nights_are_made_up_for_by_one(engine: Engine) -> None:
    """After a week without a worker there is one night, not seven."""
    born(engine, "friend", now() - timedelta(days=9))
    with transaction(engine) as session:
        session.add(Night(persona="friend", started_at=now() - timedelta(days=7), ended_at=now() - timedelta(days=7)))
    with transaction(engine) as session:
        request_due_nights(session, ["friend"], now() - timedelta(hours=1))
        assert 2 == len(list(session.exec(select(Night))))


def test_a_persona_younger_than_the_schedule_waits_for_its_first_night(engine: Engine) -> None:
    """Nobody's first start begins with a night."""
    with transaction(engine) as session:
        assert [] == request_due_nights(session, ["friend"], now() - timedelta(seconds=1))


def test_a_worker_counts_as_alive_for_a_while_after_its_last_sign(engine: Engine) -> None:
    """No sign, or an old one: not alive."""
    with transaction(engine) as session:
        assert not ledger.worker_is_alive(session)
        session.add(Worker(id="worker-1", seen_at=now()))
        session.flush()
        assert ledger.worker_is_alive(session)
        session.get_one(Worker, "worker-1").seen_at = now() - timedelta(minutes=1)
        assert not ledger.worker_is_alive(session)


def test_a_schedule_that_is_none_is_refused_at_start(tmp_path: Path) -> None:
    """The message names the settings and a valid example; the exit code is 2."""
    done = attune(environment(tmp_path, ATTUNE_NIGHTLY="at three"), "worker")

    assert 2 == done.returncode
    assert "ATTUNE_NIGHTLY='at three'" in done.stderr
    assert "0 3 * * *" in done.stderr


def test_whoever_waits_for_a_night_without_a_worker_is_told(engine: Engine) -> None:
    """The wait ends with words that say how the night goes on, and the night is kept."""
    with transaction(engine) as session:
        night = ledger.request_night(session, "friend")
    with pytest.raises(Unavailable, match="goes on where it was when one starts: attune up"):
        _follow(engine, night.id, patience=0.4)

    with transaction(engine) as session:
        assert [night.id] == [each.id for each in ledger.open_nights(session)]


def test_the_worker_knows_the_personas_as_their_files_are(tmp_path: Path) -> None:
    """A file that comes, breaks, is mended or goes is noticed at the next look; a folder that stays as it is is not read again."""
    names, good = _Names(tmp_path), "---\ntitle: New\nmodels: [local:starter]\n---\nYou are New.\n"
    assert names.now() == []
    file = tmp_path / "new.md"
    file.write_text(good)
    assert names.now() == ["new"]
    assert names.now() is names.now()
    file.write_text("---\ntitle: [\n---\n")
    assert names.now() == []
    file.write_text(good)
    assert names.now() == ["new"]
    file.unlink()
    assert names.now() == []
