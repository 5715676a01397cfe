"""A cell made by run and step pods, from catalog to publication, is what one machine makes."""

import dagster as dg
import pytest

from orchestration.placement import PLACEMENTS, namespace_of
from tests.cluster.cells import cell, pictures, publications, renders

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def produced(runs):
    """The runs that trained the category's look and made its cell."""
    trained = runs.launch("train_category", partition="mugs")
    runs.succeeds(trained, within_s=300)
    made = runs.launch("produce_cell", partition=cell("mugs"), tier="express")
    runs.succeeds(made, within_s=400)
    return trained, made


def test_pods_make_the_pictures_that_one_machine_makes(produced, project, quiet):
    assert len(renders(quiet, "mugs")) == 6
    assert renders(project, "mugs") == renders(quiet, "mugs")
    assert pictures(project, "mugs") == pictures(quiet, "mugs")


def test_the_same_pictures_are_published(produced, project, quiet):
    assert publications(quiet, "mugs") != {}
    assert publications(project, "mugs") == publications(quiet, "mugs")


def test_each_step_ran_in_the_namespace_of_its_zone_without_a_token(produced, deployment):
    pods = [p for p in deployment.bed.objects("pods") if p["metadata"]["labels"].get("dagster/run-id") in produced]
    steps = [p for p in pods if p["metadata"]["labels"].get("dagster/op")]
    assert len(steps) == 10
    for pod in steps:
        op = pod["metadata"]["labels"]["dagster/op"].split(".")[-1].split("-")[0]
        assert pod["metadata"]["namespace"] == namespace_of(PLACEMENTS[op].zone)
        assert pod["spec"]["serviceAccountName"] == "vitrine-step"
        assert not any("serviceaccount" in m["mountPath"] for c in pod["spec"]["containers"] for m in c["volumeMounts"])
        assert pod["status"]["phase"] in {"Running", "Succeeded"}  # the last one may still be putting its things away
        context = pod["spec"]["containers"][0]["securityContext"]
        assert (context["readOnlyRootFilesystem"], context["runAsUser"], context["capabilities"]) == (True, 65532, {"drop": ["ALL"]})
    workers = [p for p in pods if p not in steps]
    assert {(p["metadata"]["namespace"], p["spec"]["serviceAccountName"]) for p in workers} == {("vitrine-runs", "vitrine-run")}


def test_a_run_carries_its_tiers_deadline(produced, runs):
    tags = runs.instance.get_run_by_id(produced[1]).tags
    assert (tags["vitrine/tier"], tags["dagster/max_runtime"]) == ("express", str(4 * 3600))
    assert runs.status(produced[1]) is dg.DagsterRunStatus.SUCCESS


@pytest.mark.parametrize(("account", "verb", "what", "allowed"), [
    ("vitrine-runs:vitrine-run", "create", "jobs.batch -n vitrine-gpu", True),
    ("vitrine-runs:vitrine-run", "create", "jobs.batch -n vitrine-control", False),
    ("vitrine-runs:vitrine-run", "get", "secrets -n vitrine-publish", False),
    ("vitrine-control:vitrine-control", "create", "jobs.batch -n vitrine-runs", True),
    ("vitrine-control:vitrine-control", "create", "jobs.batch -n vitrine-gpu", False),
    ("vitrine-gpu:vitrine-step", "list", "pods -n vitrine-gpu", False),
])  # fmt: skip
def test_an_account_may_do_what_its_work_needs_and_no_more(deployment, account, verb, what, allowed):
    answer = deployment.bed.kubectl("auth", "can-i", verb, *what.split(), f"--as=system:serviceaccount:{account}", check=False)
    assert answer.strip() == ("yes" if allowed else "no")
