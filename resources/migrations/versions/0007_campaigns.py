"""Campaigns with their cells; money set aside for runs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables `campaign`, `campaign_cell` and `reservation`."""
    op.create_table(
        "campaign",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("name", Text, nullable=False, unique=True),
        sa.Column("kind", Text, nullable=False),
        sa.Column("state", Text, nullable=False, index=True),
        sa.Column("recipes", sa.JSON),
        sa.Column("categories", sa.JSON),
        sa.Column("tier", Text, nullable=False),
        sa.Column("budget_usd", sa.Float),
        sa.Column("deadline", sa.DateTime),
        sa.Column("stopped_by", Text),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "campaign_cell",
        *(sa.Column(name, Text, primary_key=True) for name in ("campaign", "category", "drop")),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("state", Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("held_by", Text),
        sa.Column("run_id", Text),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "reservation",
        sa.Column("attempt", Text, primary_key=True),
        sa.Column("campaign", Text),
        sa.Column("category", Text, nullable=False),
        sa.Column("tier", Text, nullable=False),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
    )


def downgrade() -> None:
    """Drop what this version added; nobody may be at work."""
    for name in ("reservation", "campaign_cell", "campaign"):
        op.drop_table(name)
