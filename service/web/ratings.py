"""Ratings: a PUT is the caller's word, a DELETE takes it back."""

from functools import partial

from litestar import Controller, delete, get, put
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


class RatingsController(Controller):
    """The caller's word on one exchange."""

    path = "/api/exchanges/{exchange_id:str}/rating"
    guards = [known]
    tags = ["Ratings"]

    @put()
    async def put_rating(
        self, exchange_id: FromPath[str], data: JSONBody[RatingIn], desk: NamedDependency[Desk], caller: NamedDependency[Caller]
    ) -> RatingOut:
        """Rate an exchange, or change the rating: the last word wins, and reasons of an earlier word do not survive it."""
        return await keep_rating(desk, caller, exchange_id, data)

    @get()
    async def get_rating(self, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> RatingOut:
        """The caller's word as it stands."""
        caller.require("rate")
        found = await desk.read(partial(_read, exchange_id=exchange_id, caller=caller))
        if found is None:
            raise NotFound("You have not rated this exchange.", code="rating_not_found")
        return found

    @delete()
    async def delete_rating(self, exchange_id: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[Caller]) -> None:
        """Withdraw the caller's word; without one there is nothing to do."""
        caller.require("rate")
        await desk.journal.write(partial(_withdraw, exchange_id=exchange_id, caller=caller))


async def keep_rating(desk: Desk, caller: Caller, exchange_id: str, data: RatingIn) -> RatingOut:
    """Keep the caller's word on an exchange; raise `NotFound`, `NotPermitted` or `Invalid`."""
    caller.require("rate")
    return await desk.journal.write(partial(_rate, desk=desk, caller=caller, exchange_id=exchange_id, data=data))


def _rate(session: Session, desk: Desk, caller: Caller, exchange_id: str, data: RatingIn) -> RatingOut:
    exchange, conversation = own_exchange(session, exchange_id, caller)
    rating = rate(
        session,
        exchange,
        _rater(session, caller, conversation),
        desk.personas.get(exchange.persona),
        Thumb(data.rating),
        reasons=data.reasons,
        comment=data.comment,
        correction=data.correction,
    )
    return RatingOut(rating=rating.rating.value, reasons=rating.reasons, comment=rating.comment, correction=rating.correction)


def _read(session: Session, exchange_id: str, caller: Caller) -> RatingOut | None:
    exchange, conversation = own_exchange(session, exchange_id, caller)
    if caller.owns(conversation):
        return rating_out(current_rating(session, exchange.id, conversation.person_id))
    operator = session.exec(select(Person).where(Person.external == f"key:{caller.key_id}")).first()
    return rating_out(current_rating(session, exchange.id, operator.id)) if operator else None


def _withdraw(session: Session, exchange_id: str, caller: Caller) -> None:
    exchange, conversation = own_exchange(session, exchange_id, caller)
    withdraw(session, exchange, _rater(session, caller, conversation))


def _rater(session: Session, caller: Caller, conversation: Conversation) -> str:
    """Whose word it is: the person of one's own conversation, or the operator who rates another's."""
    return conversation.person_id if caller.owns(conversation) else find_person(session, f"key:{caller.key_id}").id
