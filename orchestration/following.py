"""What became of the runs of a campaign's cells: asked of the Dagster instance, written into the ledger.

Runs are found by their attempt tag, never by what somebody remembers of them. Dagster's own retries keep the tag: the newest run counts.
"""

import datetime as dt
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import dagster as dg
import sqlalchemy as sa
from dagster import DagsterEventType, DagsterRunStatus

from orchestration.budgets import MONEY, free
from orchestration.campaigns import Campaign, campaigns
from orchestration.handing_out import SENSOR, Handed, begun, done, failed, handed_again, running_cells, taken_back
from orchestration.left_behind import PROCESS_TAG, is_process_alive, process_tag
from orchestration.reasons import BLOCKED, first_failure
from resources.ledger import Row
from resources.ledger_tables import reservation
from resources.project import Project
from resources.run_facts import ATTEMPT_TAG
from resources.settings import Settings, utc_now

UNSTARTED_S = 600
"""Seconds after which a cell of the sensor that has no run is anybody's, and a retry that Dagster announced is not waited for any more."""

ELSEWHERE_S = 6 * 3600
"""Seconds after which a cell that a command on another machine holds is taken back; whether that command lives cannot be seen from here."""

QUERY_CHUNK = 100
"""Attempts per question to the instance's run storage."""

WILL_RETRY_TAG = "dagster/will_retry"
"""Dagster sets it on a failed run that its daemon will start again."""

OVER_AT_ONCE = {"dagster/max_runtime": "1", "dagster/max_retries": "0"}
"""Tags of a run that the daemon is to end and not to start again; a second is the shortest time that Dagster takes for a limit."""

ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What a look at the runs found: cells to start again under the same attempt, and lines for people."""

    to_start: tuple[Handed, ...]
    lines: tuple[str, ...]


def follow(project: Project, instance: dg.DagsterInstance, *, holder: str, only: str | None = None) -> Followed:
    """Bring the ledger up to date with the runs of all campaigns (or of one), on behalf of `holder`: the sensor or a command's process."""
    to_start: list[Handed] = []
    lines: list[str] = []
    for one in campaigns(project):
        if only is not None and one.name != only:
            continue
        cells = running_cells(project, one)
        runs = newest_runs(instance, [attempt for _, attempt in cells])
        for row, attempt in cells:
            line = _settle(project, instance, one, row, attempt, runs.get(attempt), holder)
            lines += [line] if line else []
        if one.state == "running":
            unstarted = [(row, attempt) for row, attempt in running_cells(project, one) if attempt not in runs]
            to_start += handed_again(one, unstarted, lambda row: row["held_by"] == holder)
    if holder == SENSOR:  # other instances may not know these runs
        _free_others(project, instance)
    return Followed(to_start=tuple(to_start), lines=tuple(lines))


def newest_runs(instance: dg.DagsterInstance, attempts: Sequence[str]) -> dict[str, dg.DagsterRun]:
    """The newest run of each attempt that has one."""
    found: dict[str, dg.DagsterRun] = {}
    for start in range(0, len(attempts), QUERY_CHUNK):
        for run in instance.get_runs(dg.RunsFilter(tags={ATTEMPT_TAG: list(attempts[start : start + QUERY_CHUNK])})):
            found.setdefault(run.tags[ATTEMPT_TAG], run)  # newest first
    return found


def _settle(
    project: Project, instance: dg.DagsterInstance, one: Campaign, row: Row, attempt: str, run: dg.DagsterRun | None, holder: str
) -> str:
    cell = f"{one.name}: {row['category']}|{row['drop']}"
    if run is None:
        return _settle_without_run(project, one, row, attempt, holder)
    begun(project, row, run.run_id)
    current = {**row, "run_id": run.run_id}
    if run.status == DagsterRunStatus.SUCCESS:
        done(project, current, attempt)
        return f"{cell} is done"
    if one.state == "canceled" and run.status in ENDED:  # a run that is ended in the middle may count as failed
        taken_back(project, current, attempt, "canceled")
        return f"{cell} was canceled"
    if run.status == DagsterRunStatus.CANCELED:
        failed(project, current, attempt, f"its run {run.run_id} was canceled by hand", again=False)
        return f"{cell} was canceled by hand"
    if run.status == DagsterRunStatus.FAILURE and not _is_retried(run, row, holder):
        reason = reason_of(instance, run)
        failed(project, current, attempt, reason, again=reason != BLOCKED)
        return f"{cell} failed: {reason}"
    return ""


def _settle_without_run(project: Project, one: Campaign, row: Row, attempt: str, holder: str) -> str:
    """A cell that was claimed and has no run: wait for its holder, or take it back when the campaign or the holder stopped."""
    mine, gone = row["held_by"] == holder, _is_gone(project, row)
    if one.state != "running" and (mine or gone):
        taken_back(project, row, attempt, "canceled" if one.state == "canceled" else "waiting")
    elif not mine and gone:
        taken_back(project, row, attempt, "waiting")
        return f"{one.name}: {row['category']}|{row['drop']} waits again: what held it is gone"
    return ""


def _is_gone(project: Project, row: Row) -> bool:
    """Whether nobody is going to start a cell's run any more, as far as this process can tell.

    A run that was seen once is known to the sensor, though perhaps not to this machine's instance: the command line of a cluster has another.
    """
    age_s = _age_s(row["changed_at"])
    if row["held_by"] == SENSOR:
        return row["run_id"] is None and age_s > UNSTARTED_S
    machine, _, process = row["held_by"].partition("/")
    return age_s > ELSEWHERE_S if machine != socket.gethostname() else not is_process_alive(project.settings, process)


def command_holder(settings: Settings) -> str:
    """The name under which this process holds cells: its machine and its process tag."""
    return f"{socket.gethostname()}/{process_tag(settings)[PROCESS_TAG]}"


def _is_retried(run: dg.DagsterRun, row: Row, holder: str) -> bool:
    """Whether the daemon is about to start this failed run again."""
    return run.tags.get(WILL_RETRY_TAG) == "true" and row["held_by"] == holder == SENSOR and _age_s(row["changed_at"]) < UNSTARTED_S


def reason_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Why a run failed, in one line."""
    events = instance.all_logs(run.run_id, of_type={DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE})
    told = [entry.dagster_event for entry in events if entry.dagster_event is not None]
    first = first_failure(told)
    if first is not None:
        return first[1].splitlines()[0]
    messages = [event.message for event in told if event.message]
    return messages[-1].splitlines()[0] if messages else BLOCKED


def end_runs(instance: dg.DagsterInstance, run_ids: Iterable[str], tell: Callable[[str], None]) -> int:
    """Take queued runs from the queue and ask launched ones to end; how many were asked."""
    asked = 0
    for run_id in run_ids:
        try:
            asked += bool(instance.run_coordinator.cancel_run(run_id))
        except Exception as error:  # noqa: BLE001 - whatever a launcher says that may not end runs from here; other campaigns go on
            if _left_to_the_daemon(instance, run_id):
                asked += 1
                tell(f"Run {run_id} is ended by the daemon, within its next look at running runs.")
            else:
                tell(f"Run {run_id} could not be ended: {error}")
    return asked


def _left_to_the_daemon(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Let the daemon's run monitoring end a launched run, by a run time that is over.

    On a cluster the sensor is executed by the code server, which has no token and no way to the API server; the daemon has both.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished or PROCESS_TAG in run.tags:
        return False
    if OVER_AT_ONCE.items() - run.tags.items():
        instance.add_run_tags(run_id, OVER_AT_ONCE)
    return True


def _free_others(project: Project, instance: dg.DagsterInstance) -> None:
    """End reservations of runs that are no campaign's cell, such as LoRA refreshes; one without a run is given up after ten minutes."""
    query = sa.select(reservation).where(reservation.c.ended_at.is_(None), reservation.c.campaign.is_(None))
    rows = project.ledger.rows(query)
    runs = newest_runs(instance, [row["attempt"] for row in rows])
    over = [
        row["attempt"]
        for row in rows
        if (runs[row["attempt"]].status in ENDED if row["attempt"] in runs else _age_s(row["at"]) > UNSTARTED_S)
    ]
    if over:
        with project.ledger.writing(MONEY) as connection:
            for attempt in over:
                free(connection, attempt)


def _age_s(at: dt.datetime) -> float:
    return (utc_now().replace(tzinfo=None) - at).total_seconds()
