"""`/api` for operators: lists of what is there, starting a night, promoting and rolling back."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from sqlmodel import Session, col, select

from service import registry
from service.db.tables import Dataset, Exchange, Receipt, TrainingRun, Version
from service.errors import Invalid, NotFound
from service.ledger import request_night
from service.web.guards import known, operating
from service.web.state import Desk
from service.web.wire import (
    DatasetOut,
    ExchangeOut,
    NightIn,
    NightOut,
    Page,
    ReceiptOut,
    RunOut,
    VersionOut,
    dataset_out,
    exchange_out,
    receipt_out,
    run_out,
    version_out,
)

T = TypeVar("T")
_MOST_PER_PAGE = 100


class OperatorController(Controller):
    """What an operator sees and does; needs a key with the scope `operate`."""

    path = "/api"
    guards = [known, operating]
    tags = ["Operator"]

    @get("/exchanges")
    async def exchanges(
        self, desk: NamedDependency[Desk], limit: FromQuery[int] = 20, after: FromQuery[str | None] = None
    ) -> Page[ExchangeOut]:
        """Exchanges, newest first."""
        return await _page(desk, Exchange, _exchange_with_version, limit, after)

    @get("/datasets")
    async def datasets(
        self, desk: NamedDependency[Desk], limit: FromQuery[int] = 20, after: FromQuery[str | None] = None
    ) -> Page[DatasetOut]:
        """Datasets, newest first."""
        return await _page(desk, Dataset, lambda _, row: dataset_out(row), limit, after)

    @get("/runs")
    async def runs(self, desk: NamedDependency[Desk], limit: FromQuery[int] = 20, after: FromQuery[str | None] = None) -> Page[RunOut]:
        """Training runs, newest first."""
        return await _page(desk, TrainingRun, lambda _, row: run_out(row), limit, after)

    @get("/versions")
    async def versions(
        self, desk: NamedDependency[Desk], limit: FromQuery[int] = 20, after: FromQuery[str | None] = None
    ) -> Page[VersionOut]:
        """Versions, newest first."""
        return await _page(desk, Version, lambda _, row: version_out(row), limit, after)

    @get("/receipts")
    async def receipts(
        self, desk: NamedDependency[Desk], limit: FromQuery[int] = 20, after: FromQuery[str | None] = None
    ) -> Page[ReceiptOut]:
        """Receipts, newest first."""
        return await _page(desk, Receipt, lambda _, row: receipt_out(row), limit, after)

    @post("/nights", status_code=202)
    async def night(self, data: JSONBody[NightIn], desk: NamedDependency[Desk]) -> NightOut:
        """Ask for a night now; the worker takes it up. One at a time per persona."""
        desk.personas.get(data.persona)
        night = await desk.journal.write(partial(request_night, persona=data.persona))
        return NightOut(id=night.id, persona=night.persona, step=night.step)

    @post("/versions/{version_id:str}/promotion", status_code=200)
    async def promote(self, version_id: FromPath[str], desk: NamedDependency[Desk]) -> VersionOut:
        """Serve this version from the next exchange on."""
        return version_out(await desk.journal.write(partial(_promote, version_id=version_id)))

    @post("/personas/{name:str}/rollback", status_code=200)
    async def rollback(self, name: FromPath[str], desk: NamedDependency[Desk]) -> VersionOut:
        """Serve the version before from the next exchange on."""
        persona = desk.personas.get(name)
        return version_out(await desk.journal.write(partial(registry.rollback, persona=persona.name)))


async def _page(desk: Desk, table: Any, show: Callable[[Session, Any], T], limit: int, after: str | None) -> Page[T]:
    if not 1 <= limit <= _MOST_PER_PAGE:
        raise Invalid(f"limit must lie between 1 and {_MOST_PER_PAGE}.", param="limit")
    return await desk.read(partial(_read_page, table=table, show=show, limit=limit, after=after))


def _read_page(session: Session, table: Any, show: Callable[[Session, Any], T], limit: int, after: str | None) -> Page[T]:
    query = select(table).order_by(col(table.id).desc()).limit(limit + 1)
    rows = list(session.exec(query.where(col(table.id) < after) if after else query))
    shown = rows[:limit]
    return Page(
        data=[show(session, row) for row in shown],
        first_id=shown[0].id if shown else None,
        last_id=shown[-1].id if shown else None,
        has_more=len(rows) > limit,
    )


def _exchange_with_version(session: Session, exchange: Exchange) -> ExchangeOut:
    return exchange_out(exchange, session.get_one(Version, exchange.version_id).name)


def _promote(session: Session, version_id: str) -> Version:
    version = session.get(Version, version_id)
    if version is None:
        raise NotFound("There is no such version.", code="version_not_found")
    return registry.promote(session, version, "promoted by an operator")
