"""Leases that another run waited for in vain."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add `lease.wanted`."""
    with op.batch_alter_table("lease") as lease:
        lease.add_column(sa.Column("wanted", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop it; a cell that a run waited for in vain is found by the next plan."""
    with op.batch_alter_table("lease") as lease:
        lease.drop_column("wanted")
