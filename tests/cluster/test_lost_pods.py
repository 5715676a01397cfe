"""Step pods that end without a word, on a real cluster: tried again where that helps, nothing lost, nothing drawn twice, the same bytes."""

import os
import signal
from pathlib import Path

import dagster as dg
import pytest

from tests.cluster.cells import cell, pictures, rendered_at, renders, take_in
from tests.cluster.shop import SLOWLY
from tests.cluster.testbed import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

RENDER = "generated_variants.render_shard"
ALL_RENDERS = 4
"""Four products with one packshot each: the category has no looks, so no scenes."""


def pod_of(bed, run_id: str, op: str):
    """The newest pod of a run's op; None before it exists."""
    pods = [
        p for p in bed.objects("pods", selector=f"dagster/run-id={run_id}") if p["metadata"]["labels"].get("dagster/op", "").startswith(op)
    ]
    return max(pods, key=lambda p: p["metadata"]["creationTimestamp"], default=None)


def killed_process(pod) -> None:
    """SIGKILL to a pod's process 1, seen from the node."""
    uid = pod["metadata"]["uid"]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            inside = uid in (folder / "cgroup").read_text() and b"execute_step" in (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if inside:
            os.kill(int(folder.name), signal.SIGKILL)
            return
    raise AssertionError(f"no process of pod {pod['metadata']['name']}")


def begun(runs, project, cluster, category: str):
    """A run that renders a cell slowly, with its first picture made: run id, step pod, what was made by now."""
    cluster(SLOWLY)
    take_in(project, category)
    run_id = runs.launch("produce_cell", partition=cell(category), assets=("generated_variants",))
    wait_for("the first render", lambda: renders(project, category) or runs.instance.get_run_by_id(run_id).is_finished, within_s=300)
    return run_id, pod_of(runs.deployment.bed, run_id, RENDER), rendered_at(project, category)


def rendered_last(runs, run_id: str) -> int:
    """How many pictures the attempt drew that came to an end, as its step handed over."""
    events = runs.events(run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    return next(e for e in events if e.asset_key.path == ["generated_variants"]).materialization.metadata["rendered_now"].value


def same_as_quiet(project, quiet, category: str, before) -> None:
    """Nothing lost, nothing drawn twice, the same bytes."""
    after = rendered_at(project, category)
    assert 0 < len(before) < ALL_RENDERS, "the pod was not killed in the middle"
    assert len(after) == ALL_RENDERS
    assert {key: after[key] for key in before} == before
    assert renders(project, category) == renders(quiet, category)
    assert pictures(project, category) == pictures(quiet, category)


def test_a_step_killed_in_mid_shard_goes_on_where_it_was(runs, project, quiet, cluster):
    run_id, pod, _ = begun(runs, project, cluster, "killed")
    killed_process(pod)
    before = rendered_at(project, "killed")
    runs.succeeds(run_id)
    (why,) = runs.retries(run_id, RENDER)
    assert "exit code 137" in why
    same_as_quiet(project, quiet, "killed", before)
    assert rendered_last(runs, run_id) == ALL_RENDERS - len(before)


def test_a_pod_deleted_by_force_in_mid_shard_costs_nothing_but_time(runs, project, quiet, cluster):
    """The pod hears SIGTERM first, so either it says itself that it wants to be tried again, or its end is noticed from outside."""
    run_id, pod, before = begun(runs, project, cluster, "deleted")
    runs.deployment.bed.kubectl("delete", "pod", "-n", "vitrine-gpu", pod["metadata"]["name"], "--grace-period=0", "--force")
    runs.succeeds(run_id)
    assert len(runs.retries(run_id, RENDER)) >= 1
    same_as_quiet(project, quiet, "deleted", before)
    assert rendered_last(runs, run_id) < ALL_RENDERS


def test_a_step_pod_that_ends_with_0_and_says_nothing_is_noticed(runs, cluster):
    """A wrong command or image, or a second pod of one attempt: Dagster alone would wait for ever."""
    cluster(command=["/bin/true"])
    run_id = runs.launch("produce_cell", partition=cell("starved"), assets=("generated_variants",))
    (why, *_) = wait_for("the silent pod to be noticed", lambda: runs.retries(run_id, "generated_variants.plan_shards"), within_s=300)
    runs.cancel(run_id)
    assert "ended with exit code 0, but its step reported neither success nor failure" in why
    assert runs.end(run_id) is dg.DagsterRunStatus.CANCELED


def test_a_step_that_ran_out_of_memory_is_tried_again_with_more(runs, project, quiet, cluster):
    cluster(render_shard={"memory_gib": 0.0625, "max_memory_gib": 1.0, "shm_gib": 0})
    take_in(project, "starved")
    run_id = runs.launch("produce_cell", partition=cell("starved"), assets=("generated_variants",))
    runs.succeeds(run_id)
    whys = runs.retries(run_id, RENDER)
    assert 1 <= len(whys) <= 3
    assert all("OOMKilled" in why for why in whys)
    assert "Trying again with 128Mi instead of 64Mi" in whys[0]
    assert renders(project, "starved") == renders(quiet, "starved")


def test_a_step_that_cannot_get_more_memory_fails_and_names_what_to_set(runs, project, cluster):
    cluster(plan_shards={"memory_gib": 0.0625, "max_memory_gib": 0.0625})
    run_id = runs.launch("produce_cell", partition=cell("starved"), assets=("generated_variants",))
    assert runs.end(run_id) is dg.DagsterRunStatus.FAILURE
    assert runs.retries(run_id, "generated_variants.plan_shards") == []
    (failure,) = runs.events(run_id, dg.DagsterEventType.STEP_FAILURE, "generated_variants.plan_shards")
    message = failure.event_specific_data.error.message
    assert "OOMKilled" in message
    assert "went over 64Mi of memory" in message
    assert "cluster.steps.plan_shards.max_memory_gib" in message
