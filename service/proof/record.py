"""What there is to prove about a night and its version, gathered from the database and from the files that they left."""

import math
from pathlib import Path
from typing import Any

import msgspec
from sqlmodel import Session, col, select

from service.curation.reasons import in_words
from service.db.tables import Canary, Dataset, Evaluation, Night, Promotion, Receipt, ReceiptKind, Revision, TrainingRun, Version
from service.proof.curve import Point
from service.proof.lineage import origins_of

_DROPPED = "dropped_"


def record_of(session: Session, artifacts: Path, night: Night | None, version: Version | None = None) -> dict[str, Any]:
    """All of a night, or of a version that no night made, as JSON can hold it. Counts, numbers and reasons: nobody's words, no names."""
    if version is None and night is not None:
        version = session.exec(select(Version).where(Version.night_id == night.id)).first()
    return {
        "persona": version.persona if version else night.persona if night else "",
        "night": None if night is None else {"id": night.id, "began": _moment(night.started_at), "ended": _moment(night.ended_at)},
        "version": None if version is None else _version(session, version),
        "decision": _decision(session, night),
        "data": _data(session, night, version),
        "training": _training(session, artifacts, night),
        "scorecard": _scorecard(session, night),
        "trials": [] if version is None else _trials(session, version),
        "promotions": [] if version is None else _promotions(session, version),
    }


def read_curve(path: Path) -> list[Point]:
    """The loss of each step that a training run noted in its progress.jsonl; a line that is cut off or has no loss is passed over.

    A step that was done again after a crash is noted again, and the later note counts.
    """
    points: dict[int, Point] = {}
    if not path.is_file():
        return []
    for line in path.read_bytes().splitlines():
        try:
            noted = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        step, loss = (noted.get("step"), noted.get("loss")) if isinstance(noted, dict) else (None, None)
        if isinstance(step, int) and isinstance(loss, int | float) and math.isfinite(loss):
            points[step] = Point(step, float(loss), str(noted.get("method") or ""))
    return [points[step] for step in sorted(points)]


def _version(session: Session, version: Version) -> dict[str, Any]:
    newest = select(Revision.fingerprint).where(Revision.persona == version.persona).order_by(col(Revision.created_at).desc())
    return {
        "id": version.id,
        "name": version.name,
        "stage": version.stage.value,
        "note": version.note,
        "made": _moment(version.created_at),
        "base": version.base,
        "provider": version.provider,
        "model": version.model,
        "adapter": version.adapter,
        "revision": version.revision,
        "revision_now": session.exec(newest).first(),
    }


def _decision(session: Session, night: Night | None) -> dict[str, Any] | None:
    receipt = night and session.exec(select(Receipt).where(Receipt.night_id == night.id, Receipt.kind == ReceiptKind.night)).first()
    if not receipt:
        return None
    evaluation = _evaluation(session, night)
    rules = (evaluation.scorecard.get("decision") or {}).get("rules", []) if evaluation else []
    return {
        "receipt": receipt.id,
        "outcome": receipt.outcome.value,
        "reason": receipt.reason,
        "champion": receipt.champion,
        "step": receipt.details.get("step"),
        "seconds": receipt.details.get("seconds"),
        "rules": rules,
    }


def _data(session: Session, night: Night | None, version: Version | None) -> dict[str, Any] | None:
    dataset_id = version.dataset_id if version else None
    by_night = select(Dataset).where(Dataset.night_id == night.id) if night else None
    dataset = session.get(Dataset, dataset_id) if dataset_id else by_night is not None and session.exec(by_night).first()
    if not dataset:
        return None
    counts = {name: number for name, number in dataset.counts.items() if not name.startswith(_DROPPED)}
    dropped = {name.removeprefix(_DROPPED): number for name, number in dataset.counts.items() if name.startswith(_DROPPED)}
    return {
        "id": dataset.id,
        "hash": dataset.hash,
        "counts": counts,
        "dropped": [{"reason": reason, "rows": number, "meaning": in_words(reason)} for reason, number in sorted(dropped.items())],
        **origins_of(session, dataset.id),
    }


def _training(session: Session, artifacts: Path, night: Night | None) -> dict[str, Any] | None:
    run = night and session.exec(select(TrainingRun).where(TrainingRun.night_id == night.id)).first()
    if not run:
        return None
    curve = read_curve(artifacts / "runs" / run.night_id / "progress.jsonl")
    return {
        "id": run.id,
        "trainer": run.trainer,
        "method": run.method,
        "base": run.base,
        "state": run.state.value,
        "error": run.error,
        "attempts": run.attempts,
        "job": run.job,
        "parameters": run.parameters,
        "curve": [{"step": point.step, "loss": point.loss, "method": point.method} for point in curve],
    }


def _scorecard(session: Session, night: Night | None) -> dict[str, Any] | None:
    evaluation = _evaluation(session, night)
    return {name: value for name, value in evaluation.scorecard.items() if name != "decision"} if evaluation else None


def _evaluation(session: Session, night: Night | None) -> Evaluation | None:
    return session.exec(select(Evaluation).where(Evaluation.night_id == night.id)).first() if night else None


def _trials(session: Session, version: Version) -> list[dict[str, Any]]:
    found = session.exec(select(Canary).where(Canary.version_id == version.id).order_by(col(Canary.id)))
    return [
        {
            "kind": trial.kind.value,
            "against": session.get_one(Version, trial.champion_id).name,
            "share": trial.share,
            "began": _moment(trial.started_at),
            "until": _moment(trial.ends_at),
            "ended": _moment(trial.ended_at),
            "outcome": trial.outcome.value if trial.outcome else None,
            "reason": trial.reason,
            "figures": trial.figures,
        }
        for trial in found
    ]


def _promotions(session: Session, version: Version) -> list[dict[str, Any]]:
    """When it became champion, after whom, and when another one took over from it."""
    concerned = (col(Promotion.version_id) == version.id) | (col(Promotion.previous_id) == version.id)
    found = session.exec(select(Promotion).where(Promotion.persona == version.persona, concerned).order_by(col(Promotion.id)))
    names = {each.id: each.name for each in session.exec(select(Version).where(Version.persona == version.persona))}
    return [
        {
            "at": _moment(promotion.created_at),
            "champion": names[promotion.version_id],
            "after": names.get(promotion.previous_id or ""),
            "rollback": promotion.restores_id is not None,
            "reason": promotion.reason,
        }
        for promotion in found
    ]


def _moment(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None
