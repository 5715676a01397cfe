"""Cells and categories whose last run failed, as the Dagster instance knows them, and starting them again.

Nothing has to be put right before: originals, cut-outs, renders and verdicts that exist are kept, and a run makes what is missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import sqlalchemy as sa

from catalog.errors import SettingsError
from resources.ledger_tables import change, product
from resources.project import Project
from resources.settings import utc_now

PARTITION_TAG = "dagster/partition"

LOOK_BACK_RUNS = 5000
"""Failed runs that are looked at, newest first; more than these are a matter for the dashboard, not for a list."""

DAEMON_ALIVE_S = 120.0
"""A heartbeat younger than this means that a daemon is there. Dagster's own bound is 30 minutes, too long for somebody who waits."""

RETRY = "retry"
"""Kind of the ledger's change that a person asked for: the sensor of changed products starts the cell, under a new revision."""


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    """A job and partition whose newest run failed."""

    job: str
    partition: str
    run_id: str
    ended_s: float

    @property
    def is_cell(self) -> bool:
        """Whether the partition is a cell; else it is a category."""
        return "|" in self.partition


def failed_now(instance: dg.DagsterInstance) -> list[FailedRun]:
    """Every job and partition whose newest run failed, the newest failure first."""
    return list(_newest_failed(instance))


def _newest_failed(instance: dg.DagsterInstance) -> Iterator[FailedRun]:
    seen = set()
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])
    for record in instance.get_run_records(failed, limit=LOOK_BACK_RUNS):
        run = record.dagster_run
        partition = run.tags.get(PARTITION_TAG, "")
        if not partition or (run.job_name, partition) in seen:
            continue
        seen.add((run.job_name, partition))
        newest = instance.get_runs(dg.RunsFilter(job_name=run.job_name, tags={PARTITION_TAG: partition}), limit=1)
        if newest and newest[0].run_id == run.run_id:
            yield FailedRun(job=run.job_name, partition=partition, run_id=run.run_id, ended_s=record.end_time or 0.0)


def check_cells(project: Project, cells: list[tuple[str, str]]) -> list[str]:
    """One SKU of each cell. Raises SettingsError for a cell without products."""
    skus = []
    for category, drop in cells:
        query = sa.select(product.c.sku).where(product.c.category == category, product.c.drop == drop).order_by(product.c.sku)
        found = project.ledger.one(query.limit(1))
        if found is None:
            raise SettingsError(
                f"There is no cell {category}|{drop}: no product is in it. `vitrine plan` lists cells. Nothing was started."
            )
        skus.append(found["sku"])
    return skus


def queue_cells(project: Project, cells: list[tuple[str, str]]) -> None:
    """Ask the daemon to run cells: each gets a change in the ledger, which the sensor of changed products hands out.

    Raises SettingsError for a cell without products; nothing is written then.
    """
    now = utc_now().replace(tzinfo=None)
    named = zip(check_cells(project, cells), cells, strict=True)
    rows = [{"sku": sku, "category": category, "drop": drop, "kind": RETRY, "at": now} for sku, (category, drop) in named]
    project.ledger.record(change, rows)


def daemon_is_alive(instance: dg.DagsterInstance) -> bool:
    """Whether a daemon would start what is queued."""
    now_s = utc_now().timestamp()
    return any(now_s - beat.timestamp < DAEMON_ALIVE_S for kind, beat in instance.get_daemon_heartbeats().items() if kind == "SENSOR")
