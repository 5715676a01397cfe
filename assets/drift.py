"""Drift: how often renders of a category, a recipe or a LoRA are rejected, doubted or overruled by people, lately and before; and what they measure.

Counted are renders by when they were made, judged by the rules in force now, so that a changed rule is no drift (what a rule flips is told by
`vitrine rejudge --dry-run`). Counting is the database's; measurements are read of a random part of the renders. Tests are `quality/drift.py`.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa

from assets.planning import rules_in_force
from assets.stored_measurements import SIZES, size_of
from catalog.verdict import Verdict
from quality.columns import COLUMNS
from quality.drift import (
    ColumnMove,
    DayCount,
    Floats,
    ShareMove,
    columns_with_false_discoveries,
    compare_columns,
    compare_shares,
    with_false_discoveries,
)
from quality.proportions import compare_with_size
from resources.ledger import Row
from resources.ledger_tables import decision, judgment, lora, measurement, product, render
from resources.project import Project
from resources.settings import utc_now

RECENT_DAYS, REFERENCE_DAYS = 7, 28
"""The recent window, and the one before it that it is compared with."""

MIN_RENDERS, MIN_DECISIONS = 50, 20
"""In each window; fewer say nothing."""

COLUMN_RENDERS = 20_000
"""Renders of each window whose measurements are read, drawn by their keys, which are digests and so as good as chance."""

MIN_PRODUCTS = 40
"""Of a recipe and category in each window; one render of each product counts."""

REJECTED, REVIEW, OVERRULED = "rejected", "review", "overruled"

Kind = Literal["category", "recipe", "lora"]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Two stretches of time: from `start` to `middle` the reference, from `middle` to `end` the recent one. UTC without a zone."""

    start: dt.datetime
    middle: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Everything that was compared, the surest moves first."""

    windows: Windows
    shares: list[ShareMove]
    columns: list[ColumnMove]
    renders: int
    renders_before: int
    unjudged: int
    """Renders of both windows without a verdict by the present rules: they are left out."""

    def moved(self, min_points: float) -> list[ShareMove]:
        """The shares that moved."""
        return [move for move in self.shares if move.moved(min_points)]

    @property
    def moved_columns(self) -> list[ColumnMove]:
        """The columns that moved."""
        return [move for move in self.columns if move.moved]


def windows_until(end: dt.datetime | None = None, *, recent_days: float = RECENT_DAYS, reference_days: float = REFERENCE_DAYS) -> Windows:
    """The two windows that end at a time (now)."""
    last = (end or utc_now()).replace(tzinfo=None)
    middle = last - dt.timedelta(days=recent_days)
    return Windows(start=middle - dt.timedelta(days=reference_days), middle=middle, end=last)


def find_drift(project: Project, windows: Windows, *, with_columns: bool = True) -> Drift:
    """Compare both windows, group by group."""
    judged, decided = _judged(project, windows), _decided(project, windows)
    names = _lora_names(project)
    made = _made(project, windows)
    counted = sum(row["renders"] for row in judged)
    shares = [*_moves(judged, REJECTED, names, MIN_RENDERS), *_moves(judged, REVIEW, names, MIN_RENDERS)]
    shares += _moves(decided, OVERRULED, names, MIN_DECISIONS)
    return Drift(
        windows=windows,
        shares=with_false_discoveries(shares),
        columns=_columns(project, windows, made) if with_columns else [],
        renders=made[True],
        renders_before=made[False],
        unjudged=max(0, made[True] + made[False] - counted),
    )


def _is_recent(moment: Any, windows: Windows) -> Any:
    return sa.case((moment >= windows.middle, 1), else_=0).label("recent")


def _judged(project: Project, windows: Windows) -> list[Row]:
    """Renders by category, recipe, LoRA, day and verdict, judged by the rules in force; of several judgments of one render the newest."""
    digests = sorted({rules_in_force(project, recipe).digest for recipe in project.recipes})
    later = judgment.alias()
    is_newest = ~sa.exists().where(
        later.c.render_key == judgment.c.render_key,
        later.c.rules_digest == judgment.c.rules_digest,
        later.c.judged_at > judgment.c.judged_at,
    )
    day = sa.func.date(render.c.made_at).label("day")
    groups = (render.c.category, render.c.recipe, render.c.lora_digest, day, judgment.c.verdict, _is_recent(render.c.made_at, windows))
    query = sa.select(*groups, sa.func.count().label("renders")).join(judgment, judgment.c.render_key == render.c.render_key)
    query = query.where(judgment.c.rules_digest.in_(digests), *_within(render.c.made_at, windows), is_newest)
    rows = project.ledger.rows(query.group_by(*groups))
    return [{**row, REJECTED: row["verdict"] == Verdict.REJECTED, REVIEW: row["verdict"] == Verdict.REVIEW} for row in rows]


def _decided(project: Project, windows: Windows) -> list[Row]:
    """Decisions by day, without those taken back; overruled is what let through something the gate stopped, or stopped what it approved."""
    undone = decision.alias()
    taken_back = sa.exists().where(undone.c.sku == decision.c.sku, undone.c.undoes == decision.c.id)
    day = sa.func.date(decision.c.at).label("day")
    groups = (decision.c.category, decision.c.recipe, render.c.lora_digest, day, decision.c.action, decision.c.gate_verdict)
    recent = _is_recent(decision.c.at, windows)
    query = sa.select(*groups, recent, sa.func.count().label("renders")).outerjoin(render, render.c.render_key == decision.c.render_key)
    query = query.where(decision.c.action.in_(("approve", "waive", "reject")), ~taken_back, *_within(decision.c.at, windows))
    rows = project.ledger.rows(query.group_by(*groups, recent))
    return [{**row, OVERRULED: (row["action"] == "reject") == (row["gate_verdict"] == Verdict.APPROVED)} for row in rows]


def _within(moment: Any, windows: Windows) -> tuple[Any, Any]:
    return moment >= windows.start, moment < windows.end


def _made(project: Project, windows: Windows) -> dict[bool, int]:
    recent = _is_recent(render.c.made_at, windows)
    query = sa.select(recent, sa.func.count().label("renders")).where(*_within(render.c.made_at, windows)).group_by(recent)
    found = {bool(row["recent"]): int(row["renders"]) for row in project.ledger.rows(query)}
    return {recent: found.get(recent, 0) for recent in (True, False)}


def _lora_names(project: Project) -> dict[str, str]:
    """How people call a LoRA: category, the first characters of its digest, the day it was made."""
    rows = project.ledger.rows(sa.select(lora.c.lora_digest, lora.c.category, lora.c.made_at))
    return {row["lora_digest"]: f"{row['category']} {row['lora_digest'][:12]} ({row['made_at']:%Y-%m-%d})" for row in rows}


def _moves(rows: list[Row], measure: str, names: dict[str, str], at_least: int) -> list[ShareMove]:
    moves = []
    for kind, name, mine, before, against in _groups(rows, names, at_least):
        recent = _days(mine, measure)
        reference = _days(before, measure)
        if min(sum(day.of for day in recent), sum(day.of for day in reference)) >= at_least:
            moves.append(compare_shares(kind, name, measure, recent, reference, against=against))
    return moves


def _groups(rows: list[Row], names: dict[str, str], at_least: int) -> Iterable[tuple[Kind, str, list[Row], list[Row], str]]:
    """Every group with its recent rows and those it is compared with. A LoRA too new to have any is compared with the ones before it."""
    kinds: tuple[tuple[Kind, str], ...] = (("category", "category"), ("recipe", "recipe"), ("lora", "lora_digest"))
    for kind, column in kinds:
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row[column] is not None:
                groups[row[column]].append(row)
        for value, mine in sorted(groups.items()):
            recent, before = [row for row in mine if row["recent"]], [row for row in mine if not row["recent"]]
            against, name = "", names.get(value, value[:12]) if kind == "lora" else value
            if kind == "lora" and recent and sum(row["renders"] for row in before) < at_least:
                cells = {(row["category"], row["recipe"]) for row in recent}
                before = [r for r in rows if not r["recent"] and r["lora_digest"] is not None and (r["category"], r["recipe"]) in cells]
                against = "the LoRAs before it"
            yield kind, name, recent, before, against


def _days(rows: Iterable[Row], measure: str) -> list[DayCount]:
    days: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        count = days[str(row["day"])]
        count[0] += row["renders"] if row[measure] else 0
        count[1] += row["renders"]
    return [DayCount(hits=hits, of=of) for _, (hits, of) in sorted(days.items())]


def _columns(project: Project, windows: Windows, made: dict[bool, int]) -> list[ColumnMove]:
    sampled = {recent: _measured(project, windows, recent, made[recent]) for recent in (True, False)}
    moves: list[ColumnMove] = []
    for recipe, category in sorted(sampled[True].keys() & sampled[False].keys()):
        both = [sampled[recent][recipe, category] for recent in (True, False)]
        moves += compare_columns(recipe, category, *both, at_least=MIN_PRODUCTS)
    return columns_with_false_discoveries(moves)


def _measured(project: Project, windows: Windows, recent: bool, made: int) -> dict[tuple[str, str], dict[str, Floats]]:
    """Values by (recipe, category) and column: of one render per product, of a part of the renders of one window."""
    first, last = (windows.middle, windows.end) if recent else (windows.start, windows.middle)
    part = min(1.0, COLUMN_RENDERS / made) if made else 1.0
    query = sa.select(render.c.recipe, render.c.category, render.c.sku, measurement.c.columns, *SIZES)
    query = query.join(measurement, measurement.c.render_key == render.c.render_key).outerjoin(product, product.c.sku == render.c.sku)
    query = query.where(
        measurement.c.measurement_version == project.measurement_version, render.c.made_at >= first, render.c.made_at < last
    )
    if part < 1.0:
        query = query.where(render.c.render_key < f"{int(part * 16**12):012x}")
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    seen: set[tuple[str, str]] = set()
    for row in project.ledger.stream(query.order_by(render.c.render_key)):
        if (row["recipe"], row["sku"]) in seen:
            continue
        seen.add((row["recipe"], row["sku"]))
        mine, columns = values[row["recipe"], row["category"]], dict(row["columns"])
        compare_with_size(columns, size_of(row))
        for name, value in columns.items():
            if name in COLUMNS and isinstance(value, (int, float)) and value == value:
                mine[name].append(float(value))
    return {group: {name: np.array(found) for name, found in columns.items()} for group, columns in values.items()}
