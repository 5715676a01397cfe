"""What checkov finds in the overlays, in all pods they would run, in the Terraform and in the image recipes: nothing without a reason."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.k8s.rendering import K8S, built, chart_pods, job_pods, read_values

CHECKOV = os.environ.get("VITRINE_CHECKOV") or shutil.which(
    "checkov", path=f"{K8S.parent / '.checkov' / 'bin'}:{os.environ.get('PATH', '')}"
)
"""checkov wants other versions of much that we use, so it has an environment of its own: `make scan` makes it in `.checkov`."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHECKOV is None, reason="checkov is not installed: run `make scan` once, or set VITRINE_CHECKOV"),
]

RUNS_JOBS = ("dagster-run-", "dagsterWebserver", "dagsterDaemon")
EXCUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "CKV_K8S_11": (("",), "CPU is requested, not limited: a limit throttles a step that could use an idle core, and memory is what kills"),
    "CKV_K8S_10": (("dagsterWebserver", "dagsterDaemon"), "the chart has no resources for its init containers; the namespace's LimitRange gives them"),
    "CKV_K8S_12": (("dagsterWebserver", "dagsterDaemon"), "as CKV_K8S_10"),
    "CKV_K8S_13": (("dagsterWebserver", "dagsterDaemon"), "as CKV_K8S_10"),
    "CKV_K8S_8": (("dagsterWebserver", "dagsterDaemon", "vitrine"), "the chart's templates bring their own probes, which the values do not show"),
    "CKV_K8S_9": (("dagsterWebserver", "dagsterDaemon", "vitrine"), "as CKV_K8S_8"),
    "CKV_K8S_35": (("dagster-", "vitrine"), "dagster-k8s and the chart hand the database's password over in the environment"),
    "CKV_K8S_38": ((*RUNS_JOBS, "vitrine"), "they launch Jobs; the code server's account mounts no token by default (check K4)"),
}  # fmt: skip
"""Finding: whose it may be, by the beginning of the name, and why it stays."""


def scanned(folder: Path, framework: str) -> list[dict[str, str]]:
    """Failed checks of a folder, as checkov's own JSON; nothing is fetched."""
    command = [CHECKOV, "-d", str(folder), "--framework", framework, "--skip-download", "--compact", "--quiet", "-o", "json"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "HOME": str(folder.parent), "LOG_LEVEL": "ERROR"}
    )
    answer = json.loads(done.stdout)
    (report,) = answer if isinstance(answer, list) else [answer]
    assert report["summary"]["passed"] > 0, done.stderr
    assert report["summary"]["parsing_errors"] == 0
    return report["results"]["failed_checks"]


@pytest.fixture(scope="module")
def findings(tmp_path_factory) -> list[dict[str, str]]:
    """Failed checks of the mesh overlay, which contains production, and of every pod that its values make."""
    folder, values = tmp_path_factory.mktemp("rendered"), read_values("production")
    pods = [p for p in job_pods(values, tmp_path_factory.mktemp("home")) if p.tier in {None, "standard"}]
    objects = built(K8S / "overlays" / "production-mesh")
    objects += [p.job | {"apiVersion": "batch/v1", "kind": "Job", "metadata": p.job["metadata"] | {"namespace": p.namespace}} for p in pods]
    meta = [(p, {"name": p.name, "namespace": p.namespace, "labels": p.labels}) for p in chart_pods(values)]
    objects += [{"apiVersion": "v1", "kind": "Pod", "metadata": m, "spec": p.spec} for p, m in meta]
    (folder / "all.yaml").write_text("---\n".join(yaml.safe_dump(o) for o in objects))
    return scanned(folder, "kubernetes")


def test_every_finding_in_pods_and_manifests_has_a_reason(findings):
    names = [(f["check_id"], f["resource"].split(".")[-1], f["resource"]) for f in findings]
    assert [full for check, name, full in names if not (check in EXCUSED and name.startswith(EXCUSED[check][0]))] == []


def test_no_reason_is_left_over(findings):
    assert {f["check_id"] for f in findings} == set(EXCUSED)


def test_a_pod_as_dagster_k8s_makes_it_by_default_is_found_wanting(tmp_path):
    spec = {"containers": [{"name": "dagster", "image": "registry.example.com/vitrine:latest"}]}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "plain"}, "spec": spec}))
    assert len({f["check_id"] for f in scanned(tmp_path, "kubernetes")} - set(EXCUSED)) >= 5


@pytest.mark.parametrize(("folder", "framework"), [("terraform", "terraform"), ("images", "dockerfile")])
def test_what_stays_in_terraform_and_images_says_why_in_place(folder, framework):
    assert [(f["check_id"], f["resource"]) for f in scanned(K8S / folder, framework)] == []
