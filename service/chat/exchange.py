"""One exchange in the database: opened before the provider is called, closed whatever happens. Every function here is a journal's work."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial, reduce
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, SQLModel, col, select

from service import registry
from service.chat.context import Material, Piece, View, additions, fit
from service.chat.facts import Change, change, list_facts, may_remember, read_wish, write_change
from service.chat.recall import Scene, find_summary, recall, recall_again
from service.db.ids import new_id
from service.db.rows import Lookup, Statement
from service.db.tables import Conversation, Exchange, ExchangeState, Person, Prompt, Version, now
from service.errors import Conflict, NotFound
from service.personas.persona import Persona, fingerprint
from service.providers.base import Turn
from service.providers.tokens import ESTIMATE, TokenCounters

PINNED = "pinned"
"""Among an exchange's additions: the version that was asked for by name."""

_NEWCOMERS = "newcomers"
_OPENED = (
    *("id", "conversation_id", "previous_id", "persona", "version_id", "fingerprint", "revision", "safety", "additions", "context"),
    *("message", "reply", "state", "boot", "thread", "created_at"),
)


def _insert(table: type[SQLModel], *names: str) -> Statement:
    return Statement(insert(table).values({name: bindparam(name) for name in names}))


_PEOPLE = Lookup(Person, "id")
_PEOPLE_OUTSIDE = Lookup(Person, "external")
_PROMPTS = Lookup(Prompt, "fingerprint")

_THREAD_ENDS_AT = Statement(
    select(Exchange.id, Exchange.conversation_id)
    .where(Exchange.thread == bindparam("thread"), Exchange.state == ExchangeState.complete)
    .order_by(col(Exchange.id).desc())
    .limit(1)
)
_OPEN_THREAD = Statement(select(Exchange.thread).where(Exchange.id == bindparam("exchange"), Exchange.state == ExchangeState.open))
_BEGIN_CONVERSATION = _insert(Conversation, "id", "persona", "person_id", "key_id", "created_at")
_OPEN = _insert(Exchange, *_OPENED)
_SAVE_PROGRESS = (
    update(Exchange)
    .where(col(Exchange.id) == bindparam("exchange"), col(Exchange.state) == ExchangeState.open)
    .values(reply=bindparam("text"))
)


class Opened(NamedTuple):
    """An exchange that is durable and waits for its reply.

    `prompt` is the persona's alone; `view` is all that `model` sees, and `dropped` what fell out of its history, where the persona wants
    that summarised. Without a view the prompt and the history are all there is.
    """

    id: str
    conversation_id: str
    persona: Persona
    version: Version
    prompt: str
    history: list[Turn]
    message: str
    created_at: datetime
    view: View | None = None
    model: str = ""
    dropped: Sequence[Turn] = ()
    previous_id: str | None = None
    person: str = ""
    """The name of who talks; empty where it is not known."""


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
    warnings: list[str] | None = None


_CLOSE = Statement(
    update(Exchange)
    .where(col(Exchange.id) == bindparam("exchange"))
    .values({name: bindparam(name) for name in (*Ending._fields, "ended_at", "thread")})
)


class Asked(NamedTuple):
    """What is asked, and in which state of the service. `added` is an app's own system text, put after the persona's.

    With `pinned` the version was asked for by name (`friend@v3`): it is no canary's to replace, and its ratings are no canary's votes.
    `counters` know the tokens of the models; without them all is estimated, and no window is known.
    """

    persona: Persona
    which: str
    message: str
    boot: str
    added: str = ""
    counters: TokenCounters | None = None
    pinned: bool = False


class Place(NamedTuple):
    """Where a new exchange stands: after which one, in whose conversation; `thread` names the words up to there."""

    conversation_id: str
    person_id: str
    previous_id: str | None
    thread: str


def find_person(session: Session, external: str, name: str = "") -> Person:
    """The person known by `external`, made when first seen."""
    found = session.exec(select(Person).where(Person.external == external)).first()
    if found is None:
        found = Person(external=external, name=name)
        session.add(found)
        session.flush()
        session.info.setdefault(_NEWCOMERS, set()).add(found.id)
    return found


def identify(session: Session, external: str) -> str:
    """The id of the person known by `external`; like `find_person`, and quicker."""
    found = _PEOPLE_OUTSIDE.find(session, external=external) or find_person(session, external)
    return found.id


def open_in_conversation(
    session: Session, asked: Asked, conversation: Conversation, previous_id: str | None = None, *, from_start: bool = False
) -> Opened:
    """Open an exchange after the newest one of `conversation`, or after `previous_id` (a variant), or after none; the history is ours."""
    chain = [] if from_start else _chain(session, conversation.id, previous_id)
    history = [Turn(role, text) for before in chain for role, text in (("user", before.message), ("assistant", before.reply))]
    return _open(session, asked, _place(conversation, history, chain[-1].id if chain else None), history)


def open_variant(session: Session, exchange_id: str, persona: Persona, boot: str, counters: TokenCounters | None = None) -> Opened:
    """Open another reply to the same message in the same context: the same history, lore, facts, summary and examples."""
    first = get_exchange(session, exchange_id)
    if first.state == ExchangeState.open:
        raise Conflict("The reply is still being written. Cancel it first or wait.", code="exchange_open")
    conversation = session.get_one(Conversation, first.conversation_id)
    history = [Turn(turn["role"], turn["content"]) for turn in first.context]
    asked = Asked(persona, "champion", first.message, boot, counters=counters)
    return _open(session, asked, _place(conversation, history, first.previous_id), history, first)


def open_stateless(session: Session, asked: Asked, history: Sequence[Turn], person_id: str, key_id: str | None) -> Opened:
    """Open an exchange for a client that sends the whole history each time; the conversation is found by that history."""
    thread = _thread_of(person_id, asked.persona.name, history)
    before = _THREAD_ENDS_AT.run(session, thread=thread) if history else None
    if before is not None:
        previous_id, conversation_id = before
        return _open(session, asked, Place(conversation_id, person_id, previous_id, thread), list(history))
    conversation_id = new_id()
    persona = asked.persona.name
    _BEGIN_CONVERSATION.run(session, id=conversation_id, persona=persona, person_id=person_id, key_id=key_id, created_at=now())
    return _open(session, asked, Place(conversation_id, person_id, None, thread), list(history))


def save_progress(session: Session, replies: Mapping[str, str]) -> None:
    """Keep the texts so far of open exchanges."""
    named = [{"exchange": exchange_id, "text": reply} for exchange_id, reply in replies.items()]
    session.connection().execute(_SAVE_PROGRESS, named)


def close_exchange(session: Session, exchange_id: str, ending: Ending) -> None:
    """Write the reply and how it ended. An exchange is closed once; a second closing changes nothing."""
    found = _OPEN_THREAD.run(session, exchange=exchange_id)
    if found is None:
        session.get_one(Exchange, exchange_id)
        return
    # So far the thread ended with the message. A client sends back whole replies only.
    whole = ending.state == ExchangeState.complete
    longer = _longer_thread(found[0] or "", Turn("assistant", ending.reply)) if whole else None
    _CLOSE.run(session, **ending._asdict(), exchange=exchange_id, ended_at=now(), thread=longer)


def close_interrupted(session: Session, boot: str) -> int:
    """Close what an earlier life of the service left open, keeping the text so far; return how many there were."""
    closed = session.execute(
        update(Exchange)
        .where(col(Exchange.state) == ExchangeState.open, col(Exchange.boot) != boot)
        .values(state=ExchangeState.interrupted, error="service_stopped", ended_at=now(), thread=None)
    )
    return int(closed.rowcount)  # type: ignore[attr-defined]  # an UPDATE always returns a CursorResult


def first_model(persona: Persona, version: Version) -> str:
    """Whoever is asked first, as provider:model: the version's own model, if it has one, else the first of the persona file."""
    return f"{version.provider}:{version.model}" if version.provider and version.model else persona.settings.models[0]


def get_exchange(session: Session, exchange_id: str) -> Exchange:
    """Return the exchange; raise `NotFound`."""
    found = session.get(Exchange, exchange_id.removeprefix("chatcmpl-"))
    if found is None:
        raise NotFound("There is no such exchange.", code="exchange_not_found")
    return found


def _place(conversation: Conversation, history: Sequence[Turn], previous_id: str | None) -> Place:
    thread = _thread_of(conversation.person_id, conversation.persona, history)
    return Place(conversation.id, conversation.person_id, previous_id, thread)


def _open(session: Session, asked: Asked, place: Place, history: list[Turn], first: Exchange | None = None) -> Opened:
    """Open the exchange; with the `first` of its variants, what that one was shown is shown again."""
    persona = asked.persona
    person = _PEOPLE.find(session, id=place.person_id) or session.get_one(Person, place.person_id)
    version = registry.serving(session, persona.name, asked.which, "" if asked.pinned else place.conversation_id)
    model = first_model(persona, version)
    counter = asked.counters.get(model) if asked.counters else ESTIMATE
    exchange_id = new_id()
    facts = Change([]) if first else _facts(session, asked, person, exchange_id)
    scene = Scene(persona, person, place.conversation_id, place.previous_id, history, asked.message, counter)
    view = _view(session, scene, asked.added, facts, first)
    material = view.material
    began = now()
    row = {
        "id": exchange_id,
        "conversation_id": place.conversation_id,
        "previous_id": place.previous_id,
        "persona": persona.name,
        "version_id": version.id,
        "fingerprint": _keep_prompt(session, persona.name, material.prompt),
        "revision": persona.revision,
        "safety": fingerprint(material.safety) if material.safety else None,
        "additions": _recorded(session, asked, material),
        "context": [{"role": turn.role, "content": turn.content} for turn in view.history],
        "message": asked.message,
        "state": ExchangeState.open,
        "reply": "",
        "boot": asked.boot,
        "thread": _longer_thread(place.thread, Turn("user", asked.message)),
        "created_at": began,
    }
    _OPEN.run(session, **row)
    if facts.added or facts.dropped:
        write_change(session, facts)
    return Opened(
        exchange_id,
        place.conversation_id,
        persona,
        version,
        material.prompt,
        view.history,
        asked.message,
        began,
        view,
        model,
        history[: len(history) - len(view.history)] if persona.settings.memory.summary else (),
        place.previous_id,
        person.name,
    )


def _view(session: Session, scene: Scene, added: str, facts: Change, first: Exchange | None) -> View:
    """What the model sees. A summary is looked for only when there is something that the model no longer sees."""
    settings = scene.persona.settings
    look = partial(
        fit,
        history=scene.history,
        message=scene.message,
        memory=settings.memory.max_tokens,
        reply=settings.sampling.max_tokens,
        counter=scene.counter,
    )
    if first is not None:
        return look(recall_again(session, scene, first.additions or {}))
    material = recall(session, scene, added, facts.facts)
    view = look(material)
    if settings.memory.summary and len(view.history) < len(scene.history):
        summary = find_summary(session, scene.conversation_id, scene.previous_id)
        if summary is not None:
            return look(msgspec.structs.replace(material, summary=(Piece(summary.id, summary.text),)))
    return view


def _recorded(session: Session, asked: Asked, material: Material) -> dict[str, Any] | None:
    """What was shown beside the prompt, and the version that was asked for by name."""
    shown = additions(material, _keep_prompt(session, asked.persona.name, material.added) if material.added else None)
    return {**(shown or {}), PINNED: asked.which} if asked.pinned else shown


def _facts(session: Session, asked: Asked, person: Person, exchange_id: str) -> Change:
    """The person's facts, this message's wish among them granted. Whoever came in this very transaction has none yet."""
    if not asked.persona.settings.memory.facts or not may_remember(person):
        return Change([])
    newcomer = person.id in session.info.get(_NEWCOMERS, ())
    facts = [] if newcomer else list_facts(session, person.id, asked.persona.name)
    wish = read_wish(asked.message)
    return change(facts, wish, person.id, asked.persona.name, exchange_id) if wish else Change(facts)


def _keep_prompt(session: Session, persona: str, prompt: str) -> str:
    mark = fingerprint(prompt)
    if _PROMPTS.find(session, fingerprint=mark) is None:
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
