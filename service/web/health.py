"""Whether the service lives, and whether it can take a message; open to everybody."""

import msgspec
from litestar import HttpMethod, route
from litestar.di import NamedDependency

from service.db.engine import touch
from service.errors import AttuneError, Unavailable
from service.web.state import Desk

_READING = [HttpMethod.GET, HttpMethod.HEAD]


class Alive(msgspec.Struct):
    """The process answers."""

    status: str = "ok"


class Ready(msgspec.Struct, kw_only=True):
    """The service can take a message. `personas` are the files that are wrong, with what is wrong."""

    status: str = "ok"
    waiting_writes: int
    persona_count: int
    personas: dict[str, str]


@route("/health/live", http_method=_READING, tags=["Health"], security=[{}], summary="Does the process answer?")
async def live() -> Alive:
    """Yes, as long as it does."""
    return Alive()


@route("/health/ready", http_method=_READING, tags=["Health"], security=[{}], summary="Can the service take a message?")
async def ready(desk: NamedDependency[Desk]) -> Ready:
    """Yes, when the database takes a write and replies are admitted; 503 otherwise."""
    desk.generations.admit()
    try:
        await desk.journal.write(touch)
    except AttuneError as error:
        raise Unavailable("The database cannot be written now.", code="storage") from error
    return Ready(waiting_writes=desk.journal.depth, persona_count=len(desk.personas), personas=desk.watch.troubles)
