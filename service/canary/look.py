"""The look at all trials: the worker takes it every few seconds, and whatever is due is done."""

from collections.abc import Iterable

import structlog
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from service import registry
from service.canary.trial import drop, keep, send_back, standing
from service.db.engine import reading, transaction
from service.db.tables import Canary, ReceiptKind, Stage, Version, now
from service.errors import Conflict
from service.evaluation.canary import FEWEST_VOTES, Standing
from service.personas.persona import Persona
from service.personas.shelf import survey
from service.settings import Settings

log = structlog.get_logger()


def look(engine: Engine, settings: Settings) -> list[str]:
    """End every trial that has come to its end, and retire what waits but was trained from a base that its persona has left.

    Returns the ids of the nights whose version came to the end of a trial, so that their pages can be written anew.

    Asks a small table when there is nothing to do, and holds up no writer while it counts. A trial whose persona cannot be read goes on.
    """
    with reading(engine) as session:
        trials = session.exec(select(Canary).where(col(Canary.ended_at).is_(None))).all()
        waiting = select(Version.persona).where(col(Version.stage).in_([Stage.candidate, Stage.canary]), col(Version.base).is_not(None))
        detachable = set(session.exec(waiting))
        due = {trial.id: found for trial in trials if _is_due(session, trial, found := standing(session, trial))}
    if not due and not detachable:
        return []
    nights: list[str] = []
    personas = {persona.name: persona for persona in survey(settings.personas)}
    _detach(engine, [personas[name] for name in sorted(detachable) if name in personas])
    for trial_id, found in due.items():
        with transaction(engine) as session:
            trial = session.get_one(Canary, trial_id)
            if trial.persona in personas and trial.ended_at is None:
                _decide(session, personas[trial.persona], trial, found)
            night = session.get_one(Version, trial.version_id).night_id
        if trial.ended_at is not None:
            log.info("trial_ended", persona=trial.persona, kind=trial.kind.value, trial=trial.id, outcome=trial.outcome)
            nights += [night] if night else []
    return nights


def _is_due(session: Session, trial: Canary, found: Standing) -> bool:
    """Whether there is something to decide: by ratings, by the clock, or because somebody came first."""
    version, champion = session.get_one(Version, trial.version_id), registry.champion(session, trial.persona)
    if trial.kind == ReceiptKind.watch:
        undisturbed = version.id == champion.id
    else:
        undisturbed = version.stage == Stage.canary and champion.id == trial.champion_id
    return bool(found.worse) or found.stood or now() >= trial.ends_at or not undisturbed


def _detach(engine: Engine, personas: Iterable[Persona]) -> None:
    for persona in personas:
        with transaction(engine) as session:
            gone = [version.name for version in registry.detach(session, persona.name, persona.settings.learning.base)]
        if gone:
            log.info("versions_detached", persona=persona.name, versions=gone)


def _decide(session: Session, persona: Persona, trial: Canary, found: Standing) -> None:
    version, champion = session.get_one(Version, trial.version_id), registry.champion(session, trial.persona)
    if trial.kind == ReceiptKind.watch:
        if version.id != champion.id:
            drop(session, trial, f"{champion.name} took its place before the watch was over.", found)
        elif found.worse:
            send_back(session, trial, found, f"{found.worse} {session.get_one(Version, trial.champion_id).name} serves again.")
        elif found.stood or now() >= trial.ends_at:
            keep(session, persona, trial, found, f"{_counted(trial, found)} It stays.")
        return
    if version.id == champion.id:
        keep(session, persona, trial, found, "It was promoted by hand before its trial was over.")
    elif version.stage != Stage.canary:
        drop(session, trial, version.note or f"{version.name} was taken out of its trial.", found)
    elif champion.id != trial.champion_id:
        drop(session, trial, f"{champion.name} became champion while this was tried, and it was compared with another one.", found)
    elif found.worse:
        send_back(session, trial, found, f"{found.worse} {champion.name} goes on.")
    elif found.stood or now() >= trial.ends_at:
        _keep_canary(session, persona, trial, found)


def _keep_canary(session: Session, persona: Persona, trial: Canary, found: Standing) -> None:
    try:
        with session.begin_nested():
            keep(session, persona, trial, found, f"{_counted(trial, found)} The gate had found it better. It takes over.")
    except Conflict as refused:
        session.refresh(trial)
        drop(session, trial, refused.message, found)


def _counted(trial: Canary, found: Standing) -> str:
    """How the trial went for a version that was not found worse."""
    version, hours = found.version, (now() - trial.started_at).total_seconds() / 3600
    if version.votes < FEWEST_VOTES:
        return f"Of its replies {version.votes} were rated in {hours:.0f} hours, too few to say anything against it."
    known, likes = found.beside.votes, found.beside.ups
    if found.past:
        known, likes = known + found.history.votes, likes + found.history.ups
    theirs = f"and {likes / known:.0%} of the champion's {known}" if known else "and nobody had rated the champion"
    return f"People liked {version.ups / version.votes:.0%} of its {version.votes} rated replies, {theirs}: it was not found worse."
