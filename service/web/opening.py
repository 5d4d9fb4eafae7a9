"""From a request to its reply: found again when the same request was made before, otherwise begun, within the caller's bounds."""

from collections.abc import Callable
from functools import partial
from typing import Any

from litestar import Request
from sqlmodel import Session

from service.chat.exchange import Opened
from service.web.guards import Caller
from service.web.idempotency import Claim, digest_of, find_exchange, open_once, read_name
from service.web.replies import Reply, kept_reply, reply_of
from service.web.state import Desk

AnyRequest = Request[Any, Any, Any]
Work = Callable[[Session], Opened]
Overrides = dict[str, Any] | None
_COUNT = "x-stainless-retry-count"


async def answer(desk: Desk, caller: Caller, request: AnyRequest, work: Work, overrides: Overrides = None) -> Reply:
    """The reply to this request: one that was begun before, or a new one, opened by `work`.

    Raises what `work` raises, `Reused`, `RateLimited`, and `Unavailable` when no further reply can be made now.
    """
    name = read_name(request.headers)
    if name is not None:
        claim = Claim(caller.name, name, digest_of(request.url.path, await request.body()))
        return await _named(desk, caller, claim, work, overrides)
    if _COUNT in request.headers:
        return await _perhaps_tried(desk, caller, request, work, overrides)
    return await _begin(desk, caller, work, overrides)


async def find_reply(desk: Desk, exchange_id: str) -> Reply:
    """The reply of an exchange, from memory or from its row; raise `NotFound` or `Conflict`."""
    generation = desk.generations.get(exchange_id)
    return reply_of(generation) if generation is not None else await desk.read(partial(kept_reply, exchange_id=exchange_id))


async def _named(desk: Desk, caller: Caller, claim: Claim, work: Work, overrides: Overrides) -> Reply:
    # Looked for by the thread that writes: whoever opened it has begun the reply by the time we hear of it.
    found = await desk.journal.write(partial(find_exchange, claim=claim))
    if found is not None:
        return await find_reply(desk, found)
    return await _begin(desk, caller, partial(open_once, claim=claim, work=work), overrides)


async def _perhaps_tried(desk: Desk, caller: Caller, request: AnyRequest, work: Work, overrides: Overrides) -> Reply:
    mark = (caller.name, digest_of(request.url.path, await request.body()))
    if request.headers[_COUNT] != "0" and (earlier := await desk.tries.earlier(mark)):
        return earlier
    with desk.tries.trying(mark) as began:
        reply = await _begin(desk, caller, work, overrides)
        began(reply)
    return reply


async def _begin(desk: Desk, caller: Caller, work: Callable[[Session], Opened | str], overrides: Overrides) -> Reply:
    with desk.limits.place(caller.name, caller.key_id is None) as place:
        desk.generations.admit()
        opened = await desk.journal.write(work)
        if isinstance(opened, str):  # The same request came first, in the same moment.
            return await find_reply(desk, opened)
        generation = desk.generations.start(opened, overrides)
        if generation.task is not None:
            place.keep_until(generation.task)
        return reply_of(generation)
