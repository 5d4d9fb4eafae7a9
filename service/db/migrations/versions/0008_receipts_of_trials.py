"""Every trial leaves a receipt of its own: a second canary of a version too, and the watch of one that no night made."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OF_A_NIGHT = sa.text("kind = 'night'")
# Until now there was one receipt of a kind for each night: that of the version's first trial.
_FIRST_TRIAL = """
    UPDATE receipt SET canary_id = (
        SELECT min(canary.id) FROM canary JOIN version ON version.id = canary.version_id
        WHERE version.night_id = receipt.night_id AND canary.kind = receipt.kind AND canary.ended_at IS NOT NULL
    ) WHERE kind != 'night'
"""
_LATER_TRIALS = """
    DELETE FROM receipt WHERE night_id IS NULL OR EXISTS (
        SELECT 1 FROM receipt AS other WHERE other.night_id = receipt.night_id AND other.kind = receipt.kind AND other.id < receipt.id
    )
"""


def upgrade() -> None:
    with op.batch_alter_table("receipt") as receipt:
        receipt.add_column(sa.Column("canary_id", sa.String(), nullable=True))
        receipt.alter_column("night_id", existing_type=sa.String(), nullable=True)
        receipt.drop_constraint("receipt_night_id_kind_key", type_="unique")
        receipt.create_foreign_key("receipt_canary_id_fkey", "canary", ["canary_id"], ["id"])
        receipt.create_unique_constraint("receipt_canary_id_key", ["canary_id"])
    op.create_index("receipt_night_id", "receipt", ["night_id"])
    op.create_index("one_receipt_of_a_night", "receipt", ["night_id"], unique=True, sqlite_where=_OF_A_NIGHT, postgresql_where=_OF_A_NIGHT)
    op.execute(_FIRST_TRIAL)


def downgrade() -> None:
    op.execute(_LATER_TRIALS)
    op.drop_index("one_receipt_of_a_night", "receipt")
    op.drop_index("receipt_night_id", "receipt")
    with op.batch_alter_table("receipt") as receipt:
        receipt.drop_constraint("receipt_canary_id_key", type_="unique")
        receipt.drop_constraint("receipt_canary_id_fkey", type_="foreignkey")
        receipt.drop_column("canary_id")
        receipt.alter_column("night_id", existing_type=sa.String(), nullable=False)
        receipt.create_unique_constraint("receipt_night_id_kind_key", ["night_id", "kind"])
