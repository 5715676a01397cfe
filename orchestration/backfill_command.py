"""A campaign without the daemon: `vitrine backfill run` hands out its cells to worker processes here and waits for them.

The same claims, budgets and retries as the sensor's; both may work on one campaign at once.
"""

from collections.abc import Callable
from functools import partial

from assets.cell_lease import is_cell_taken
from assets.partitions import CATEGORY
from orchestration.campaigns import campaign_named
from orchestration.following import command_holder, follow, newest_runs
from orchestration.handing_out import Handed, close_finished, failed, hand_out, running_cells
from orchestration.instance import open_instance
from orchestration.left_behind import fail_runs_left_behind
from orchestration.running import CategoryTask, Failure, run_tasks
from resources.project import Project

CELLS_PER_WORKER = 2
"""Cells claimed at a time for each worker: pause, cancel and budgets are looked at again when these are done."""


def run_campaign(project: Project, name: str, *, workers: int, tell: Callable[[str], None]) -> list[Failure]:
    """Run a campaign's cells until nothing of it is left that may start, and return the failures.

    A campaign that is paused or canceled meanwhile, or whose budget is used up, ends the loop after the cells in hand.
    """
    failures: list[Failure] = []
    holder = command_holder(project.settings)
    while True:
        started, lines = _next_cells(project, name, holder, workers)
        for line in lines:
            tell(line)
        if not started:
            return failures
        for cell in started:
            tell(f"{name}: {cell.category}|{cell.drop} starts")
        now = run_tasks(project, [_task(cell) for cell in started], workers=workers)
        _settle_unstarted(project, name, started, now)
        failures += now


def _next_cells(project: Project, name: str, holder: str, workers: int) -> tuple[list[Handed], list[str]]:
    with open_instance(project.settings) as instance:
        fail_runs_left_behind(project.settings, instance)
        followed = follow(project, instance, holder=holder, only=name)
    one, lines = campaign_named(project, name), list(followed.lines)
    if close_finished(project, one) or one.state != "running":
        return [], lines
    with open_instance(project.settings) as instance:
        is_taken = partial(is_cell_taken, project, instance)
        cells = hand_out(project, one, holder=holder, at_most=CELLS_PER_WORKER * workers, is_taken=is_taken)
        # a ledger may know categories that this instance was never told of
        instance.add_dynamic_partitions(
            CATEGORY, sorted({cell.category for cell in cells} - set(instance.get_dynamic_partitions(CATEGORY)))
        )
    return cells, lines


def _settle_unstarted(project: Project, name: str, started: list[Handed], failures: list[Failure]) -> None:
    """Cells whose run never began, because the worker was lost or the project became unreadable: a failed attempt like any other."""
    with open_instance(project.settings) as instance:
        runs = newest_runs(instance, [cell.attempt for cell in started])
    unstarted = {cell.attempt for cell in started} - runs.keys()
    for row, attempt in running_cells(project, campaign_named(project, name)):
        if attempt in unstarted:
            failed(project, row, attempt, failures[0].message if failures else "its run never began", again=True)


def _task(cell: Handed) -> CategoryTask:
    return CategoryTask(category=cell.category, train=False, drops=(cell.drop,), tags=tuple(sorted(cell.tags.items())))
