"""The tables of one machine. A ledger made before there were versions has some or all of them already."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def required(name: str, kind: sa.types.TypeEngine[Any] | None = None) -> sa.Column[Any]:
    return sa.Column(name, Text if kind is None else kind, nullable=False)


def key(name: str = "key") -> sa.Column[Any]:
    return sa.Column(name, Text, primary_key=True)


def serial() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def table(name: str, *columns: sa.Column[Any], indexes: tuple[str, ...] = (), **options: bool) -> None:
    op.create_table(name, *columns, if_not_exists=True, **options)
    for column in indexes:
        op.create_index(f"ix_{name}_{column}", name, [column], if_not_exists=True)


def upgrade() -> None:
    """Make what is missing of the first tables."""
    table("change", serial(), *map(required, ("sku", "category", "drop", "kind")), required("at", sa.DateTime()), sqlite_autoincrement=True)
    table(
        "product", key("sku"), required("category"), required("drop"), required("attributes", sa.JSON()), required("photo_digests", sa.JSON()),
        required("active", sa.Boolean()), required("revision", sa.Integer()), indexes=("category", "drop"),
    )  # fmt: skip
    table("paused", key("sku"))
    table("photo_file", key("name"), required("state"), required("photo_digest"))
    table(
        "source_photo", key(), required("photo_digest"), required("accepted", sa.Boolean()), required("reasons", sa.JSON()),
        required("measurements", sa.JSON()), sa.Column("thumbnail_digest", Text),
    )  # fmt: skip
    table(
        "cutout", key(), required("photo_digest"), required("cutout_digest"), required("accepted", sa.Boolean()),
        required("confidence", sa.Float()), required("reasons", sa.JSON()), required("measurements", sa.JSON()),
    )  # fmt: skip
    table(
        "lora", key(), *map(required, ("category", "lora_digest", "base_model_digest", "data_digest")), required("facts", sa.JSON()),
        required("seconds", sa.Float()), required("promoted", sa.Boolean()), required("made_at", sa.DateTime()), indexes=("category",),
    )  # fmt: skip
    table("lora_return", serial(), required("lora_key"), required("at", sa.DateTime()), indexes=("lora_key",))
    _renders()
    table(
        "spend", serial(), required("category"), sa.Column("drop", Text), required("activity"), required("item_count", sa.Integer()),
        required("seconds", sa.Float()), required("usd", sa.Float()), required("at", sa.DateTime()),
    )  # fmt: skip


def _renders() -> None:
    made_of = (*map(required, ("sku", "category", "recipe")), required("idx", sa.Integer()))
    table(
        "render", key("render_key"), *made_of, required("render_digest"), required("cutout_digest"), sa.Column("lora_digest", Text),
        required("placement", sa.JSON()), required("facts", sa.JSON()), required("seconds", sa.Float()), required("made_at", sa.DateTime()),
        indexes=("sku",),
    )  # fmt: skip
    made_of = (*map(required, ("sku", "category", "recipe")), required("idx", sa.Integer()))
    table(
        "refused_render", key("render_key"), *made_of, required("message"), required("refused_at", sa.DateTime()), indexes=("sku",)
    )  # fmt: skip
    table(
        "measurement", key("render_key"), key("measurement_version"), required("columns", sa.JSON()), required("seconds", sa.Float())
    )  # fmt: skip
    table(
        "judgment", key("gate_key"), *map(required, ("render_key", "render_digest", "rules_digest", "verdict")),
        required("reasons", sa.JSON()), required("judged_at", sa.DateTime()), indexes=("render_key",),
    )  # fmt: skip
    table(
        "publication", key("publish_key"), *map(required, ("sku", "recipe")), required("idx", sa.Integer()),
        *map(required, ("channel", "render_digest")), required("published_at", sa.DateTime()), indexes=("sku",),
    )  # fmt: skip


def downgrade() -> None:
    """There is no way back below the first version."""
    raise NotImplementedError("a ledger is not taken back below its first version; restore a backup")
