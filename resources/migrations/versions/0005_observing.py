"""Tables about the work itself: tally, step usage, waiting cells, and the outbox of notices."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def required(name: str, kind: sa.types.TypeEngine[Any] | None = None) -> sa.Column[Any]:
    return sa.Column(name, Text if kind is None else kind, nullable=False)


def key(name: str) -> sa.Column[Any]:
    return sa.Column(name, Text, primary_key=True)


def table(name: str, *columns: sa.Column[Any], indexes: tuple[str, ...] = (), **options: bool) -> None:
    op.create_table(name, *columns, **options)
    for column in indexes:
        op.create_index(f"ix_{name}_{column}", name, [column])


def upgrade() -> None:
    """Add the tables."""
    number, when, real, big = sa.Integer(), sa.DateTime(), sa.Float(), sa.BigInteger()
    texts = [required(name) for name in ("activity", "category", "recipe", "outcome", "reason")]
    table("tally", _serial(), *texts, required("item_count", number), required("at", when), indexes=("at",))
    table(
        "step_usage",
        _serial(),
        *(required(name) for name in ("op", "partition", "run_id")),
        required("attempt", number),
        required("outcome"),
        *(required(name, real) for name in ("wall_s", "cpu_s")),
        *(required(name, big) for name in ("rss_peak_bytes", "child_rss_peak_bytes")),
        *(sa.Column(name, big) for name in ("cgroup_peak_bytes", "gpu_allocated_peak_bytes", "gpu_reserved_peak_bytes")),
        required("at", when),
        indexes=("op",),
    )
    counts = [required(f"to_{name}", number) for name in ("screen", "cut_out", "render", "judge", "publish")]
    table("waiting_cell", key("category"), key("drop"), required("since", when), *counts, required("seen_at", when))
    told = [required(name) for name in ("type", "subject", "message")]
    table("notice", key("key"), *told, required("facts", sa.JSON()), required("at", when), indexes=("at",))
    table(
        "delivery",
        key("notice_key"),
        key("receiver"),
        required("state"),
        required("attempts", number),
        required("next_at", when),
        required("said"),
        indexes=("state", "next_at"),
    )
    table("receiver_off", key("receiver"), required("why"), required("at", when))


def _serial() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def downgrade() -> None:
    """Drop them; notices that were not delivered yet are lost."""
    for name in ("receiver_off", "delivery", "notice", "waiting_cell", "step_usage", "tally"):
        op.drop_table(name)
