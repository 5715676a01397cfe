"""Sensors: a changed catalog refreshes it, changed products start their cells, a failed run is told to someone.

What is due is decided in `triggers.py`. Publication follows its verdicts through the automation condition on `published_images`.
"""

import time

import dagster as dg
from dagster._core.storage.tags import WILL_RETRY_TAG

from assets.cell_lease import cells_free_again
from assets.partitions import CATEGORY, FIRST_DROP, categories, cell_key
from orchestration.backfill_sensor import backfill_campaigns
from orchestration.catalog_watch import TICK_S, RunState, read_cursor, watch
from orchestration.jobs import produce_cell_job, refresh_catalog_job
from orchestration.notifying import deliver_due
from orchestration.placement import run_tags
from orchestration.reasons import first_failure, gave_way
from orchestration.triggers import AwaitedCell, due_cells
from resources.outbox import Notice, notify
from resources.project import VitrineResource

CATALOG_INTERVAL_S = TICK_S
"""Both sensors tick this often, so that a new photo is published within two minutes: two ticks, two run starts, one cell."""

ASKED_TAG = "vitrine/asked"
"""Tag of a refresh's run with the sensor's request, by which the sensor finds out whether it succeeded."""


FIRST_ATTEMPT_S = 20.0
"""How long telling of a failed run may take at once; what is left is `deliver_notifications`' to do."""


@dg.sensor(
    job=refresh_catalog_job,
    minimum_interval_seconds=CATALOG_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks whether the product table, a photo or a look changed; if so, reads the catalog anew.",
)
def catalog_changes(context: dg.SensorEvaluationContext, vitrine: VitrineResource) -> dg.SensorResult:
    """Request a refresh when names, sizes or times in the catalog source changed since the last tick, or the last refresh failed."""
    project = vitrine.open()
    before = read_cursor(context.cursor)
    after, ask = watch(
        project.source, before, poll_s=project.settings.poll_s, outcome=lambda tag: refresh_outcome(context.instance, tag), now=time.time()
    )
    if not ask:
        asked = f" A refresh was asked for {after.tries + 1} times and is not done yet." if after.request else ""
        return dg.SensorResult(skip_reason=f"The catalog is as it was.{asked}", cursor=after.model_dump_json())
    # No run_key: a used one never runs again, and a catalog can go from one state to another a second time (a file moved out, back, and out
    # again). A tick that is repeated after a crash reads the catalog once too often, which changes nothing.
    return dg.SensorResult(run_requests=[dg.RunRequest(tags={ASKED_TAG: after.request})], cursor=after.model_dump_json())


def refresh_outcome(instance: dg.DagsterInstance, request: str) -> tuple[RunState, float]:
    """What became of a requested refresh, retries of its run included, and when its last run ended (seconds since 1970)."""
    records = instance.get_run_records(dg.RunsFilter(tags={ASKED_TAG: request}))
    if not records:
        return "unknown", 0.0
    if any(record.dagster_run.is_success for record in records):
        return "done", 0.0
    if any(not record.dagster_run.is_finished for record in records):
        return "going", 0.0
    return "failed", max(record.end_time or 0.0 for record in records)


@dg.sensor(
    job=produce_cell_job,
    minimum_interval_seconds=CATALOG_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the cells of new and changed products, once per revision.",
)
def new_and_changed_products(context: dg.SensorEvaluationContext, vitrine: VitrineResource) -> dg.SensorResult | dg.SkipReason:
    """Request one run per cell that changed since the cursor; at most 200 a tick, the rest stays for the next. And one per cell that a run
    found in the hands of another, when that one is over."""
    project = vitrine.open()
    due, cursor = due_cells(project, int(context.cursor or 0))
    due += [AwaitedCell(category=c, drop=d, epoch=e) for c, d, e in cells_free_again(project, context.instance)]
    if not due:
        return dg.SkipReason("No product changed.")
    service, known = project.settings.tiers, set(context.instance.get_dynamic_partitions(CATEGORY))
    new = sorted({cell.category for cell in due} - known)
    requests = [
        dg.RunRequest(
            run_key=cell.run_key,
            partition_key=cell_key(cell.category, cell.drop),
            tags={**run_tags(service.of_changed_products(cell.category)), "vitrine/trigger": "changed-products"},
        )
        for cell in due
        if cell.drop >= FIRST_DROP.isoformat()
    ]
    return dg.SensorResult(
        run_requests=requests,
        cursor=str(cursor),
        dynamic_partitions_requests=[categories.build_add_request(new)] if new else [],
    )


@dg.run_failure_sensor(
    name="failed_runs",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes one line per failed run to the log and puts a notice into the outbox for whoever is to be told.",
)
def failed_runs(context: dg.RunFailureSensorContext, vitrine: VitrineResource) -> None:
    """Tell of a failed run: what was made, for which cell, which error, where to look.

    One that Dagster starts again is not told yet, and one that gave way to another run on its cell not at all: nothing is missing.
    """
    run, cell = context.dagster_run, context.dagster_run.tags.get("dagster/partition", "")
    # A run of chosen assets has a job name that says nothing.
    what = ", ".join(sorted(key.to_user_string() for key in run.asset_selection)) if run.asset_selection else run.job_name
    events = context.get_step_failure_events()
    _, message = first_failure(events) or ("", context.failure_event.message or "no message")
    context.log.error(f"Vitrine: {what} {cell} failed: {message.splitlines()[0]} Made things are kept. Run {run.run_id}")
    if run.tags.get(WILL_RETRY_TAG) == "true" or gave_way(events):
        return
    project = vitrine.open()
    facts = {"what": what, "cell": cell, "run_id": run.run_id}
    told = Notice(type="run.failed", key=f"run.failed|{run.run_id}", subject=f"{what} {cell}".strip(), message=message, facts=facts)
    if notify(project, told):
        deliver_due(project, within_s=FIRST_ATTEMPT_S)


publish_follows_verdicts = dg.AutomationConditionSensorDefinition(
    "publish_follows_verdicts",
    target=dg.AssetSelection.assets("published_images"),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Publishes a cell when its verdicts were renewed and its brand gate passed.",
)

ALL_SENSORS = [catalog_changes, new_and_changed_products, backfill_campaigns, failed_runs, publish_follows_verdicts]
