"""The registry: which version serves, which are waiting, and how one takes the other's place.

State changes are conditional updates under unique indexes, in one transaction each: the very next exchange uses the new champion.
"""

import re

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from service.db.tables import Promotion, Stage, Version
from service.errors import Conflict, NotFound

_REFERENCE = re.compile(r"^(?P<persona>[a-z0-9][a-z0-9_-]*)(?:@(?P<which>champion|v\d+))?$")


def split_reference(model: str) -> tuple[str, str]:
    """Cut `friend`, `friend@champion` or `friend@v3` into persona and version; raise `NotFound` for anything else."""
    match = _REFERENCE.match(model)
    if not match:
        raise NotFound(
            f"There is no model '{model[:80]}'. Ask for friend, friend@champion or friend@v3.", code="model_not_found", param="model"
        )
    return match["persona"], match["which"] or "champion"


def champion(session: Session, persona: str) -> Version:
    """The version that serves. A persona without one starts with its version 0: the persona file and no training."""
    found = session.exec(select(Version).where(Version.persona == persona, Version.stage == Stage.champion)).first()
    return found or _start(session, persona)


def find_version(session: Session, persona: str, which: str) -> Version:
    """Return the version called `which` (champion, v0, v1 ...); raise `NotFound` naming it."""
    serving = champion(session, persona)
    if which == "champion":
        return serving
    number = which.removeprefix("v")
    known = number.isdecimal() and len(number) < 10  # longer ones no database could hold
    wanted = select(Version).where(Version.persona == persona, Version.number == (int(number) if known else -1))
    if found := session.exec(wanted).first():
        return found
    raise NotFound(f"{persona} has no version '{which}'. See: attune model list {persona}", code="version_not_found", param="model")


def list_versions(session: Session, persona: str | None = None) -> list[Version]:
    """All versions, newest first."""
    query = select(Version).order_by(col(Version.id).desc())
    return list(session.exec(query.where(Version.persona == persona) if persona else query))


def next_number(session: Session, persona: str) -> int:
    """The number a new version gets."""
    champion(session, persona)
    return (session.exec(select(func.max(Version.number)).where(Version.persona == persona)).one() or 0) + 1


def promote(session: Session, version: Version, reason: str) -> Version:
    """Make `version` the champion and retire the one before it; raise `Conflict` when it may not serve.

    Promoting the champion again changes nothing. Retire first, then crown: the other order would break the one-champion index.
    """
    if version.stage == Stage.champion:
        return version
    if version.stage == Stage.quarantined:
        raise Conflict(f"{version.persona} {version.name} is quarantined and cannot serve.", code="version_quarantined")
    before = champion(session, version.persona)
    _move(session, before, Stage.champion, Stage.retired)
    _move(session, version, version.stage, Stage.champion)
    session.add(Promotion(persona=version.persona, version_id=version.id, previous_id=before.id, reason=reason))
    session.flush()
    return version


def rollback(session: Session, persona: str, reason: str = "rolled back by hand") -> Version:
    """Promote the champion that served before the present one; raise `Conflict` when there was none."""
    serving = champion(session, persona)
    crowned = (
        select(Promotion)
        .where(Promotion.persona == persona, Promotion.version_id == serving.id, col(Promotion.previous_id).is_not(None))
        .order_by(col(Promotion.id).desc())
    )
    last = session.exec(crowned).first()
    previous = session.get(Version, last.previous_id) if last else None
    if previous is None:
        raise Conflict(f"{persona} {serving.name} has served from the start; there is nothing to roll back to.", code="nothing_before")
    return promote(session, previous, reason)


def _start(session: Session, persona: str) -> Version:
    version = Version(persona=persona, number=0, stage=Stage.champion)
    session.add(version)
    session.flush()
    session.add(Promotion(persona=persona, version_id=version.id, reason="the start: the persona file and no training"))
    session.flush()
    return version


def _move(session: Session, version: Version, before: Stage, after: Stage) -> None:
    moved = session.execute(update(Version).where(col(Version.id) == version.id, col(Version.stage) == before).values(stage=after))
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE always returns a CursorResult
        raise Conflict("Another promotion came first. Look again: attune model list", code="promotion_raced")
    session.refresh(version)
