"""Runs of a killed process end as failed; runs of a living one go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from orchestration.instance import open_instance
from orchestration.left_behind import INTERRUPTED, PROCESS_TAG, fail_runs_left_behind, process_tag
from resources.settings import read_settings

REPOSITORY = Path(__file__).resolve().parents[2]

KILLED_IN_A_RUN = """
import os, signal, sys
from pathlib import Path
import dagster as dg
from orchestration.instance import open_instance
from orchestration.left_behind import process_tag
from resources.settings import read_settings

@dg.op
def step():
    os.kill(os.getpid(), signal.SIGKILL)

@dg.job
def work():
    step()

settings = read_settings(Path(sys.argv[1]))
with open_instance(settings) as instance:
    work.execute_in_process(instance=instance, tags=process_tag(settings))
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    return read_settings(tmp_path)


def test_a_run_of_a_killed_process_frees_its_place(settings):
    """Two such runs once filled both heavy places for ever: the daemon never started a cell again."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED_IN_A_RUN, str(settings.project_dir)], cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": "."}
    )
    assert done.returncode == -signal.SIGKILL
    with open_instance(settings) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.STARTED, "Dagster sees it by itself now; this file is not needed any more"
        assert fail_runs_left_behind(settings, instance) == 1
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.FAILURE
        assert INTERRUPTED in str([event.message for event in instance.all_logs(run.run_id)])
        assert fail_runs_left_behind(settings, instance) == 0
    assert list((settings.state_dir / "processes").iterdir()) == [], "its lock file is swept"


def test_runs_of_a_living_process_and_of_a_code_server_are_left_alone(settings):
    with open_instance(settings) as instance:
        started = dg.DagsterRunStatus.STARTED
        mine = instance.create_run_for_job(_work, status=started, tags=process_tag(settings))
        served = instance.create_run_for_job(_work, status=started, tags={".dagster/grpc_info": "{}"})
        foreign = instance.create_run_for_job(_work, status=started)
        assert fail_runs_left_behind(settings, instance) == 0
        assert fail_runs_left_behind(settings, instance, code_server_is_gone=True) == 1
        status = {run.run_id: run.status for run in instance.get_runs()}
    assert (status[mine.run_id], status[foreign.run_id]) == (started, started)
    assert status[served.run_id] == dg.DagsterRunStatus.FAILURE
    assert mine.tags[PROCESS_TAG] == process_tag(settings)[PROCESS_TAG], "one lock per process"


@dg.job
def _work():
    pass
