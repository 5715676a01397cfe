"""Announced uploads, and which products name a photo."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add `upload`, `photo_use` and `catalog_mark`."""
    op.create_table(
        "upload",
        *(sa.Column(name, Text, primary_key=True) for name in ("place", "name")),
        sa.Column("sequencer", Text, nullable=False),
        sa.Column("announcement", sa.Integer, nullable=False),
        sa.Column("state", Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("announced_at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_upload_state", "upload", ["state"])
    op.create_table("photo_use", *(sa.Column(name, Text, primary_key=True) for name in ("name", "sku")))
    op.create_index("ix_photo_use_sku", "photo_use", ["sku"])
    op.create_table("catalog_mark", sa.Column("name", Text, primary_key=True), sa.Column("value", sa.Integer, nullable=False))


def downgrade() -> None:
    """Drop what this version added."""
    for name in ("upload", "photo_use", "catalog_mark"):
        op.drop_table(name)
