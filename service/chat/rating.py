"""A person's word on an exchange: appended, never changed; the newest row is what counts."""

from sqlmodel import Session, col, select

from service.chat.examples import keep_example
from service.chat.messages import LONGEST_MESSAGE
from service.db.tables import Exchange, ExchangeState, Rating, Thumb
from service.errors import Conflict, Invalid
from service.personas.persona import Persona

_LONGEST_COMMENT = 2_000


def rate(
    session: Session,
    exchange: Exchange,
    person_id: str,
    persona: Persona,
    thumb: Thumb,
    *,
    reasons: list[str] | None = None,
    comment: str = "",
    correction: str | None = None,
) -> Rating:
    """Make this the person's word on the exchange, and return it; the same word said again is kept once.

    Raise `Conflict` where there is no reply to judge, and `Invalid` for what the persona does not know.
    """
    _wait_for_others(session, exchange)
    _check_reply(exchange)
    given = list(dict.fromkeys(reasons or []))
    _check_reasons(persona, thumb, given)
    _check_length("comment", comment, _LONGEST_COMMENT)
    _check_length("correction", correction or "", LONGEST_MESSAGE)
    kept = correction.strip() if correction and correction.strip() and correction.strip() != exchange.reply.strip() else None
    rating = Rating(exchange_id=exchange.id, person_id=person_id, rating=thumb, reasons=given, comment=comment.strip(), correction=kept)
    before = current_rating(session, exchange.id, person_id)
    if before is not None and _says(before) == _says(rating):
        return before
    session.add(rating)
    keep_example(session, exchange.id)
    return rating


def withdraw(session: Session, exchange: Exchange, person_id: str) -> None:
    """Take the person's word back; without one there is nothing to do."""
    _wait_for_others(session, exchange)
    if current_rating(session, exchange.id, person_id) is not None:
        session.add(Rating(exchange_id=exchange.id, person_id=person_id, rating=Thumb.withdrawn, reasons=[]))
        keep_example(session, exchange.id)


def current_rating(session: Session, exchange_id: str, person_id: str) -> Rating | None:
    """The person's word as it stands, None when there is none or it was withdrawn."""
    query = select(Rating).where(Rating.exchange_id == exchange_id, Rating.person_id == person_id).order_by(col(Rating.id).desc())
    newest = session.exec(query).first()
    return newest if newest is not None and newest.rating != Thumb.withdrawn else None


def _wait_for_others(session: Session, exchange: Exchange) -> None:
    """One word on an exchange at a time, on PostgreSQL too: what follows from all words must be worked out with all words in sight."""
    session.refresh(exchange, with_for_update={"key_share": True})


def _says(rating: Rating) -> tuple[Thumb, set[str], str, str | None]:
    return rating.rating, set(rating.reasons), rating.comment, rating.correction


def _check_reply(exchange: Exchange) -> None:
    if exchange.state == ExchangeState.open:
        raise Conflict("The reply is still being written; rate it when it is done.", code="exchange_open")
    if exchange.state == ExchangeState.failed:
        raise Conflict("The reply failed, so there is nothing to rate. Ask for another one.", code="exchange_failed")
    if not exchange.reply.strip():
        raise Conflict("The reply is empty, so there is nothing to rate. Ask for another one.", code="reply_empty")


def _check_reasons(persona: Persona, thumb: Thumb, reasons: list[str]) -> None:
    known = persona.settings.ratings.up if thumb == Thumb.up else persona.settings.ratings.down
    for reason in reasons:
        if reason not in known:
            raise Invalid(
                f"'{reason[:60]}' is no reason for {thumb.value}. Known: {', '.join(known)}.", code="reason_unknown", param="reasons"
            )


def _check_length(param: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise Invalid(f"The {param} has {len(text)} characters; the limit is {limit}.", code=f"{param}_too_long", param=param)
    if "\x00" in text:
        raise Invalid(f"The {param} holds a NUL character. Remove it.", code=f"{param}_invalid", param=param)
