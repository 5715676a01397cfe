"""Markers that let a plan pass over products for which nothing is left to do, and what stands in the published folder per product."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add `expectation`, `settled`, `shelf` and `on_shelf`, all empty, and the index over cells."""
    op.create_table("expectation", sa.Column("key", Text, primary_key=True), sa.Column("content", sa.JSON, nullable=False))
    op.create_table(
        "settled",
        sa.Column("sku", Text, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        *(sa.Column(name, Text, nullable=False) for name in ("expectation", "shape", "tried")),
        sqlite_with_rowid=False,
    )
    place = [sa.Column(name, Text, primary_key=True) for name in ("place", "part")]
    op.create_table("shelf", *place, sa.Column("version", Text, nullable=False))
    whose = [sa.Column(name, Text, primary_key=True) for name in ("sku", "part")]
    op.create_table("on_shelf", *whose, sa.Column("images", sa.JSON, nullable=False))
    op.create_index("product_in_cell", "product", ["category", "drop", "active", "sku", "revision"])


def downgrade() -> None:
    """Drop what this version added; nobody may be at work."""
    op.drop_index("product_in_cell", "product")
    for name in ("on_shelf", "shelf", "settled", "expectation"):
        op.drop_table(name)
