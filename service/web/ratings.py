"""Ratings: a PUT is the caller's word, a DELETE takes it back; on `/v1` too, by the id of a completion (`chatcmpl-...`)."""

from functools import partial

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlmodel import Session, select

from service.chat.exchange import find_person
from service.chat.rating import current_rating, rate, withdraw
from service.db.tables import Conversation, Person, Thumb
from service.errors import NotFound
from service.web.guards import Caller, known, own_exchange
from service.web.state import Desk
from service.web.wire import RatingIn, RatingOut, rating_out

_OURS = "/api/exchanges/{exchange_id:str}/rating"
_OPENAI = "/v1/chat/completions/{exchange_id:str}/rating"


class RatingsController(Controller):
    """The caller's word on one exchange."""

    guards = [known]
    tags = ["Ratings"]

    @put([_OURS, _OPENAI], summary="Rate a reply")
    async def put_rating(
        self, exchange_id: FromPath[str], data: JSONBody[RatingIn], desk: NamedDependency[Desk], caller: NamedDependency[Caller]
    ) -> RatingOut:
        """Rate an exchange, or change the rating: the last word wins, and nothing of an earlier one survives it."""
        return await _keep(desk, caller, exchange_id, data)

    @post(_OPENAI, status_code=200, summary="Rate a reply, by POST")
    async def post_rating(
        self, exchange_id: FromPath[str], data: JSONBody[RatingIn], desk: NamedDependency[Desk], caller: NamedDependency[Caller]
    ) -> RatingOut:
        """The same as PUT, for clients that can only POST."""
        return await _keep(desk, caller, exchange_id, data)

    @get([_OURS, _OPENAI], summary="Get the caller's rating")
    async def get_rating(self, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> RatingOut:
        """The caller's word as it stands."""
        caller.require("rate")
        found = await desk.read(partial(_read, exchange_id=exchange_id, caller=caller))
        if found is None:
            raise NotFound("You have not rated this exchange.", code="rating_not_found")
        return found

    @delete([_OURS, _OPENAI], summary="Withdraw a rating")
    async def delete_rating(self, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> None:
        """Withdraw the caller's word; without one there is nothing to do."""
        caller.require("rate")
        await desk.journal.write(partial(_withdraw, exchange_id=exchange_id, caller=caller))


async def _keep(desk: Desk, caller: Caller, exchange_id: str, data: RatingIn) -> RatingOut:
    caller.require("rate")
    return await desk.journal.write(partial(_rate, desk=desk, caller=caller, exchange_id=exchange_id, data=data))


def _rate(session: Session, desk: Desk, caller: Caller, exchange_id: str, data: RatingIn) -> RatingOut:
    exchange, conversation = own_exchange(session, exchange_id, caller)
    rating = rate(
        session,
        exchange,
        _rater(caller, conversation) or find_person(session, _operator(caller)).id,
        desk.personas.get(exchange.persona),
        Thumb(data.rating),
        reasons=data.reasons,
        comment=data.comment,
        correction=data.correction,
    )
    return rating_out(rating)


def _read(session: Session, exchange_id: str, caller: Caller) -> RatingOut | None:
    exchange, conversation = own_exchange(session, exchange_id, caller)
    rater = _rater(caller, conversation) or _known_operator(session, caller)
    word = current_rating(session, exchange.id, rater) if rater else None
    return rating_out(word) if word else None


def _withdraw(session: Session, exchange_id: str, caller: Caller) -> None:
    exchange, conversation = own_exchange(session, exchange_id, caller)
    if rater := _rater(caller, conversation) or _known_operator(session, caller):
        withdraw(session, exchange, rater)


def _rater(caller: Caller, conversation: Conversation) -> str | None:
    """The person of one's own conversation; None for an operator, who rates another's in their own name."""
    return conversation.person_id if caller.owns(conversation) else None


def _operator(caller: Caller) -> str:
    return f"key:{caller.key_id}"


def _known_operator(session: Session, caller: Caller) -> str | None:
    return session.exec(select(Person.id).where(Person.external == _operator(caller))).first()
