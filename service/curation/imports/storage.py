"""Imports in the database: dialogues become rated exchanges of a person of their own, passages rows beside them; both can be withdrawn."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from service import registry
from service.curation.imports.dialogue import UNJUDGED, Dialogue, Judgement
from service.curation.imports.text import clean
from service.db.ids import new_id
from service.db.tables import Conversation, Exchange, ExchangeState, Import, Passage, Person, Prompt, Rating, Thumb, now
from service.errors import Conflict, NotFound
from service.personas.persona import Persona, fingerprint

PROVIDER = "import"
"""Who made an imported reply: nobody can be asked under this name, and what it made is no example for a model."""

T = TypeVar("T")
Report = Callable[[int], None]
"""Told how many dialogues or passages are done."""

_AT_ONCE = 1_000
_THUMBS = {True: Thumb.up, False: Thumb.down}


class Piece(Protocol):
    """A piece of dialogue as plain text, with the name of its scene."""

    @property
    def text(self) -> str: ...

    @property
    def scene(self) -> str: ...


def silent(done: int) -> None:
    """Report to nobody."""


def store_dialogues(
    session: Session, persona: Persona, source: str, form: str, digest: str, dialogues: Iterable[Dialogue], report: Report = silent
) -> Import:
    """Keep the dialogues as conversations of the persona, their judged replies as ratings; return the import with its counts.

    A dialogue is one conversation with an exchange for each reply; what was said before it is its context. Whoever harvests sees complete
    exchanges of the persona's version 0 under its present prompt, rated by a trusted person. Reasons are kept as the file names them.
    Belongs into one transaction: then the file is there as a whole or not at all. Raises `Conflict` when it is there already.
    """
    kept = _begin(session, persona, source, form, digest)
    person = Person(external=f"import:{kept.id}")
    session.add(person)
    session.flush()
    writer = _Writer(session, persona, person.id)
    done = 0
    for done, dialogue in enumerate(dialogues, 1):
        writer.add(dialogue)
        if done % _AT_ONCE == 0:
            writer.flush()
            report(done)
    writer.flush()
    report(done)
    kept.counts = {"dialogues": done, **writer.counts}
    session.flush()
    return kept


def store_passages(
    session: Session, persona: Persona, source: str, form: str, digest: str, chunks: Iterable[Piece], report: Report = silent
) -> Import:
    """Keep pieces of plain dialogue in their order; return the import with its counts. Raises `Conflict` when the file is there already."""
    kept = _begin(session, persona, source, form, digest)
    done = 0
    for batch in _batches(chunks):
        rows = [
            {
                "id": new_id(),
                "import_id": kept.id,
                "position": done + place,
                "title": clean(chunk.scene, Counter()),
                "text": clean(chunk.text, Counter()),
            }
            for place, chunk in enumerate(batch)
        ]
        _insert(session, Passage, rows)
        done += len(batch)
        report(done)
    kept.counts = {"passages": done}
    session.flush()
    return kept


def withdraw_import(session: Session, import_id: str) -> Import:
    """Take an import back: its ratings are withdrawn, its person is quarantined, its passages are deleted; return it.

    No later night learns from it, and the same file can be brought in again. Its exchanges stay, because datasets that were built of them
    say where each row came from. Raises `NotFound`, and `Conflict` when it was withdrawn before.
    """
    found = session.get(Import, import_id)
    if found is None:
        raise NotFound("There is no such import. See: attune exchanges imports", code="import_not_found")
    if found.withdrawn_at is not None:
        raise Conflict(f"The import was withdrawn on {found.withdrawn_at:%Y-%m-%d at %H:%M} UTC already.", code="import_withdrawn")
    found.withdrawn_at = now()
    found.digest = f"{found.digest} withdrawn {found.id}"  # which lets the same file in again
    person = session.exec(select(Person).where(Person.external == f"import:{found.id}")).first()
    if person is not None:
        person.quarantined_at = found.withdrawn_at
        rated = session.exec(select(Rating.exchange_id).where(Rating.person_id == person.id).order_by(col(Rating.id))).all()
        for batch in _batches(rated):
            _insert(session, Rating, [_rating(exchange_id, person.id, Thumb.withdrawn, UNJUDGED) for exchange_id in batch])
    session.execute(delete(Passage).where(col(Passage.import_id) == found.id))
    session.flush()
    return found


def list_imports(session: Session, persona: str | None = None) -> list[Import]:
    """All imports, those that were withdrawn too, newest first."""
    query = select(Import).order_by(col(Import.id).desc())
    return list(session.exec(query.where(Import.persona == persona) if persona else query))


def _begin(session: Session, persona: Persona, source: str, form: str, digest: str) -> Import:
    """The row of a new import; raise `Conflict` when the persona has one of the same digest."""
    kept = Import(persona=persona.name, source=source, form=form, digest=digest, counts={})
    try:
        with session.begin_nested():
            session.add(kept)
    except IntegrityError:
        before = session.exec(select(Import).where(Import.persona == persona.name, Import.digest == digest)).one()
        raise Conflict(
            f"{source} was imported for {persona.name} on {before.created_at:%Y-%m-%d at %H:%M} UTC already. "
            f"To take that back: attune exchanges withdraw-import {before.id}",
            code="already_imported",
        ) from None
    return kept


class _Writer:
    """Gathers the rows of dialogues, and writes them many at a time."""

    def __init__(self, session: Session, persona: Persona, person_id: str) -> None:
        self.counts = {"exchanges": 0, "liked": 0, "disliked": 0, "corrected": 0}
        self._session = session
        self._persona = persona.name
        self._person = person_id
        self._version = _untrained(session, persona.name)
        self._prompt = _keep_prompt(session, persona)
        self._rows: dict[type[SQLModel], list[dict[str, Any]]] = {Conversation: [], Exchange: [], Rating: []}

    def add(self, dialogue: Dialogue) -> None:
        """One conversation, with an exchange for each message of the user's that has a reply."""
        at = now()
        conversation = {"id": new_id(), "persona": self._persona, "person_id": self._person, "created_at": at}
        self._rows[Conversation].append({**conversation, "key_id": None, "token_digest": None})
        messages = [{"role": message.role, "content": clean(message.content, Counter())} for message in dialogue.messages]
        replies = [place for place in range(1, len(messages)) if (messages[place - 1]["role"], messages[place]["role"]) == _EXCHANGE]
        earlier = dialogue.earlier or (UNJUDGED,) * (len(replies) - 1)
        previous: str | None = None
        for place, judgement in zip(replies, (*earlier, dialogue.last), strict=True):
            name = new_id()
            exchange = {
                "id": name,
                "conversation_id": conversation["id"],
                "previous_id": previous,
                "persona": self._persona,
                "version_id": self._version,
                "fingerprint": self._prompt,
                "context": messages[: place - 1],
                "message": messages[place - 1]["content"],
                "reply": messages[place]["content"],
                "state": ExchangeState.complete,
                "finish_reason": "stop",
                "provider": PROVIDER,
                "boot": PROVIDER,
                "created_at": at,
                "ended_at": at,
            }
            self._rows[Exchange].append(exchange)
            self._judge(name, judgement)
            previous = name

    def flush(self) -> None:
        """Write what was gathered."""
        for table, rows in self._rows.items():
            _insert(self._session, table, rows)
            rows.clear()

    def _judge(self, exchange_id: str, judgement: Judgement) -> None:
        self.counts["exchanges"] += 1
        if judgement.label is None:
            return
        self.counts["liked" if judgement.label else "disliked"] += 1
        self.counts["corrected"] += judgement.correction is not None
        self._rows[Rating].append(_rating(exchange_id, self._person, _THUMBS[judgement.label], judgement))


_EXCHANGE = ("user", "assistant")


def _rating(exchange_id: str, person_id: str, thumb: Thumb, judgement: Judgement) -> dict[str, Any]:
    return {
        "id": new_id(),
        "exchange_id": exchange_id,
        "person_id": person_id,
        "rating": thumb,
        "reasons": list(judgement.reasons),
        "comment": clean(judgement.comment, Counter()),
        "correction": None if judgement.correction is None else clean(judgement.correction, Counter()),
        "created_at": now(),
    }


def _untrained(session: Session, persona: str) -> str:
    """The id of the persona's version 0: what was imported is no trained version's."""
    registry.champion(session, persona)
    return next(version.id for version in registry.list_versions(session, persona) if version.number == 0)


def _keep_prompt(session: Session, persona: Persona) -> str:
    prompt = persona.prompt()
    mark = fingerprint(prompt)
    if session.get(Prompt, mark) is None:
        session.add(Prompt(fingerprint=mark, persona=persona.name, text=prompt))
        session.flush()
    return mark


def _insert(session: Session, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.connection().execute(insert(table), rows)  # past the unit of work, which takes twice as long


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
