"""All routes that the description of the API knows, and what their handlers are given."""

from typing import Any

from litestar import Request
from litestar.di import NamedDependency, Provide

from service.web.completions import CompletionsController
from service.web.conversations import ConversationsController, ExchangesController, PersonasController
from service.web.facts import FactsController
from service.web.guards import Caller
from service.web.health import live, ready
from service.web.operator import OperatorController
from service.web.preferences import PreferencesController
from service.web.ratings import RatingsController
from service.web.referrals import ReferralsController
from service.web.state import Desk


def _desk(request: Request[Any, Any, Any]) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _caller(request: Request[Any, Any, Any], desk: NamedDependency[Desk]) -> Caller:
    # Put there by the guard `known`: a route that asks for the caller without it fails, and lets nobody in. Asks for the desk only to come
    # after it: two that may come at the same time are run in tasks of their own, at ten times the cost of all this.
    caller: Caller = request.scope["state"]["caller"]
    return caller


async def _visitor(request: Request[Any, Any, Any], desk: NamedDependency[Desk]) -> Caller | None:
    header = request.headers.get("authorization")
    return await desk.recognise(header) if header else None


ROUTES: list[Any] = [
    CompletionsController,
    PersonasController,
    ConversationsController,
    ExchangesController,
    FactsController,
    RatingsController,
    PreferencesController,
    OperatorController,
    ReferralsController,
    live,
    ready,
]
DEPENDENCIES = {
    "desk": Provide(_desk, sync_to_thread=False),
    "caller": Provide(_caller, sync_to_thread=False),
    "visitor": Provide(_visitor),
}
