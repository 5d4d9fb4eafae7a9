"""What a night writes down: where it stands, its dataset, training run, candidate, evaluation and receipt; each found by the night.

Every function looks first and writes only what is missing, so that a step that runs twice leaves one row.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from service import registry
from service.db.tables import Dataset, Evaluation, Night, Outcome, Receipt, RunState, Sample, Stage, TrainingRun, Version, Worker, now
from service.errors import Conflict, NotFound


def request_night(session: Session, persona: str) -> Night:
    """Ask for a night: the row is the request, and a worker takes it up. Raise `Conflict` when one is under way for this persona."""
    night = Night(persona=persona)
    try:
        with session.begin_nested():
            session.add(night)
    except IntegrityError as error:
        raise Conflict(
            f"A night for {persona} is under way already. Follow it: attune nightly {persona} --wait", code="night_under_way"
        ) from error
    return night


def give_sign_of_life(session: Session, worker: str) -> None:
    """Note that the worker is there."""
    session.merge(Worker(id=worker, seen_at=now()))


def worker_is_alive(session: Session, seconds: float = 15) -> bool:
    """Whether a worker gave a sign of life in the last `seconds`."""
    seen = session.exec(select(func.max(Worker.seen_at))).one()
    return seen is not None and now() - seen < timedelta(seconds=seconds)


def open_nights(session: Session) -> list[Night]:
    """The nights that have not ended, oldest first."""
    return list(session.exec(select(Night).where(col(Night.ended_at).is_(None)).order_by(col(Night.id))))


def last_night(session: Session, persona: str) -> datetime:
    """When the newest night of the persona was asked for; before its first one, when the persona itself began."""
    newest = session.exec(select(func.max(Night.started_at)).where(Night.persona == persona)).first()
    if newest is not None:
        return newest
    registry.champion(session, persona)  # begins it
    return session.exec(select(func.min(Version.created_at)).where(Version.persona == persona)).one()


def note_step(session: Session, night_id: str, step: str) -> Night:
    """Note that the night has come to this step."""
    night = session.get_one(Night, night_id)
    night.step, night.progress = step, {}
    session.add(night)
    return night


def note_progress(session: Session, night_id: str, **progress: float | str) -> None:
    """Note how far the step is: `step` of `steps`, and what else there is to show."""
    night = session.get_one(Night, night_id)
    night.progress = dict(progress)
    session.add(night)


def find_dataset(session: Session, night_id: str) -> Dataset | None:
    """The night's dataset."""
    return session.exec(select(Dataset).where(Dataset.night_id == night_id)).first()


def keep_dataset(session: Session, dataset: Dataset, lineage: Sequence[Sample]) -> None:
    """Keep the night's dataset and where its samples came from, unless the night has one already."""
    if find_dataset(session, dataset.night_id or "") is not None:
        return
    session.add(dataset)
    session.flush()
    if lineage:
        session.execute(insert(Sample), [row.model_dump(exclude={"id"}) for row in lineage])


def learned_of_late(session: Session, persona: str) -> set[str]:
    """The hashes of the datasets that the champion, and the newest successful training run of this persona, learned from.

    After a rollback the two differ, and neither is worth a night again.
    """
    newest = (
        select(Dataset.hash)
        .join(TrainingRun, col(TrainingRun.dataset_id) == Dataset.id)
        .where(TrainingRun.persona == persona, TrainingRun.state == RunState.succeeded)
        .order_by(col(TrainingRun.id).desc())
        .limit(1)
    )
    serving = select(Dataset.hash).join(Version, col(Version.dataset_id) == Dataset.id)
    champions = serving.where(Version.persona == persona, Version.stage == Stage.champion)
    return {*session.exec(newest), *session.exec(champions)}


def find_run(session: Session, night_id: str) -> TrainingRun | None:
    """The night's training run."""
    return session.exec(select(TrainingRun).where(TrainingRun.night_id == night_id)).first()


def list_runs(session: Session, persona: str | None = None) -> list[TrainingRun]:
    """All training runs, newest first."""
    query = select(TrainingRun).order_by(col(TrainingRun.id).desc())
    return list(session.exec(query.where(TrainingRun.persona == persona) if persona else query))


def get_run(session: Session, name: str) -> TrainingRun:
    """The run with this id, or the newest of those whose id ends so, or the newest of this persona; raise `NotFound` when there is none."""
    runs = list_runs(session)
    for fits in (lambda run: run.id == name, lambda run: run.persona == name, lambda run: run.id.endswith(name)):
        if found := next(filter(fits, runs), None):
            return found
    raise NotFound(f"There is no training run '{name[:80]}'. See: attune train list", code="run_not_found")


def note_training(session: Session, night_id: str, progress: Mapping[str, Any]) -> None:
    """Note where the night's training run stands, for whoever watches the run and for whoever watches the night."""
    session.execute(update(TrainingRun).where(col(TrainingRun.night_id) == night_id).values(progress=dict(progress)))
    note_progress(session, night_id, **{name: value for name, value in progress.items() if value is not None})


def note_run(session: Session, night_id: str, **facts: Any) -> None:
    """Keep something about the night's training run among its parameters."""
    run = session.exec(select(TrainingRun).where(TrainingRun.night_id == night_id)).one()
    run.parameters = {**run.parameters, **facts}
    session.add(run)


def ask_to_stop(session: Session, run: TrainingRun) -> None:
    """Ask whoever trains to end the run for good; raise `Conflict` when it has ended already. Asking twice changes nothing."""
    if run.state not in {RunState.queued, RunState.running}:
        raise Conflict(f"This training run has ended already: {run.state.value}.", code="run_ended")
    run.stop_asked_at = run.stop_asked_at or now()
    session.add(run)


def is_stop_asked(session: Session, night_id: str) -> bool:
    """Whether somebody asked to end the night's training run."""
    asked = session.exec(select(TrainingRun.stop_asked_at).where(TrainingRun.night_id == night_id)).first()
    return asked is not None


def end_run(session: Session, night_id: str, state: RunState, *, error: str | None = None, measured: dict[str, Any] | None = None) -> None:
    """Note how the night's training run ended, and what was measured."""
    run = session.exec(select(TrainingRun).where(TrainingRun.night_id == night_id)).one()
    run.state, run.error, run.ended_at = state, error, now()
    run.parameters = {**run.parameters, **(measured or {})}
    session.add(run)


def find_candidate(session: Session, night_id: str) -> Version:
    """The night's version, numbered when first asked for; it cannot serve before it is hosted."""
    version = session.exec(select(Version).where(Version.night_id == night_id)).first()
    if version is None:
        run = session.exec(select(TrainingRun).where(TrainingRun.night_id == night_id)).one()
        version = Version(
            persona=run.persona,
            number=registry.next_number(session, run.persona),
            base=run.base,
            night_id=night_id,
            dataset_id=run.dataset_id,
            training_run_id=run.id,
        )
        session.add(version)
        session.flush()
    return version


def find_evaluation(session: Session, night_id: str) -> Evaluation | None:
    """The night's evaluation."""
    return session.exec(select(Evaluation).where(Evaluation.night_id == night_id)).first()


def write_receipt(session: Session, night_id: str, outcome: Outcome, reason: str) -> Receipt | None:
    """End the night with its receipt; a night that has ended keeps the one it has, and None is returned."""
    night = session.get_one(Night, night_id)
    ended = session.execute(update(Night).where(col(Night.id) == night_id, col(Night.ended_at).is_(None)).values(ended_at=now()))
    if ended.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE always returns a CursorResult
        return None
    version = session.exec(select(Version).where(Version.night_id == night_id)).first()
    receipt = Receipt(
        night_id=night_id,
        persona=night.persona,
        outcome=outcome,
        reason=reason,
        version=version.name if version else None,
        champion=registry.champion(session, night.persona).name,
        details=_details(session, night),
    )
    session.add(receipt)
    session.flush()
    return receipt


def _details(session: Session, night: Night) -> dict[str, Any]:
    """What went in, how it was trained, and what was measured."""
    details: dict[str, Any] = {"night": night.id, "step": night.step, "seconds": round((now() - night.started_at).total_seconds(), 1)}
    if dataset := find_dataset(session, night.id):
        details["dataset"] = {"hash": dataset.hash, "counts": dataset.counts}
    if run := find_run(session, night.id):
        details["training"] = {"trainer": run.trainer, "method": run.method, "base": run.base, "attempts": run.attempts, **run.parameters}
    if evaluation := find_evaluation(session, night.id):
        details["evaluation"] = evaluation.scorecard
    return details
