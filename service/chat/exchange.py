"""One exchange in the database: opened before the provider is called, closed whatever happens. Every function here is a journal's work."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import NamedTuple

from sqlalchemy import update
from sqlmodel import Session, col, select

from service import registry
from service.chat.messages import trim_history
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Version, now
from service.errors import Conflict, NotFound
from service.personas.persona import Persona, fingerprint
from service.providers.base import Turn


class Opened(NamedTuple):
    """An exchange that is durable and waits for its reply."""

    id: str
    conversation_id: str
    persona: Persona
    version: Version
    prompt: str
    history: list[Turn]
    message: str
    created_at: datetime


class Ending(NamedTuple):
    """How a reply ended, and what is known of it."""

    state: ExchangeState
    reply: str
    finish_reason: str | None = None
    error: str | None = None
    provider: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Asked(NamedTuple):
    """What is asked, and in which state of the service. `added` is an app's own system text, put after the persona's."""

    persona: Persona
    which: str
    message: str
    boot: str
    added: str = ""


def find_person(session: Session, external: str, name: str = "") -> Person:
    """The person known by `external`, made when first seen."""
    found = session.exec(select(Person).where(Person.external == external)).first()
    if found is None:
        found = Person(external=external, name=name)
        session.add(found)
        session.flush()
    return found


def open_in_conversation(session: Session, asked: Asked, conversation: Conversation, previous_id: str | None = None) -> Opened:
    """Open an exchange after the newest one of `conversation`, or after `previous_id` (a variant); the history is ours."""
    chain = _chain(session, conversation.id, previous_id)
    history = [Turn(role, text) for before in chain for role, text in (("user", before.message), ("assistant", before.reply))]
    return _open(session, asked, conversation, history, chain[-1].id if chain else None)


def open_variant(session: Session, exchange_id: str, persona: Persona, boot: str) -> Opened:
    """Open another reply to the same message in the same context."""
    first = get_exchange(session, exchange_id)
    if first.state == ExchangeState.open:
        raise Conflict("The reply is still being written. Cancel it first or wait.", code="exchange_open")
    conversation = session.get_one(Conversation, first.conversation_id)
    history = [Turn(turn["role"], turn["content"]) for turn in first.context]
    return _open(session, Asked(persona, "champion", first.message, boot), conversation, history, first.previous_id)


def open_stateless(session: Session, asked: Asked, history: Sequence[Turn], person_id: str, key_id: str | None) -> Opened:
    """Open an exchange for a client that sends the whole history each time; the conversation is found by that history."""
    before = _exchange_of_thread(session, _thread_of(person_id, asked.persona.name, history)) if history else None
    if before is not None:
        conversation = session.get_one(Conversation, before.conversation_id)
    else:
        conversation = Conversation(persona=asked.persona.name, person_id=person_id, key_id=key_id)
        session.add(conversation)
        session.flush()
    return _open(session, asked, conversation, list(history), before.id if before else None)


def save_progress(session: Session, exchange_id: str, reply: str) -> None:
    """Keep the text so far of an open exchange."""
    session.execute(update(Exchange).where(col(Exchange.id) == exchange_id, col(Exchange.state) == ExchangeState.open).values(reply=reply))


def close_exchange(session: Session, exchange_id: str, ending: Ending) -> None:
    """Write the reply and how it ended. An exchange is closed once; a second closing changes nothing."""
    exchange = session.get_one(Exchange, exchange_id)
    if exchange.state != ExchangeState.open:
        return
    for name, value in ending._asdict().items():
        setattr(exchange, name, value)
    exchange.ended_at = now()
    # So far the thread ended with the message. A client sends back whole replies only.
    whole = ending.state == ExchangeState.complete
    exchange.thread = _longer_thread(exchange.thread or "", Turn("assistant", ending.reply)) if whole else None
    session.add(exchange)


def close_interrupted(session: Session, boot: str) -> int:
    """Close what an earlier life of the service left open, keeping the text so far; return how many there were."""
    closed = session.execute(
        update(Exchange)
        .where(col(Exchange.state) == ExchangeState.open, col(Exchange.boot) != boot)
        .values(state=ExchangeState.interrupted, error="service_stopped", ended_at=now(), thread=None)
    )
    return int(closed.rowcount)  # type: ignore[attr-defined]  # an UPDATE always returns a CursorResult


def get_exchange(session: Session, exchange_id: str) -> Exchange:
    """Return the exchange; raise `NotFound`."""
    found = session.get(Exchange, exchange_id.removeprefix("chatcmpl-"))
    if found is None:
        raise NotFound("There is no such exchange.", code="exchange_not_found")
    return found


def _open(session: Session, asked: Asked, conversation: Conversation, history: list[Turn], previous_id: str | None) -> Opened:
    person = session.get_one(Person, conversation.person_id)
    prompt = asked.persona.prompt({"user": person.name} if person.name else None)
    if asked.added:
        prompt = f"{prompt}\n\n{asked.added}"
    version = registry.find_version(session, asked.persona.name, asked.which)
    mark = _keep_prompt(session, asked.persona.name, prompt)
    kept = trim_history(history, asked.persona.settings.memory.max_tokens)
    exchange = Exchange(
        conversation_id=conversation.id,
        previous_id=previous_id,
        persona=asked.persona.name,
        version_id=version.id,
        fingerprint=mark,
        context=[{"role": turn.role, "content": turn.content} for turn in kept],
        message=asked.message,
        boot=asked.boot,
        thread=_thread_of(conversation.person_id, asked.persona.name, [*history, Turn("user", asked.message)]),
    )
    session.add(exchange)
    session.flush()
    return Opened(exchange.id, conversation.id, asked.persona, version, prompt, kept, asked.message, exchange.created_at)


def _keep_prompt(session: Session, persona: str, prompt: str) -> str:
    mark = fingerprint(prompt)
    if session.get(Prompt, mark) is None:
        session.add(Prompt(fingerprint=mark, persona=persona, text=prompt))
        session.flush()
    return mark


def _thread_of(person_id: str, persona: str, turns: Sequence[Turn]) -> str:
    """A name for a person's conversation with a persona up to here, the same whenever the same words were said."""
    return reduce(_longer_thread, turns, _mark(person_id, persona))


def _longer_thread(thread: str, turn: Turn) -> str:
    return _mark(thread, turn.role, turn.content)


def _mark(*words: str) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def _exchange_of_thread(session: Session, thread: str) -> Exchange | None:
    told = select(Exchange).where(Exchange.thread == thread, Exchange.state == ExchangeState.complete)
    return session.exec(told.order_by(col(Exchange.id).desc())).first()


def _chain(session: Session, conversation_id: str, last_id: str | None) -> list[Exchange]:
    """The exchanges that lead to `last_id` (by default the newest with a reply), oldest first."""
    query = select(Exchange).where(Exchange.conversation_id == conversation_id).order_by(col(Exchange.id))
    told = {exchange.id: exchange for exchange in session.exec(query) if exchange.reply and exchange.state != ExchangeState.open}
    current = told.get(last_id) if last_id else (list(told.values())[-1] if told else None)
    chain: list[Exchange] = []
    while current is not None:
        chain.append(current)
        current = told.get(current.previous_id or "")
    return chain[::-1]
