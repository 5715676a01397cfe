"""What would run on a cluster: overlays built by Kustomize, the chart's pods read from its values, run and step pods made by dagster-k8s."""

import copy
import functools
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import yaml
from dagster_k8s.client import DagsterKubernetesClient
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job
from kubernetes.client import ApiClient

from orchestration.cluster_steps import ZoneStepHandler
from orchestration.placement import PLACEMENTS, TIERS, run_tags

K8S = Path(__file__).resolve().parents[2] / "k8s"
OVERLAYS = ("testbed", "production", "production-mesh")
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "none",
    "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:9"}}],
    "users": [{"name": "none", "user": {}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
}
"""A client configuration that parses and reaches nothing: Jobs are made here, never sent."""


@dataclass
class Pod:
    """One pod to be, wherever it comes from. `kind` is run, step, chart or own; `job` is the Job around it, if any."""

    name: str
    kind: str
    namespace: str
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]
    job: dict[str, Any] | None = None
    op: str | None = None
    tier: str | None = None


@dataclass
class Release:
    """All that one overlay puts on a cluster. `extras` are the files that are no manifests: audit and bucket policy, image recipes."""

    overlay: str
    objects: list[dict[str, Any]]
    values: dict[str, Any]
    pods: list[Pod]
    extras: dict[str, Any] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [o for o in self.objects if o["kind"] in kinds]

    def jobs(self, kind: str) -> list[Pod]:
        return [p for p in self.pods if p.kind == kind]


@functools.cache
def kubectl() -> str | None:
    """kubectl, if it is there and knows the Kustomize that the overlays are written for (1.22 or newer: `labels`, components)."""
    path = shutil.which("kubectl")
    if path is None:
        return None
    done = subprocess.run([path, "version", "--client", "-o", "json"], capture_output=True, text=True)
    version = json.loads(done.stdout)["clientVersion"]["gitVersion"]
    return path if int(version.split(".")[1]) >= 22 else None


def built(folder: Path) -> list[dict[str, Any]]:
    """The objects of a Kustomize folder, built by kubectl."""
    done = subprocess.run([kubectl(), "kustomize", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [o for o in yaml.safe_load_all(done.stdout) if o]


def merged(base: Any, over: Any) -> Any:
    """Values files in the order helm takes them: maps merge, null removes, everything else is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {k: v for k, v in (base | {k: merged(base.get(k), v) for k, v in over.items()}).items() if v is not None}
    return over


def read_values(overlay: str) -> dict[str, Any]:
    files = ["values.yaml"] + (["values-testbed.yaml"] if overlay == "testbed" else [])
    values: dict[str, Any] = {}
    for name in files:
        # Anchors make shared objects; a copy per use keeps one seeded mistake in one place.
        values = merged(values, json.loads(json.dumps(yaml.safe_load((K8S / "chart" / name).read_text()))))
    return values


def snake(data: dict[str, Any]) -> dict[str, Any]:
    """Top-level keys of a chart section as Dagster writes them."""
    return {"".join("_" + c.lower() if c.isupper() else c for c in k): v for k, v in data.items()}


def instance_settings(values: dict[str, Any]) -> dict[str, Any]:
    """The dagster.yaml that the chart makes of the values, but for storage."""
    daemon, runs = values["dagsterDaemon"], values["concurrency"]["config"]["runs"]
    return {
        "run_launcher": copy.deepcopy(values["runLauncher"]["config"]["customRunLauncher"]),
        "run_monitoring": snake(daemon["runMonitoring"]),
        "run_retries": snake(daemon["runRetries"]),
        "telemetry": values["telemetry"],
        "concurrency": {
            "runs": {"max_concurrent_runs": runs["maxConcurrentRuns"], "tag_concurrency_limits": runs["tagConcurrencyLimits"]},
            "pools": values["concurrency"]["config"]["pools"],
        },
    }


def open_cluster_instance(values: dict[str, Any], home: Path) -> dg.DagsterInstance:
    """Dagster itself reads and checks the settings; with SQLite, and a client that reaches no cluster."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG))
    settings = instance_settings(values)
    settings["run_launcher"]["config"] |= {"load_incluster_config": False, "kubeconfig_file": str(home / "kubeconfig")}
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return dg.DagsterInstance.from_config(str(home))


def image_of(section: dict[str, Any]) -> str:
    """The reference that the chart joins from repository and tag."""
    return f"{section['repository']}:{section['tag']}"


def launcher_config(values: dict[str, Any]) -> dict[str, Any]:
    """The run launcher's own configuration, in Dagster's words."""
    return values["runLauncher"]["config"]["customRunLauncher"]["config"]


def gpu_image(values: dict[str, Any]) -> str:
    env = launcher_config(values)["run_k8s_config"]["container_config"]["env"]
    return next(e["value"] for e in env if e["name"] == "VITRINE_GPU_IMAGE")


def _pod_of_job(job: dict[str, Any], kind: str, namespace: str, **more: Any) -> Pod:
    template = job["spec"]["template"]
    meta = template["metadata"]
    return Pod(job["metadata"]["name"], kind, namespace, meta.get("labels", {}), meta.get("annotations", {}), template["spec"], job, **more)


def job_pods(values: dict[str, Any], home: Path) -> list[Pod]:
    """A run pod per tier and a step pod per op and tier, made by dagster-k8s as the launcher and the executor make them."""
    light = image_of(values["dagster-user-deployments"]["deployments"][0]["image"])
    plain = ApiClient().sanitize_for_serialization
    pods = []
    with open_cluster_instance(values, home) as instance:
        launcher = instance.run_launcher
        handler = ZoneStepHandler(
            None,
            K8sContainerContext(),
            load_incluster_config=False,
            kubeconfig_file=str(home / "kubeconfig"),
            k8s_client_batch_api=object(),
        )
        handler.gpu_image = gpu_image(values)
        assert isinstance(handler._api_client, DagsterKubernetesClient)
        for tier in TIERS:
            run = dg.DagsterRun(job_name="produce_cell", tags=run_tags(tier))
            context = launcher.get_container_context_for_run(run)
            made = construct_dagster_k8s_job(
                context.get_k8s_job_config(light, launcher),
                ["dagster", "api", "execute_run"],
                f"dagster-run-{tier}",
                context.run_k8s_config,
                component="run_worker",
            )
            pods.append(_pod_of_job(plain(made), "run", context.namespace, tier=tier))
            for op in PLACEMENTS:
                # Only what the handler asks its context for: the run, the instance, the step's key, op name and tags.
                step = SimpleNamespace(
                    dagster_run=run,
                    instance=instance,
                    step_tags={op: {}},
                    execute_step_args=SimpleNamespace(step_keys_to_execute=[op]),
                    get_step_context=lambda _, op=op: SimpleNamespace(step=SimpleNamespace(op_name=op)),
                )
                context = handler._get_container_context(step)
                made = construct_dagster_k8s_job(
                    context.get_k8s_job_config(light, launcher),
                    ["dagster", "api", "execute_step"],
                    f"dagster-step-{tier}-{op.replace('_', '-')}",
                    context.run_k8s_config,
                    component="step_worker",
                )
                pods.append(_pod_of_job(plain(made), "step", context.namespace, op=op, tier=tier))
    return pods


def chart_pods(values: dict[str, Any]) -> list[Pod]:
    """The long-lived pods that the chart makes, as far as its values decide them, init containers included."""
    code = values["dagster-user-deployments"]
    parts = [("dagsterWebserver", values["dagsterWebserver"], values["global"]["serviceAccountName"], ["postgresql"])]
    parts += [("dagsterDaemon", values["dagsterDaemon"], values["global"]["serviceAccountName"], ["postgresql", "busybox"])]
    parts += [(d["name"], d, code["serviceAccount"]["name"], []) for d in code["deployments"]]
    pods = []
    for name, part, account, inits in parts:
        shared = {"securityContext": part.get("securityContext", {}), "volumeMounts": part.get("volumeMounts", [])}
        container = {
            "name": name,
            "image": image_of(part["image"]),
            "imagePullPolicy": part["image"]["pullPolicy"],
            "resources": part.get("resources", {}),
            "env": part.get("env", []),
            "args": part.get("codeServerArgs", []),
        }
        spec = {
            "serviceAccountName": account,
            "securityContext": part.get("podSecurityContext", {}),
            "containers": [container | shared],
            "initContainers": [
                {"name": f"init-{i}", "image": image_of(values[i]["image"]), "imagePullPolicy": values[i]["image"]["pullPolicy"]} | shared
                for i in inits
            ],
            "volumes": part.get("volumes", []),
            "affinity": part.get("affinity", {}),
        }
        pods.append(Pod(name, "chart", "vitrine-control", part.get("labels", {}), part.get("annotations", {}), spec))
    return pods


def own_pods(objects: list[dict[str, Any]]) -> list[Pod]:
    """Pods of Deployments that the overlay itself brings. The spec is the object's own, so a change of one is a change of both."""
    found = []
    for o in objects:
        if o["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}:
            template = o["spec"]["template"]
            meta = template["metadata"]
            pod = Pod(o["metadata"]["name"], "own", o["metadata"].get("namespace", "default"), meta.get("labels", {}), {}, template["spec"])
            found.append(pod)
    return found


def read_release(overlay: str, home: Path) -> Release:
    """Everything of one overlay."""
    objects, values = built(K8S / "overlays" / overlay), read_values(overlay)
    extras = {
        "audit": yaml.safe_load((K8S / "cluster" / "audit-policy.yaml").read_text()),
        "bucket": yaml.safe_load((K8S / "cluster" / "bucket-policy.yaml").read_text()),
        "images": {p.name: p.read_text() for p in sorted((K8S / "images").glob("Dockerfile.*"))},
        "chart": yaml.safe_load((K8S / "chart" / "chart.yaml").read_text()),
    }
    pods = [*job_pods(values, home), *chart_pods(values), *own_pods(objects)]
    return Release(overlay, objects, values, pods, extras)


def copied(release: Release) -> Release:
    """A release of its own to make a mistake in; chart and own pods are read again by `refreshed`."""
    return copy.deepcopy(release)


def refreshed(release: Release) -> Release:
    """The release with the pods that follow from values and objects made anew; run and step pods stay as they are."""
    release.pods = [p for p in release.pods if p.kind in {"run", "step"}] + chart_pods(release.values) + own_pods(release.objects)
    return release
