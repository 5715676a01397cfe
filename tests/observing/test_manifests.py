"""The observability component builds on the production overlay and keeps to its checks; one replica is the only exception, on purpose."""

import contextlib
import io
import os

import pytest

from tests.k8s.rendering import K8S, built, kubectl, read_release, refreshed
from tests.k8s.rules_region import findings

pytestmark = pytest.mark.skipif(kubectl() is None, reason="kubectl is not installed: no overlay can be built")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Production with the component on top."""
    home = tmp_path_factory.mktemp("release")
    overlay = home / "overlay"
    overlay.mkdir()
    relative = os.path.relpath(K8S, overlay)
    (overlay / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{relative}/overlays/production]\ncomponents: [{relative}/observability]\n"
    )
    release = read_release("production", home)
    release.objects = built(overlay)
    return refreshed(release)


def test_the_component_passes_every_check_but_that_it_is_one_replica_in_one_zone(release):
    found = findings(release)
    assert found.keys() <= {"K13"}, found
    assert all("metrics" in sentence for sentence in found["K13"])


def test_its_objects_fit_the_schema_of_their_kubernetes(release):
    import kubernetes_validate

    mine = [
        o
        for o in release.objects
        if "metrics" in o["metadata"]["name"] or o["metadata"]["name"] in ("reach-collector", "vitrine-dashboard")
    ]
    assert {o["kind"] for o in mine} == {"ServiceAccount", "Deployment", "Service", "NetworkPolicy", "ConfigMap"}
    for o in mine:
        with contextlib.redirect_stdout(io.StringIO()):
            kubernetes_validate.validate(o, "1.34", strict=True)


def test_prometheus_finds_what_the_pod_serves(release):
    (monitor,) = release.of("ServiceMonitor")
    service = next(o for o in release.of("Service") if o["metadata"]["name"] == "metrics")
    deployment = next(o for o in release.of("Deployment") if o["metadata"]["name"] == "metrics")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert str(container["ports"][0]["containerPort"]) in container["args"]
    reached = {p["metadata"]["namespace"] for p in release.of("NetworkPolicy") if p["metadata"]["name"] == "reach-collector"}
    assert reached == {"vitrine-control", "vitrine-runs", "vitrine-intake", "vitrine-gpu", "vitrine-publish"}


def test_whatever_opens_the_project_can_reach_its_ledger(release):
    """The metrics server had the project and no address of the ledger: it would have served nothing but refresh failures."""
    without = []
    for pod in release.pods:
        env = {e["name"] for e in pod.spec["containers"][0].get("env", [])}
        if "VITRINE_PROJECT" in env and "VITRINE_LEDGER_URL" not in env:
            without.append(pod.name)
    assert without == []
    assert {"metrics", "vitrine"} <= {pod.name for pod in release.pods}
