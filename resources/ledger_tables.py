"""The ledger's tables. What is done with them is in the files beside this one.

Rows that record made things (photos, cut-outs, LoRAs, renders, judgments, publications) are written once under a key; rows of `product`,
`paused` and `photo_file` move. JSON columns hold plain data whose shape is documented where it is written.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

change = sa.Table(
    "change",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("sku", sa.String, nullable=False),
    sa.Column("category", sa.String, nullable=False),
    sa.Column("drop", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),  # new, photo, text, category, drop, withdrawn, returned, resumed
    sa.Column("at", sa.DateTime, nullable=False),
    sqlite_autoincrement=True,
)
"""The rising revision: every change of a product, in the order it was seen. Its id is the sensors' cursor."""

product = sa.Table(
    "product",
    metadata,
    sa.Column("sku", sa.String, primary_key=True),
    sa.Column("category", sa.String, nullable=False, index=True),
    sa.Column("drop", sa.String, nullable=False, index=True),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.Column("photo_digests", sa.JSON, nullable=False),  # one per photo file, null when the file is missing
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
)

paused = sa.Table("paused", metadata, sa.Column("sku", sa.String, primary_key=True))
"""Active products outside the pilot: nothing is made for them and nothing of theirs is taken back. A table of its own, so that a ledger
made before there were pilots needs no change."""

photo_file = sa.Table(
    "photo_file",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("state", sa.String, nullable=False),  # its version: times, size, inode, device of a file; ETag and size of an object
    sa.Column("photo_digest", sa.String, nullable=False),
)
"""What each photo was when it was last read: a cache, see `photo_digests.py`. Deleting its rows costs one reading."""

source_photo = sa.Table(
    "source_photo",
    metadata,
    sa.Column("key", sa.String, primary_key=True),  # digest of (photo, screening rules and version, file name's suffix)
    sa.Column("photo_digest", sa.String, nullable=False),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("measurements", sa.JSON, nullable=False),
    sa.Column("thumbnail_digest", sa.String),
)

cutout = sa.Table(
    "cutout",
    metadata,
    sa.Column("key", sa.String, primary_key=True),  # digest of (photo, cut-out version)
    sa.Column("photo_digest", sa.String, nullable=False),
    sa.Column("cutout_digest", sa.String, nullable=False),  # RGBA PNG blob
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("measurements", sa.JSON, nullable=False),
)

lora = sa.Table(
    "lora",
    metadata,
    sa.Column("key", sa.String, primary_key=True),  # digest of (data, base model, settings)
    sa.Column("category", sa.String, nullable=False, index=True),
    sa.Column("lora_digest", sa.String, nullable=False),
    sa.Column("base_model_digest", sa.String, nullable=False),
    sa.Column("data_digest", sa.String, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("promoted", sa.Boolean, nullable=False),
    sa.Column("made_at", sa.DateTime, nullable=False),
)

lora_return = sa.Table(
    "lora_return",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("lora_key", sa.String, nullable=False, index=True),
    sa.Column("at", sa.DateTime, nullable=False),
)
"""A promoted LoRA taken into use again, because the look went back to what it learned."""

render = sa.Table(
    "render",
    metadata,
    sa.Column("render_key", sa.String, primary_key=True),
    sa.Column("sku", sa.String, nullable=False, index=True),
    sa.Column("category", sa.String, nullable=False),
    sa.Column("recipe", sa.String, nullable=False),
    sa.Column("idx", sa.Integer, nullable=False),
    sa.Column("render_digest", sa.String, nullable=False),
    sa.Column("cutout_digest", sa.String, nullable=False),
    sa.Column("lora_digest", sa.String),
    sa.Column("placement", sa.JSON, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("made_at", sa.DateTime, nullable=False),
)

measurement = sa.Table(
    "measurement",
    metadata,
    sa.Column("render_key", sa.String, primary_key=True),
    sa.Column("measurement_version", sa.String, primary_key=True),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
)

judgment = sa.Table(
    "judgment",
    metadata,
    sa.Column("gate_key", sa.String, primary_key=True),
    sa.Column("render_key", sa.String, nullable=False, index=True),
    sa.Column("render_digest", sa.String, nullable=False),
    sa.Column("rules_digest", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("judged_at", sa.DateTime, nullable=False),
)

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("publish_key", sa.String, primary_key=True),
    sa.Column("sku", sa.String, nullable=False, index=True),
    sa.Column("recipe", sa.String, nullable=False),
    sa.Column("idx", sa.Integer, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("render_digest", sa.String, nullable=False),
    sa.Column("published_at", sa.DateTime, nullable=False),
)

spend = sa.Table(
    "spend",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("category", sa.String, nullable=False),
    sa.Column("drop", sa.String),
    sa.Column("activity", sa.String, nullable=False),  # screen, cut out, train, render, judge, publish
    sa.Column("item_count", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("usd", sa.Float, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
)
"""Worker seconds and money, appended as they are spent: the clock of costs."""

refused_render = sa.Table(
    "refused_render",
    metadata,
    sa.Column("render_key", sa.String, primary_key=True),
    sa.Column("sku", sa.String, nullable=False, index=True),
    sa.Column("category", sa.String, nullable=False),
    sa.Column("recipe", sa.String, nullable=False),
    sa.Column("idx", sa.Integer, nullable=False),
    sa.Column("message", sa.String, nullable=False),
    sa.Column("refused_at", sa.DateTime, nullable=False),
)
"""Renders that a recipe refused to make of this product (its inputs are in the key): not tried again until an input changes."""
