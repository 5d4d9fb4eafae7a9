"""A version on trial: begun by a night, ended by what people's ratings say, by the clock, or by hand; each end leaves a receipt.

A canary is a trial before the promotion, on a share of new conversations; a watch is one after it, against the ratings that the champion
before had got. Whatever is sent back is quarantined, with the samples that were new to it, so that the next night does not learn the same.
"""

from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import update
from sqlmodel import Session, col, select

from service import registry
from service.canary.votes import heard_in, history_of
from service.curation.reviews import hold_samples
from service.db.tables import Canary, Outcome, Promotion, Receipt, ReceiptKind, Sample, Stage, Version, now
from service.errors import Conflict, NotFound
from service.evaluation.canary import Standing, Tally, judge
from service.personas.persona import Persona


def begin(session: Session, persona: Persona, version: Version) -> Canary:
    """Let the version be tried by the share of new conversations that the persona's gate names; begun twice, it is begun once.

    Raise `Conflict` while another version is on trial, and when this one may not serve or was trained from another base.
    """
    current = under_way(session, persona.name)
    if current is not None:
        if current.version_id == version.id:
            return current
        raise Conflict(busy(session, persona.name) or "", code="canary_under_way")
    registry.begin_trial(session, version, persona.settings.learning.base)
    gate = persona.settings.gate
    return _begin(session, ReceiptKind.canary, version, registry.champion(session, persona.name), gate.canary, gate.canary_hours)


def watch(session: Session, persona: Persona, version: Version) -> Canary | None:
    """Watch a version that was just promoted, against the champion before it; None where the persona's gate watches nothing.

    A watch of the champion before comes to its end.
    """
    hours = persona.settings.gate.watch_hours
    current = under_way(session, persona.name, ReceiptKind.watch)
    if current is not None and current.version_id == version.id:
        return current
    if current is not None:
        drop(session, current, f"{version.name} took its place before the watch was over.", standing(session, current))
    newest = select(Promotion).where(Promotion.persona == persona.name).order_by(col(Promotion.id).desc())
    promotion = session.exec(newest).first()
    if not hours or promotion is None or promotion.version_id != version.id or promotion.previous_id is None:
        return None
    return _begin(session, ReceiptKind.watch, version, session.get_one(Version, promotion.previous_id), 1.0, hours)


def promote_by_hand(session: Session, persona: Persona, version: Version, reason: str) -> Version:
    """Serve a version because a person said so; it is watched like one that a night promoted. Raises what `registry.promote` raises."""
    before = registry.champion(session, persona.name)
    promoted = registry.promote(session, version, reason, persona.settings.learning.base)
    if promoted.id != before.id:
        watch(session, persona, promoted)
    return promoted


def under_way(session: Session, persona: str, kind: ReceiptKind = ReceiptKind.canary) -> Canary | None:
    """The persona's trial of this kind that has not ended."""
    return session.exec(select(Canary).where(Canary.persona == persona, Canary.kind == kind, col(Canary.ended_at).is_(None))).first()


def busy(session: Session, persona: str) -> str | None:
    """Why no other version can be tried now, in a sentence; None when one can."""
    trial = under_way(session, persona)
    if trial is None:
        return None
    name = session.get_one(Version, trial.version_id).name
    return (
        f"{persona} {name} is being tried until {trial.ends_at:%Y-%m-%d %H:%M} UTC. "
        f"See how it does, or end it: attune model canary {persona} --end promote|rollback"
    )


def standing(session: Session, trial: Canary) -> Standing:
    """Where a trial stands by what came back so far."""
    version, beside = heard_in(session, trial)
    return judge(version, beside, msgspec.convert(trial.figures.get("history", {}), Tally))


def end_by_hand(session: Session, persona: Persona, promote: bool) -> Canary:
    """End the persona's canary now: promote its version, or send it back; raise `NotFound` when there is none."""
    trial = under_way(session, persona.name)
    if trial is None:
        raise NotFound(f"No version of {persona.name} is being tried. See: attune model list {persona.name}", code="no_canary")
    found = standing(session, trial)
    if promote:
        keep(session, persona, trial, found, "It was promoted by hand before its trial was over.")
    else:
        send_back(session, trial, found, "It was sent back by hand.")
    return trial


def keep(session: Session, persona: Persona, trial: Canary, found: Standing, reason: str) -> None:
    """The version stood its trial: a canary's takes over, and is watched from now on; a watched one stays."""
    version = session.get_one(Version, trial.version_id)
    if not _end(session, trial, Outcome.promoted, reason, found):
        return
    if trial.kind == ReceiptKind.canary:
        registry.promote(session, version, f"canary {trial.id}", persona.settings.learning.base)
        watch(session, persona, version)
    _write_receipt(session, trial)


def send_back(session: Session, trial: Canary, found: Standing, reason: str) -> None:
    """Quarantine the version, and what was new in its dataset; after a promotion the champion before serves again."""
    version = session.get_one(Version, trial.version_id)
    champion = session.get_one(Version, trial.champion_id)
    # A model that does not answer was taught nothing wrong.
    new = new_samples(session, version, champion) if found.alarm != "answers" else set()
    held = f", and so are the {len(new)} samples that were new to it, until you have looked: attune review {trial.persona}" if new else ""
    words = f"{reason} {version.persona} {version.name} is quarantined{held}."
    if not _end(session, trial, Outcome.rolled_back, words, found, samples=len(new)):
        return
    if trial.kind == ReceiptKind.watch:
        registry.rollback(session, trial.persona, f"watch {trial.id}")
        session.refresh(version)
    registry.end_trial(session, version, Stage.quarantined, reason)
    hold_samples(session, trial.persona, new, {"version": version.number})
    _write_receipt(session, trial)


def drop(session: Session, trial: Canary, reason: str, found: Standing | None = None) -> None:
    """End a trial that decides nothing any more; a canary's version waits again, unless it left already."""
    if not _end(session, trial, Outcome.skipped, reason, found):
        return
    version = session.get_one(Version, trial.version_id)
    if version.stage == Stage.canary:
        registry.end_trial(session, version, Stage.candidate, reason)
    _write_receipt(session, trial)


def new_samples(session: Session, version: Version, champion: Version) -> set[str]:
    """The samples (exchanges' or, of corrections, ratings' ids) that the version was trained on and the champion was not."""
    return _trained_on(session, version) - _trained_on(session, champion)


def _trained_on(session: Session, version: Version) -> set[str]:
    people = (Sample.dataset_id == version.dataset_id, Sample.split == "train", Sample.form == "unpaired")
    rows = session.exec(select(Sample.exchange_id, Sample.rating_id, Sample.origin).where(*people, col(Sample.exchange_id).is_not(None)))
    return {unit for exchange, rating, origin in rows if (unit := rating if origin == "corrected" else exchange)}


def _begin(session: Session, kind: ReceiptKind, version: Version, champion: Version, share: float, hours: float) -> Canary:
    moment = now()
    trial = Canary(
        persona=version.persona,
        kind=kind,
        version_id=version.id,
        champion_id=champion.id,
        share=share,
        started_at=moment,
        ends_at=moment + timedelta(hours=hours),
        figures={"history": msgspec.to_builtins(history_of(session, champion, moment))},
    )
    session.add(trial)
    session.flush()
    return trial


def _end(session: Session, trial: Canary, outcome: Outcome, reason: str, found: Standing | None = None, **more: Any) -> bool:
    """Note the end; whether it was this call that ended it."""
    figures = {**trial.figures, **(msgspec.to_builtins(found) if found else {}), **more}
    still = update(Canary).where(col(Canary.id) == trial.id, col(Canary.ended_at).is_(None))
    ended = session.execute(still.values(ended_at=now(), outcome=outcome, reason=reason, figures=figures))
    session.refresh(trial)
    return bool(ended.rowcount == 1)  # type: ignore[attr-defined]  # an UPDATE always returns a CursorResult


def _write_receipt(session: Session, trial: Canary) -> None:
    """What became of a trial that has just ended; it leads to the night that made the version, where a night did."""
    version = session.get_one(Version, trial.version_id)
    if trial.outcome is None:
        return
    details = {"share": trial.share, "began": trial.started_at.isoformat(), "until": trial.ends_at.isoformat(), **trial.figures}
    session.add(
        Receipt(
            night_id=version.night_id,
            canary_id=trial.id,
            kind=trial.kind,
            persona=trial.persona,
            outcome=trial.outcome,
            reason=trial.reason or "",
            version=version.name,
            champion=registry.champion(session, trial.persona).name,
            details={trial.kind.value: details},
        )
    )
    session.flush()
