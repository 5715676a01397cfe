"""Leases, standing manifests, and changes whose ids are seen in order on PostgreSQL, too."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")

CHANGES_IN_ORDER = """
CREATE FUNCTION vitrine_changes_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(22100, 1); RETURN NULL; END $$;
CREATE TRIGGER changes_in_order BEFORE INSERT ON change FOR EACH STATEMENT EXECUTE FUNCTION vitrine_changes_in_order()
"""


def upgrade() -> None:
    """Add `lease` and `cell_manifest`, and the trigger on `change`."""
    op.create_table(
        "lease",
        sa.Column("resource", Text, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("holder", Text, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_table(
        "cell_manifest",
        *(sa.Column(name, Text, primary_key=True) for name in ("kind", "category", "drop")),
        sa.Column("manifest_key", Text, nullable=False),
        sa.Column("committed_at", sa.DateTime, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(CHANGES_IN_ORDER)


def downgrade() -> None:
    """Drop what this version added; nobody may be at work."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER changes_in_order ON change; DROP FUNCTION vitrine_changes_in_order()")
    op.drop_table("cell_manifest")
    op.drop_table("lease")
