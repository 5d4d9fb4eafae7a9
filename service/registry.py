"""The registry: which version serves, which are waiting or on trial, and how one takes the other's place.

State changes are conditional updates under unique indexes, in one transaction each: the very next exchange uses the new champion.
"""

import hashlib
import re
from collections.abc import Sequence

from sqlalchemy import bindparam, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from service.db.rows import Lookup, Statement
from service.db.tables import Canary, Promotion, ReceiptKind, Stage, Version
from service.errors import Conflict, NotFound

_CHAMPIONS = Lookup(Version, "persona", "stage")
_VERSIONS = Lookup(Version, "id")
_ON_TRIAL = Statement(
    select(Canary.id, Canary.version_id, Canary.share).where(
        Canary.persona == bindparam("persona"), Canary.kind == ReceiptKind.canary, col(Canary.ended_at).is_(None)
    )
)
_REFERENCE = re.compile(r"(?P<persona>[a-z0-9][a-z0-9_-]*)(?:@(?P<which>champion|v[0-9]+))?")


def split_reference(model: str) -> tuple[str, str]:
    """Cut `friend`, `friend@champion` or `friend@v3` into persona and version; raise `NotFound` for anything else."""
    match = _REFERENCE.fullmatch(model)
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
    """Return the version called `which` (champion, v0, v1 ...); raise `NotFound` naming it, and `Conflict` when it may not serve."""
    serving = champion(session, persona)
    if which == "champion":
        return serving
    number = which.removeprefix("v")
    known = number.isdecimal() and len(number) < 10  # longer ones no database could hold
    wanted = select(Version).where(Version.persona == persona, Version.number == (int(number) if known else -1))
    if found := session.exec(wanted).first():
        return _require_servable(found)
    raise NotFound(f"{persona} has no version '{which[:80]}'. See: attune model list {persona}", code="version_not_found", param="model")


def serving(session: Session, persona: str, which: str, conversation_id: str = "") -> Version:
    """Like `find_version`, and quicker: for reading only, as every exchange does. The version belongs to no session.

    With a conversation that is among those that try a canary, it is the canary's version instead of the champion.
    """
    if which != "champion":
        return find_version(session, persona, which)
    found = _on_trial(session, persona, conversation_id) if conversation_id else None
    return found or _CHAMPIONS.find(session, persona=persona, stage=Stage.champion) or champion(session, persona)


def tries(canary_id: str, share: float, conversation_id: str) -> bool:
    """Whether a conversation is among the share that tries the canary; always the same answer for both.

    Ids begin with their moment, so a conversation that began before the canary has the smaller one: nobody changes voices in the middle.
    """
    drawn = int.from_bytes(hashlib.sha256(f"{canary_id} {conversation_id}".encode()).digest()[:8])
    return conversation_id > canary_id and drawn < share * 2**64


def list_versions(session: Session, persona: str | None = None) -> list[Version]:
    """All versions, newest first."""
    query = select(Version).order_by(col(Version.id).desc())
    return list(session.exec(query.where(Version.persona == persona) if persona else query))


def next_number(session: Session, persona: str) -> int:
    """The number a new version gets."""
    champion(session, persona)
    return (session.exec(select(func.max(Version.number)).where(Version.persona == persona)).one() or 0) + 1


def promote(session: Session, version: Version, reason: str, base: str | None = None) -> Version:
    """Make `version` the champion and retire the one before it; raise `Conflict` when it may not serve.

    With the `base` that the persona learns from now, a version that was trained from another one may not. Promoting the champion again
    changes nothing.
    """
    before = champion(session, version.persona)
    if before.id == version.id:
        session.refresh(version)  # it may have been read before another promotion came to its end
        return version
    require_base(version, base)
    return _crown(session, before, _require_servable(version), reason)


def require_base(version: Version, base: str | None) -> None:
    """Raise `Conflict` when the version was trained from another base than this one."""
    if base is not None and version.base is not None and version.base != base:
        raise Conflict(
            f"{version.persona} {version.name} was trained from the base {version.base}, and the persona learns from {base} now. "
            f"Set learning.base back to {version.base}, or let a night train a new version.",
            code="base_changed",
        )


def begin_trial(session: Session, version: Version, base: str | None = None) -> None:
    """Make a candidate the canary; raise `Conflict` when it may not serve, as `promote` does, or is no candidate any more."""
    require_base(version, base)
    _move(session, _require_servable(version), Stage.candidate, Stage.canary)


def end_trial(session: Session, version: Version, stage: Stage, note: str) -> None:
    """Take a version out of service, or out of the queue of those that wait, and note why. The champion stays what it is."""
    if version.stage != Stage.champion:
        _move(session, version, version.stage, stage)
        version.note = note
        session.add(version)
        session.flush()


def detach(session: Session, persona: str, base: str) -> list[Version]:
    """Retire the candidates and the canary that were trained from another base than the persona's; return them."""
    waiting = col(Version.stage).in_([Stage.candidate, Stage.canary])
    stale = select(Version).where(Version.persona == persona, waiting, col(Version.base).is_not(None), Version.base != base)
    found = list(session.exec(stale))
    for version in found:
        end_trial(session, version, Stage.retired, f"The persona learns from the base {base} now; this was trained from {version.base}.")
    return found


def list_fallbacks(session: Session, persona: str) -> list[Version]:
    """The versions that one rollback after another would restore, the next one first."""
    told = session.exec(select(Promotion).where(Promotion.persona == persona).order_by(col(Promotion.id))).all()
    earlier = dict.fromkeys(promotion.version_id for promotion in reversed(_standing(told)[:-1]))
    versions = [session.get_one(Version, version_id) for version_id in earlier]
    return [version for version in versions if version.stage not in {Stage.champion, Stage.quarantined}]


def rollback(session: Session, persona: str, reason: str = "rolled back by hand") -> Version:
    """Take back the newest promotion, at the next call the one before it, and so on to the start; raise `Conflict` when none is left.

    A version that was quarantined since it served is passed over.
    """
    serving = champion(session, persona)
    told = session.exec(select(Promotion).where(Promotion.persona == persona).order_by(col(Promotion.id))).all()
    for promotion in reversed(_standing(told)[:-1]):
        version = session.get_one(Version, promotion.version_id)
        if version.stage not in {Stage.champion, Stage.quarantined}:
            return _crown(session, serving, version, reason, restores_id=promotion.id)
    raise Conflict(
        f"No version that may serve came before {persona} {serving.name}; there is nothing to roll back to.", code="nothing_before"
    )


def _standing(told: Sequence[Promotion]) -> list[Promotion]:
    """The promotions that still stand, oldest first: a rollback takes back all that came after the one it restores."""
    standing: list[Promotion] = []
    for promotion in told:
        if promotion.restores_id is None:
            standing.append(promotion)
        else:
            while standing and standing[-1].id != promotion.restores_id:
                standing.pop()
    return standing


def _start(session: Session, persona: str) -> Version:
    version = Version(persona=persona, number=0, stage=Stage.champion)
    try:
        with session.begin_nested():
            session.add(version)
    except IntegrityError:  # Another process started this persona in the same moment.
        return session.exec(select(Version).where(Version.persona == persona, Version.stage == Stage.champion)).one()
    session.add(Promotion(persona=persona, version_id=version.id, reason="the start: the persona file and no training"))
    session.flush()
    return version


def _on_trial(session: Session, persona: str, conversation_id: str) -> Version | None:
    """The canary's version, if there is one and this conversation tries it."""
    trial = _ON_TRIAL.run(session, persona=persona)
    if trial is None or not tries(trial[0], trial[2], conversation_id):
        return None
    version = _VERSIONS.find(session, id=trial[1])
    return version if version is not None and version.stage == Stage.canary and version.model else None


def _require_servable(version: Version) -> Version:
    if version.stage == Stage.quarantined:
        raise Conflict(f"{version.persona} {version.name} is quarantined and cannot serve.", code="version_quarantined")
    if version.number > 0 and not version.model:
        raise Conflict(f"{version.persona} {version.name} was never made servable; see its night's receipt.", code="version_not_hosted")
    return version


def _crown(session: Session, before: Version, version: Version, reason: str, restores_id: str | None = None) -> Version:
    # Retire first, then crown: the other order would break the one-champion index.
    _move(session, before, Stage.champion, Stage.retired)
    _move(session, version, version.stage, Stage.champion)
    promotion = Promotion(persona=version.persona, version_id=version.id, previous_id=before.id, restores_id=restores_id, reason=reason)
    session.add(promotion)
    session.flush()
    return version


def _move(session: Session, version: Version, before: Stage, after: Stage) -> None:
    moved = session.execute(update(Version).where(col(Version.id) == version.id, col(Version.stage) == before).values(stage=after))
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE always returns a CursorResult
        raise Conflict("Another promotion came first. Look again: attune model list", code="promotion_raced")
    session.refresh(version)
