"""What training and proof keep: where a run stands, the weights of a version, canaries and watches, and a receipt for each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OUTCOMES = ("promoted", "canary", "rejected", "skipped", "failed", "rolled_back")
_KINDS = ("night", "canary", "watch")
_RUN_COLUMNS = ("progress", "job", "stop_asked_at")
_VERSION_COLUMNS = ("adapter", "revision", "note")
_NAMING = {"uq": "%(table_name)s_%(column_0_name)s_key"}  # what PostgreSQL calls a constraint that was given no name


def upgrade() -> None:
    native = op.get_bind().dialect.name == "postgresql"
    outcome = sa.Enum(*_OUTCOMES, name="outcome")
    kind = sa.Enum(*_KINDS, name="receiptkind")
    if native:
        op.execute("ALTER TYPE outcome ADD VALUE IF NOT EXISTS 'rolled_back'")
        kind.create(op.get_bind(), checkfirst=True)
    # Plain ALTERs: other tables point to these two, and a batch would drop and make them anew.
    op.add_column("training_run", sa.Column("progress", sa.JSON(), nullable=True))
    op.add_column("training_run", sa.Column("job", sa.String(), nullable=True))
    op.add_column("training_run", sa.Column("stop_asked_at", UTCDateTime(), nullable=True))
    for name in _VERSION_COLUMNS:
        op.add_column("version", sa.Column(name, sa.String(), nullable=True))
    with op.batch_alter_table("receipt", naming_convention=_NAMING) as receipt:
        receipt.add_column(sa.Column("kind", kind, nullable=False, server_default="night"))
        receipt.drop_constraint("receipt_night_id_key", type_="unique")
        receipt.create_unique_constraint("receipt_night_id_kind_key", ["night_id", "kind"])
        if not native:
            receipt.alter_column("outcome", type_=outcome, existing_nullable=False)
    with op.batch_alter_table("receipt") as receipt:
        receipt.alter_column("kind", server_default=None)
    op.create_table(
        "canary",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("kind", _enum(_KINDS, "receiptkind", native), nullable=False),
        sa.Column("version_id", sa.String(), nullable=False),
        sa.Column("champion_id", sa.String(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("outcome", _enum(_OUTCOMES, "outcome", native), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"]),
        sa.ForeignKeyConstraint(["champion_id"], ["version.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_canary_version_id", "canary", ["version_id"])
    under_way = sa.text("ended_at IS NULL")
    op.create_index("one_canary_under_way", "canary", ["persona", "kind"], unique=True, sqlite_where=under_way, postgresql_where=under_way)


def downgrade() -> None:
    native = op.get_bind().dialect.name == "postgresql"
    op.drop_table("canary")
    op.execute("DELETE FROM receipt WHERE kind != 'night'")
    with op.batch_alter_table("receipt", naming_convention=_NAMING) as receipt:
        receipt.drop_constraint("receipt_night_id_kind_key", type_="unique")
        receipt.drop_column("kind")
        receipt.create_unique_constraint("receipt_night_id_key", ["night_id"])
    if native:  # the outcome's new value stays: PostgreSQL cannot take one away
        op.execute("DROP TYPE receiptkind")
    for table, names in (("version", _VERSION_COLUMNS), ("training_run", _RUN_COLUMNS)):
        for name in names:
            op.drop_column(table, name)


def _enum(values: tuple[str, ...], name: str, native: bool) -> "sa.types.TypeEngine[str]":
    """A type that is there already."""
    return postgresql.ENUM(*values, name=name, create_type=False) if native else sa.Enum(*values, name=name)
