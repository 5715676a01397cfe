"""The ledger's tables about the work itself: what came out, what it used, what waits, who is told. Same metadata as `ledger_tables.py`.

All but the outbox may be emptied without losing a picture: they are counters, caches and history.
"""

import sqlalchemy as sa

from resources.ledger_tables import Text, metadata

tally = sa.Table(
    "tally",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("activity", Text, nullable=False),  # as in spend
    sa.Column("category", Text, nullable=False),
    sa.Column("recipe", Text, nullable=False),  # '' where no recipe is involved
    sa.Column(
        "outcome", Text, nullable=False
    ),  # made, found, refused, doubtful, a verdict, withdrawn; `reason` for rows that count reasons
    sa.Column("reason", Text, nullable=False),  # code of a refusal or a broken rule, '' for plain outcomes
    sa.Column("item_count", sa.Integer, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False, index=True),
)
"""What came out of each activity, appended as it ends: counters that outlive the worker, read by `vitrine metrics serve` and the drift watch."""

step_usage = sa.Table(
    "step_usage",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("op", Text, nullable=False, index=True),
    sa.Column("partition", Text, nullable=False),  # a cell or a category, '' without
    sa.Column("run_id", Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("outcome", Text, nullable=False),  # done, failed, interrupted
    sa.Column("wall_s", sa.Float, nullable=False),
    sa.Column("cpu_s", sa.Float, nullable=False),
    sa.Column("rss_peak_bytes", sa.BigInteger, nullable=False),  # this process
    sa.Column("child_rss_peak_bytes", sa.BigInteger, nullable=False),  # the largest process it started and waited for
    sa.Column("cgroup_peak_bytes", sa.BigInteger),  # the pod, file cache included; null where no limit is set
    sa.Column("gpu_allocated_peak_bytes", sa.BigInteger),
    sa.Column("gpu_reserved_peak_bytes", sa.BigInteger),
    sa.Column("at", sa.DateTime, nullable=False),
)
"""What each step used, for `vitrine resources`."""

waiting_cell = sa.Table(
    "waiting_cell",
    metadata,
    sa.Column("category", Text, primary_key=True),
    sa.Column("drop", Text, primary_key=True),
    sa.Column("since", sa.DateTime, nullable=False),
    sa.Column("to_screen", sa.Integer, nullable=False),
    sa.Column("to_cut_out", sa.Integer, nullable=False),
    sa.Column("to_render", sa.Integer, nullable=False),
    sa.Column("to_judge", sa.Integer, nullable=False),
    sa.Column("to_publish", sa.Integer, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
)
"""Stale cells as the plan saw them last, and since when each waits: a cache of the plan. Deleting its rows costs the ages."""

notice = sa.Table(
    "notice",
    metadata,
    sa.Column("key", Text, primary_key=True),  # what happened, once: a second notice under the same key is not written
    sa.Column("type", Text, nullable=False),
    sa.Column("subject", Text, nullable=False),
    sa.Column("message", Text, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False, index=True),
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("notice_key", Text, primary_key=True),
    sa.Column("receiver", Text, primary_key=True),
    sa.Column("state", Text, nullable=False, index=True),  # waiting, delivered, failed (attempts used up), dropped (receiver is off)
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.DateTime, nullable=False, index=True),
    sa.Column("said", Text, nullable=False),  # what the receiver answered last
)
"""The outbox: one row per notice and receiver, written in the notice's transaction."""

receiver_off = sa.Table(
    "receiver_off",
    metadata,
    sa.Column("receiver", Text, primary_key=True),
    sa.Column("why", Text, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
)
"""Receivers that answered 410 Gone: nothing is sent to them until `vitrine notices --enable`."""
