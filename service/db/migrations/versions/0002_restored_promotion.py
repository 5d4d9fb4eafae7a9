"""A rollback names the promotion that it restores, so that rolling back again goes further back."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("promotion", schema=None) as batch_op:
        batch_op.add_column(sa.Column("restores_id", sa.String(), nullable=True))
        batch_op.create_foreign_key("promotion_restores", "promotion", ["restores_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("promotion", schema=None) as batch_op:
        batch_op.drop_constraint("promotion_restores", type_="foreignkey")
        batch_op.drop_column("restores_id")
