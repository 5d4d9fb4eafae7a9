"""Liked exchanges as examples: a thumb up changes the very next reply, long before anything is trained.

Which exchanges are liked is kept in a table beside the ratings, in the same transaction, with the words of their messages under the
full-text index of the database. Similar means: shares words, and rare words count for more. SQLite ranks with FTS5's BM25 (Robertson and
Zaragoza 2009). PostgreSQL's own ranks know no rare words (on the starter's corpus `ts_rank_cd` found a fellow of a message four times
less often), so there each shared word counts as the logarithm of its rarity, over the square root of the length of the message.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, delete, insert, select, text
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from service.db.tables import Conversation, Exchange, ExchangeState, LikedExchange, Person, Rating, Thumb
from service.db.words import words

_LONGEST_MESSAGE = 500
_LONGEST_REPLY = 1_000
_MOST_WORDS = 8
_READ_OF_A_MESSAGE = 4_000
_SPARE = 40
_ROWS_AT_ONCE = 2_000
_ERASES_AT_ONCE = (3, 42)
_IMPORT = "import"
"""The provider of imported replies: they are learned from at night, and were not said here to anybody."""


class Example(NamedTuple):
    """An exchange that somebody liked: a message and the reply to show for it."""

    exchange_id: str
    message: str
    reply: str


def find_examples(session: Session, persona: str, message: str, count: int, conversation_id: str) -> list[Example]:
    """Return up to `count` liked exchanges of the persona, the most similar to `message` first; none that shares no word with it.

    Nothing of `conversation_id` itself, nothing that a quarantined person said or liked, and no reply twice.
    """
    asked = _telling_words(message)
    if not asked or count < 1:
        return []
    given = {"persona": persona, "conversation": conversation_id, "most": count + _SPARE}
    if _on_sqlite(session):
        found = session.execute(_IN_SQLITE, {**given, "asked": " OR ".join(f'"{word}"' for word in asked)})
    else:
        found = session.execute(_IN_POSTGRESQL, {**given, "asked": " | ".join(f"'{word}'" for word in asked), "words": asked})
    return _each_reply_once(found)[:count]


def keep_example(session: Session, exchange_id: str) -> None:
    """Let the table of liked exchanges follow the ratings of one exchange. Belongs into the transaction that rates."""
    session.flush()
    found = _liked(session.execute(_words_said().where(col(Exchange.id) == exchange_id)))
    if found is not None:
        session.execute(_KEEP, found)
    elif session.scalar(select(col(LikedExchange.id)).where(col(LikedExchange.exchange_id) == exchange_id)):
        with _erasing(session):
            session.execute(delete(LikedExchange).where(col(LikedExchange.exchange_id) == exchange_id))


def rebuild_examples(session: Session) -> int:
    """Make the table of liked exchanges and its index anew from the ratings; return how many there are."""
    if _on_sqlite(session):
        session.execute(text("INSERT INTO liked_exchange_words(liked_exchange_words) VALUES ('rebuild')"))
    else:
        session.execute(text("LOCK TABLE liked_exchange IN SHARE ROW EXCLUSIVE MODE"))
    with _erasing(session):
        session.execute(delete(LikedExchange))
    said = session.execute(_words_said().execution_options(yield_per=_ROWS_AT_ONCE))
    found = [liked for _, rows in groupby(said, key=lambda row: row.exchange_id) if (liked := _liked(rows))]
    if found:
        session.execute(insert(LikedExchange), found)
    return len(found)


def _telling_words(message: str) -> list[str]:
    """The words to look for: of many, the longest, which are the rarest in most languages."""
    return sorted(dict.fromkeys(words(message[:_READ_OF_A_MESSAGE])), key=len, reverse=True)[:_MOST_WORDS]


def _each_reply_once(found: Iterable[Row[Any]]) -> list[Example]:
    kept: dict[str, Example] = {}
    for row in found:
        kept.setdefault(row.reply.strip(), Example(row.exchange_id, row.message, row.reply))
    return list(kept.values())


def _words_said() -> Select[*tuple[Any, ...]]:
    """Every word on a complete exchange that was not imported, by exchange, oldest first, with what is needed to show the exchange."""
    rater = aliased(Person)
    return (
        select(
            col(Exchange.id).label("exchange_id"),
            col(Exchange.persona),
            col(Exchange.conversation_id),
            col(Conversation.person_id),
            col(Exchange.message),
            col(Exchange.reply),
            col(Rating.id).label("rating_id"),
            col(Rating.person_id).label("rater_id"),
            col(Rating.rating),
            col(Rating.correction),
            rater.quarantined_at.is_not(None).label("unheard"),  # type: ignore[union-attr]  # an attribute of the table, not a date
        )
        .join(Conversation, col(Conversation.id) == col(Exchange.conversation_id))
        .join(Rating, col(Rating.exchange_id) == col(Exchange.id))
        .join(rater, col(rater.id) == col(Rating.person_id))
        .where(col(Exchange.state) == ExchangeState.complete, col(Exchange.provider).is_distinct_from(_IMPORT))
        .order_by(col(Exchange.id), col(Rating.id))
    )


def _liked(said: Iterable[Row[Any]]) -> dict[str, Any] | None:
    """The row of `LikedExchange` that follows from all words on one exchange, or None. Quarantined people have no word."""
    current = {row.rater_id: row for row in said if not row.unheard}
    ups = sorted((row for row in current.values() if row.rating is Thumb.up), key=lambda row: (row.correction is not None, row.rating_id))
    if not ups or any(row.rating is Thumb.down for row in current.values()):
        return None
    word = ups[-1]
    shown = word.reply if word.correction is None else word.correction
    found = " ".join(words(word.message))
    if not found or not word.reply.strip() or not shown.strip() or len(word.message) > _LONGEST_MESSAGE or len(shown) > _LONGEST_REPLY:
        return None
    same = ("exchange_id", "rating_id", "persona", "conversation_id", "person_id", "rater_id")
    return {**{name: getattr(word, name) for name in same}, "words": found}


@contextmanager
def _erasing(session: Session) -> Iterator[None]:
    """Leave nothing of what is deleted inside in the index: by itself FTS5 only marks it as deleted."""
    if _on_sqlite(session) and sqlite3.sqlite_version_info >= _ERASES_AT_ONCE:
        # It stays set; this is for a file that an older SQLite made. What that one left is gone after `attune db reindex`.
        session.execute(text("INSERT INTO liked_exchange_words(liked_exchange_words, rank) VALUES ('secure-delete', 1)"))
        yield
    elif _on_sqlite(session):
        yield
        session.execute(text("INSERT INTO liked_exchange_words(liked_exchange_words) VALUES ('optimize')"))
    else:
        yield


def _on_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


_KEEP = text(
    """
    INSERT INTO liked_exchange (exchange_id, rating_id, persona, conversation_id, person_id, rater_id, words)
    VALUES (:exchange_id, :rating_id, :persona, :conversation_id, :person_id, :rater_id, :words)
    ON CONFLICT (exchange_id) DO UPDATE SET rating_id = excluded.rating_id, rater_id = excluded.rater_id
    """
)
# Texts are looked up one by one, so that no database can think of reading a whole table for a few of them.
_IN_SQLITE = text(
    """
    SELECT near.exchange_id, (SELECT message FROM exchange WHERE exchange.id = near.exchange_id) AS message, coalesce(
        (SELECT correction FROM rating WHERE rating.id = near.rating_id), (SELECT reply FROM exchange WHERE exchange.id = near.exchange_id)
    ) AS reply
    FROM (
        SELECT liked.id, liked.exchange_id, liked.rating_id, found.rank AS distance
        FROM liked_exchange_words AS found CROSS JOIN liked_exchange AS liked ON liked.id = found.rowid
        WHERE found.words MATCH :asked AND liked.persona = :persona AND liked.conversation_id <> :conversation
        AND liked.person_id NOT IN (SELECT id FROM person WHERE quarantined_at IS NOT NULL)
        AND liked.rater_id NOT IN (SELECT id FROM person WHERE quarantined_at IS NOT NULL)
        ORDER BY distance, liked.id DESC LIMIT :most
    ) AS near
    ORDER BY near.distance, near.id DESC
    """
)
_IN_POSTGRESQL = text(
    """
    WITH found AS (
        SELECT liked.id, liked.exchange_id, liked.rating_id, length(liked.words) AS size,
            CAST(count(*) OVER (PARTITION BY said.word) AS float8) AS times
        FROM liked_exchange AS liked CROSS JOIN unnest(tsvector_to_array(liked.vector)) AS said(word)
        WHERE liked.vector @@ CAST(:asked AS tsquery) AND said.word = ANY(:words)
        AND liked.persona = :persona AND liked.conversation_id <> :conversation
        AND liked.person_id NOT IN (SELECT id FROM person WHERE quarantined_at IS NOT NULL)
        AND liked.rater_id NOT IN (SELECT id FROM person WHERE quarantined_at IS NOT NULL)
    ), near AS (
        SELECT id, exchange_id, rating_id, sum(ln(1 + (number - times + 0.5) / (times + 0.5))) / sqrt(size) AS nearness
        FROM found CROSS JOIN (SELECT CAST(count(DISTINCT id) AS float8) AS number FROM found) AS counted
        GROUP BY id, exchange_id, rating_id, size
        ORDER BY nearness DESC, id DESC LIMIT :most
    )
    SELECT near.exchange_id, (SELECT message FROM exchange WHERE exchange.id = near.exchange_id) AS message, coalesce(
        (SELECT correction FROM rating WHERE rating.id = near.rating_id), (SELECT reply FROM exchange WHERE exchange.id = near.exchange_id)
    ) AS reply
    FROM near
    ORDER BY near.nearness DESC, near.id DESC
    """
)
