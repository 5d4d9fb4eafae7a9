"""The worker: takes up the nights that are asked for, runs the schedule, and gives a sign of life.

Nights are durable workflows of DBOS on a queue that lets one run at a time. The executor's name is stable and the application's version
pinned, so that a worker that comes back after a kill goes on with its own nights, also after an upgrade.
"""

import os
import signal
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from croniter import CroniterError, croniter
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy import Engine
from sqlmodel import Session

from service import ledger
from service.canary.look import look
from service.db.engine import open_engine, reading, transaction
from service.db.migration import upgrade
from service.db.tables import Outcome, now
from service.errors import AttuneError, SettingsError, Unavailable
from service.hosting.lending import take_back_all
from service.keeper import restore_lost
from service.nightly import Nightly
from service.personas.reload import Glance, glance
from service.personas.shelf import survey
from service.proof.folder import write_pages
from service.settings import Settings
from service.training.catalog import Trainers

_WORKER = "worker-1"
_QUEUE = "nights"
_LOOK_SECONDS = 1.0
_ENDED_BADLY = {"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}
log = structlog.get_logger()


def run_worker(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Blocks; must be called on the main thread."""
    _latest_time(settings)  # a wrong schedule is refused at start, not at three in the morning
    engine = open_engine(settings.database)
    upgrade(engine)
    stop = threading.Event()
    trainers = Trainers(settings)
    _stop_on_signal(stop)
    DBOS(config=_config(settings))
    nightly = Nightly(settings, engine, trainers.trainer_of, stop)
    take_back_all(settings)
    for trouble in restore_lost(engine, settings):
        log.warning("version_not_restored", reason=trouble)
    DBOS.launch()
    DBOS.register_queue(_QUEUE, global_concurrency=1, polling_interval_sec=0.5)
    names = _Names(settings.personas)
    log.info("worker_started", schedule=settings.nightly, timezone=settings.timezone)
    try:
        while not stop.is_set():
            try:
                _look(settings, engine, nightly, names.now())
            except Unavailable as error:
                log.error("worker_cannot_look", code=error.code, reason=error.message)
            stop.wait(_LOOK_SECONDS)
    finally:
        trainers.stop()
        _leave(engine)


def request_due_nights(session: Session, personas: Iterable[str], latest: datetime) -> list[str]:
    """Ask for a night for every persona that has had none since `latest`, the schedule's newest time; return those personas.

    A time that passed while no worker ran is made up for, once, however many were missed. A persona younger than `latest` is not due yet.
    """
    under_way = {night.persona for night in ledger.open_nights(session)}
    due = [name for name in personas if name not in under_way and ledger.last_night(session, name) < latest]
    for name in due:
        ledger.request_night(session, name)
    return due


def _config(settings: Settings) -> DBOSConfig:
    return {
        "name": "attune",
        "system_database_url": settings.workflow_database,
        "application_version": "attune-nights-1",
        "executor_id": _WORKER,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "ERROR",
    }


def _latest_time(settings: Settings) -> datetime:
    """The newest time of the schedule that has passed; raise `SettingsError` when it is no schedule."""
    try:
        zone = ZoneInfo(settings.timezone)
        latest: datetime = croniter(settings.nightly, now().astimezone(zone)).get_prev(datetime)
    except (CroniterError, ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(
            f"ATTUNE_NIGHTLY='{settings.nightly}' with ATTUNE_TIMEZONE='{settings.timezone}' is no schedule such as '0 3 * * *' in UTC."
        ) from error
    return latest.astimezone(UTC)


class _Names:
    """The names of the personas, whose files are read again when they look otherwise: parsing is most of an idle look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: Glance | None = None
        self._names: list[str] = []

    def now(self) -> list[str]:
        """Those whose file is whole: the night of a broken one is due when it is mended."""
        if (seen := glance(self._folder)) != self._seen:
            self._names, self._seen = [persona.name for persona in survey(self._folder)], seen
        return self._names


def _look(settings: Settings, engine: Engine, nightly: Nightly, names: list[str]) -> None:
    """Give a sign of life, ask for what is due, and take up every night that was asked for.

    Taking one up twice is harmless: its id is the workflow's.
    """
    with transaction(engine) as session:
        ledger.give_sign_of_life(session, _WORKER)
        if due := request_due_nights(session, names, _latest_time(settings)):
            log.info("nights_due", personas=due)
        nights = [night.id for night in ledger.open_nights(session)]
    _look_at_trials(settings, engine)
    for night_id in nights:
        status = DBOS.get_workflow_status(night_id)
        if status is None:
            with SetWorkflowID(night_id):
                DBOS.enqueue_workflow(_QUEUE, nightly.night, night_id)
        elif status.status in _ENDED_BADLY:
            with transaction(engine) as session:
                ledger.write_receipt(
                    session, night_id, Outcome.failed, "The night could not be carried on after repeated crashes; see the log."
                )


def _look_at_trials(settings: Settings, engine: Engine) -> None:
    """End the canaries and watches that have come to their end; the pages of their nights then tell more than before."""
    for night_id in look(engine, settings):
        try:
            write_pages(engine, settings.artifact_folder, night_id)
        except AttuneError as error:
            log.warning("proof_page_missing", night=night_id, reason=error.message)


def _leave(engine: Engine) -> None:
    """End the process. With a night under way it ends at once, in the middle of a step, as after a kill: the next start goes on there."""
    with reading(engine) as session:
        under_way = bool(ledger.open_nights(session))
    log.info("worker_stopped", night_under_way=under_way)
    if under_way:
        os._exit(0)
    DBOS.destroy(workflow_completion_timeout_sec=0)
    engine.dispose()


def _stop_on_signal(stop: threading.Event) -> None:
    def on_signal(number: int, _frame: FrameType | None) -> None:
        log.info("worker_stopping", signal=number)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
