"""Every overlay, with all pods it would run, passes the 28 checks; and each of the seeded mistakes is seen by the check it is for."""

import contextlib
import io

import pytest
import yaml

from tests.k8s.mistakes import MESH_MISTAKES, MISTAKES
from tests.k8s.rendering import K8S, OVERLAYS, Release, copied, kubectl, read_release, refreshed
from tests.k8s.rules_region import CHECKS, findings

pytestmark = pytest.mark.skipif(kubectl() is None, reason="kubectl 1.22 or newer is not installed: no overlay can be built")

SCHEMA_VERSION = (K8S / "kubernetes-version").read_text().strip()
"""The Kubernetes that the overlays are for; namespaces enforce Pod Security of the same version."""

CUSTOM = {
    "external-secrets.io/v1", "karpenter.sh/v1", "karpenter.k8s.aws/v1", "kueue.x-k8s.io/v1beta1", "kyverno.io/v1", "security.istio.io/v1",
}  # fmt: skip
"""Kinds of these come with their operators; Kubernetes itself has no schema for them, so only our own checks read them."""


@pytest.fixture(scope="module")
def releases(tmp_path_factory) -> dict[str, Release]:
    return {overlay: read_release(overlay, tmp_path_factory.mktemp(overlay)) for overlay in OVERLAYS}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_and_all_pods_it_would_run_pass_every_check(releases, overlay):
    assert findings(releases[overlay]) == {}


def test_there_are_28_checks_and_each_has_a_mistake_to_prove_itself_on():
    assert list(CHECKS) == [f"K{n}" for n in range(1, 29)]
    assert {check for check, _ in MISTAKES.values()} == set(CHECKS)
    assert len(MISTAKES) >= 40


@pytest.mark.parametrize("name", MISTAKES)
def test_a_seeded_mistake_is_seen_by_the_check_it_is_for(releases, name):
    check, mistake = MISTAKES[name]
    release = copied(releases["production"])
    mistake(release)
    assert check in findings(refreshed(release))


@pytest.mark.parametrize("name", MESH_MISTAKES)
def test_a_seeded_mistake_in_the_mesh_is_seen(releases, name):
    check, mistake = MESH_MISTAKES[name]
    release = copied(releases["production-mesh"])
    mistake(release)
    assert check in findings(refreshed(release))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_and_every_job_fits_the_schema_of_its_kubernetes(releases, overlay):
    """Strict: a misspelt field is an error. One Job per op and one per run; the tiers differ in values only."""
    import kubernetes_validate

    release = releases[overlay]
    jobs = [p.job for p in release.pods if p.job and p.tier == "standard"]
    known = [o for o in [*release.objects, *jobs] if o["apiVersion"] not in CUSTOM]
    assert len(known) > 60
    for o in known:
        with contextlib.redirect_stdout(io.StringIO()):
            kubernetes_validate.validate(o, SCHEMA_VERSION, strict=True)
    for o in release.of("Namespace"):
        assert o["metadata"]["labels"]["pod-security.kubernetes.io/enforce-version"] == f"v{SCHEMA_VERSION}"


def test_the_guide_names_the_kubernetes_that_is_checked():
    assert f"Kubernetes {SCHEMA_VERSION} or newer" in (K8S.parent / "docs" / "operations" / "kubernetes.md").read_text()


def test_a_misspelt_field_does_not_fit_the_schema(releases):
    import kubernetes_validate

    job = copied(releases["testbed"]).jobs("run")[0].job
    job["spec"]["backofLimit"] = job["spec"].pop("backoffLimit")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, SCHEMA_VERSION, strict=True)


def test_the_test_bed_needs_no_custom_resources(releases):
    assert {o["apiVersion"] for o in releases["testbed"].objects} & CUSTOM == set()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_config_map_that_a_job_mounts_is_in_its_own_namespace(releases, overlay):
    """A pod waits for ever for a volume that does not exist. `database-ca` is made by hand, as the guide says."""
    release = releases[overlay]
    made = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in release.of("ConfigMap")}
    mounted = {(p.namespace, v["configMap"]["name"]) for p in release.pods if p.job for v in p.spec["volumes"] if "configMap" in v}
    assert len(mounted) >= 8
    assert {(namespace, name) for namespace, name in mounted - made if name != "database-ca"} == set()


def test_workers_and_daemon_name_the_same_database(releases):
    worker = yaml.safe_load(next(o for o in releases["production"].of("ConfigMap") if "dagster.yaml" in o["data"])["data"]["dagster.yaml"])
    database, chart = worker["storage"]["postgres"]["postgres_db"], releases["production"].values["postgresql"]
    named = {"hostname": "Host", "username": "Username", "db_name": "Database", "scheme": "Scheme", "params": "Params"}
    assert {k: database[k] for k in named} == {k: chart[f"postgresql{v}"] for k, v in named.items()}
    assert database["port"] == chart["service"]["port"]
