"""Sensors: a changed catalog refreshes it, changed products start their cells, a failed run is told to someone.

What is due is decided in `triggers.py`. Publication follows its verdicts through the automation condition on `published_images`.
"""

import dagster as dg
from dagster._core.storage.tags import WILL_RETRY_TAG

from assets.partitions import CATEGORY, FIRST_DROP, categories, cell_key
from orchestration.jobs import produce_cell_job, refresh_catalog_job
from orchestration.notifying import deliver_due
from orchestration.reasons import first_failure
from orchestration.triggers import due_cells
from resources.outbox import Notice, notify
from resources.project import VitrineResource

CATALOG_INTERVAL_S = 15
"""Both sensors tick this often, so that a new photo is published within two minutes: two ticks, two run starts, one cell."""


FIRST_ATTEMPT_S = 20.0
"""How long telling of a failed run may take at once; what is left is `deliver_notifications`' to do."""


@dg.sensor(
    job=refresh_catalog_job,
    minimum_interval_seconds=CATALOG_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks whether the product table, a photo or a look changed; if so, reads the catalog anew.",
)
def catalog_changes(context: dg.SensorEvaluationContext, vitrine: VitrineResource) -> dg.SensorResult | dg.SkipReason:
    """Request a refresh when names, sizes or times in the catalog source changed since the last tick."""
    fingerprint = vitrine.open().source.fingerprint()
    if fingerprint == context.cursor:
        return dg.SkipReason("The catalog is as it was.")
    # No run_key: a used one never runs again, and a catalog can go from one state to another a second time (a file moved out, back, and out
    # again). A tick that is repeated after a crash reads the catalog once too often, which changes nothing.
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=fingerprint)


@dg.sensor(
    job=produce_cell_job,
    minimum_interval_seconds=CATALOG_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the cells of new and changed products, once per revision.",
)
def new_and_changed_products(context: dg.SensorEvaluationContext, vitrine: VitrineResource) -> dg.SensorResult | dg.SkipReason:
    """Request one run per cell that changed since the cursor; at most 200 a tick, the rest stays for the next."""
    due, cursor = due_cells(vitrine.open(), int(context.cursor or 0))
    if not due:
        return dg.SkipReason("No product changed.")
    known = set(context.instance.get_dynamic_partitions(CATEGORY))
    new = sorted({cell.category for cell in due} - known)
    requests = [
        dg.RunRequest(
            run_key=cell.run_key,
            partition_key=cell_key(cell.category, cell.drop),
            tags={"dagster/priority": "10", "vitrine/trigger": "changed-products"},
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
    """Tell of a failed run: what was made, for which cell, which error, where to look. One that Dagster starts again is not told yet."""
    run, cell = context.dagster_run, context.dagster_run.tags.get("dagster/partition", "")
    # A run of chosen assets has a job name that says nothing.
    what = ", ".join(sorted(key.to_user_string() for key in run.asset_selection)) if run.asset_selection else run.job_name
    _, message = first_failure(context.get_step_failure_events()) or ("", context.failure_event.message or "no message")
    context.log.error(f"Vitrine: {what} {cell} failed: {message.splitlines()[0]} Made things are kept. Run {run.run_id}")
    if run.tags.get(WILL_RETRY_TAG) == "true":
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

ALL_SENSORS = [catalog_changes, new_and_changed_products, failed_runs, publish_follows_verdicts]
