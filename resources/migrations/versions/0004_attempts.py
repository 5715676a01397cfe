"""Items in a worker's hands, and how often they were begun."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add `attempt`."""
    op.create_table(
        "attempt",
        sa.Column("item", Text, primary_key=True),
        sa.Column("begun", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("worker", Text, nullable=False),
    )


def downgrade() -> None:
    """Drop it; items are counted from nothing again."""
    op.drop_table("attempt")
