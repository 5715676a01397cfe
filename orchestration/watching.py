"""What somebody should be told that no failing run tells of: cells that wait too long, backfills that do not move, approval that falls, rejections that rise.

Plain functions over the ledger and the Dagster instance; the sensors are in `notifying.py`. Each event has a key made of what it is about and
when that began, so that looking again tells nothing again.
"""

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from assets.needs import CellNeed
from catalog.verdict import Verdict
from orchestration.stale import stale_cells
from resources.ledger import Row
from resources.ledger_tables import campaign, campaign_cell
from resources.observing_settings import NotificationSettings
from resources.observing_tables import tally, waiting_cell
from resources.outbox import Notice
from resources.project import Project
from resources.settings import utc_now

if TYPE_CHECKING:
    import dagster as dg

BASELINE_DAYS = 30
"""What a category's approved share of the last day is compared with."""

DRIFT_Z = 3.0
"""Standard errors by which two shares must differ: a small day falls by fifteen points now and then by chance alone."""

NEEDS = {"to_screen": "screen", "to_cut_out": "cut out", "to_render": "render", "to_judge": "judge", "to_publish": "publish"}
"""Columns of `waiting_cell` and the activity that each one waits for."""


def refresh_waiting_cells(project: Project, now: dt.datetime | None = None) -> list[Row]:
    """Plan anew and note which cells wait, since when, and for what; return the rows, longest waiting first.

    A cell keeps its `since` as long as each look finds it stale.
    """
    moment = _plain(now)
    found = {(need.category, need.drop): _counts(need) for need in stale_cells(project)}
    with project.ledger.writing("waiting cells") as connection:
        known = {(row.category, row.drop): row.since for row in connection.execute(sa.select(waiting_cell))}
        connection.execute(sa.delete(waiting_cell))
        rows = [
            {"category": category, "drop": drop, "since": known.get((category, drop), moment), "seen_at": moment, **counts}
            for (category, drop), counts in found.items()
        ]
        if rows:
            connection.execute(sa.insert(waiting_cell), rows)
    return sorted(rows, key=lambda row: (row["since"], row["category"], row["drop"]))


def _counts(need: CellNeed) -> dict[str, int]:
    single = {"to_screen": need.to_screen, "to_cut_out": need.to_cut_out, "to_publish": need.to_publish}
    return {**single, "to_render": need.renders, "to_judge": need.judgments}


def overdue_cells(settings: NotificationSettings, waiting: list[Row], now: dt.datetime | None = None) -> Iterator[Notice]:
    """A notice for each cell that has waited longer than the settings allow; one per wait."""
    limit = _plain(now) - dt.timedelta(hours=settings.overdue_after_h)
    for row in waiting:
        if row["since"] > limit:
            continue
        cell = f"{row['category']}|{row['drop']}"
        left = {NEEDS[name]: row[name] for name in NEEDS if row[name]}
        todo = ", ".join(f"{count} to {activity}" for activity, count in left.items())
        yield Notice(
            type="cell.overdue",
            key=f"cell.overdue|{cell}|{row['since'].isoformat(timespec='seconds')}",
            subject=cell,
            message=f"The cell {cell} is stale since {row['since']:%Y-%m-%d %H:%M} UTC: {todo}. "
            f"Look at its last run; start it again with: vitrine retry '{cell}'",
            facts={"cell": cell, "since": row["since"].isoformat(timespec="seconds") + "Z", "left": left},
        )


def stuck_backfills(instance: "dg.DagsterInstance", settings: NotificationSettings, now: dt.datetime | None = None) -> Iterator[Notice]:
    """A notice for each of Dagster's backfills none of whose runs moved for too long; one per standstill."""
    limit_s = settings.stuck_after_h * 3600
    for identifier, moved_s, runs in backfills_moving(instance):
        if _plain(now).replace(tzinfo=dt.UTC).timestamp() - moved_s < limit_s:
            continue
        moved = dt.datetime.fromtimestamp(moved_s, dt.UTC)
        yield Notice(
            type="backfill.stuck",
            key=f"backfill.stuck|{identifier}|{int(moved_s)}",
            subject=identifier,
            message=f"The backfill {identifier} has not moved since {moved:%Y-%m-%d %H:%M} UTC ({runs} runs so far). "
            "Look at the run queue, the pools and the daemon; cancel it, or resume it in the web UI.",
            facts={"backfill": identifier, "last_moved": moved.isoformat(timespec="seconds"), "runs": runs},
        )


def backfills_moving(instance: "dg.DagsterInstance") -> list[tuple[str, float, int]]:
    """Dagster's backfills that are under way: id, when one of their runs last changed (Unix seconds), how many runs they have."""
    import dagster as dg
    from dagster._core.execution.backfill import BulkActionsFilter as Filter
    from dagster._core.execution.backfill import BulkActionStatus

    found = []
    for backfill in instance.get_backfills(filters=Filter(statuses=[BulkActionStatus.REQUESTED])):
        mine = dg.RunsFilter(tags={"dagster/backfill": backfill.backfill_id})
        newest = instance.get_run_records(mine, limit=1, order_by="update_timestamp", ascending=False)
        moved = newest[0].update_timestamp.replace(tzinfo=dt.UTC).timestamp() if newest else backfill.backfill_timestamp
        found.append((backfill.backfill_id, max(moved, backfill.backfill_timestamp), instance.get_runs_count(mine)))
    return found


def stuck_campaigns(project: Project, settings: NotificationSettings, now: dt.datetime | None = None) -> Iterator[Notice]:
    """A notice for each campaign that nothing holds back and none of whose cells moved for too long; one per standstill."""
    limit = _plain(now) - dt.timedelta(hours=settings.stuck_after_h)
    for name, moved, left in campaigns_moving(project):
        if moved > limit:
            continue
        yield Notice(
            type="backfill.stuck",
            key=f"backfill.stuck|campaign|{name}|{moved.isoformat(timespec='seconds')}",
            subject=name,
            message=f"The backfill {name} has not moved since {moved:%Y-%m-%d %H:%M} UTC; {left} cells are left. Look at the run queue, the pools "
            f"and the daemon: vitrine backfill status {name}",
            facts={"campaign": name, "last_moved": moved.isoformat(timespec="seconds") + "Z", "cells_left": left},
        )


def campaigns_moving(project: Project) -> list[tuple[str, dt.datetime, int]]:
    """Campaigns that run and that neither budget nor deadline holds back: name, when one of their cells last changed, how many are left."""
    left = sa.func.sum(sa.case((campaign_cell.c.state.in_(("waiting", "running")), 1), else_=0)).label("left")
    query = sa.select(campaign.c.name, sa.func.max(campaign_cell.c.changed_at).label("moved"), left)
    query = query.join(campaign_cell, campaign_cell.c.campaign == campaign.c.name).group_by(campaign.c.name)
    query = query.where(campaign.c.state == "running", campaign.c.stopped_by.is_(None))
    return [(row["name"], row["moved"], int(row["left"])) for row in project.ledger.rows(query) if row["left"]]


def drifting_categories(project: Project, settings: NotificationSettings, now: dt.datetime | None = None) -> Iterator[Notice]:
    """A notice for each category whose renders are approved much less often than they were; one per category and week."""
    moment = _plain(now)
    day, month = moment - dt.timedelta(days=1), moment - dt.timedelta(days=BASELINE_DAYS + 1)
    today, before = verdict_shares(project, day, moment), verdict_shares(project, month, day)
    year, week, _ = moment.isocalendar()
    for category, (approved, judged) in today.items():
        were, of = before.get(category, (0, 0))
        if judged < settings.drift_min_renders or of < settings.drift_min_renders:
            continue
        share, usual = approved / judged, were / of
        if usual - share < settings.drift_points or _z(approved, judged, were, of) < DRIFT_Z:
            continue
        yield Notice(
            type="quality.drift",
            key=f"quality.drift|{category}|{year}-W{week:02}",
            subject=category,
            message=f"Of {category} {share:.0%} of the last day's {judged} renders were approved, {usual:.0%} of the {of} in the 30 days before. "
            "Look at the gate page for the reasons; photos, a new LoRA or a changed rule are the usual ones.",
            facts={"category": category, "approved_share": round(share, 4), "usual_share": round(usual, 4), "renders": judged},
        )


def drifting_recipes_and_loras(project: Project, settings: NotificationSettings, now: dt.datetime | None = None) -> Iterator[Notice]:
    """A notice for each recipe and LoRA of whose renders much more than before are rejected or sent to review; one per measure and week.

    Categories are watched by the day (`drifting_categories`); what moved in full is told by `vitrine drift`.
    """
    from assets.drift import REJECTED, REVIEW, find_drift, windows_until

    moment = _plain(now)
    year, week, _ = moment.isocalendar()
    for move in find_drift(project, windows_until(moment), with_columns=False).moved(settings.drift_week_points):
        if move.kind == "category" or move.measure not in (REJECTED, REVIEW) or move.difference < 0:
            continue
        what = {REJECTED: "rejected", REVIEW: "sent to review"}[move.measure]
        against = f" of {move.against}" if move.against else ""
        yield Notice(
            type="quality.drift",
            key=f"quality.drift|{move.kind}|{move.name}|{move.measure}|{year}-W{week:02}",
            subject=f"{move.kind} {move.name}",
            message=f"Of the last week's {move.of:,} renders of {move.kind} {move.name}, {move.hits / move.of:.0%} were {what}; of the "
            f"{move.of_before:,}{against} in the four weeks before, {move.hits_before / move.of_before:.0%}. What else moved, and which measurements: "
            "vitrine drift",
            facts={
                "kind": move.kind,
                "name": move.name,
                **{key: value for key, value in move.as_dict().items() if key not in ("kind", "name")},
            },
        )


def verdict_shares(project: Project, since: dt.datetime, until: dt.datetime) -> dict[str, tuple[int, int]]:
    """By category: renders approved and renders judged between two times."""
    approved = sa.func.sum(sa.case((tally.c.outcome == Verdict.APPROVED, tally.c.item_count), else_=0)).label("approved")
    query = sa.select(tally.c.category, approved, sa.func.sum(tally.c.item_count).label("judged"))
    verdicts = [str(verdict) for verdict in Verdict]
    query = query.where(tally.c.activity == "judge", tally.c.outcome.in_(verdicts), tally.c.at >= since, tally.c.at < until)
    return {row["category"]: (int(row["approved"]), int(row["judged"])) for row in project.ledger.rows(query.group_by(tally.c.category))}


def _z(approved: int, judged: int, were: int, of: int) -> float:
    """By how many standard errors the first share lies below the second (two-proportion z test, pooled)."""
    pooled = (approved + were) / (judged + of)
    error = (pooled * (1 - pooled) * (1 / judged + 1 / of)) ** 0.5
    return (were / of - approved / judged) / error if error else 0.0


def _plain(now: dt.datetime | None) -> dt.datetime:
    return (now or utc_now()).replace(tzinfo=None)
