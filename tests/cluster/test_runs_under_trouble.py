"""Runs that are canceled, wait for a GPU, meet each other, or lose the API server, on a real cluster."""

import time

import dagster as dg
import pytest

from tests.cluster.cells import cell, drawn, renders, take_in
from tests.cluster.deployment import IMAGE, JOB_ZONES
from tests.cluster.test_lost_pods import ALL_RENDERS, RENDER, begun, pod_of
from tests.cluster.testbed import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

CANCELED_WITHIN_S = 10.0
"""From the click to no pod: what the issue asks for."""
AWAY_S = 12.0
"""How long the API server is gone: longer than two of the daemon's looks at the run, and than two health checks of its step."""


def living(bed, run_id: str) -> list[str]:
    """Pods of a run that have not ended."""
    pods = bed.objects("pods", selector=f"dagster/run-id={run_id}")
    return [p["metadata"]["name"] for p in pods if p["status"]["phase"] in {"Pending", "Running"}]


def test_a_canceled_runs_pods_are_gone_within_ten_seconds(runs, project, cluster):
    run_id, _, _ = begun(runs, project, cluster, "canceled")
    bed = runs.deployment.bed
    assert len(living(bed, run_id)) == 2
    start = time.monotonic()
    runs.cancel(run_id)
    wait_for("the end of the run's pods", lambda: not living(bed, run_id), within_s=60, every_s=0.1)
    took_s = time.monotonic() - start
    assert took_s <= CANCELED_WITHIN_S, f"{took_s:.1f} s"
    assert runs.end(run_id) is dg.DagsterRunStatus.CANCELED
    assert 0 < len(renders(project, "canceled")) < ALL_RENDERS


def test_a_step_waits_for_a_gpu_and_starts_when_one_is_free(runs, project):
    bed = runs.deployment.bed
    take_in(project, "waiting")
    spec = {"containers": [{"name": "main", "image": IMAGE, "imagePullPolicy": "Never", "command": ["/bin/sleep", "600"],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"nvidia.com/gpu": "2", "memory": "16Mi"}}}],
            "terminationGracePeriodSeconds": 0, "restartPolicy": "Never"}  # fmt: skip
    bed.apply([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "busy", "namespace": "vitrine-gpu"}, "spec": spec}])
    try:
        run_id = runs.launch("produce_cell", partition=cell("waiting"), assets=("generated_variants",))
        pod = wait_for("the step's pod", lambda: pod_of(bed, run_id, RENDER), within_s=300)
        conditions = wait_for("the scheduler's answer", lambda: pod_of(bed, run_id, RENDER)["status"].get("conditions"))
        assert "Insufficient nvidia.com/gpu" in conditions[0]["message"]
        time.sleep(7)  # two health checks: waiting is no illness
        assert pod_of(bed, run_id, RENDER)["status"]["phase"] == "Pending"
        assert runs.status(run_id) is dg.DagsterRunStatus.STARTED
    finally:
        bed.kubectl("delete", "pod", "-n", "vitrine-gpu", "busy", "--grace-period=0", "--force")
    runs.succeeds(run_id)
    assert runs.retries(run_id, RENDER) == []
    assert pod_of(bed, run_id, RENDER)["metadata"]["uid"] == pod["metadata"]["uid"]
    assert len(renders(project, "waiting")) == ALL_RENDERS


def test_two_backfills_over_the_same_cell_at_once_give_one_result(runs, project, quiet):
    """The cell's lease lets one run work; the other finds everything made, or waits in vain, says whom for, and changes nothing."""
    take_in(project, "twice")
    both = [runs.launch("produce_cell", partition=cell("twice"), assets=("generated_variants",)) for _ in range(2)]
    ends = [runs.end(run_id) for run_id in both]
    assert dg.DagsterRunStatus.SUCCESS in ends
    for run_id, end in zip(both, ends, strict=True):
        if end is not dg.DagsterRunStatus.SUCCESS:
            (failure, *_) = runs.events(run_id, dg.DagsterEventType.STEP_FAILURE)
            assert "is at work on cell/twice/" in failure.event_specific_data.error.to_string()
    assert renders(project, "twice") == renders(quiet, "twice")
    assert drawn(project, "twice") == ALL_RENDERS


def test_a_run_survives_a_restart_of_the_api_server(runs, project, quiet, cluster):
    run_id, _, _ = begun(runs, project, cluster, "outage")
    runs.deployment.bed.restart_api_server(AWAY_S)
    runs.succeeds(run_id)
    assert renders(project, "outage") == renders(quiet, "outage")
    assert runs.retries(run_id, RENDER) == []
    assert {p["metadata"]["namespace"] for p in runs.deployment.bed.objects("pods")} & set(JOB_ZONES)
