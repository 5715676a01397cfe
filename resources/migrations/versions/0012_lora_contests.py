"""Champion and challenger LoRAs: what contests measured, and which LoRAs people took into use."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add `lora_contest` and `lora_choice`, empty."""
    op.create_table(
        "lora_contest",
        sa.Column("key", Text, primary_key=True),
        sa.Column("category", Text, nullable=False),
        sa.Column("challenger_key", Text, nullable=False),
        sa.Column("challenger_digest", Text, nullable=False),
        sa.Column("incumbent_key", Text),
        sa.Column("incumbent_digest", Text),
        sa.Column("base_model_digest", Text, nullable=False),
        sa.Column("data_digest", Text, nullable=False),
        sa.Column("won", sa.Boolean, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("scores", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_lora_contest_category", "lora_contest", ["category"])
    op.create_table(
        "lora_choice",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("category", Text, nullable=False),
        sa.Column("lora_key", Text, nullable=False),
        sa.Column("look_key", Text),
        sa.Column("action", Text, nullable=False),
        sa.Column("chosen_by", Text, nullable=False),
        sa.Column("because", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lora_choice_category", "lora_choice", ["category"])


def downgrade() -> None:
    """Drop them; LoRAs that people chose go out of use again, and what contests measured is lost."""
    op.drop_table("lora_choice")
    op.drop_table("lora_contest")
