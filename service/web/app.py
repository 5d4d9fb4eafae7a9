"""The application: what is opened when it starts, what is closed when it stops, and where its routes are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio.to_thread
import structlog
from litestar import Litestar
from litestar.exceptions import HTTPException
from sqlalchemy.exc import DataError

from service.chat.exchange import close_interrupted
from service.chat.generation import Generations
from service.chat.revision import introduce
from service.db.engine import BUSY_MILLISECONDS, open_engine
from service.db.ids import new_id
from service.db.journal import Journal
from service.db.migration import upgrade
from service.errors import AttuneError
from service.personas.reload import Watch
from service.providers.catalog import Providers
from service.settings import Settings
from service.web.assets import Assets
from service.web.openapi import description
from service.web.origins import Origins
from service.web.pages import page_routes
from service.web.problems import (
    BODY_LIMIT,
    Refusals,
    answer_http_error,
    answer_our_error,
    answer_unexpected_error,
    answer_unkeepable,
    answer_unreadable,
)
from service.web.reload import follow_folder
from service.web.requests import Application
from service.web.routes import DEPENDENCIES, ROUTES
from service.web.state import Desk

_DRAIN_SECONDS = 30.0
_PING_SECONDS = 15.0
_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 120.0
log = structlog.get_logger()


def create_app(
    settings: Settings,
    providers: Providers | None = None,
    *,
    ping_seconds: float = _PING_SECONDS,
    look_seconds: float = _LOOK_SECONDS,
    grace_seconds: float = _GRACE_SECONDS,
    busy_milliseconds: int = BUSY_MILLISECONDS,
    assets: Assets | None = None,
) -> Litestar:
    """Build the application. Personas are read here, so that a broken one stops the start with file and line.

    A stream that has been silent for `ping_seconds` sends a comment; every `look_seconds` the persona files are looked at. On `/api` a
    reply whose readers have all left goes on for `grace_seconds`. The pages run the widget of `assets`.
    A write waits `busy_milliseconds` for another writer of the SQLite file.
    """
    opened = partial(
        _lifespan,
        settings=settings,
        watch=Watch(settings.personas),
        providers=providers or Providers(settings),
        ping_seconds=ping_seconds,
        look_seconds=look_seconds,
        grace_seconds=grace_seconds,
        busy_milliseconds=busy_milliseconds,
    )
    app = Application(
        route_handlers=[*ROUTES, description, page_routes(assets or Assets())],
        lifespan=[opened],
        dependencies=DEPENDENCIES,
        exception_handlers={
            AttuneError: answer_our_error,
            HTTPException: answer_http_error,
            UnicodeDecodeError: answer_unreadable,
            DataError: answer_unkeepable,
            Exception: answer_unexpected_error,
        },
        openapi_config=None,  # The framework's own answers to unknown paths below /schema in HTML; see openapi.py.
        logging_config=None,
        request_max_body_size=BODY_LIMIT,
    )
    app.state.refusals = Refusals()
    app.asgi_handler = Origins(app.asgi_handler)
    return app


@asynccontextmanager
async def _lifespan(
    app: Litestar,
    settings: Settings,
    watch: Watch,
    providers: Providers,
    ping_seconds: float,
    look_seconds: float,
    grace_seconds: float,
    busy_milliseconds: int,
) -> AsyncIterator[None]:
    engine = open_engine(settings.database, checkpoints=True, busy_milliseconds=busy_milliseconds)
    await anyio.to_thread.run_sync(upgrade, engine)
    journal = Journal(engine)
    journal.start()
    boot = new_id()
    await journal.write(partial(introduce, personas=list(watch.personas)))
    if interrupted := await journal.write(partial(close_interrupted, boot=boot)):
        log.warning("exchanges_interrupted", count=interrupted)
    generations = Generations(providers, journal, settings)
    await anyio.to_thread.run_sync(generations.counters.load, [model for persona in watch.personas for model in persona.settings.models])
    app.state.desk = Desk(settings, engine, watch, journal, generations, boot, ping_seconds, grace_seconds)
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
