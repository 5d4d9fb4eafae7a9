"""Revisions of persona files, what was shown beside a prompt, facts, summaries, and requests that may be sent twice."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "revision",
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("persona", "fingerprint"),
    )
    op.create_table(
        "fact",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("exchange_id", sa.String(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["exchange_id"], ["exchange.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_fact_person_id", "fact", ["person_id"])
    op.create_table(
        "idempotent_request",
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("exchange_id", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["exchange_id"], ["exchange.id"]),
        sa.PrimaryKeyConstraint("caller", "name"),
    )
    op.create_index("ix_idempotent_request_created_at", "idempotent_request", ["created_at"])
    op.create_index("ix_idempotent_request_exchange_id", "idempotent_request", ["exchange_id"])
    op.create_table(
        "summary",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("through_id", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.ForeignKeyConstraint(["through_id"], ["exchange.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_summary_conversation_id", "summary", ["conversation_id"])
    op.add_column("exchange", sa.Column("revision", sa.String(), nullable=True))
    op.add_column("exchange", sa.Column("safety", sa.String(), nullable=True))
    op.add_column("exchange", sa.Column("additions", sa.JSON(), nullable=True))
    op.add_column("exchange", sa.Column("warnings", sa.JSON(), nullable=True))
    op.add_column("person", sa.Column("quarantined_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("person", "quarantined_at")
    for column in ("warnings", "additions", "safety", "revision"):
        op.drop_column("exchange", column)
    for table in ("summary", "idempotent_request", "fact", "revision"):
        op.drop_table(table)
