"""What is made of a pod that ended without a word: judged from what the API server says, in the client's own objects."""

import pytest
from kubernetes.client import (
    V1ContainerState,
    V1ContainerStateTerminated,
    V1ContainerStatus,
    V1JobCondition,
    V1JobStatus,
    V1ObjectMeta,
    V1Pod,
    V1PodStatus,
)

from catalog.errors import SettingsError
from orchestration.lost_pods import End, advice, loss_of
from orchestration.placement import PERMANENT_EXIT, PLACEMENTS, check_sizes, placement_of
from resources.cluster_settings import ClusterSettings

JOB = "dagster-step-1"


def ended(exit_code: int, reason: str = "Error", **pod: str) -> V1Pod:
    state = V1ContainerState(terminated=V1ContainerStateTerminated(exit_code=exit_code, reason=reason))
    container = V1ContainerStatus(name="dagster", image="i", image_id="i", ready=False, restart_count=0, state=state)
    return V1Pod(metadata=V1ObjectMeta(name="p"), status=V1PodStatus(container_statuses=[container], **pod))


FAILED, SUCCEEDED = V1JobStatus(failed=1), V1JobStatus(succeeded=1)
LATE = V1JobStatus(failed=1, conditions=[V1JobCondition(type="Failed", status="True", reason="DeadlineExceeded")])


@pytest.mark.parametrize(("status", "pods", "end"), [
    (None, [], End.GONE),
    (SUCCEEDED, [ended(0, "Completed")], End.SILENT),
    (FAILED, [ended(137, "OOMKilled")], End.MEMORY),
    (LATE, [], End.DEADLINE),
    (FAILED, [ended(PERMANENT_EXIT)], End.PERMANENT),
    (FAILED, [ended(137)], End.KILLED),
    (FAILED, [ended(143)], End.PREEMPTED),
    (FAILED, [], End.KILLED),
    # A second pod of one attempt ended with 0 after the first went out of memory: what counts is the first.
    (SUCCEEDED, [ended(137, "OOMKilled"), ended(0, "Completed")], End.MEMORY),
])  # fmt: skip
def test_how_a_pod_ended_is_told_apart(status, pods, end):
    assert loss_of(JOB, status, pods).end is end


@pytest.mark.parametrize("status", [V1JobStatus(active=1), V1JobStatus()])
def test_a_pod_that_runs_or_waits_is_not_lost(status):
    assert loss_of(JOB, status, []) is None


def test_the_node_pressure_that_evicted_a_pod_is_named():
    evicted = ended(137, reason="Error")
    evicted.status.reason, evicted.status.message = "Evicted", "The node was low on resource: ephemeral-storage."
    assert "Evicted: The node was low on resource: ephemeral-storage." in loss_of(JOB, FAILED, [evicted]).what


@pytest.mark.parametrize(("end", "setting"), [(End.MEMORY, "max_memory_gib"), (End.DEADLINE, "max_runtime_s")])
def test_an_end_that_would_repeat_names_what_to_set(end, setting):
    assert f"cluster.steps.render_shard.{setting}" in advice(end, "render_shard", "24Gi", 7200)


def test_memory_is_doubled_up_to_its_ceiling_and_no_further():
    place = PLACEMENTS["render_shard"]
    assert [place.with_memory_doubled(n).memory_gib for n in range(5)] == [24, 48, 96, 96, 96]
    settings = ClusterSettings.model_validate({"steps": {"render_shard": {"memory_gib": 10, "max_memory_gib": 15}}})
    assert [placement_of("render_shard", settings).with_memory_doubled(n).memory_gib for n in range(3)] == [10, 15, 15]


@pytest.mark.parametrize(("steps", "sentence"), [
    ({"render_shards": {"cpu": 1}}, "cluster.steps names 'render_shards'"),
    ({"render_shard": {"memory_gib": 6}}, "gives 4 GiB of shared memory of 6 GiB"),
])  # fmt: skip
def test_an_impossible_size_is_refused_by_name(steps, sentence):
    with pytest.raises(SettingsError, match=sentence):
        check_sizes(ClusterSettings.model_validate({"steps": steps}))
