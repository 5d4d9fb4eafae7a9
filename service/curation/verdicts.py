"""From ratings to verdicts: what people say of each exchange of a persona now, and what the larger side of them says."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Select, select
from sqlmodel import Session, col

from service.curation.pool import Identifiers, Words
from service.db.tables import ApiKey, Conversation, Exchange, ExchangeState, Person, Rating, Thumb

_ROWS_AT_ONCE = 10_000
_IMPORTED = "import:"

Report = Callable[[int], None]
"""Told how many rows are done."""


class _Word(NamedTuple):
    """One row of the query in `_query`."""

    exchange_id: str
    conversation_id: str
    talker_id: str
    rating_id: str
    rater_id: str
    thumb: Thumb
    corrected: bool
    at: Any


class Verdict(NamedTuple):
    """One unit to learn from: a reply with the word that decided on it, or a correction. `row` is the place in the words."""

    row: npt.NDArray[np.intp]
    corrected: npt.NDArray[np.bool_]


def read_words(session: Session, persona_name: str, report: Report = lambda done: None) -> Words:
    """Read what stands of the ratings of the persona's complete exchanges: one query, a bounded number of objects at a time.

    Each person has one word on an exchange, the newest; a withdrawn one is none.
    """
    people = _Codes()
    conversations = _Codes()
    columns: list[tuple[str, str, int, int, int, bool, bool, int]] = []
    for done, word in enumerate(_newest(session, persona_name), 1):
        columns.append(
            (
                word.exchange_id,
                word.rating_id,
                conversations.of(word.conversation_id),
                people.of(word.rater_id),
                people.of(word.talker_id),
                word.thumb is Thumb.up,
                bool(word.corrected),
                int(word.at.timestamp() * 1000),
            )
        )
        if done % _ROWS_AT_ONCE == 0:
            report(done)
    exchange, rating, conversation, rater, talker, liked, corrected, at = zip(*columns, strict=True) if columns else ((),) * 8
    known = people.identifiers()
    return Words(
        exchange=identifiers(exchange),
        rating=identifiers(rating),
        conversation=np.array(conversation, np.int32),
        rater=np.array(rater, np.int32),
        talker=np.array(talker, np.int32),
        liked=np.array(liked, np.bool_),
        corrected=np.array(corrected, np.bool_),
        at=np.array(at, np.int64),
        people=known,
        trusted=np.isin(known, _trusted(session)),
    )


def quarantined(session: Session, words: Words) -> npt.NDArray[np.bool_]:
    """Which words are of, or on messages of, a quarantined person: nothing they said or thought is learned."""
    found = session.scalars(select(col(Person.id)).where(col(Person.quarantined_at).is_not(None)))
    out = np.isin(words.people, identifiers(found))
    return np.asarray(out[words.rater] | out[words.talker])


def majority(words: Words) -> Verdict:
    """Return the rows that decide: of each exchange the oldest word of its larger side, and every correction of that side.

    A tie decides nothing. A correction counts whichever thumb it came with, if its author is of the majority: one person shall not put
    words into a mouth that others were pleased with.
    """
    if not len(words):
        return Verdict(np.empty(0, np.intp), np.empty(0, np.bool_))
    starts = np.flatnonzero(np.r_[True, words.exchange[1:] != words.exchange[:-1]])
    sizes = np.diff(np.r_[starts, len(words)])
    ups = np.add.reduceat(words.liked.astype(np.int64), starts)
    group = np.repeat(np.arange(len(starts)), sizes)
    decided = (2 * ups != sizes)[group]
    winner = decided & (words.liked == (2 * ups > sizes)[group])
    winners = np.flatnonzero(winner)
    first = winners[np.r_[True, group[winners][1:] != group[winners][:-1]]] if len(winners) else winners
    corrections = np.flatnonzero(winner & words.corrected)
    rows = np.concatenate([first, corrections])
    corrected = np.concatenate([np.zeros(len(first), np.bool_), np.ones(len(corrections), np.bool_)])
    order = np.lexsort((rows, corrected, group[rows]))
    return Verdict(rows[order], corrected[order])


def identifiers(values: Any) -> Identifiers:
    """Ids as a column; they are ASCII, 32 characters at most."""
    return np.array([value or "" for value in values], dtype="S32")


def _newest(session: Session, persona_name: str) -> Iterator[_Word]:
    """The words that stand, by exchange, then by rating."""
    found = session.execute(_query(persona_name).execution_options(yield_per=_ROWS_AT_ONCE))
    of_exchange: dict[str, _Word] = {}
    exchange = ""
    for row in found:
        word = _Word(*row)
        if word.exchange_id != exchange:
            yield from _standing(of_exchange)
            of_exchange, exchange = {}, word.exchange_id
        of_exchange[word.rater_id] = word  # ordered by rating: a newer word takes the place of an older one
    yield from _standing(of_exchange)


def _standing(words: dict[str, _Word]) -> Iterator[_Word]:
    """In the order of the ratings: a person who changed their mind speaks last."""
    yield from sorted((word for word in words.values() if word.thumb is not Thumb.withdrawn), key=lambda word: word.rating_id)


def _query(persona_name: str) -> Select[*tuple[Any, ...]]:
    corrected = (col(Rating.correction).is_not(None)) & (col(Rating.correction) != "")
    return (
        select(
            col(Exchange.id),
            col(Exchange.conversation_id),
            col(Conversation.person_id),
            col(Rating.id),
            col(Rating.person_id),
            col(Rating.rating),
            corrected,
            col(Rating.created_at),
        )
        .join(Rating, col(Rating.exchange_id) == col(Exchange.id))
        .join(Conversation, col(Conversation.id) == col(Exchange.conversation_id))
        .where(col(Exchange.persona) == persona_name, col(Exchange.state) == ExchangeState.complete)
        .order_by(col(Exchange.id), col(Rating.id))
    )


def _trusted(session: Session) -> Identifiers:
    """People whose ratings neither wait nor are capped: whoever the owner approved, imports, and keys that speak in their own name.

    A key that names nobody (`user`) stands for the one the owner gave it to; the people an app names are told apart, and not trusted.
    """
    keys = {f"key:{name}" for name in session.scalars(select(col(ApiKey.id)))}
    marked = col(Person.approved_at).is_not(None) | col(Person.external).startswith(_IMPORTED) | col(Person.external).in_(keys)
    return identifiers(session.scalars(select(col(Person.id)).where(marked)))


class _Codes:
    """A small number for each name, counted upwards as they come."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def of(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def identifiers(self) -> Identifiers:
        return identifiers(self._codes)
