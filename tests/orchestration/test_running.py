"""Workers that are lost or interrupted: the command goes on telling, and leaves nothing that counts as going on."""

import multiprocessing

import dagster as dg
import pytest

from assets.catalog import refresh_catalog
from orchestration.instance import open_instance
from orchestration.running import WORKER_LOST, run_tasks, tasks_for
from resources.project import open_project
from tests.tiny_project import write_project

pytestmark = pytest.mark.slow


@pytest.fixture
def started(tmp_path):
    """Run a tiny project in a worker and do something once its first run is going on; what `run_tasks` gives."""
    project = open_project(write_project(tmp_path / "project", looks=False))
    refresh_catalog(project)

    def run(then):
        with open_instance(project.settings) as instance:
            instance.add_dynamic_partitions("category", ["mugs"])

            def look():
                if instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
                    then()

            try:
                return run_tasks(project, tasks_for(project, train=False), workers=1, on_tick=look)
            finally:
                assert multiprocessing.active_children() == []
                assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]

    return run


def test_a_lost_worker_is_a_failure_that_says_what_to_do(started):
    """Once: a BrokenProcessPool traceback, no report, and a run that held its place in the queue for ever."""

    def kill_workers():
        for worker in multiprocessing.active_children():
            worker.kill()

    (failure,) = started(kill_workers)
    assert (failure.what, failure.message) == ("mugs", WORKER_LOST)


def test_an_interrupt_ends_the_workers_at_once(started):
    """Workers used to finish every cell they were given, however often one pressed Ctrl-C."""

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        started(interrupt)
