"""`vitrine dev` begins and ends as a whole: nothing half running, nothing left behind, no run lost."""

import signal
import socket
import subprocess
import sys

import pytest

from orchestration.left_behind import LEFT_BEHIND
from tests.orchestration.dev_process import REPOSITORY, DevProcess, alive, free_port, tolerate_drawn_pictures
from tests.tiny_project import write_project

pytestmark = pytest.mark.slow

FAILURES = """
{ runsOrError(filter: {statuses: [FAILURE]}) { ... on Runs { results { eventConnection { events { ... on RunFailureEvent { message } } } } } } }
"""


@pytest.fixture
def folder(tmp_path):
    folder = write_project(tmp_path / "project", skus=("MUG-1",), looks=False)
    tolerate_drawn_pictures(folder)
    return folder


def making_a_cell(dev):
    """Runs in the middle of a cell: they last many seconds, where one of the catalog may end before a signal reaches it."""
    return [run for run in dev.runs("produce_cell") if run["status"] == "STARTED"]


def refused(folder, port):
    """What a `vitrine dev` that cannot start says; it must end by itself with the code of wrong use."""
    command = [sys.executable, "-m", "orchestration.cli", "dev", "--port", str(port)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env={"PATH": "/usr/bin:/bin", "VITRINE_PROJECT": str(folder)}, capture_output=True, text=True
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    return done.stderr


def test_a_busy_port_is_named_with_what_to_do(folder):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(folder, port)
    assert said == (
        f"vitrine: Cannot listen on 127.0.0.1:{port}: address already in use. End what listens there, or choose another port: "
        f"vitrine dev --port {port + 1}\n"
    )


def test_when_a_part_dies_the_rest_is_ended_and_its_last_lines_are_shown(folder):
    with DevProcess(folder) as dev:
        assert "already runs on this project" in refused(folder, free_port())
        assert "BetaWarning" not in dev.logs + dev.output
        (daemon,) = [pid for pid, line in alive(folder).items() if "dev_server daemon" in line]
        (folder / ".vitrine" / "dev" / "daemon.log").open("a").write("the last words of the daemon\n")
        subprocess.run(["kill", "-KILL", str(daemon)], check=True)
        assert dev.process.wait(120) == 1
    assert "The daemon ended with code -9, so the rest was ended too." in dev.output
    assert dev.output.rstrip().splitlines()[-1].strip() == "the last words of the daemon"
    assert alive(folder) == {}


def test_a_run_that_ctrl_c_interrupts_is_started_again_next_time(folder):
    with DevProcess(folder) as dev:
        dev.wait_until(lambda: making_a_cell(dev), "a cell is being made", interval_s=0.1)
        assert dev.interrupt() == 0
    assert dev.output.rstrip().endswith("started again next time.")
    assert alive(folder) == {}
    with DevProcess(folder) as dev:
        dev.wait_for_run(lambda run: run["jobName"] == "produce_cell" and run["status"] == "SUCCESS", "the cell is made after all")
        assert "FAILURE" in {run["status"] for run in dev.runs("produce_cell")}


def test_runs_of_a_killed_dev_do_not_block_the_next_one(folder):
    """Dagster cannot tell that a local run's process is gone: such a run would count as going on, and hold its place, for ever."""
    dev = DevProcess(folder)
    dev.wait_until(lambda: "Dagster UI" in dev.output and making_a_cell(dev), "a cell is being made", interval_s=0.1)
    for pid in alive(folder):
        subprocess.run(["kill", "-KILL", str(pid)], check=False)
    dev.process.wait(60)
    with DevProcess(folder) as dev:
        dev.wait_for_run(lambda run: run["jobName"] == "produce_cell" and run["status"] == "SUCCESS", "the cell is made after all")
        assert LEFT_BEHIND in str(dev.ask(FAILURES))


def test_when_the_command_is_killed_its_parts_end_by_themselves(folder):
    dev = DevProcess(folder)
    dev.wait_until(lambda: "Dagster UI" in dev.output, "the UI answers")
    assert dev.interrupt(signal.SIGKILL) == -signal.SIGKILL
    dev.process = None
    dev.wait_until(lambda: alive(folder) == {}, "all parts have ended")
