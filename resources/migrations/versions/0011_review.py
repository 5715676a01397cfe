"""What a review page of many pictures needs: its sessions, what a rejection found fault with, and indexes for the few in doubt."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
NOT_APPROVED = sa.text("verdict != 'approved'")


def upgrade() -> None:
    """Add `decision.fault`, null; `review_session`, empty; two indexes."""
    op.add_column("decision", sa.Column("fault", Text))
    op.create_table(
        "review_session",
        sa.Column("cookie_digest", Text, primary_key=True),
        sa.Column("reviewer", Text, nullable=False),
        sa.Column("account", Text, nullable=False),
        sa.Column("ends_at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_review_session_ends_at", "review_session", ["ends_at"])
    op.create_index("ix_render_render_digest", "render", ["render_digest"])
    columns = ["rules_digest", "render_digest"]
    op.create_index("judgment_not_approved", "judgment", columns, sqlite_where=NOT_APPROVED, postgresql_where=NOT_APPROVED)


def downgrade() -> None:
    """Drop them; what was said about faults is lost."""
    op.drop_index("judgment_not_approved", "judgment")
    op.drop_index("ix_render_render_digest", "render")
    op.drop_table("review_session")
    op.drop_column("decision", "fault")
