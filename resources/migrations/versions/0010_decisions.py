"""What people decided about renders."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add `decision`, empty."""
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime, nullable=False),
        *(sa.Column(name, Text, nullable=False) for name in ("reviewer", "action")),
        sa.Column("undoes", sa.Integer),
        *(sa.Column(name, Text, nullable=False) for name in ("note", "sku", "category", "recipe")),
        sa.Column("idx", sa.Integer, nullable=False),
        *(sa.Column(name, Text, nullable=False) for name in ("render_key", "render_digest", "gate_key", "rules_digest", "gate_verdict")),
        sa.Column("codes", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decision_sku", "decision", ["sku"])


def downgrade() -> None:
    """Drop it: pictures are published by the gate's verdicts alone again."""
    op.drop_table("decision")
