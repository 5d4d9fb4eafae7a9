"""What curation keeps: features of replies, imports and their passages, what waits for review, and the lineage of every kind of row."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("approved_at", UTCDateTime(), nullable=True))
    op.create_table(
        "import",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("withdrawn_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("persona", "digest"),
    )
    op.create_index("ix_import_persona", "import", ["persona"])
    op.create_table(
        "passage",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("import_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["import.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_passage_import_id", "passage", ["import_id"])
    op.create_table(
        "prepared",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("exchange_id", sa.String(), nullable=False),
        sa.Column("recipe", sa.Integer(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.Column("surprise", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["exchange_id"], ["exchange.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_prepared_exchange_id", "prepared", ["exchange_id"])
    op.create_table(
        "review",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("persona", "kind", "subject"),
    )
    with op.batch_alter_table("sample") as sample:
        sample.add_column(sa.Column("other_id", sa.String(), nullable=True))
        sample.add_column(sa.Column("person_id", sa.String(), nullable=True))
        sample.add_column(sa.Column("import_id", sa.String(), nullable=True))
        sample.add_column(sa.Column("form", sa.String(), nullable=False, server_default="unpaired"))
        sample.create_foreign_key("sample_other", "exchange", ["other_id"], ["id"])
        sample.create_foreign_key("sample_person", "person", ["person_id"], ["id"])
        sample.create_foreign_key("sample_import", "import", ["import_id"], ["id"])
    with op.batch_alter_table("sample") as sample:
        sample.alter_column("form", server_default=None)
    op.create_index("ix_sample_person_id", "sample", ["person_id"])
    op.create_index("ix_sample_import_id", "sample", ["import_id"])
    op.execute(
        "UPDATE sample SET person_id = (SELECT person_id FROM rating WHERE rating.id = sample.rating_id) WHERE rating_id IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_index("ix_sample_import_id", "sample")
    op.drop_index("ix_sample_person_id", "sample")
    with op.batch_alter_table("sample") as sample:
        for name in ("other_id", "person_id", "import_id", "form"):
            sample.drop_column(name)
    for table in ("review", "prepared", "passage", "import"):
        op.drop_table(table)
    with op.batch_alter_table("person") as person:
        person.drop_column("approved_at")
