"""Liked exchanges and their full-text index, filled from the ratings that are there."""

import sqlite3
from typing import Any

import sqlalchemy as sa
from alembic import op

from service.db.words import words
from service.errors import Unavailable

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FTS5 = "SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'"
_SEARCH = (
    # The words are cut before they come here, and hold no ASCII but small letters and digits: nothing is left to do for a tokenizer.
    "CREATE VIRTUAL TABLE liked_exchange_words USING fts5(words, content='liked_exchange', content_rowid='id', tokenize='ascii')",
    """CREATE TRIGGER liked_exchange_added AFTER INSERT ON liked_exchange BEGIN
        INSERT INTO liked_exchange_words(rowid, words) VALUES (new.id, new.words);
    END""",
    """CREATE TRIGGER liked_exchange_removed AFTER DELETE ON liked_exchange BEGIN
        INSERT INTO liked_exchange_words(liked_exchange_words, rowid, words) VALUES ('delete', old.id, old.words);
    END""",
)
# Without it a deleted text stays in the index until its segments happen to be merged. SQLite knows it since 3.42 (2023).
_SECURE_DELETE = "INSERT INTO liked_exchange_words(liked_exchange_words, rank) VALUES ('secure-delete', 1)"
_VECTOR = """
    ALTER TABLE liked_exchange
    ADD COLUMN vector tsvector NOT NULL GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED
"""
_LIKED = """
    WITH word AS (
        SELECT rating.* FROM rating
        JOIN person ON person.id = rating.person_id
        WHERE person.quarantined_at IS NULL
        AND rating.id IN (SELECT max(id) FROM rating GROUP BY exchange_id, person_id)
    ), liked AS (
        SELECT exchange_id, coalesce(max(CASE WHEN correction IS NOT NULL THEN id END), max(id)) AS rating_id FROM word
        WHERE rating = 'up' AND exchange_id NOT IN (SELECT exchange_id FROM word WHERE rating = 'down')
        GROUP BY exchange_id
    )
    SELECT exchange.id AS exchange_id, rating.id AS rating_id, exchange.persona, exchange.conversation_id,
        conversation.person_id, rating.person_id AS rater_id, exchange.message
    FROM liked
    JOIN rating ON rating.id = liked.rating_id
    JOIN exchange ON exchange.id = liked.exchange_id
    JOIN conversation ON conversation.id = exchange.conversation_id
    WHERE exchange.state = 'complete' AND trim(exchange.reply) <> '' AND length(exchange.message) <= 500
    AND length(coalesce(rating.correction, exchange.reply)) <= 1000
    ORDER BY exchange.id
"""


def upgrade() -> None:
    connection = op.get_bind()
    on_sqlite = connection.dialect.name == "sqlite"
    if on_sqlite and not connection.scalar(sa.text(_FTS5)):
        raise Unavailable("This Python's SQLite has no full-text search (FTS5). Use another Python, or PostgreSQL.")
    op.create_index("person_quarantined", "person", ["id"], **_where("quarantined_at IS NOT NULL"))
    liked = op.create_table(
        "liked_exchange",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exchange_id", sa.String(), nullable=False),
        sa.Column("rating_id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("rater_id", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["exchange_id"], ["exchange.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rating_id"], ["rating.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("exchange_id"),
    )
    op.create_index("ix_liked_exchange_rating_id", "liked_exchange", ["rating_id"])
    if on_sqlite:
        for statement in (*_SEARCH, *([_SECURE_DELETE] if sqlite3.sqlite_version_info >= (3, 42) else [])):
            op.execute(statement)
    else:
        op.execute(_VECTOR)
        op.create_index(
            "liked_exchange_vector", "liked_exchange", ["vector"], postgresql_using="gin", postgresql_with={"fastupdate": "off"}
        )
    rows = [dict(row) for row in connection.execute(sa.text(_LIKED)).mappings()]
    for row in rows:
        row["words"] = " ".join(words(row.pop("message")))
    op.bulk_insert(liked, [row for row in rows if row["words"]])


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_table("liked_exchange_words")
    op.drop_table("liked_exchange")
    op.drop_index("person_quarantined", "person")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
