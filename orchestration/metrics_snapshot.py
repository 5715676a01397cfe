"""Gathers the numbers of `vitrine metrics serve` in parts, each as cheap as it is often: aggregates in SQL, sums that are carried on.

A part is a function from what is open to values by metric and labels. Serving them is `metrics_server.py`.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import sqlalchemy as sa

from assets.yield_counts import standing_yields
from catalog.verdict import Verdict
from orchestration import exported_metrics as m
from orchestration.failed_cells import failed_now
from orchestration.watching import NEEDS, backfills_moving, campaigns_moving, refresh_waiting_cells
from resources.instruments import bounded_category
from resources.ledger_tables import campaign, campaign_cell, paused, product, spend
from resources.observing_tables import delivery, notice, receiver_off, tally
from resources.project import Project
from resources.settings import utc_now
from resources.tallies import REASON

Values = dict[tuple[m.Family, tuple[str, ...]], float]
"""Values by metric and label values, in the order of the metric's labels."""

SETTLED_AFTER_S = 3600
"""Rows older than this are summed once and for all. A transaction may commit a row with a lower number later; none lives for an hour."""

OPEN_RUNS = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")


@dataclass
class RunningSums:
    """Sums of an append-only numbered table by some columns. Each call reads the rows of the last hour only."""

    table: sa.Table
    by: tuple[str, ...]
    of: tuple[str, ...]
    settled_id: int = 0
    settled: dict[tuple[str, ...], list[float]] = field(default_factory=dict)

    def read(self, project: Project, now: dt.datetime) -> dict[tuple[str, ...], list[float]]:
        """All sums as they are now."""
        old = now.replace(tzinfo=None) - dt.timedelta(seconds=SETTLED_AFTER_S)
        newest = project.ledger.one(
            sa.select(sa.func.max(self.table.c.id).label("id")).where(self.table.c.id > self.settled_id, self.table.c.at < old)
        )
        if newest and newest["id"]:
            self._add(self.settled, self._sums(project, self.table.c.id > self.settled_id, self.table.c.id <= newest["id"]))
            self.settled_id = newest["id"]
        sums = {key: list(values) for key, values in self.settled.items()}
        self._add(sums, self._sums(project, self.table.c.id > self.settled_id))
        return sums

    def _sums(self, project: Project, *where: Any) -> Iterator[tuple[tuple[str, ...], list[float]]]:
        columns = [self.table.c[name] for name in self.by]
        sums = [sa.func.sum(self.table.c[name]).label(f"sum_{name}") for name in self.of]
        query = sa.select(*columns, *sums).where(*where).group_by(*columns).order_by(sa.func.min(self.table.c.id))
        for row in project.ledger.rows(query):
            yield tuple(str(row[name] or "") for name in self.by), [float(row[f"sum_{name}"] or 0) for name in self.of]

    @staticmethod
    def _add(into: dict[tuple[str, ...], list[float]], more: Iterator[tuple[tuple[str, ...], list[float]]]) -> None:
        for key, values in more:
            before = into.get(key, [0.0] * len(values))
            into[key] = [a + b for a, b in zip(before, values, strict=True)]


@dataclass
class Work:
    """What came out and what it cost, from the ledger."""

    outcomes: RunningSums = field(
        default_factory=lambda: RunningSums(tally, ("activity", "category", "recipe", "outcome", "reason"), ("item_count",))
    )
    spent: RunningSums = field(default_factory=lambda: RunningSums(spend, ("activity", "category"), ("seconds", "usd")))

    def __call__(self, project: Project, _instance: dg.DagsterInstance) -> Values:
        """The sums as they are now."""
        now, values = utc_now(), Counter[tuple[m.Family, tuple[str, ...]]]()
        for (activity, category, recipe, outcome, reason), (count,) in self.outcomes.read(project, now).items():
            if outcome == REASON:
                values[m.REASONS, (activity, recipe, reason)] += count
            else:
                values[m.OUTCOMES, (activity, bounded_category(category), recipe, outcome)] += count
        for (activity, category), (seconds, usd) in self.spent.read(project, now).items():
            values[m.WORKER_SECONDS, (activity, bounded_category(category))] += seconds
            values[m.COST, (activity, bounded_category(category))] += usd
        return dict(values)


def budgets(project: Project, _instance: dg.DagsterInstance) -> Values:
    """Each budget of a day, and what was spent of it since midnight UTC."""
    limits, midnight = project.settings.budgets, utc_now().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    wanted: dict[str, tuple[float, Any]] = {}
    if limits.day_usd is not None:
        wanted["day"] = limits.day_usd, sa.true()
    for tier, limit in limits.tier_day_usd.items():
        wanted[f"tier {tier}"] = limit, sa.func.coalesce(spend.c.tier, "standard") == tier
    for category, limit in limits.category_day_usd.items():
        wanted[f"category {category}"] = limit, spend.c.category == category
    values: Values = {}
    for name, (limit, which) in wanted.items():
        row = project.ledger.one(sa.select(sa.func.sum(spend.c.usd).label("usd")).where(spend.c.at >= midnight, which))
        values[m.BUDGET_LIMIT, (name,)] = limit
        values[m.BUDGET_USED, (name,)] = float((row or {}).get("usd") or 0.0)
    return values


def outbox(project: Project, _instance: dg.DagsterInstance) -> Values:
    """Deliveries by state, the age of the oldest that waits, receivers that are off."""
    values: Values = {(m.NOTICES, (state,)): 0.0 for state in ("waiting", "delivered", "failed", "dropped")}
    for row in project.ledger.rows(sa.select(delivery.c.state, sa.func.count().label("n")).group_by(delivery.c.state)):
        values[m.NOTICES, (row["state"],)] = row["n"]
    waiting = sa.select(sa.func.min(notice.c.at).label("at")).join(delivery, delivery.c.notice_key == notice.c.key)
    oldest = project.ledger.one(waiting.where(delivery.c.state == "waiting"))
    values[m.NOTICE_AGE, ()] = _age_s(oldest["at"]) if oldest and oldest["at"] else 0.0
    off = project.ledger.one(sa.select(sa.func.count().label("n")).select_from(receiver_off))
    values[m.RECEIVERS_OFF, ()] = off["n"] if off else 0.0
    return values


def catalog(project: Project, _instance: dg.DagsterInstance) -> Values:
    """Products by state."""
    by_state = {bool(row["active"]): row["n"] for row in project.ledger.rows(
        sa.select(product.c.active, sa.func.count().label("n")).group_by(product.c.active)
    )}  # fmt: skip
    held = project.ledger.one(sa.select(sa.func.count().label("n")).select_from(paused))
    idle = held["n"] if held else 0
    counts = {"active": by_state.get(True, 0) - idle, "paused": idle, "withdrawn": by_state.get(False, 0)}
    return {(m.PRODUCTS, (state,)): float(count) for state, count in counts.items()}


def yields(project: Project, _instance: dg.DagsterInstance) -> Values:
    """Renders that stand by how they came out, for rates: `docs/how-to/numbers.md` says what each is."""
    values = Counter[tuple[m.Family, tuple[str, ...]]]()
    for (category, recipe), one in standing_yields(project).items():
        where = (bounded_category(category), recipe)
        for outcome, count in one.outcomes.items():
            values[m.RENDERS, (*where, str(outcome.verdict))] += count
            values[m.GATE_APPROVED, where] += count * (outcome.gate_verdict is Verdict.APPROVED)
            values[m.FIRST_PASS, where] += count * outcome.first_pass
    return dict(values)


def backlog(project: Project, _instance: dg.DagsterInstance) -> Values:
    """What stale cells need, planned anew."""
    values = Counter[tuple[m.Family, tuple[str, ...]]]()
    rows = refresh_waiting_cells(project)
    for row in rows:
        category = bounded_category(row["category"])
        values[m.BACKLOG_CELLS, (category,)] += 1
        for column, activity in NEEDS.items():
            if row[column]:
                values[m.BACKLOG_ITEMS, (activity, category)] += row[column]
    values[m.BACKLOG_OLDEST, ()] = _age_s(rows[0]["since"]) if rows else 0.0
    values[m.BACKLOG_PLANNED, ()] = utc_now().timestamp()
    return dict(values)


def dagster_state(project: Project, instance: dg.DagsterInstance) -> Values:
    """Heartbeats, open runs, pools and backfills."""
    now_s = utc_now().timestamp()
    values: Values = {(m.HEARTBEAT, (kind,)): now_s - beat.timestamp for kind, beat in instance.get_daemon_heartbeats().items()}
    for name in OPEN_RUNS:
        values[m.RUNS, (name.lower(),)] = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus[name]]))
    queued = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), limit=1, ascending=True)
    values[m.OLDEST_QUEUED, ()] = now_s - queued[0].create_timestamp.replace(tzinfo=dt.UTC).timestamp() if queued else 0.0
    for key in instance.event_log_storage.get_concurrency_keys():
        info = instance.event_log_storage.get_concurrency_info(key)
        for state, count in (("limit", info.slot_count), ("claimed", info.active_slot_count), ("pending", info.pending_step_count)):
            values[m.POOL, (key, state)] = count
    moving = backfills_moving(instance)
    values[m.BACKFILLS, ()] = len(moving)
    stands = [now_s - moved_s for _, moved_s, _ in moving] + [_age_s(moved) for _, moved, _ in campaigns_moving(project)]
    values[m.STANDSTILL, ()] = max(stands, default=0.0)
    return values


def campaigns(project: Project, _instance: dg.DagsterInstance) -> Values:
    """Campaigns and the cells of those that have not ended."""
    values: Values = {(m.CAMPAIGNS, (state,)): 0.0 for state in ("running", "held", "paused")}
    state = sa.case((sa.and_(campaign.c.state == "running", campaign.c.stopped_by.is_not(None)), "held"), else_=campaign.c.state).label(
        "state"
    )
    open_ones = campaign.c.state.in_(("running", "paused"))
    for row in project.ledger.rows(sa.select(state, sa.func.count().label("n")).where(open_ones).group_by(state)):
        values[m.CAMPAIGNS, (row["state"],)] = row["n"]
    cells = sa.select(campaign_cell.c.state, sa.func.count().label("n")).join(campaign, campaign.c.name == campaign_cell.c.campaign)
    for row in project.ledger.rows(cells.where(open_ones).group_by(campaign_cell.c.state)):
        values[m.CAMPAIGN_CELLS, (row["state"],)] = row["n"]
    return values


def failures(_project: Project, instance: dg.DagsterInstance) -> Values:
    """Cells and categories whose newest run failed."""
    counts = Counter({"produce_cell": 0, "train_category": 0})
    counts.update(run.job for run in failed_now(instance))
    return {(m.FAILED, (job,)): float(count) for job, count in counts.items()}


def _age_s(since: dt.datetime) -> float:
    return max(0.0, (utc_now().replace(tzinfo=None) - since).total_seconds())
