"""The same request twice is one exchange: by the name that the caller gives it, or as a retry of OpenAI's clients.

Source: the IETF draft "The Idempotency-Key HTTP Header Field" (httpapi-idempotency-key-header). OpenAI's clients send no such header; they
count their tries in `x-stainless-retry-count`.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from litestar.datastructures import Headers
from sqlalchemy import delete
from sqlmodel import Session, col

from service.chat.exchange import Opened
from service.db.keys import TOKEN_PREFIX
from service.db.tables import IdempotentRequest, now
from service.errors import Invalid, Reused
from service.web.replies import Reply

_KEPT = timedelta(hours=24)
_LONGEST_NAME = 200
_RETRY_SECONDS = 120.0
_MOST_TRIES = 10_000


class Claim(NamedTuple):
    """The name that a caller gives to a request, and what tells this request from any other."""

    caller: str
    name: str
    digest: str


def read_name(headers: Headers, shortest: int = 1) -> str | None:
    """The request's `Idempotency-Key`, None without one; raise `Invalid` for one that is too long, too short or not printable."""
    name = headers.get("idempotency-key")
    if name is None:
        return None
    if not (shortest <= len(name) <= _LONGEST_NAME and name.isascii() and name.isprintable()):
        raise Invalid(
            f"An Idempotency-Key has {shortest} to {_LONGEST_NAME} printable ASCII characters. Make a new one for each request: a UUID.",
            code="idempotency_key_invalid",
            param="Idempotency-Key",
        )
    return name


def digest_of(path: str, body: bytes) -> str:
    """What tells one request from another."""
    return hashlib.sha256(path.encode() + b"\0" + body).hexdigest()


def find_exchange(session: Session, claim: Claim) -> str | None:
    """The exchange that was opened for this request before; raise `Reused` when the name was given to another request."""
    kept = session.get(IdempotentRequest, (claim.caller, claim.name))
    if kept is None or kept.created_at < now() - _KEPT:
        return None
    if kept.digest != claim.digest:
        raise Reused("This Idempotency-Key was used for another request. Make a new one for each request.", param="Idempotency-Key")
    return kept.exchange_id


def open_once(session: Session, claim: Claim, work: Callable[[Session], Opened]) -> Opened | str:
    """Open the exchange under its name, in one transaction; if that was done before, return that exchange's id instead."""
    if found := find_exchange(session, claim):
        return found
    session.execute(delete(IdempotentRequest).where(col(IdempotentRequest.created_at) < now() - _KEPT))
    opened = work(session)
    session.add(IdempotentRequest(caller=claim.caller, name=claim.name, digest=claim.digest, exchange_id=opened.id))
    session.flush()
    return opened


def token_for(secret: bytes, name: str) -> str:
    """The token of the conversation that is begun under this name: the same each time, and only `secret` can make it."""
    mark = hmac.digest(secret, b"conversation\0" + name.encode(), "sha256")
    return TOKEN_PREFIX + base64.urlsafe_b64encode(mark).decode().rstrip("=")


class Tries:
    """The requests of OpenAI's clients of the last two minutes, so that a retry finds the reply of the try before it.

    A retry is told by its count, its key and its body. One that finds an earlier try which failed, or was given up, is a new try: that is
    what the client wants. Two people of one app who say the very same in the same two minutes may share a reply, if one of them retries.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = _MOST_TRIES) -> None:
        self._clock = clock
        self._most = most
        self._known: dict[tuple[str, str], tuple[float, asyncio.Future[Reply | None]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    async def earlier(self, mark: tuple[str, str]) -> Reply | None:
        """The reply of the earlier try, if it is whole or may still become so. Waits while that one is being opened."""
        at, began = self._known.get(mark, (0.0, None))
        if began is None or self._clock() - at > _RETRY_SECONDS:
            return None
        reply = await asyncio.shield(began)
        return reply if reply is not None and reply.promising else None

    @contextmanager
    def trying(self, mark: tuple[str, str]) -> Iterator[Callable[[Reply], None]]:
        """Remember a try; call what is yielded when its reply has begun."""
        began: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        self._known.pop(mark, None)
        self._forget()
        self._known[mark] = (self._clock(), began)
        try:
            yield began.set_result
        finally:
            if not began.done():
                began.set_result(None)

    def _forget(self) -> None:
        """Forget the oldest: those of which no retry will come, and as many as are too many."""
        while self._known:
            mark = next(iter(self._known))
            if len(self._known) < self._most and self._clock() - self._known[mark][0] <= _RETRY_SECONDS:
                return
            del self._known[mark]
