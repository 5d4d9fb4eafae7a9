"""What waits for the owner, as rows: filed by a build, decided by the owner, heeded by the next build."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, select

from service.curation.quarantine import BURST, CONTRARY, CROWD, NEW_PERSON, PEOPLE_KINDS, ROLLED_BACK, SWEEP, UNLIKELY, Decided, Finding
from service.db.named import find_by_end
from service.db.tables import Exchange, Person, Rating, Review, now

KINDS = (ROLLED_BACK, SWEEP, BURST, CROWD, CONTRARY, UNLIKELY, NEW_PERSON)
"""Every kind, in the order in which the owner is asked."""

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_ROWS_AT_ONCE = 5_000


def file_findings(session: Session, persona: str, findings: Sequence[Finding], kinds: Collection[str] = KINDS) -> None:
    """Make the open reviews of these kinds what was found now: new ones are added, numbers brought up to date, what holds no more goes.

    What the owner decided stays as it is.
    """
    found = {(finding.kind, finding.subject): _numbers(finding.detail) for finding in findings}
    columns = (col(Review.id), col(Review.kind), col(Review.subject), col(Review.detail), col(Review.approved))
    query = select_columns(*columns).where(col(Review.persona) == persona, col(Review.kind).in_(kinds))
    known = list(session.execute(query))
    gone = [review for review, kind, subject, _, approved in known if approved is None and (kind, subject) not in found]
    for start in range(0, len(gone), _ROWS_AT_ONCE):
        session.execute(delete(Review).where(col(Review.id).in_(gone[start : start + _ROWS_AT_ONCE])))
    for _, kind, subject, detail, approved in known:
        if approved is not None or found.get((kind, subject)) == detail:
            found.pop((kind, subject), None)
    rows = [Review(persona=persona, kind=kind, subject=subject, detail=detail).model_dump() for (kind, subject), detail in found.items()]
    if rows:
        insert = _INSERT[session.get_bind().dialect.name](Review)
        changed = insert.on_conflict_do_update(index_elements=["persona", "kind", "subject"], set_={"detail": insert.excluded.detail})
        session.execute(changed, rows)


def hold_samples(session: Session, persona: str, subjects: Collection[str], detail: Mapping[str, float]) -> int:
    """File a review for each sample (an exchange's or a rating's id) that was new to a version that people liked less; return how many.

    Until it is approved it is not learned. What the owner decided about a sample before stays decided.
    """
    rows = [Review(persona=persona, kind=ROLLED_BACK, subject=subject, detail=dict(detail)).model_dump() for subject in sorted(subjects)]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        insert = _INSERT[session.get_bind().dialect.name](Review)
        session.execute(insert.on_conflict_do_nothing(), rows[start : start + _ROWS_AT_ONCE])
    return len(rows)


def held_samples(session: Session, persona: str) -> frozenset[str]:
    """The ids of the samples that wait because a version that learned from them was rolled back."""
    waiting = (Review.persona == persona, Review.kind == ROLLED_BACK, col(Review.approved).is_(None))
    return frozenset(session.exec(select(Review.subject).where(*waiting)))


def decide_review(session: Session, name: str, approve: bool | None) -> Review:
    """Approve or refuse what the review of this name is about, or with None leave it open again; errors as `find_review`.

    A person is approved or refused as a whole: in every review that is about them, whatever the persona and the kind. An approved one's
    ratings neither wait nor are capped; nothing of a refused one is learned. To undo a decision, decide otherwise.
    """
    review = find_review(session, name)
    _decide(session, [review.subject], review.kind, approve, col(Review.id) == review.id)
    session.refresh(review)
    return review


def decide_all(session: Session, kind: str, approve: bool, persona: str | None = None) -> int:
    """Approve or refuse everything that waits under this kind; return how many that were."""
    open_ones = (col(Review.kind) == kind, col(Review.approved).is_(None), *_of(persona))
    subjects = list(session.exec(select(Review.subject).where(*open_ones)))
    for start in range(0, len(subjects), _ROWS_AT_ONCE):
        _decide(session, subjects[start : start + _ROWS_AT_ONCE], kind, approve, *open_ones)
    return len(subjects)


def find_review(session: Session, name: str) -> Review:
    """The review with this id, or the one whose id ends so; raise `NotFound` when there is none, `Invalid` when there are several."""
    way_out = "List them: attune review list --all"
    return find_by_end(session, select(Review), col(Review.id), name, "review", "review", way_out)


def list_reviews(session: Session, persona: str | None = None, *, kind: str | None = None, decided: bool = False) -> list[Review]:
    """The reviews that wait, with `decided` also those that were decided; by kind in the order of `KINDS`, then in the order of filing."""
    conditions = [*_of(persona), *([] if decided else [col(Review.approved).is_(None)]), *([col(Review.kind) == kind] if kind else [])]
    found = session.exec(select(Review).where(*conditions).order_by(col(Review.id)))
    place = {name: number for number, name in enumerate(KINDS)}
    return sorted(found, key=lambda review: place.get(review.kind, len(place)))


def decided_people(session: Session) -> Decided:
    """The ids of the people that the owner approved, and of those that were refused."""
    approved = session.exec(select(Person.id).where(col(Person.approved_at).is_not(None)))
    refused = session.exec(select(Person.id).where(col(Person.quarantined_at).is_not(None)))
    return Decided(frozenset(approved), frozenset(refused))


def decided_samples(session: Session, persona: str) -> Decided:
    """The ids (of exchanges, or for corrections of ratings) of the samples that the owner approved, and of those that were refused."""
    query = select(Review.subject, Review.approved).where(
        Review.persona == persona, col(Review.kind).not_in(PEOPLE_KINDS), col(Review.approved).is_not(None)
    )
    found = list(session.exec(query))
    refused = frozenset(subject for subject, approved in found if not approved)
    return Decided(frozenset(subject for subject, approved in found if approved) - refused, refused)


def said(session: Session, review: Review, limit: int = 5) -> list[tuple[Exchange, Rating | None]]:
    """What a review is about: the sample's exchange, with the rating where it is a correction; or a person's newest rated exchanges."""
    if review.kind not in PEOPLE_KINDS:
        corrected = session.get(Rating, review.subject)
        exchange = session.get(Exchange, corrected.exchange_id if corrected else review.subject)
        return [(exchange, corrected)] if exchange else []
    newest = select(func.max(Rating.id)).where(Rating.person_id == review.subject).group_by(col(Rating.exchange_id))
    query = (
        select(Exchange, Rating)
        .join(Rating, col(Rating.exchange_id) == Exchange.id)
        .where(col(Rating.id).in_(newest), Exchange.persona == review.persona)
        .order_by(col(Rating.id).desc())
        .limit(limit)
    )
    return [(exchange, rating) for exchange, rating in session.exec(query)]


def _numbers(detail: Mapping[str, float]) -> dict[str, float]:
    """Without what JSON cannot say: PostgreSQL keeps no infinity."""
    return {name: number for name, number in detail.items() if math.isfinite(number)}


def _of(persona: str | None) -> list[ColumnElement[bool]]:
    return [] if persona is None else [col(Review.persona) == persona]


def _decide(session: Session, subjects: Sequence[str], kind: str, approve: bool | None, *which: ColumnElement[bool]) -> None:
    """Decide on these subjects: on people in all their reviews, on samples in those that fit `which`."""
    moment = now()
    about = (*which, col(Review.subject).in_(subjects))
    if kind in PEOPLE_KINDS:
        about = (col(Review.subject).in_(subjects), col(Review.kind).in_(PEOPLE_KINDS))
        decided = {"approved_at": moment if approve is True else None, "quarantined_at": moment if approve is False else None}
        session.execute(update(Person).where(col(Person.id).in_(subjects)).values(**decided))
    session.execute(update(Review).where(*about).values(approved=approve, decided_at=None if approve is None else moment))
