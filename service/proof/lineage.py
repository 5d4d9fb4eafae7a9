"""Where a version came from, and where a person's words went: counts upward, versions downward."""

from typing import Any

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from service.db.tables import Conversation, Exchange, Sample, Version


def origins_of(session: Session, dataset_id: str) -> dict[str, Any]:
    """How many rows of a dataset came from where, by side; from how many people, exchanges and imports; and the largest share of one."""
    of_dataset = col(Sample.dataset_id) == dataset_id
    origin = (col(Sample.split), col(Sample.form), col(Sample.origin))
    grouped = session.execute(select(*origin, func.count()).where(of_dataset).group_by(*origin).order_by(*origin))
    rows = [{"side": side, "form": form, "origin": origin, "rows": count} for side, form, origin, count in grouped]
    trained = (of_dataset, col(Sample.split) == "train", col(Sample.form) == "unpaired", col(Sample.person_id).is_not(None))
    of_person = [count for (count,) in session.execute(select(func.count()).where(*trained).group_by(col(Sample.person_id)))]
    exchanges, imports = session.execute(
        select(func.count(col(Sample.exchange_id).distinct()), func.count(col(Sample.import_id).distinct())).where(of_dataset)
    ).one()
    return {
        "origins": rows,
        "people": len(of_person),
        "largest_share": max(of_person) / sum(of_person) if of_person else None,
        "exchanges": exchanges,
        "imports": imports,
    }


def versions_with(session: Session, person_id: str) -> list[dict[str, Any]]:
    """The versions that learned from, or were judged by, what a person rated or said: newest first, with the number of rows by side.

    A row is a person's whose rating made it one, or in whose conversation it was said, the rejected reply of a pair included.
    """
    theirs = (
        select(col(Exchange.id))
        .join(Conversation, col(Conversation.id) == col(Exchange.conversation_id))
        .where(col(Conversation.person_id) == person_id)
    )
    concerned = or_(col(Sample.person_id) == person_id, col(Sample.exchange_id).in_(theirs), col(Sample.other_id).in_(theirs))
    query = (
        select(Version, col(Sample.split), func.count())
        .join(Sample, col(Sample.dataset_id) == col(Version.dataset_id))
        .where(concerned)
        .group_by(col(Version.id), col(Sample.split))
        .order_by(col(Version.id).desc())
    )
    found: dict[str, dict[str, Any]] = {}
    for version, side, count in session.execute(query):
        row = found.setdefault(
            version.id,
            {
                "version_id": version.id,
                "persona": version.persona,
                "version": version.name,
                "stage": version.stage.value,
                "train": 0,
                "holdout": 0,
            },
        )
        row[side] = count
    return list(found.values())
