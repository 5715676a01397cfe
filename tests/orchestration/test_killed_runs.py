"""kill -9 in the middle of a cell: nothing is lost, nothing is rendered twice, and the bytes are those of an undisturbed run."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from orchestration.instance import open_instance
from orchestration.running import refresh, run_tasks, tasks_for
from resources.ledger_tables import lora, render
from resources.project import open_project
from tests.tiny_project import rendered_so_far, write_project

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
SKUS = ("MUG-1", "MUG-2", "MUG-3", "MUG-4")


def start(folder):
    """`vitrine run` on a project, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "run", "--workers", "1", "--json"],
        cwd=REPOSITORY,
        env={**os.environ, "VITRINE_PROJECT": str(folder), "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(folder):
    """Run to the end; the summary it prints."""
    process = start(folder)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def digests(folder):
    return {row["render_key"]: row["render_digest"] for row in open_project(folder).ledger.rows(sa.select(render))}


def lora_digests(folder):
    return {row["lora_digest"] for row in open_project(folder).ledger.rows(sa.select(lora))}


def going_on(folder):
    """Runs that Dagster takes for going on."""
    with open_instance(open_project(folder).settings) as instance:
        return instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))


def workers_of(pid):
    """Process ids of a command's workers: not of Python's resource tracker, another child, which reports what it misses by tracebacks."""
    listing = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line.split()[0]) for line in listing.stdout.splitlines() if "spawn_main" in line]


def wait_for(condition, timeout_s=300.0):
    """Poll until a condition holds."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "the run never got there"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = write_project(tmp_path_factory.mktemp("undisturbed") / "project", skus=SKUS)
    summary = finished(folder)
    assert summary["failures"] == []
    return folder


@pytest.mark.parametrize("victim", ["command", "worker"])
def test_a_killed_run_is_finished_by_the_next_one_with_the_same_bytes(undisturbed, tmp_path, victim):
    folder = write_project(tmp_path / "project", skus=SKUS, base_model=undisturbed / "base-model")
    process = start(folder)
    wait_for(lambda: process.poll() is None and rendered_so_far(folder) >= 2)
    workers = workers_of(process.pid)
    assert workers
    for pid in [process.pid] if victim == "command" else workers:
        os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    if victim == "worker":
        # A command that outlives its workers still reports; once it was a BrokenProcessPool traceback.
        assert (process.returncode, "Traceback" in err) == (1, False), err
        assert "a worker process ended" in json.loads(out.splitlines()[-1])["failures"][0]
    wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in workers), 30)
    before = digests(folder)
    assert 2 <= len(before) < len(digests(undisturbed)), "the kill came too late to prove anything"
    summary = finished(folder)
    assert summary["rendered_now"] == len(digests(undisturbed)) - len(before), "something was rendered twice"
    assert digests(folder) == digests(undisturbed)
    assert lora_digests(folder) == lora_digests(undisturbed)
    assert finished(folder)["rendered_now"] == 0
    assert going_on(folder) == [], "a dead run holds its place in the queue"


def test_ctrl_c_ends_the_workers_instead_of_waiting_for_their_queue(tmp_path):
    project = open_project(write_project(tmp_path / "shop", looks=False))
    refresh(project)
    tasks = tasks_for(project)
    assert tasks

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tasks(project, tasks, workers=1, on_tick=interrupt)
    assert multiprocessing.active_children() == []
    with open_instance(project.settings) as instance:
        begun = {run.job_name for run in instance.get_runs()} - {"refresh_catalog"}
    assert begun == set(), "the queue was worked off after the interrupt"
