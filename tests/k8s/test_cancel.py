"""Canceling a campaign from a pod without a token: the code server executes the sensor, and only the daemon may ask the API server."""

import logging

import dagster as dg
import pytest
import yaml
from dagster import DagsterRunStatus
from dagster._daemon.monitoring.run_monitoring import check_run_timeout

from orchestration.following import end_runs

LAUNCHER = {
    "load_incluster_config": True,
    "job_namespace": "vitrine-runs",
    "service_account_name": "vitrine-run",
    "dagster_home": "/opt/dagster/dagster_home",
    "instance_config_map": "dagster-instance",
    "postgres_password_secret": "dagster-postgresql-secret",
}


@pytest.fixture
def instance(tmp_path):
    """An instance as the code server gets it: the cluster's launcher, which cannot be made where no token is mounted."""
    launcher = {"module": "orchestration.cluster_client", "class": "PatientRunLauncher", "config": LAUNCHER}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"run_launcher": launcher, "run_retries": {"enabled": True, "max_retries": 2}}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def a_started_run(instance, **tags):
    run = instance.add_run(dg.DagsterRun(job_name="produce_cell", tags=tags, status=DagsterRunStatus.STARTING))
    started = dg.DagsterEvent(event_type_value="PIPELINE_START", job_name=run.job_name)
    instance.report_dagster_event(started, run.run_id)
    return run


def test_a_run_that_cannot_be_ended_from_here_is_ended_by_the_daemon_and_not_started_again(instance, monkeypatch):
    run, told = a_started_run(instance), []
    assert end_runs(instance, [run.run_id], told.append) == 1
    assert "ended by the daemon" in told[0]
    record = instance.get_run_record_by_id(run.run_id)
    monkeypatch.setattr("dagster._daemon.monitoring.run_monitoring.get_current_timestamp", lambda: record.start_time + 2)
    check_run_timeout(instance, record, logging.getLogger(), default_timeout_seconds=0)
    ended = instance.get_run_by_id(run.run_id)
    assert ended.is_finished and ended.tags["dagster/will_retry"] == "false"


def test_a_run_of_a_command_is_left_to_the_command(instance):
    run, told = a_started_run(instance, **{"vitrine/process": "1/2"}), []
    assert end_runs(instance, [run.run_id], told.append) == 0
    assert "could not be ended" in told[0]
    assert "dagster/max_runtime" not in instance.get_run_by_id(run.run_id).tags
