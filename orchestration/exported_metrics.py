"""The metrics that `vitrine metrics serve` exposes: name, kind, labels and help of each, in one table. Gathered in `metrics_snapshot.py`.

Prometheus names with base units at their end. Labels are bounded: at most 200 categories, the rest share eight labels; never a product, a
run or a backfill.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Family:
    """One exposed metric."""

    name: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    help: str


def _counter(name: str, help_text: str, *labels: str) -> Family:
    return Family(name=name, kind="counter", labels=labels, help=help_text)


def _gauge(name: str, help_text: str, *labels: str) -> Family:
    return Family(name=name, kind="gauge", labels=labels, help=help_text)


OUTCOMES = _counter(
    "vitrine_ledger_outcomes_total",
    "Items that came out of an activity, summed over all workers there ever were.",
    *("activity", "category", "recipe", "outcome"),
)
REASONS = _counter("vitrine_ledger_reasons_total", "Reasons for refusals, doubts and verdicts.", "activity", "recipe", "reason")
WORKER_SECONDS = _counter(
    "vitrine_ledger_worker_seconds_total", "Worker seconds, GPU seconds for train and render on a GPU.", "activity", "category"
)
COST = _counter("vitrine_ledger_cost_usd_total", "Money spent.", "activity", "category")
PRODUCTS = _gauge("vitrine_products", "Products of the catalog by state: active, paused by a pilot, withdrawn.", "state")
RENDERS = _gauge("vitrine_renders", "Renders that stand, by the verdict that holds.", "category", "recipe", "verdict")
GATE_APPROVED = _gauge(
    "vitrine_renders_gate_approved", "Renders that stand and that the gate approves, before people.", "category", "recipe"
)
FIRST_PASS = _gauge("vitrine_renders_first_pass", "Renders that stand and were right at once.", "category", "recipe")
BUDGET_LIMIT = _gauge("vitrine_budget_limit_usd", "Budgets of a day (UTC) that the settings name.", "budget")
BUDGET_USED = _gauge("vitrine_budget_used_usd", "Money spent of a day's budget since midnight UTC.", "budget")
BACKLOG_ITEMS = _gauge("vitrine_backlog_items", "What stale cells still need, by activity.", "activity", "category")
BACKLOG_CELLS = _gauge("vitrine_backlog_cells", "Stale cells.", "category")
BACKLOG_OLDEST = _gauge("vitrine_backlog_oldest_seconds", "How long the longest waiting stale cell waits; 0 when none does.")
BACKLOG_PLANNED = _gauge("vitrine_backlog_planned_timestamp_seconds", "When the backlog was last planned.")
NOTICES = _gauge("vitrine_notifications", "Deliveries of notices by state: waiting, delivered, failed, dropped.", "state")
NOTICE_AGE = _gauge(
    "vitrine_notifications_oldest_waiting_seconds", "Age of the oldest notice that somebody was not told yet; 0 when there is none."
)
RECEIVERS_OFF = _gauge("vitrine_receivers_off", "Receivers that answered 410 Gone and get nothing any more.")
HEARTBEAT = _gauge(
    "vitrine_dagster_heartbeat_age_seconds", "Seconds since each part of Dagster's daemon last gave a sign of life.", "daemon"
)
RUNS = _gauge("vitrine_dagster_runs", "Runs that have not ended, by status.", "status")
OLDEST_QUEUED = _gauge("vitrine_dagster_oldest_queued_run_seconds", "How long the longest queued run waits; 0 when none does.")
FAILED = _gauge("vitrine_dagster_failed_partitions", "Cells and categories whose newest run failed, by job.", "job")
POOL = _gauge("vitrine_dagster_pool_slots", "Slots of a concurrency pool: limit, claimed, and steps pending for one.", "pool", "state")
BACKFILLS = _gauge("vitrine_dagster_backfills", "Dagster's backfills that are under way.")
STANDSTILL = _gauge(
    "vitrine_dagster_backfill_standstill_seconds",
    "How long the backfill or campaign that stands still longest has not moved; 0 when there is none.",
)
CAMPAIGNS = _gauge("vitrine_campaigns", "Campaigns by state; `held` runs and is held back by its budget or deadline.", "state")
CAMPAIGN_CELLS = _gauge("vitrine_campaign_cells", "Cells of campaigns that have not ended, by state.", "state")
REFRESHED = _gauge("vitrine_exporter_refresh_timestamp_seconds", "When each part of these metrics was last gathered.", "part")
REFRESH_SECONDS = _gauge("vitrine_exporter_refresh_duration_seconds", "How long gathering a part took.", "part")
REFRESH_FAILURES = _counter("vitrine_exporter_refresh_failures_total", "How often gathering a part failed.", "part")
BUILD = _gauge("vitrine_build_info", "Always 1; the label is Vitrine's version.", "version")

FAMILIES = (
    OUTCOMES, REASONS, WORKER_SECONDS, COST, PRODUCTS, RENDERS, GATE_APPROVED, FIRST_PASS, BUDGET_LIMIT, BUDGET_USED, BACKLOG_ITEMS, BACKLOG_CELLS, BACKLOG_OLDEST, BACKLOG_PLANNED,
    NOTICES, NOTICE_AGE, RECEIVERS_OFF, HEARTBEAT, RUNS, OLDEST_QUEUED, FAILED, POOL, BACKFILLS, STANDSTILL, CAMPAIGNS, CAMPAIGN_CELLS, REFRESHED, REFRESH_SECONDS,
    REFRESH_FAILURES, BUILD,
)  # fmt: skip
