"""`/api` for operators: lists of what is there, starting a night, promoting and rolling back."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import anyio.to_thread
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, exists, select

from service import keeper, registry
from service.canary.trial import end_by_hand, promote_by_hand, standing, under_way
from service.db.tables import (
    Dataset,
    Exchange,
    ExchangeState,
    Night,
    Outcome,
    Rating,
    Receipt,
    ReceiptKind,
    RunState,
    Stage,
    Thumb,
    TrainingRun,
    Version,
)
from service.errors import NotFound
from service.ledger import request_night
from service.proof.record import record_of
from service.web.guards import known, operating
from service.web.lists import PageAsked, pages, read_page
from service.web.state import Desk
from service.web.wire import (
    CanaryEndIn,
    CanaryEndOut,
    CanaryOut,
    DatasetOut,
    ExchangeTrace,
    NightIn,
    NightOut,
    Page,
    ReceiptOut,
    RunOut,
    VersionOut,
    dataset_out,
    exchange_trace,
    receipt_out,
    run_out,
    version_out,
)

T = TypeVar("T")


class OperatorController(Controller):
    """What an operator sees and does; needs a key with the scope `operate`."""

    path = "/api"
    guards = [known, operating]
    dependencies = pages
    tags = ["Operator"]

    @get("/exchanges", summary="List exchanges")
    async def exchanges(
        self,
        desk: NamedDependency[Desk],
        page: NamedDependency[PageAsked],
        persona: FromQuery[str | None] = None,
        exchange_state: Annotated[ExchangeState | None, QueryParameter(name="state")] = None,
        rating: FromQuery[Literal["up", "down"] | None] = None,
        conversation: FromQuery[str | None] = None,
    ) -> Page[ExchangeTrace]:
        """Exchanges, newest first; with `rating`, those of which somebody's last word is that."""
        query = select(Exchange, Version).join(Version, col(Version.id) == Exchange.version_id)
        query = _where(query, Exchange, persona=persona, state=exchange_state, conversation_id=conversation)
        if rating is not None:
            query = query.where(_rated(Thumb(rating)))
        return await desk.read(partial(read_page, query=query, table=Exchange, page=page, show=_exchanges))

    @get("/datasets", summary="List datasets")
    async def datasets(
        self, desk: NamedDependency[Desk], page: NamedDependency[PageAsked], persona: FromQuery[str | None] = None
    ) -> Page[DatasetOut]:
        """Frozen datasets, newest first."""
        return await _list(desk, page, Dataset, dataset_out, persona=persona)

    @get("/runs", summary="List training runs")
    async def runs(
        self,
        desk: NamedDependency[Desk],
        page: NamedDependency[PageAsked],
        persona: FromQuery[str | None] = None,
        run_state: Annotated[RunState | None, QueryParameter(name="state")] = None,
    ) -> Page[RunOut]:
        """Training runs, newest first."""
        return await _list(desk, page, TrainingRun, run_out, persona=persona, state=run_state)

    @get("/versions", summary="List versions")
    async def versions(
        self,
        desk: NamedDependency[Desk],
        page: NamedDependency[PageAsked],
        persona: FromQuery[str | None] = None,
        stage: FromQuery[Stage | None] = None,
    ) -> Page[VersionOut]:
        """Versions of the personas, newest first."""
        return await _list(desk, page, Version, version_out, persona=persona, stage=stage)

    @get("/receipts", summary="List receipts")
    async def receipts(
        self,
        desk: NamedDependency[Desk],
        page: NamedDependency[PageAsked],
        persona: FromQuery[str | None] = None,
        outcome: FromQuery[Outcome | None] = None,
    ) -> Page[ReceiptOut]:
        """What the nights decided and why, newest first."""
        return await _list(desk, page, Receipt, receipt_out, persona=persona, outcome=outcome)

    @post("/nights", status_code=202, summary="Run a night now")
    async def night(self, data: JSONBody[NightIn], desk: NamedDependency[Desk]) -> NightOut:
        """Ask for a night now; the worker takes it up. One at a time per persona."""
        desk.personas.get(data.persona)
        night = await desk.journal.write(partial(request_night, persona=data.persona))
        return NightOut(id=night.id, persona=night.persona, step=night.step)

    @post("/versions/{version_id:str}/promotion", status_code=200, summary="Promote a version")
    async def promote(self, version_id: FromPath[str], desk: NamedDependency[Desk]) -> VersionOut:
        """Serve this version from the next exchange on, and watch it as after a night."""
        version = await desk.read(partial(_version, version_id=version_id))
        await anyio.to_thread.run_sync(keeper.rebuild, desk.settings, version)
        return version_out(await desk.journal.write(partial(_promote, desk=desk, version_id=version_id)))

    @get("/versions/{version_id:str}/proof", summary="Get what a version was proved by")
    async def proof(self, version_id: FromPath[str], desk: NamedDependency[Desk]) -> dict[str, Any]:
        """What went in and what was left out, hyper-parameters, the loss by step, the scorecard, the decision, trials and promotions."""
        return await desk.read(partial(_proof, desk=desk, version_id=version_id))

    @get("/personas/{name:str}/canary", summary="See how the version on trial does")
    async def canary(self, name: FromPath[str], desk: NamedDependency[Desk]) -> CanaryOut:
        """The version that a share of new conversations tries, or the one watched after its promotion; 404 when there is neither."""
        persona = desk.personas.get(name)
        return await desk.read(partial(_canary, persona=persona.name))

    @post("/personas/{name:str}/canary/end", status_code=200, summary="End a canary")
    async def end_canary(self, name: FromPath[str], data: JSONBody[CanaryEndIn], desk: NamedDependency[Desk]) -> CanaryEndOut:
        """Do not wait for the ratings: serve the version on trial (`promote`), or quarantine it with what was new to it (`rollback`)."""
        persona = desk.personas.get(name)
        trial = await desk.journal.write(partial(end_by_hand, persona=persona, promote=data.how == "promote"))
        return CanaryEndOut(outcome=trial.outcome.value if trial.outcome else None, reason=trial.reason)

    @post("/personas/{name:str}/rollback", status_code=200, summary="Roll a persona back")
    async def rollback(self, name: FromPath[str], desk: NamedDependency[Desk]) -> VersionOut:
        """Serve the version before from the next exchange on."""
        persona = desk.personas.get(name)
        for version in (await desk.read(partial(registry.list_fallbacks, persona=persona.name)))[:1]:
            await anyio.to_thread.run_sync(keeper.rebuild, desk.settings, version)
        return version_out(await desk.journal.write(partial(registry.rollback, persona=persona.name)))


async def _list(desk: Desk, page: PageAsked, table: Any, show: Callable[[Any], T], **wanted: Any) -> Page[T]:
    query = _where(select(table), table, **wanted)
    return await desk.read(partial(read_page, query=query, table=table, page=page, show=lambda _, rows: [show(row) for row in rows]))


def _where(query: Any, table: Any, **wanted: Any) -> Any:
    return query.where(*(getattr(table, name) == value for name, value in wanted.items() if value is not None))


def _rated(thumb: Thumb) -> Any:
    """Whether somebody's last word on the exchange is this one."""
    later = aliased(Rating)
    same = (col(later.exchange_id) == Rating.exchange_id, col(later.person_id) == Rating.person_id, col(later.id) > Rating.id)
    return exists().where(col(Rating.exchange_id) == Exchange.id, col(Rating.rating) == thumb, ~exists().where(*same))


def _exchanges(_: Session, rows: Any) -> list[ExchangeTrace]:
    return [exchange_trace(exchange, version.name) for exchange, version in rows]


def _proof(session: Session, desk: Desk, version_id: str) -> dict[str, Any]:
    version = _version(session, version_id)
    night = session.get(Night, version.night_id) if version.night_id else None
    return record_of(session, desk.settings.artifact_folder, night, version)


def _canary(session: Session, persona: str) -> CanaryOut:
    trial = under_way(session, persona) or under_way(session, persona, ReceiptKind.watch)
    if trial is None:
        raise NotFound(f"No version of {persona} is being tried or watched.", code="no_canary")
    return CanaryOut(
        kind=trial.kind.value,
        persona=persona,
        version=session.get_one(Version, trial.version_id).name,
        against=session.get_one(Version, trial.champion_id).name,
        share=trial.share,
        started_at=trial.started_at,
        ends_at=trial.ends_at,
        standing=standing(session, trial),
    )


def _promote(session: Session, desk: Desk, version_id: str) -> Version:
    version, reason = _version(session, version_id), "promoted by an operator"
    if version.persona in desk.personas:
        return promote_by_hand(session, desk.personas.get(version.persona), version, reason)
    return registry.promote(session, version, reason)


def _version(session: Session, version_id: str) -> Version:
    version = session.get(Version, version_id)
    if version is None:
        raise NotFound("There is no such version.", code="version_not_found")
    return version
