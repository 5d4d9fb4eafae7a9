"""What waits for the owner, as rows: filed by a build, decided by the owner, heeded by the next build."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, delete, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, select

from service.curation.quarantine import PEOPLE_KINDS, UNLIKELY, Decided, Finding
from service.db.tables import Exchange, Person, Rating, Review, now
from service.errors import Invalid, NotFound

KINDS = (*PEOPLE_KINDS, UNLIKELY)
"""Every kind, in the order in which the owner is asked."""

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_ROWS_AT_ONCE = 5_000


def file_findings(session: Session, persona: str, findings: Sequence[Finding], kinds: Collection[str] = KINDS) -> None:
    """Make the open reviews of these kinds what was found now: new ones are added, numbers brought up to date, what holds no more goes.

    What the owner decided stays as it is.
    """
    found = {(finding.kind, finding.subject): dict(finding.detail) for finding in findings}
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


def decide_review(session: Session, review_id: str, approve: bool | None) -> Review:
    """Approve or refuse what a review is about, or with None leave it open again; raise `NotFound` when there is no such review.

    A person is approved or refused as a whole: in every review that is about them, whatever the persona and the kind. An approved one's
    ratings neither wait nor are capped; nothing of a refused one is learned. To undo a decision, decide otherwise.
    """
    review = find_review(session, review_id)
    same = [col(Review.id) == review.id]
    if review.kind in PEOPLE_KINDS:
        same = [col(Review.subject) == review.subject, col(Review.kind).in_(PEOPLE_KINDS)]
        person = session.get(Person, review.subject)
        if person is not None:
            person.approved_at = (person.approved_at or now()) if approve is True else None
            person.quarantined_at = (person.quarantined_at or now()) if approve is False else None
            session.add(person)
    session.execute(update(Review).where(*same).values(approved=approve, decided_at=None if approve is None else now()))
    session.refresh(review)
    return review


def find_review(session: Session, name: str) -> Review:
    """The review with this id, or the one whose id ends so; raise `NotFound` when there is none, `Invalid` when there are several.

    Ids are told apart by their ends: they begin with the moment, which is one for all that a build files.
    """
    ending = func.substr(col(Review.id), 33 - len(name)) == name
    found = list(session.exec(select(Review).where(ending).limit(2))) if 4 <= len(name) <= 32 else []
    if not found:
        raise NotFound(f"There is no review '{name[:32]}'. List them: attune review list --all", code="review_not_found")
    if len(found) > 1:
        raise Invalid(f"Several reviews end in '{name}'. Give more of the id: attune review list --json", code="review_ambiguous")
    return found[0]


def open_count(session: Session, persona: str | None = None) -> int:
    """How many reviews wait, of one persona or of all."""
    return int(session.exec(_of(persona, select(func.count()).select_from(Review), decided=False)).one())


def list_reviews(
    session: Session, persona: str | None = None, *, decided: bool = False, kind: str | None = None, limit: int | None = None
) -> list[Review]:
    """The reviews that wait, with `decided` also those that were decided; by kind in the order of `KINDS`, then in the order of filing."""
    query = _of(persona, select(Review), decided=decided).order_by(col(Review.id))
    found = list(session.exec(query.where(Review.kind == kind) if kind else query))
    place = {name: number for number, name in enumerate(KINDS)}
    return sorted(found, key=lambda review: place.get(review.kind, len(place)))[:limit]


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


def _of(persona: str | None, query: Any, *, decided: bool) -> Any:
    narrowed: Select[Any] = query if decided else query.where(col(Review.approved).is_(None))
    return narrowed if persona is None else narrowed.where(col(Review.persona) == persona)
