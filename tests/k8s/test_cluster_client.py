"""An API server that is away is waited for; one that answers is believed."""

import dagster as dg
import pytest
import urllib3
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_k8s import K8sRunLauncher
from dagster_k8s.client import DagsterK8sAPIRetryLimitExceeded, DagsterK8sUnrecoverableAPIError
from kubernetes.client import ApiException, V1Job, V1ObjectMeta

from orchestration import cluster_client
from orchestration.cluster_client import PatientClient, PatientRunLauncher
from tests.k8s.rendering import open_cluster_instance, read_values


@pytest.fixture
def clock(monkeypatch):
    """A clock that sleeping moves, and nothing else."""
    now = [0.0]
    monkeypatch.setattr(cluster_client.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(cluster_client.time, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    return now


class Server:
    """Answers in order, then with the last one for ever; None is a Job created."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.asked = list(answers), 0

    def create_namespaced_job(self, **_: object) -> None:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if answer:
            raise answer


AWAY = urllib3.exceptions.ProtocolError("Connection refused")


def create(server: Server) -> None:
    PatientClient(server, None, None, None, None).create_namespaced_job_with_retries(
        V1Job(metadata=V1ObjectMeta(name="step")), "vitrine-gpu"
    )


def test_a_job_is_created_as_soon_as_the_server_is_back(clock):
    server = Server(*[AWAY] * 150, None)
    create(server)
    assert server.asked == 151
    assert 60 < clock[0] < cluster_client.API_PATIENCE_S


def test_a_job_whose_creation_was_not_acknowledged_is_ours(clock):
    create(Server(*[AWAY] * 4, ApiException(status=409)))


def test_a_job_that_is_there_before_we_asked_is_an_error(clock):
    with pytest.raises(DagsterK8sUnrecoverableAPIError):
        create(Server(ApiException(status=409)))


def test_a_server_that_stays_away_is_given_up(clock):
    with pytest.raises(DagsterK8sAPIRetryLimitExceeded):
        create(Server(AWAY))
    assert clock[0] >= cluster_client.API_PATIENCE_S


@pytest.mark.parametrize(("status", "patience_s"), [(403, cluster_client.RIGHTS_PATIENCE_S), (422, 0.0)])
def test_missing_rights_are_waited_out_for_a_minute_and_a_wrong_job_not_at_all(clock, status, patience_s):
    with pytest.raises(DagsterK8sUnrecoverableAPIError):
        create(Server(ApiException(status=status)))
    assert patience_s <= clock[0] <= patience_s + 2 * cluster_client.WAIT_S


@pytest.fixture
def launcher(tmp_path):
    with open_cluster_instance(read_values("production"), tmp_path) as instance:
        assert type(instance.run_launcher) is PatientRunLauncher
        yield instance.run_launcher


def seen(monkeypatch, result: CheckRunHealthResult) -> None:
    monkeypatch.setattr(K8sRunLauncher, "check_run_worker_health", lambda *_: result)


RUN = dg.DagsterRun(job_name="produce_cell")


def test_a_run_worker_counts_as_alive_while_the_server_is_away_for_ten_minutes(launcher, clock, monkeypatch):
    seen(monkeypatch, CheckRunHealthResult(WorkerStatus.UNKNOWN, "Connection refused"))
    for minute in range(11):
        clock[0] = 60.0 * minute
        assert launcher.check_run_worker_health(RUN).status is WorkerStatus.RUNNING
    clock[0] = 601.0
    assert launcher.check_run_worker_health(RUN).status is WorkerStatus.UNKNOWN


def test_an_answer_in_between_starts_the_ten_minutes_anew(launcher, clock, monkeypatch):
    seen(monkeypatch, CheckRunHealthResult(WorkerStatus.UNKNOWN, "Connection refused"))
    launcher.check_run_worker_health(RUN)
    seen(monkeypatch, CheckRunHealthResult(WorkerStatus.RUNNING))
    clock[0] = 500.0
    launcher.check_run_worker_health(RUN)
    seen(monkeypatch, CheckRunHealthResult(WorkerStatus.UNKNOWN, "Connection refused"))
    clock[0] = 1000.0
    assert launcher.check_run_worker_health(RUN).status is WorkerStatus.RUNNING


@pytest.mark.parametrize("result", [
    CheckRunHealthResult(WorkerStatus.UNKNOWN, "Job dagster-run-1 could not be found"),
    CheckRunHealthResult(WorkerStatus.FAILED, "K8s job failed"),
])  # fmt: skip
def test_a_worker_that_the_server_says_is_gone_is_gone(launcher, clock, monkeypatch, result):
    seen(monkeypatch, result)
    assert launcher.check_run_worker_health(RUN) == result
