"""Replies shown side by side, and crisis cards counted."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "comparison",
        sa.Column("first_id", sa.String(), nullable=False),
        sa.Column("second_id", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("preferred_id", sa.String(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["first_id"], ["exchange.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["second_id"], ["exchange.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["preferred_id"], ["exchange.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.PrimaryKeyConstraint("first_id"),
        sa.UniqueConstraint("second_id"),
    )
    op.create_index("ix_comparison_conversation_id", "comparison", ["conversation_id"])
    op.create_table(
        "referral",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("referral_persona", "referral", ["persona", "created_at"])


def downgrade() -> None:
    op.drop_table("referral")
    op.drop_table("comparison")
