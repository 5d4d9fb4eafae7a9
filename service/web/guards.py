"""Who is calling: a key of an app or operator, or the token of one conversation. Every route decides; nothing is open by accident."""

import time
from typing import Any, NamedTuple

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from sqlalchemy import Engine
from sqlmodel import Session, select

from service.chat.exchange import get_exchange
from service.db.engine import reading
from service.db.keys import TOKEN_PREFIX, digest, find_key
from service.db.tables import Conversation, Exchange
from service.errors import NotAuthenticated, NotFound, NotPermitted
from service.web.limits import require
from service.web.origins import check_origin

Connection = ASGIConnection[Any, Any, Any, Any]
MAKES_A_REPLY = {"makes_a_reply": True}
_REMEMBERED_SECONDS = 1.0
_MOST_REMEMBERED = 10_000


class Caller(NamedTuple):
    """Who calls: with a key (`key_id`, `scopes`), or as the visitor of one conversation with one persona."""

    key_id: str | None = None
    scopes: frozenset[str] = frozenset()
    conversation_id: str | None = None
    person_id: str | None = None
    persona: str | None = None

    @property
    def name(self) -> str:
        """What tells this caller from all others."""
        return f"key:{self.key_id}" if self.key_id is not None else f"conversation:{self.conversation_id}"

    @property
    def operates(self) -> bool:
        """Whether the caller is an operator."""
        return "operate" in self.scopes

    def require(self, scope: str) -> None:
        """Raise `NotPermitted` when the caller's key lacks the scope; a visitor chats and rates in their own conversation."""
        if self.conversation_id is not None and scope in {"chat", "rate"}:
            return
        if scope not in self.scopes:
            raise NotPermitted(f"This needs a key with the scope '{scope}'. Make one: attune keys create --scope {scope}")

    def require_key(self, scope: str) -> None:
        """Like `require`, for what a conversation's token does not open."""
        if self.conversation_id is not None:
            raise NotPermitted("A conversation's token opens that conversation only. Make a key: attune keys create --scope chat")
        self.require(scope)

    def owns(self, conversation: Conversation) -> bool:
        """Whether the conversation is the caller's own."""
        if self.conversation_id is not None:
            return conversation.id == self.conversation_id
        return self.key_id is not None and conversation.key_id == self.key_id


class Gatekeeper:
    """Knows callers by their secret. A key is looked up at most once a second, so a revoked one is refused within a second."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[float, Caller]] = {}

    def remembered(self, header: str | None) -> Caller | None:
        """Return who sent this `Authorization` header if they were here a moment ago; raise `NotAuthenticated` when it holds no key."""
        known = self._known.get(digest(read_secret(header)))
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def recognise(self, header: str | None) -> Caller:
        """Return who sent this `Authorization` header; raise `NotAuthenticated`. Blocks on the database."""
        secret = read_secret(header)
        with reading(self._engine) as session:
            caller = _look_up(session, secret)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[digest(secret)] = (time.monotonic() + _REMEMBERED_SECONDS, caller)
        return caller


def read_secret(header: str | None) -> str:
    """The key or token of an `Authorization` header; raise `NotAuthenticated` without one."""
    scheme, _, secret = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise NotAuthenticated("Send a key: Authorization: Bearer <key>. Make one: attune keys create --scope chat", code="key_missing")
    return secret.strip()


async def known(connection: Connection, handler: BaseRouteHandler) -> None:
    """A route's guard: refuse whoever has no key or token or asks for too much, before anything of the body is read.

    The handler gets the caller. Routes that make a reply say so with `opt=MAKES_A_REPLY`: they have a limit of their own.
    """
    if _asks_for_methods(connection):
        return
    desk, state = connection.app.state.desk, connection.scope["state"]
    state["caller"] = caller = await desk.recognise(connection.headers.get("authorization"))
    if caller.persona is not None:
        check_origin(connection, desk.personas, caller.persona)
    count = desk.limits.message if handler.opt.get("makes_a_reply") else desk.limits.other
    state["allowance"] = allowance = count(caller.name, caller.key_id is None)
    require(allowance)


def operating(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard that stands after `known`: refuse whoever is no operator."""
    if not _asks_for_methods(connection):
        connection.scope["state"]["caller"].require("operate")


def _asks_for_methods(connection: Connection) -> bool:
    """What a route can do is no secret."""
    return connection.scope.get("method") == "OPTIONS"


def own_conversation(session: Session, conversation_id: str, caller: Caller) -> Conversation:
    """Return the conversation if it is the caller's or the caller operates; raise `NotFound` or `NotPermitted`."""
    found = session.get(Conversation, conversation_id)
    if found is None:
        raise NotFound("There is no such conversation.", code="conversation_not_found")
    if not caller.owns(found) and not caller.operates:
        raise NotPermitted("This conversation is not yours.")
    return found


def own_exchange(session: Session, exchange_id: str, caller: Caller) -> tuple[Exchange, Conversation]:
    """Return the exchange and its conversation if they are the caller's or the caller operates; raise `NotFound` or `NotPermitted`."""
    exchange = get_exchange(session, exchange_id)
    conversation = session.get_one(Conversation, exchange.conversation_id)
    if not caller.owns(conversation) and not caller.operates:
        raise NotPermitted("This exchange is not yours.")
    return exchange, conversation


def _look_up(session: Session, secret: str) -> Caller:
    if secret.startswith(TOKEN_PREFIX):
        conversation = session.exec(select(Conversation).where(Conversation.token_digest == digest(secret))).first()
        if conversation is None:
            raise NotAuthenticated("This conversation token is not known. Begin a new conversation.", code="token_unknown")
        return Caller(conversation_id=conversation.id, person_id=conversation.person_id, persona=conversation.persona)
    key = find_key(session, secret)
    if key is None:
        raise NotAuthenticated("This key is not known or was revoked. Make one: attune keys create --scope chat")
    return Caller(key_id=key.id, scopes=frozenset(key.scopes))
