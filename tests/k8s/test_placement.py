"""Where steps of a cluster run go, and that nothing of it changes one machine."""

import json
import subprocess
import sys

import dagster as dg
import pytest
import yaml

from orchestration.cluster import build_cluster_defs
from orchestration.definitions import ALL_ASSETS
from orchestration.placement import K8S_TAG, PLACEMENTS, TIERS, op_tags, run_tags, tier_of
from resources.settings import read_settings
from tests.k8s.rendering import K8S, open_cluster_instance, read_values


def ops_of(node: dg.OpDefinition | dg.GraphDefinition) -> list[dg.OpDefinition]:
    return [node] if isinstance(node, dg.OpDefinition) else [op for inner in node.node_defs for op in ops_of(inner)]


ALL_OPS = {op.name: op for asset in ALL_ASSETS for op in ops_of(asset.node_def)}


def test_every_op_has_a_place_and_every_place_an_op():
    assert set(PLACEMENTS) == set(ALL_OPS)


def test_only_ops_that_are_tried_again_stand_on_machines_that_may_be_taken_away():
    assert {name for name, place in PLACEMENTS.items() if place.spot} <= {name for name, op in ALL_OPS.items() if op.retry_policy}


def test_only_gpu_steps_get_the_gpu_image_and_a_gpu():
    for name, place in PLACEMENTS.items():
        container = json.loads(op_tags(name, "standard", "gpu-image")[K8S_TAG])["container_config"]
        assert ("image" in container) == ("nvidia.com/gpu" in container["resources"]["limits"]) == (place.gpus > 0)


def test_an_express_step_never_stands_on_a_machine_that_may_be_taken_away():
    for name in PLACEMENTS:
        pod = json.loads(op_tags(name, "express", "gpu-image")[K8S_TAG])["pod_spec_config"]
        assert pod["node_selector"]["karpenter.sh/capacity-type"] == "on-demand"


def test_a_run_of_a_tier_has_its_place_in_the_queue_and_its_deadline():
    assert tier_of(run_tags("economy")) == "economy"
    assert int(run_tags("express")["dagster/priority"]) > int(run_tags("economy")["dagster/priority"])
    assert all(int(run_tags(t)["dagster/max_runtime"]) == TIERS[t].deadline_s for t in TIERS)


def test_a_tier_that_does_not_exist_is_refused_by_name():
    with pytest.raises(ValueError, match=r"gold.*express, standard, economy"):
        tier_of({"vitrine/tier": "gold"})


def test_the_cluster_loads_the_same_assets_with_steps_as_jobs():
    definitions = build_cluster_defs(read_settings(K8S / "base" / "project"))
    dg.Definitions.validate_loadable(definitions)
    assert definitions.executor.name == "kubernetes_zones"
    assert {key for asset in ALL_ASSETS for key in asset.keys} == {spec.key for spec in definitions.resolve_all_asset_specs()}


def test_dagster_accepts_the_instance_that_the_values_describe(tmp_path):
    """Dagster checks names and types of every setting when it opens the instance."""
    with open_cluster_instance(read_values("production"), tmp_path) as instance:
        assert instance.run_launcher.job_namespace == "vitrine-runs"
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_resume_run_attempts == 0
        assert instance.run_retries_enabled
    settings = yaml.safe_load((tmp_path / "dagster.yaml").read_text())
    settings["run_monitoring"]["free_slots_after_run_end"] = 60
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.DagsterInstance.from_config(str(tmp_path))


def test_the_clusters_code_server_loads_no_kubernetes_client():
    """It answers questions about definitions; the client is half a CPU-second and 60 MB in every process that imports it."""
    code = "import sys; from orchestration.cluster import defs; defs(); print([m for m in ('dagster_k8s', 'kubernetes', 'torch') if m in sys.modules])"
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "VITRINE_PROJECT": str(K8S / "base" / "project")}
    done = subprocess.run([sys.executable, "-c", code], cwd=K8S.parent, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
