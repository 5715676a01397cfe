"""Runs whose process is gone: recognized by a lock that ends with the process, marked as failed so that they free their places.

Dagster's own monitoring cannot tell that a local run's process is gone. Such a run counts as going on for ever: it holds a place in the
queue, and its cell is never published by itself again.
"""

import fcntl
import uuid
from pathlib import Path
from typing import IO

import dagster as dg

from resources.settings import Settings

PROCESS_TAG = "vitrine/process"
"""Tag of runs that a command makes itself, without a code server: names the lock file its process holds."""

INTERRUPTED = "The command ended during this run. What was made is kept; the next `vitrine run` makes the rest."

LEFT_BEHIND = "`vitrine dev` ended during this run. What was made is kept, and the run is started again."

_GOING_ON = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]

_held: dict[Path, tuple[str, IO[str]]] = {}
"""This process's lock per project, open as long as the process lives."""


def process_tag(settings: Settings) -> dict[str, str]:
    """The tag for runs of this process; its first call takes the process's lock."""
    folder = _folder(settings)
    if folder not in _held:
        folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        lock = (folder / f".{name}").open("w", encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / f".{name}").rename(folder / name)  # seen by others only when it is held
        _held[folder] = name, lock
    return {PROCESS_TAG: _held[folder][0]}


def fail_runs_left_behind(settings: Settings, instance: dg.DagsterInstance, *, code_server_is_gone: bool = False) -> int:
    """Mark runs whose process is gone as failed; how many there were.

    `code_server_is_gone`: whether runs that a code server started are left behind too; only the one `vitrine dev` of a project knows.
    """
    left = 0
    for run in instance.get_runs(dg.RunsFilter(statuses=_GOING_ON)):
        if PROCESS_TAG in run.tags:
            gone, why = not _is_alive(_folder(settings) / run.tags[PROCESS_TAG]), INTERRUPTED
        else:
            gone, why = code_server_is_gone and ".dagster/grpc_info" in run.tags, LEFT_BEHIND
        if gone:
            instance.report_run_failed(run, why)
            left += 1
    for lock in _folder(settings).glob("[!.]*"):
        if not _is_alive(lock):
            lock.unlink(missing_ok=True)
    return left


def is_process_alive(settings: Settings, name: str) -> bool:
    """Whether the process that a process tag names still lives. Only for processes of this machine."""
    return _is_alive(_folder(settings) / name)


def _folder(settings: Settings) -> Path:
    return settings.state_dir / "processes"


def _is_alive(lock: Path) -> bool:
    try:
        with lock.open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
