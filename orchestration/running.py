"""Run what is stale on this machine: Dagster jobs in a few worker processes, one category at a time each.

A worker imports torch once and runs its category's LoRA and cells through Dagster's in-process executor, recorded in the same Dagster
instance the web UI reads. Which cells run is decided by the plan; what a run does, by the assets.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from assets.partitions import cell_key
from assets.planning import known_cells
from catalog.errors import CatalogError, VitrineError
from catalog.preemption import FINISH_WITHIN_S, Preempted, listen, stop_point
from orchestration.instance import open_instance
from orchestration.json_console import quiet_console
from orchestration.left_behind import fail_runs_left_behind, process_tag
from orchestration.reasons import BLOCKED, first_failure
from orchestration.stale import categories_to_train, stale_cells
from resources.costs import book, clocked_rest
from resources.logs import configure_logging
from resources.preemptible_steps import listen_in_worker
from resources.project import Project
from resources.run_facts import facts_of
from resources.settings import PROJECT_VARIABLE, log_format, read_settings
from resources.telemetry import run_span, start_telemetry, stop_telemetry

COMMAND_LINE = {"vitrine/trigger": "command-line"}

WORKER_LOST = (
    "a worker process ended without a word, most often because memory ran out, and the other workers were ended with it. What was made is "
    "kept: run again, with --workers 1 if memory is short"
)


@dataclass(frozen=True, kw_only=True)
class CategoryTask:
    """One worker's next piece of work: a category, whether its LoRA is due, and its cells in order."""

    category: str
    train: bool
    drops: tuple[str, ...]
    tags: tuple[tuple[str, str], ...] = ()
    """Run tags beside those that every run of the command line has."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A run that failed: what it was and the first line of why."""

    what: str
    message: str


def tasks_for(project: Project, categories: Sequence[str] | None = None, *, train: bool = True) -> list[CategoryTask]:
    """What is due, one task per category; training first, because a new LoRA makes the category's scenes stale."""
    due = set(categories_to_train(project)) if train else set()
    if categories is not None:
        due &= set(categories)
    cells: dict[str, list[str]] = {}
    for need in stale_cells(project, list(categories) if categories is not None else None):
        cells.setdefault(need.category, []).append(need.drop)
    for category in due:
        # With a new LoRA every cell of the category may be stale; a cell with nothing to do costs a second.
        cells[category] = [drop for name, drop in known_cells(project, [category]) if name == category]
    return [CategoryTask(category=c, train=c in due, drops=tuple(sorted(drops))) for c, drops in sorted(cells.items())]


def refresh(project: Project) -> dict[str, Any]:
    """Read the catalog anew, as a Dagster run; return the metadata of its snapshot. Raises CatalogError when it cannot be used."""
    from orchestration.definitions import build_defs

    with open_instance(project.settings) as instance:
        fail_runs_left_behind(project.settings, instance)
        job = build_defs(project.settings).resolve_job_def("refresh_catalog")
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config=quiet_console(project.settings),
            tags={**COMMAND_LINE, **process_tag(project.settings)},
        )
    if not result.success:
        raise CatalogError(_first_failure(result, "refresh_catalog").message)
    snapshot = next(event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey("catalog"))
    return {name: value.value for name, value in snapshot.materialization.metadata.items()}


def run_tasks(project: Project, tasks: Sequence[CategoryTask], *, workers: int, on_tick: Callable[[], None] | None = None) -> list[Failure]:
    """Run tasks in `workers` processes and return the failures; a failed cell does not stop the others.

    Workers die with this process. A worker that is lost (`kill -9`, no memory) ends the others; what was not done is a failure then.
    An interrupt ends the workers at once; SIGTERM lets them finish or abandon what they have in hand, and raises Preempted within ten
    seconds. `on_tick` is called a few times a second, for progress.
    """
    if not tasks:
        return []
    listen()
    # Longest first: training and many cells before small remainders, so that the last worker does not run alone.
    ordered = sorted(tasks, key=lambda task: (not task.train, -len(task.drops)))
    directory = str(project.settings.project_dir)
    pool = ProcessPoolExecutor(
        max_workers=min(workers, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(os.getpid(), directory, time.time()),
    )
    try:
        futures = {pool.submit(run_category, directory, task): task for task in ordered}
        failures = _gathered(futures, on_tick)
        pool.shutdown()
        return failures
    except Preempted:
        _end_workers()
        raise
    except BaseException:  # an interrupt: whoever asks for the end does not wait for it
        for worker in multiprocessing.active_children():
            worker.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        with open_instance(project.settings) as instance:
            fail_runs_left_behind(project.settings, instance)


def _gathered(futures: dict[Future[list[Failure]], CategoryTask], on_tick: Callable[[], None] | None) -> list[Failure]:
    failures: list[Failure] = []
    running = set(futures)
    while running:
        done, running = wait(running, timeout=0.25, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                failures += future.result()
            except BrokenProcessPool:
                failures.append(Failure(what=futures[future].category, message=WORKER_LOST))
            except VitrineError as error:  # the project's files changed into something unusable meanwhile
                failures.append(Failure(what=futures[future].category, message=str(error)))
        if on_tick:
            on_tick()
        stop_point()
    return failures


def _end_workers() -> None:
    """Pass SIGTERM on, and wait as long as workers may take; those that take longer are killed, and lose what they have in hand."""
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()
    end = time.monotonic() + FINISH_WITHIN_S + 1
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))
        worker.kill()


def run_category(project_dir: str, task: CategoryTask) -> list[Failure]:
    """Train one category's LoRA if due, then bring its cells up to date, through Dagster in this process."""
    from orchestration.definitions import build_defs

    project = Project(read_settings(Path(project_dir)), run=facts_of(dict(task.tags)))
    _book_start(project, task.category)
    definitions, tags, failures = build_defs(project.settings), {**dict(task.tags), **COMMAND_LINE, **process_tag(project.settings)}, []
    with open_instance(project.settings) as instance:
        if task.train:
            with clocked_rest(project, "run", task.category):
                failures += _run(project, definitions, instance, "train_category", task.category, tags)
        for drop in task.drops:
            with clocked_rest(project, "run", task.category, drop):
                failures += _run(project, definitions, instance, "produce_cell", cell_key(task.category, drop), tags)
    stop_telemetry()
    return failures


def _book_start(project: Project, category: str) -> None:
    """Book what this worker took to start, once."""
    if _asked_for_at:
        seconds, cpu_seconds = time.time() - _asked_for_at.pop(), time.process_time()
        book(project, "start worker", category, None, 1, (seconds, cpu_seconds))


def _run(
    project: Project, definitions: dg.Definitions, instance: dg.DagsterInstance, job: str, partition_key: str, tags: dict[str, str]
) -> list[Failure]:
    start_telemetry(project.settings)
    begin_s = time.time()
    result = definitions.resolve_job_def(job).execute_in_process(
        partition_key=partition_key,
        instance=instance,
        raise_on_error=False,
        run_config=quiet_console(project.settings),
        tags=tags,
    )
    failures = [] if result.success else [_first_failure(result, f"{job} {partition_key}")]
    run_span(result.run_id, job, begin_s, time.time(), error=failures[0].message if failures else "", cell=partition_key)
    return failures


def _first_failure(result: dg.ExecuteInProcessResult, what: str) -> Failure:
    step, message = first_failure(result.all_events) or (None, BLOCKED)
    return Failure(what=f"{what}, step {step}" if step else what, message=message)


_asked_for_at: list[float] = []
"""In a worker: when it was asked for, until its start is booked."""


def _start_worker(parent: int, project_dir: str, asked_for_at: float) -> None:
    """Set up a worker: project, one torch thread, quiet logs, and an end when the parent ends."""
    _asked_for_at.append(asked_for_at)
    os.environ[PROJECT_VARIABLE] = project_dir
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"  # it explains at length why it does without torchvision, which nothing here uses
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listen_in_worker()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    configure_logging(log_format(read_settings(Path(project_dir))))
    import cv2

    cv2.setNumThreads(1)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone: a killed command must not leave workers that go on writing."""
    while os.getppid() == parent:
        time.sleep(0.5)
    sys.stderr.write("vitrine: the command was ended; its worker stops here. Made things are kept.\n")
    os._exit(1)
