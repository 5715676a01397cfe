"""The sensor that hands out campaigns: a bounded number of run requests per tick, the rest stays in the ledger.

It has no cursor. A tick that crashes, before or after its requests were made, is repeated by the next one from the ledger's rows; a request
made twice has the same run key, and Dagster starts it once.
"""

from dataclasses import dataclass
from functools import partial

import dagster as dg

from assets.cell_lease import is_cell_taken
from assets.partitions import CATEGORY, categories, cell_key
from orchestration.campaigns import campaigns, progress
from orchestration.following import end_runs, follow
from orchestration.handing_out import SENSOR, Handed, close_finished, hand_out, running_cells
from orchestration.jobs import produce_cell_job
from orchestration.placement import TIERS
from resources.project import Project, VitrineResource

INTERVAL_S = 15
"""Seconds between ticks: the longest a free place waits for the next cell of a campaign."""


@dataclass(frozen=True, kw_only=True)
class Tick:
    """What one tick asks for, and what it has to say."""

    requests: tuple[Handed, ...]
    lines: tuple[str, ...]


def tick(project: Project, instance: dg.DagsterInstance) -> Tick:
    """Follow what runs, end what was canceled, hand out what fits; dearer tiers first, then older campaigns."""
    followed = follow(project, instance, holder=SENSOR)
    requests, lines = list(followed.to_start), list(followed.lines)
    known = sorted(campaigns(project, ("running", "paused", "canceled")), key=lambda one: (-TIERS[one.tier].run_priority, one.number))
    for one in known:
        if one.state == "canceled":
            end_runs(instance, (row["run_id"] for row, _ in running_cells(project, one) if row["run_id"]), lines.append)
            continue
        if close_finished(project, one):
            lines.append(f"{one.name}: ended; {progress(project, one.name).line}")
            continue
        room = project.settings.backfills.per_tick - len(requests)
        if one.state == "running" and room > 0:
            requests += hand_out(project, one, holder=SENSOR, at_most=room, is_taken=partial(is_cell_taken, project, instance))
        lines.append(standing(project, one.name))
    return Tick(requests=tuple(requests), lines=tuple(lines))


def standing(project: Project, name: str) -> str:
    """How a campaign stands, in one line: state, what holds it back, what is done and left."""
    (one,) = [c for c in campaigns(project) if c.name == name]
    held = f", held back by {one.stopped_by}" if one.stopped_by and one.state == "running" else ""
    return f"{name}: {one.state}{held}; {progress(project, name).line}"


@dg.sensor(
    job=produce_cell_job,
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Hands out the cells of campaigns and of the nightly backfill, within their budgets, and follows them to their end.",
)
def backfill_campaigns(context: dg.SensorEvaluationContext, vitrine: VitrineResource) -> dg.SensorResult | dg.SkipReason:
    """Request runs of the next cells of every campaign; what is done and left is in the tick's log and reason."""
    done = tick(vitrine.open(), context.instance)
    for line in done.lines:
        context.log.info(line)
    if not done.requests:
        return dg.SkipReason("\n".join(done.lines) or "No campaign is going on.")
    new = sorted({cell.category for cell in done.requests} - set(context.instance.get_dynamic_partitions(CATEGORY)))
    return dg.SensorResult(
        run_requests=[request_of(cell) for cell in done.requests],
        dynamic_partitions_requests=[categories.build_add_request(new)] if new else [],
    )


def request_of(cell: Handed) -> dg.RunRequest:
    """The run request of a cell that was handed out."""
    return dg.RunRequest(run_key=cell.attempt, partition_key=cell_key(cell.category, cell.drop), tags=cell.tags)
