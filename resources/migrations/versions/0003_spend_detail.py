"""Costs by recipe, tier and campaign, and processor time beside wall time."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")

INDEXED = ("at", "campaign", "attempt")


def upgrade() -> None:
    """Add the columns to `spend`."""
    for name in ("recipe", "tier", "campaign", "attempt"):
        op.add_column("spend", sa.Column(name, Text))
    op.add_column("spend", sa.Column("cpu_seconds", sa.Float))
    for name in INDEXED:
        op.create_index(f"ix_spend_{name}", "spend", [name])


def downgrade() -> None:
    """Drop what this version added."""
    for name in INDEXED:
        op.drop_index(f"ix_spend_{name}", "spend")
    with op.batch_alter_table("spend") as table:
        for name in ("recipe", "tier", "campaign", "attempt", "cpu_seconds"):
            table.drop_column(name)
