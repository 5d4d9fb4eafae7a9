"""The application: what is opened when it starts, what is closed when it stops, and where its routes are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import structlog
from litestar import Litestar, MediaType, Request, Response, get
from litestar.config.cors import CORSConfig
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.static_files import create_static_files_router
from sqlalchemy.exc import DataError

from service.chat.exchange import close_interrupted
from service.chat.generation import Generations
from service.chat.revision import introduce
from service.db.engine import open_engine
from service.db.ids import new_id
from service.db.journal import Journal
from service.db.migration import upgrade
from service.errors import AttuneError, Unavailable
from service.personas.reload import Watch
from service.providers.catalog import Providers
from service.settings import Settings
from service.web.completions import CompletionsController
from service.web.conversations import ConversationsController, ExchangesController, PersonasController
from service.web.guards import Caller
from service.web.operator import OperatorController
from service.web.problems import (
    BODY_LIMIT,
    answer_http_error,
    answer_our_error,
    answer_unexpected_error,
    answer_unkeepable,
    answer_unreadable,
)
from service.web.ratings import RatingsController
from service.web.reload import follow_folder
from service.web.state import Desk

_DIST = Path(__file__).parent / "dist"
_DRAIN_SECONDS = 30.0
_PING_SECONDS = 15.0
_LOOK_SECONDS = 1.0
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
log = structlog.get_logger()


def create_app(
    settings: Settings,
    providers: Providers | None = None,
    *,
    ping_seconds: float = _PING_SECONDS,
    look_seconds: float = _LOOK_SECONDS,
) -> Litestar:
    """Build the application. Personas are read here, so that a broken one stops the start with file and line.

    A stream that has been silent for `ping_seconds` sends a comment; every `look_seconds` the persona files are looked at.
    """
    opened = partial(
        _lifespan,
        settings=settings,
        watch=Watch(settings.personas),
        providers=providers or Providers(settings),
        ping_seconds=ping_seconds,
        look_seconds=look_seconds,
    )
    return Litestar(
        route_handlers=[
            CompletionsController,
            PersonasController,
            ConversationsController,
            ExchangesController,
            RatingsController,
            OperatorController,
            live,
            ready,
            page,
            create_static_files_router("/assets", directories=[_DIST]),
        ],
        lifespan=[opened],
        dependencies={
            "desk": Provide(_desk, sync_to_thread=False),
            "caller": Provide(_caller, sync_to_thread=False),
            "visitor": Provide(_visitor),
        },
        exception_handlers={
            AttuneError: answer_our_error,
            HTTPException: answer_http_error,
            UnicodeDecodeError: answer_unreadable,
            DataError: answer_unkeepable,
            Exception: answer_unexpected_error,
        },
        openapi_config=OpenAPIConfig(title="Attune", version="0.1.0", path="/schema", render_plugins=[JsonRenderPlugin()]),
        cors_config=CORSConfig(allow_origins=[]),
        logging_config=None,
        request_max_body_size=BODY_LIMIT,
    )


@asynccontextmanager
async def _lifespan(
    app: Litestar, settings: Settings, watch: Watch, providers: Providers, ping_seconds: float, look_seconds: float
) -> AsyncIterator[None]:
    engine = open_engine(settings.database, checkpoints=True)
    await anyio.to_thread.run_sync(upgrade, engine)
    journal = Journal(engine)
    journal.start()
    boot = new_id()
    await journal.write(partial(introduce, personas=list(watch.personas)))
    if interrupted := await journal.write(partial(close_interrupted, boot=boot)):
        log.warning("exchanges_interrupted", count=interrupted)
    generations = Generations(providers, journal, settings)
    app.state.desk = Desk(settings, engine, watch, journal, generations, boot, ping_seconds)
    following = asyncio.create_task(follow_folder(watch, journal, look_seconds), name="personas")
    log.info("web_started", personas=[persona.name for persona in watch.personas])
    try:
        yield
    finally:
        following.cancel()
        await asyncio.wait([following])
        await generations.drain(_DRAIN_SECONDS)
        await providers.close()
        await anyio.to_thread.run_sync(journal.close)
        engine.dispose()
        log.info("web_stopped")


def _desk(request: Request[Any, Any, Any]) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _caller(request: Request[Any, Any, Any]) -> Caller:
    # Put there by the guard `known`: a route that asks for the caller without it fails, and lets nobody in.
    caller: Caller = request.scope["state"]["caller"]
    return caller


async def _visitor(request: Request[Any, Any, Any], desk: NamedDependency[Desk]) -> Caller | None:
    header = request.headers.get("authorization")
    return await desk.recognise(header) if header else None


@get("/health/live", tags=["Health"])
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@get("/health/ready", tags=["Health"])
async def ready(desk: NamedDependency[Desk]) -> dict[str, Any]:
    """The service can take a message: the database takes a write and replies are admitted. `personas` are the files that are wrong."""
    desk.generations.admit()
    try:
        await desk.journal.write(lambda _: None)
    except AttuneError as error:
        raise Unavailable("The database cannot be written now.", code="storage") from error
    return {
        "status": "ok",
        "waiting_writes": desk.journal.depth,
        "persona_count": len(desk.personas),
        "personas": desk.watch.troubles,
    }


@get("/", media_type=MediaType.HTML, include_in_schema=False)
async def page() -> Response[bytes]:
    """The hosted chat page."""
    content = await anyio.Path(_DIST / "index.html").read_bytes()
    headers = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
    return Response(content, media_type=MediaType.HTML, headers=headers)
