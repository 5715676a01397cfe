"""The ledger's tables. What is done with them is in the files beside this one.

Rows that record made things (photos, cut-outs, LoRAs, renders, judgments, publications) are written once under a key; rows of `product`,
`paused`, `photo_file`, `lease` and `cell_manifest` move. JSON columns hold plain data whose shape is documented where it is written. Times
are UTC without a zone, on every database. A changed or new table needs a migration, see `migrations/`.
"""

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
"""Text that sorts by code points, as SQLite and Python sort it; a PostgreSQL database sorts as its language does, and two ledgers would differ."""

change = sa.Table(
    "change",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("sku", Text, nullable=False),
    sa.Column("category", Text, nullable=False),
    sa.Column("drop", Text, nullable=False),
    sa.Column("kind", Text, nullable=False),  # new, photo, text, category, drop, withdrawn, returned, resumed, retry, decided
    sa.Column("at", sa.DateTime, nullable=False),
    sqlite_autoincrement=True,
)
"""The rising revision: every change of a product, in the order it was seen. Its id is the sensors' cursor."""

CHANGES_IN_ORDER = """
CREATE FUNCTION vitrine_changes_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(22100, 1); RETURN NULL; END $$;
CREATE TRIGGER changes_in_order BEFORE INSERT ON change FOR EACH STATEMENT EXECUTE FUNCTION vitrine_changes_in_order()
"""
"""One transaction after the other adds changes, and the next one's ids are drawn after the former is committed. A sequence alone lets a
later id be seen before an earlier one, and a cursor that passed it would never come back. SQLite has one writer at a time anyway."""

_changes_in_order: Any = sa.DDL(CHANGES_IN_ORDER)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
sa.event.listen(change, "after_create", _changes_in_order.execute_if(dialect="postgresql"))

product = sa.Table(
    "product",
    metadata,
    sa.Column("sku", Text, primary_key=True),
    sa.Column("category", Text, nullable=False, index=True),
    sa.Column("drop", Text, nullable=False, index=True),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.Column("photo_digests", sa.JSON, nullable=False),  # one per photo file, null when the file is missing
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Index("product_in_cell", "category", "drop", "active", "sku", "revision"),
)
"""The index holds all that counting cells and finding what is settled reads, so that a plan of a million products reads no wide rows."""

paused = sa.Table("paused", metadata, sa.Column("sku", Text, primary_key=True))
"""Active products outside the pilot: nothing is made for them and nothing of theirs is taken back. A table of its own, so that a ledger
made before there were pilots needs no change."""

photo_file = sa.Table(
    "photo_file",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("state", Text, nullable=False),  # its version: times, size, inode, device of a file; ETag and size of an object
    sa.Column("photo_digest", Text, nullable=False),
)
"""What each photo was when it was last read: a cache, see `photo_digests.py`. Deleting its rows costs one reading."""

source_photo = sa.Table(
    "source_photo",
    metadata,
    sa.Column("key", Text, primary_key=True),  # digest of (photo, screening rules and version, file name's suffix)
    sa.Column("photo_digest", Text, nullable=False),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("measurements", sa.JSON, nullable=False),
    sa.Column("thumbnail_digest", Text),
)

cutout = sa.Table(
    "cutout",
    metadata,
    sa.Column("key", Text, primary_key=True),  # digest of (photo, cut-out version)
    sa.Column("photo_digest", Text, nullable=False),
    sa.Column("cutout_digest", Text, nullable=False),  # RGBA PNG blob
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("measurements", sa.JSON, nullable=False),
)

lora = sa.Table(
    "lora",
    metadata,
    sa.Column("key", Text, primary_key=True),  # digest of (data, base model, settings)
    sa.Column("category", Text, nullable=False, index=True),
    sa.Column("lora_digest", Text, nullable=False),
    sa.Column("base_model_digest", Text, nullable=False),
    sa.Column("data_digest", Text, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("promoted", sa.Boolean, nullable=False),
    sa.Column("made_at", sa.DateTime, nullable=False),
)

lora_return = sa.Table(
    "lora_return",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("lora_key", Text, nullable=False, index=True),
    sa.Column("at", sa.DateTime, nullable=False),
)
"""A promoted LoRA taken into use again, because the look went back to what it learned."""

lora_contest = sa.Table(
    "lora_contest",
    metadata,
    sa.Column("key", Text, primary_key=True),  # digest of the two files, the held-out pictures, and the contest's version
    sa.Column("category", Text, nullable=False, index=True),
    sa.Column("challenger_key", Text, nullable=False),
    sa.Column("challenger_digest", Text, nullable=False),
    sa.Column("incumbent_key", Text),  # null: none was in use, so the base model was to be beaten
    sa.Column("incumbent_digest", Text),
    sa.Column("base_model_digest", Text, nullable=False),
    sa.Column("data_digest", Text, nullable=False),
    sa.Column("won", sa.Boolean, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("scores", sa.JSON, nullable=False),  # as `training/contest.py` has it
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
)
"""Champion against challenger: what each contest measured, and why it ended as it did."""

lora_choice = sa.Table(
    "lora_choice",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("category", Text, nullable=False, index=True),
    sa.Column("lora_key", Text, nullable=False),
    sa.Column("look_key", Text),  # the training that the look asked for then: the choice stands while it does; null: no look
    sa.Column("action", Text, nullable=False),  # promote, rollback, contest (an imported LoRA won)
    sa.Column("chosen_by", Text, nullable=False),
    sa.Column("because", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""LoRAs that somebody took into use, appended and never changed; see `assets/lora_use.py`."""

render = sa.Table(
    "render",
    metadata,
    sa.Column("render_key", Text, primary_key=True),
    sa.Column("sku", Text, nullable=False, index=True),
    sa.Column("category", Text, nullable=False),
    sa.Column("recipe", Text, nullable=False),
    sa.Column("idx", sa.Integer, nullable=False),
    sa.Column("render_digest", Text, nullable=False),
    sa.Column("cutout_digest", Text, nullable=False),
    sa.Column("lora_digest", Text),
    sa.Column("placement", sa.JSON, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("made_at", sa.DateTime, nullable=False),
)

sa.Index("ix_render_render_digest", render.c.render_digest)
"""Judgments are of pictures: this finds the renders that are one."""

measurement = sa.Table(
    "measurement",
    metadata,
    sa.Column("render_key", Text, primary_key=True),
    sa.Column("measurement_version", Text, primary_key=True),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
)

judgment = sa.Table(
    "judgment",
    metadata,
    sa.Column("gate_key", Text, primary_key=True),
    sa.Column("render_key", Text, nullable=False, index=True),
    sa.Column("render_digest", Text, nullable=False),
    sa.Column("rules_digest", Text, nullable=False),
    sa.Column("verdict", Text, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("judged_at", sa.DateTime, nullable=False),
)

NOT_APPROVED = judgment.c.verdict != sa.literal_column("'approved'")
"""Judgments that leave a picture to a person. Spelt out, not bound: a database uses a partial index only for the condition it was made with."""

sa.Index(
    "judgment_not_approved", judgment.c.rules_digest, judgment.c.render_digest, sqlite_where=NOT_APPROVED, postgresql_where=NOT_APPROVED
)
"""What the review page asks for: the few that are in doubt, among millions that are not."""

OF_RENDERS = judgment.c.gate_key != judgment.c.render_key
"""Judgments of renders by their recipe's rules. A channel's pack judges the file to come, and stands under its publish key in both columns."""

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("publish_key", Text, primary_key=True),
    sa.Column("sku", Text, nullable=False, index=True),
    sa.Column("recipe", Text, nullable=False),
    sa.Column("idx", sa.Integer, nullable=False),
    sa.Column("channel", Text, nullable=False),
    sa.Column("render_digest", Text, nullable=False),
    sa.Column("published_at", sa.DateTime, nullable=False),
)

spend = sa.Table(
    "spend",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("category", Text, nullable=False),
    sa.Column("drop", Text),
    sa.Column("activity", Text, nullable=False),  # see resources/costs.py
    sa.Column("item_count", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("usd", sa.Float, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False, index=True),
    sa.Column("recipe", Text),  # of render and judge
    sa.Column("cpu_seconds", sa.Float),
    sa.Column("tier", Text),
    sa.Column("campaign", Text, index=True),
    sa.Column("attempt", Text, index=True),
)
"""Worker seconds and money, appended as they are spent: the clock of costs. `seconds` are wall seconds of one worker."""

refused_render = sa.Table(
    "refused_render",
    metadata,
    sa.Column("render_key", Text, primary_key=True),
    sa.Column("sku", Text, nullable=False, index=True),
    sa.Column("category", Text, nullable=False),
    sa.Column("recipe", Text, nullable=False),
    sa.Column("idx", sa.Integer, nullable=False),
    sa.Column("message", Text, nullable=False),
    sa.Column("refused_at", sa.DateTime, nullable=False),
)
"""Renders that a recipe refused to make of this product (its inputs are in the key): not tried again until an input changes."""

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("resource", Text, primary_key=True),  # cell/<category>/<drop> or lora/<category>
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("holder", Text, nullable=False),  # the run
    sa.Column("expires_at", sa.Float, nullable=False),  # seconds since 1970 by the database's own clock
    sa.Column("wanted", sa.Boolean, nullable=False, server_default=sa.false()),  # another run waited for it in vain
)
"""Who works on what, see `leases.py`. The epoch rises with every new holder; rows stay, so that it never falls."""

cell_manifest = sa.Table(
    "cell_manifest",
    metadata,
    sa.Column("kind", Text, primary_key=True),
    sa.Column("category", Text, primary_key=True),
    sa.Column("drop", Text, primary_key=True),
    sa.Column("manifest_key", Text, nullable=False),
    sa.Column("committed_at", sa.DateTime, nullable=False),
)
"""The manifest that stands for each kind of thing of a cell: a manifest is written first, and holds when its row does."""

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("item", Text, primary_key=True),
    sa.Column("begun", sa.Integer, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("worker", Text, nullable=False),  # host/process id of the last one
)
"""Items in a worker's hands, and how often they were begun; see assets/attempts.py. A row stays when a worker died."""

upload = sa.Table(
    "upload",
    metadata,
    sa.Column("place", Text, primary_key=True),  # of the pictures: s3://bucket/prefix
    sa.Column("name", Text, primary_key=True),  # of the photo, as products name it
    sa.Column("sequencer", Text, nullable=False),  # of the newest announcement; '' where the sender gives none
    sa.Column("announcement", sa.Integer, nullable=False),  # counts accepted announcements: what a look belongs to
    sa.Column("state", Text, nullable=False, index=True),  # new, waiting (no product names it), seen
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("announced_at", sa.DateTime, nullable=False),
)
"""Photos whose upload or removal was announced, see `announced_uploads.py`."""

photo_use = sa.Table(
    "photo_use",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("sku", Text, primary_key=True, index=True),
)
"""Which active products name a photo: an index, brought up to date by `photo_uses.py`."""

catalog_mark = sa.Table(
    "catalog_mark",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)
"""How far something has followed the changes (an id of `change`), and that a catalog was read into this ledger (`lost_ledger.py`)."""

campaign = sa.Table(
    "campaign",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("kind", Text, nullable=False),  # campaign, nightly
    sa.Column("state", Text, nullable=False, index=True),  # running, paused, canceled, done
    sa.Column("recipes", sa.JSON),  # names, null: all
    sa.Column("categories", sa.JSON),  # names, null: all
    sa.Column("tier", Text, nullable=False),
    sa.Column("budget_usd", sa.Float),
    sa.Column("deadline", sa.DateTime),
    sa.Column("stopped_by", Text),  # the budget or deadline that holds it back now, in words
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("ended_at", sa.DateTime),
    sqlite_autoincrement=True,
)
"""Backfills with a name. What of them is done is in `campaign_cell`: no cursor of a sensor knows anything that is not there."""

campaign_cell = sa.Table(
    "campaign_cell",
    metadata,
    sa.Column("campaign", Text, primary_key=True),
    sa.Column("category", Text, primary_key=True),
    sa.Column("drop", Text, primary_key=True),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("state", Text, nullable=False),  # waiting, running, done, failed, canceled
    sa.Column("attempt", sa.Integer, nullable=False),  # number of the run that goes on or was the last, from 1; never used twice
    sa.Column("failures", sa.Integer, nullable=False),  # failed runs since the campaign was begun or resumed
    sa.Column("held_by", Text),  # who starts its run: sensor, or a command's process
    sa.Column("run_id", Text),
    sa.Column("images", sa.Integer, nullable=False),  # expected to be made or judged when it was planned
    sa.Column("usd", sa.Float, nullable=False),  # expected when it was planned
    sa.Column("reason", Text, nullable=False),
    sa.Column("changed_at", sa.DateTime, nullable=False),
)

reservation = sa.Table(
    "reservation",
    metadata,
    sa.Column("attempt", Text, primary_key=True),
    sa.Column("campaign", Text),
    sa.Column("category", Text, nullable=False),
    sa.Column("tier", Text, nullable=False),
    sa.Column("usd", sa.Float, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("ended_at", sa.DateTime),  # null: its run has not ended, so what it has not spent yet counts as spent
)
"""Money set aside for runs that were handed out, so that two who hand out at once cannot spend it twice."""

expectation = sa.Table(
    "expectation",
    metadata,
    sa.Column("key", Text, primary_key=True),  # the first characters of the digest of its content
    sa.Column("content", sa.JSON, nullable=False),
)
"""What decides, apart from the product itself, how the products of a category are made, judged and published; see `assets/expectation.py`."""

settled = sa.Table(
    "settled",
    metadata,
    sa.Column("sku", Text, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),  # the product's, when nothing was left to do for it; -1: it never was so far
    sa.Column("expectation", Text, nullable=False),
    sa.Column("shape", Text, nullable=False),  # how many renders it then had, see `assets/settled.py`
    sa.Column("tried", Text, nullable=False),  # expectations that anything was ever made or judged by, with commas; '?': unknown
    sqlite_with_rowid=False,
)
"""Products for which nothing was left to do, under which expectation: a cache that lets a plan pass over them. Deleting rows costs time only."""

shelf = sa.Table(
    "shelf",
    metadata,
    sa.Column("place", Text, primary_key=True),  # the published folder or bucket
    sa.Column("part", Text, primary_key=True),  # of its manifest; '' where the manifest is one file
    sa.Column("version", Text, nullable=False),
)
"""The version of each part of the published manifest that `on_shelf` was last known to agree with: a cache, see `assets/shelf.py`."""

on_shelf = sa.Table(
    "on_shelf",
    metadata,
    sa.Column("sku", Text, primary_key=True),
    sa.Column("part", Text, primary_key=True),
    sa.Column("images", sa.JSON, nullable=False),  # per picture: channel, category, recipe, index, render digest, publish key; sorted
)
"""What stands in the published folder per product: a copy of its manifest that can be asked for one product."""

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("reviewer", Text, nullable=False),
    sa.Column("action", Text, nullable=False),  # approve, reject, waive, undo, new_seed
    sa.Column("undoes", sa.Integer),  # of undo: the decision that holds no more
    sa.Column("note", Text, nullable=False),  # the reason in words; '' where none was given
    sa.Column("sku", Text, nullable=False, index=True),
    sa.Column("category", Text, nullable=False),
    sa.Column("recipe", Text, nullable=False),
    sa.Column("idx", sa.Integer, nullable=False),
    sa.Column("render_key", Text, nullable=False),
    sa.Column("render_digest", Text, nullable=False),
    sa.Column("gate_key", Text, nullable=False),  # the judgment that the reviewer saw
    sa.Column("rules_digest", Text, nullable=False),
    sa.Column("gate_verdict", Text, nullable=False),
    sa.Column("codes", sa.JSON, nullable=False),  # of the reasons that the reviewer saw, sorted
    sa.Column("fault", Text),  # of a rejection: what is wrong, as `assets/faults.py` has it; null: not said
    sqlite_autoincrement=True,
)
"""What people decided about renders, appended and never changed; taking back is a row, too. Which one holds is `assets/decisions.py`."""

review_session = sa.Table(
    "review_session",
    metadata,
    sa.Column("cookie_digest", Text, primary_key=True),
    sa.Column("reviewer", Text, nullable=False),
    sa.Column("account", Text, nullable=False),  # digest of the password's digest: another password ends the session
    sa.Column("ends_at", sa.DateTime, nullable=False, index=True),
)
"""Who is signed in to the review page: in the ledger, so that a restart signs nobody out and several servers know the same people."""
