"""The golden rows of a persona: what the owner froze to judge every version by. They go to the holdout, and nothing like them to train."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from service.curation.features import opening_hash
from service.curation.openings import first_message, read_openings
from service.curation.sample import Sample
from service.curation.text import make_whole
from service.db.tables import Exchange, ExchangeState, Rating, Thumb
from service.errors import Conflict, Invalid, NotFound
from service.personas.shelf import Golden, Message


def golden_samples(rows: Sequence[Golden], prompt_text: str, known: Collection[str] = ()) -> list[Sample]:
    """Return a held-out sample per row, under the system prompt `prompt_text` (empty for none).

    `known` are the exchanges that this database has: the file may come from elsewhere, and lineage names only what is there.
    """
    system = [Message("system", prompt_text)] if prompt_text else []
    return [
        Sample(
            prompt=(*system, *row.messages[:-1]),
            completion=row.messages[-1].content,
            label=row.label,
            origin="golden",
            exchange_id=row.exchange if row.exchange in known else None,
            opening=_opening(row),
        )
        for row in rows
    ]


def golden_openings(rows: Iterable[Golden]) -> set[int]:
    """The hashes of the openings that may not be trained on. A conversation has one opening, so this covers whole conversations too."""
    return {opening_hash(_opening(row)) for row in rows}


def known_exchanges(session: Session, rows: Iterable[Golden]) -> frozenset[str]:
    """Which of the exchanges that the rows were taken from are in this database."""
    named = {row.exchange for row in rows if row.exchange}
    return frozenset(session.scalars(select(col(Exchange.id)).where(col(Exchange.id).in_(named))))


def golden_of(session: Session, persona_name: str, exchange_id: str, *, label: bool) -> Golden:
    """Make a golden row of a rated exchange: what the model saw, the message, and its reply as a good or a bad one.

    Raises `NotFound` when the persona has no such exchange, and `Invalid` when it has no whole reply, nobody rated it, or everybody who
    did says the opposite of `label`.
    """
    exchange = session.get(Exchange, exchange_id)
    if exchange is None or exchange.persona != persona_name:
        raise NotFound(f"{persona_name} has no exchange {exchange_id}. See: attune exchanges list --persona {persona_name} --json")
    if exchange.state is not ExchangeState.complete:
        raise Invalid(f"The reply of exchange {exchange_id} is {exchange.state}, not complete. Choose another one.")
    thumbs = _standing(session, exchange_id)
    if not thumbs:
        raise Invalid(f"Nobody has rated exchange {exchange_id}. Rate it first, or choose another one.")
    if thumbs == {Thumb.down if label else Thumb.up}:
        hint = f"Add it as a bad one: attune dataset golden add {persona_name} {exchange_id} --bad" if label else "Add it without --bad."
        raise Invalid(f"Exchange {exchange_id} is rated {'down' if label else 'up'}. {hint}")
    said = [Message("user", exchange.message), Message("assistant", exchange.reply)]
    turns = [*msgspec.convert(exchange.context, list[Message]), *said]
    messages = [Message(turn.role, make_whole(turn.content)) for turn in turns]
    opening = make_whole(read_openings(session, {exchange.conversation_id})[exchange.conversation_id])
    shown = make_whole(first_message(exchange.context, exchange.message))
    return Golden(messages=messages, label=label, exchange=exchange_id, opening="" if opening == shown else opening)


def add_golden(path: Path, present: Sequence[Golden], row: Golden) -> None:
    """Append a row to the file, whole or not at all; raise `Conflict` when one with the same turns is among those `present`."""
    for number, other in enumerate(present, start=1):
        if other.messages == row.messages:
            raise Conflict(f"That reply is golden row {number} of {path} already, as a {'good' if other.label else 'bad'} one.")
    before = path.read_bytes() if path.exists() else b""
    gap = b"\n" if before and not before.endswith(b"\n") else b""
    _replace(path, before + gap + msgspec.json.encode(row) + b"\n")


def remove_golden(path: Path, present: Sequence[Golden], which: str) -> Golden:
    """Take one row out of the file, by its number from 1 or by its exchange, and return it; raise `NotFound` when there is none."""
    places = [place for place, row in enumerate(present) if which in {str(place + 1), row.exchange}]
    if not places:
        raise NotFound(f"There is no golden row '{which}' in {path}. See their numbers: attune dataset golden list")
    lines = path.read_bytes().split(b"\n")
    filled = [number for number, line in enumerate(lines) if line.strip()]
    del lines[filled[places[0]]]
    _replace(path, b"\n".join(lines))
    return present[places[0]]


def _opening(row: Golden) -> str:
    return row.opening or next(message.content for message in row.messages if message.role == "user")


def _standing(session: Session, exchange_id: str) -> set[Thumb]:
    """The thumbs that stand: of each person the newest, unless it withdraws the earlier ones."""
    query = select(col(Rating.person_id), col(Rating.rating)).where(col(Rating.exchange_id) == exchange_id).order_by(col(Rating.id))
    newest: dict[str, Thumb] = {}
    for person, thumb in session.execute(query):
        newest[person] = thumb
    return set(newest.values()) - {Thumb.withdrawn}


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
