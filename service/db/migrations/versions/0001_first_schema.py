"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "night",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("night", schema=None) as batch_op:
        batch_op.create_index(
            "one_night_under_way",
            ["persona"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "person",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("external", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("external"),
    )
    op.create_table(
        "prompt",
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    with op.batch_alter_table("prompt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_prompt_persona"), ["persona"], unique=False)

    op.create_table(
        "worker",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=True),
        sa.Column("token_digest", sa.String(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"],
            ["api_key.id"],
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_digest"),
    )
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversation_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_conversation_persona"), ["persona"], unique=False)

    op.create_table(
        "dataset",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("night_id", sa.String(), nullable=True),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["night_id"],
            ["night.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("night_id"),
    )
    with op.batch_alter_table("dataset", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dataset_hash"), ["hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_dataset_persona"), ["persona"], unique=False)

    op.create_table(
        "receipt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("night_id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("outcome", sa.Enum("promoted", "canary", "rejected", "skipped", "failed", name="outcome"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("champion", sa.String(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["night_id"],
            ["night.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("night_id"),
    )
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipt_persona"), ["persona"], unique=False)

    op.create_table(
        "training_run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("night_id", sa.String(), nullable=False),
        sa.Column("dataset_id", sa.String(), nullable=False),
        sa.Column("trainer", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("state", sa.Enum("queued", "running", "succeeded", "failed", "cancelled", name="runstate"), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["dataset.id"],
        ),
        sa.ForeignKeyConstraint(
            ["night_id"],
            ["night.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("night_id"),
    )
    with op.batch_alter_table("training_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_training_run_persona"), ["persona"], unique=False)

    op.create_table(
        "version",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Enum("candidate", "canary", "champion", "retired", "quarantined", name="stage"), nullable=False),
        sa.Column("provider", sa.String(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("base", sa.String(), nullable=True),
        sa.Column("night_id", sa.String(), nullable=True),
        sa.Column("dataset_id", sa.String(), nullable=True),
        sa.Column("training_run_id", sa.String(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["dataset.id"],
        ),
        sa.ForeignKeyConstraint(
            ["night_id"],
            ["night.id"],
        ),
        sa.ForeignKeyConstraint(
            ["training_run_id"],
            ["training_run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("night_id"),
        sa.UniqueConstraint("persona", "number"),
    )
    with op.batch_alter_table("version", schema=None) as batch_op:
        batch_op.create_index(
            "one_champion",
            ["persona"],
            unique=True,
            sqlite_where=sa.text("stage = 'champion'"),
            postgresql_where=sa.text("stage = 'champion'"),
        )

    op.create_table(
        "evaluation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("night_id", sa.String(), nullable=False),
        sa.Column("candidate_id", sa.String(), nullable=False),
        sa.Column("champion_id", sa.String(), nullable=False),
        sa.Column("scorecard", sa.JSON(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["candidate_id"],
            ["version.id"],
        ),
        sa.ForeignKeyConstraint(
            ["champion_id"],
            ["version.id"],
        ),
        sa.ForeignKeyConstraint(
            ["night_id"],
            ["night.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("night_id"),
    )
    op.create_table(
        "exchange",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("previous_id", sa.String(), nullable=True),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("version_id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("state", sa.Enum("open", "complete", "cancelled", "failed", "interrupted", name="exchangestate"), nullable=False),
        sa.Column("finish_reason", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("provider", sa.String(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["fingerprint"],
            ["prompt.fingerprint"],
        ),
        sa.ForeignKeyConstraint(
            ["previous_id"],
            ["exchange.id"],
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["version.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("exchange", schema=None) as batch_op:
        batch_op.create_index("exchange_persona", ["persona", "id"], unique=False)
        batch_op.create_index("exchange_state", ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_exchange_conversation_id"), ["conversation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_exchange_thread"), ["thread"], unique=False)

    op.create_table(
        "promotion",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("version_id", sa.String(), nullable=False),
        sa.Column("previous_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["previous_id"],
            ["version.id"],
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["version.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("promotion", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_promotion_persona"), ["persona"], unique=False)

    op.create_table(
        "rating",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("exchange_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("rating", sa.Enum("up", "down", "withdrawn", name="thumb"), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("correction", sa.String(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["exchange_id"],
            ["exchange.id"],
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rating_exchange_id"), ["exchange_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rating_person_id"), ["person_id"], unique=False)

    op.create_table(
        "sample",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.String(), nullable=False),
        sa.Column("exchange_id", sa.String(), nullable=True),
        sa.Column("rating_id", sa.String(), nullable=True),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["dataset.id"],
        ),
        sa.ForeignKeyConstraint(
            ["exchange_id"],
            ["exchange.id"],
        ),
        sa.ForeignKeyConstraint(
            ["rating_id"],
            ["rating.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("sample", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sample_dataset_id"), ["dataset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sample_exchange_id"), ["exchange_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("sample", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sample_exchange_id"))
        batch_op.drop_index(batch_op.f("ix_sample_dataset_id"))

    op.drop_table("sample")
    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rating_person_id"))
        batch_op.drop_index(batch_op.f("ix_rating_exchange_id"))

    op.drop_table("rating")
    with op.batch_alter_table("promotion", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_promotion_persona"))

    op.drop_table("promotion")
    with op.batch_alter_table("exchange", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exchange_thread"))
        batch_op.drop_index(batch_op.f("ix_exchange_conversation_id"))
        batch_op.drop_index("exchange_state")
        batch_op.drop_index("exchange_persona")

    op.drop_table("exchange")
    op.drop_table("evaluation")
    with op.batch_alter_table("version", schema=None) as batch_op:
        batch_op.drop_index("one_champion", sqlite_where=sa.text("stage = 'champion'"), postgresql_where=sa.text("stage = 'champion'"))

    op.drop_table("version")
    with op.batch_alter_table("training_run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_training_run_persona"))

    op.drop_table("training_run")
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_receipt_persona"))

    op.drop_table("receipt")
    with op.batch_alter_table("dataset", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dataset_persona"))
        batch_op.drop_index(batch_op.f("ix_dataset_hash"))

    op.drop_table("dataset")
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_persona"))
        batch_op.drop_index(batch_op.f("ix_conversation_person_id"))

    op.drop_table("conversation")
    op.drop_table("worker")
    with op.batch_alter_table("prompt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_prompt_persona"))

    op.drop_table("prompt")
    op.drop_table("person")
    with op.batch_alter_table("night", schema=None) as batch_op:
        batch_op.drop_index("one_night_under_way", sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL"))

    op.drop_table("night")
    op.drop_table("api_key")
    for name in ("outcome", "runstate", "stage", "exchangestate", "thumb"):  # types of their own on PostgreSQL
        sa.Enum(name=name).drop(op.get_bind())
