"""Choosing between two replies that were shown side by side."""

from functools import partial

from litestar import Controller, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlmodel import Session

from service.chat.comparison import find_comparison, prefer
from service.errors import NotFound, NotPermitted
from service.web.guards import Caller, known, own_exchange
from service.web.state import Desk
from service.web.wire import PreferenceIn, PreferenceOut


class PreferencesController(Controller):
    """The choice of the person who was shown two replies."""

    path = "/api/exchanges/{exchange_id:str}/preference"
    guards = [known]
    tags = ["Ratings"]

    @put(summary="Choose between two replies")
    async def put_preference(
        self, exchange_id: FromPath[str], data: JSONBody[PreferenceIn], desk: NamedDependency[Desk], caller: NamedDependency[Caller]
    ) -> PreferenceOut:
        """This reply rather than the other one, or with `equal` neither. The better one is rated up, the other one down.

        The last choice wins; `equal` takes back the ratings of an earlier one.
        """
        caller.require("rate")
        return await desk.journal.write(partial(_prefer, desk=desk, caller=caller, exchange_id=exchange_id, data=data))


def _prefer(session: Session, desk: Desk, caller: Caller, exchange_id: str, data: PreferenceIn) -> PreferenceOut:
    exchange, conversation = own_exchange(session, exchange_id, caller)
    if not caller.owns(conversation):
        raise NotPermitted("Only the person who was shown the two replies may choose between them.")
    comparison = find_comparison(session, exchange.id)
    if comparison is None or {comparison.first_id, comparison.second_id} != {exchange.id, data.over}:
        raise NotFound("These two replies were not shown side by side.", code="comparison_not_found", param="over")
    prefer(session, comparison, conversation.person_id, desk.personas.get(exchange.persona), None if data.equal else exchange.id)
    return PreferenceOut(order=[comparison.first_id, comparison.second_id], preferred=comparison.preferred_id)
