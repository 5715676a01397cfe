"""Checks of pods and their Jobs (K2-K4, K7, K9-K11, K16 in part, K20, K22, K25, K28): each yields one sentence per finding."""

import re
from collections.abc import Iterator
from typing import Any

from orchestration.placement import PERMANENT_EXIT, PLACEMENTS, TIERS, namespace_of
from tests.k8s.rendering import Pod, Release, gpu_image, image_of, launcher_config

DIGEST = re.compile(r"^[a-z0-9.-]+(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$")
MIN_USER = 10000
"""Below are users that the node may know (NSA/CISA hardening guide)."""
GRACE_S = (110, 25)
"""AWS gives 120 s of warning, GCP and Azure 30."""
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def bytes_of(quantity: str) -> int:
    """A Kubernetes quantity with a binary suffix, in bytes."""
    match = re.fullmatch(r"(\d+)(Ki|Mi|Gi|Ti)", str(quantity))
    return int(match[1]) * UNITS[match[2]] if match else 0


def containers(pod: Pod) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Name, container and whether it is an init container."""
    for c in pod.spec.get("containers", []):
        yield f"{pod.name}/{c['name']}", c, False
    for c in pod.spec.get("initContainers", []):
        yield f"{pod.name}/{c['name']}", c, True


def hardened(where: str, pod: Pod, container: dict[str, Any]) -> Iterator[str]:
    """Pod Security `restricted`, and a root file system that cannot be written."""
    around, own = pod.spec.get("securityContext", {}), container.get("securityContext", {})
    if own.get("runAsNonRoot", around.get("runAsNonRoot")) is not True:
        yield f"{where} may run as root"
    if own.get("runAsUser", around.get("runAsUser", 0)) < MIN_USER:
        yield f"{where} runs as a user below {MIN_USER}"
    if own.get("seccompProfile", around.get("seccompProfile", {})).get("type") != "RuntimeDefault":
        yield f"{where} has no RuntimeDefault seccomp profile"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{where} allows privilege escalation"
    if own.get("capabilities", {}).get("drop") != ["ALL"] or own.get("capabilities", {}).get("add"):
        yield f"{where} keeps capabilities"
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"{where} can write its root file system"


def k2(release: Release) -> Iterator[str]:
    for pod in release.pods:
        for where, c, init in containers(pod):
            if not init:
                yield from hardened(where, pod, c)
        for v in pod.spec.get("volumes", []):
            if "emptyDir" in v and not v["emptyDir"].get("sizeLimit"):
                yield f"{pod.name}: volume {v['name']} has no size limit"
        writable = {m["name"] for _, c, _ in containers(pod) for m in c.get("volumeMounts", []) if not m.get("readOnly")}
        if not writable & {v["name"] for v in pod.spec.get("volumes", []) if "emptyDir" in v}:
            yield f"{pod.name} has nowhere to write"


def k3(release: Release) -> Iterator[str]:
    for pod in release.pods:
        for where, c, init in containers(pod):
            if init:
                yield from hardened(where, pod, c)


def k4(release: Release) -> Iterator[str]:
    for pod in release.jobs("step"):
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.name} mounts a token"
        if any("serviceAccountToken" in s for v in pod.spec.get("volumes", []) for s in v.get("projected", {}).get("sources", [])):
            yield f"{pod.name} projects a token"
    for pod in release.jobs("run"):
        if pod.spec.get("automountServiceAccountToken") is not True:
            yield f"{pod.name} has no token and cannot launch steps"
    for account in release.of("ServiceAccount"):
        if account["metadata"]["name"] == "vitrine-step" and account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount vitrine-step in {account['metadata']['namespace']} mounts its token by default"


def k7(release: Release) -> Iterator[str]:
    """Strangers' pictures and the shop's credentials never meet in one pod or namespace."""
    for d in release.values["dagster-user-deployments"]["deployments"]:
        if d.get("includeConfigInLaunchedRuns", {"enabled": True}).get("enabled") is not False:
            yield f"code server {d['name']} copies its environment and secrets into every run pod"
    for pod in release.jobs("step"):
        if pod.namespace != namespace_of(PLACEMENTS[pod.op].zone):
            yield f"{pod.name} is in {pod.namespace}, not in the zone of its op"
        for where, c, _ in containers(pod):
            named = [e["valueFrom"]["secretKeyRef"]["name"] for e in c.get("env", []) if "secretKeyRef" in e.get("valueFrom", {})]
            named += [e["secretRef"]["name"] for e in c.get("envFrom", []) if "secretRef" in e]
            named += [v["secret"]["secretName"] for v in pod.spec.get("volumes", []) if "secret" in v]
            if pod.namespace != "vitrine-publish" and set(named) - {"dagster-postgresql-secret"}:
                yield f"{where} holds {sorted(set(named))}; outside the publish zone only the database account is allowed"
    for secret in release.of("ExternalSecret"):
        zone = secret["metadata"]["namespace"].removeprefix("vitrine-")
        for item in secret["spec"]["data"]:
            if not item["remoteRef"]["key"].startswith(f"vitrine/{zone}/"):
                yield f"ExternalSecret {secret['metadata']['name']} of zone {zone} reads {item['remoteRef']['key']}"


def k9(release: Release) -> Iterator[str]:
    for pod in release.pods:
        shm = sum(
            bytes_of(v["emptyDir"]["sizeLimit"]) for v in pod.spec.get("volumes", []) if v.get("emptyDir", {}).get("medium") == "Memory"
        )
        for where, c, init in containers(pod):
            if init:
                continue  # the chart has no resources for its init containers; the namespace's LimitRange gives them some
            asked, bound = c.get("resources", {}).get("requests", {}), c.get("resources", {}).get("limits", {})
            if not asked.get("cpu"):
                yield f"{where} requests no CPU"
            for what in ("memory", "ephemeral-storage"):
                if not asked.get(what) or asked.get(what) != bound.get(what):
                    yield f"{where}: {what} requested and limited differ ({asked.get(what)}, {bound.get(what)})"
            if 2 * shm > bytes_of(bound.get("memory", "0Gi")) and shm:
                yield f"{where}: shared memory takes more than half of the memory limit"
            gpus = PLACEMENTS[pod.op].gpus if pod.op else 0
            if int(bound.get("nvidia.com/gpu", 0)) != gpus or int(asked.get("nvidia.com/gpu", 0)) != gpus:
                yield f"{where} asks for other than its {gpus} GPUs"
            if gpus and not any(m["mountPath"] == "/dev/shm" for m in c.get("volumeMounts", [])):
                yield f"{where} has 64 MiB of shared memory, too little for a data loader"


def k10(release: Release) -> Iterator[str]:
    for pod in release.pods:
        if pod.job is None:
            continue
        spec = pod.job["spec"]
        if spec.get("backoffLimit") != 0:
            yield f"{pod.name}: backoffLimit {spec.get('backoffLimit')} makes a second pod of one attempt, and the step hangs"
        if pod.spec.get("restartPolicy") != "Never":
            yield f"{pod.name} restarts in place"
        if not 0 < spec.get("ttlSecondsAfterFinished", 86400) <= 3600:
            yield f"{pod.name} stays more than an hour after its end"
        if not spec.get("activeDeadlineSeconds"):
            yield f"{pod.name} may run for ever"
        for rule in spec.get("podFailurePolicy", {}).get("rules", []):
            if rule["action"] != "FailJob" or rule.get("onExitCodes", {}).get("values") != [PERMANENT_EXIT]:
                yield f"{pod.name}: pod failure policy {rule['action']} hides a lost pod from Dagster"


def k11(release: Release) -> Iterator[str]:
    for pod in release.pods:
        if pod.job is None:
            continue
        if pod.spec.get("terminationGracePeriodSeconds") not in GRACE_S:
            yield f"{pod.name}: grace of {pod.spec.get('terminationGracePeriodSeconds')} s"
        for where, c, _ in containers(pod):
            if "preStop" in c.get("lifecycle", {}):
                yield f"{where} spends its grace in a preStop hook"
            if c.get("command"):
                yield f"{where} goes around the image's tini, which forwards SIGTERM"
    for name, text in release.extras["images"].items():
        if '\nENTRYPOINT ["/usr/bin/tini", "--"]' not in text:
            yield f"{name}: process 1 does not forward SIGTERM"


def k20(release: Release) -> Iterator[str]:
    for pod in release.pods:
        for where, c, _ in containers(pod):
            if not DIGEST.match(c.get("image", "")):
                yield f"{where}: {c.get('image')} is not a digest"
            if c.get("imagePullPolicy") != "IfNotPresent":
                yield f"{where} pulls {c.get('imagePullPolicy')}"
    for name, text in release.extras["images"].items():
        if re.search(r"^FROM (?!\$\{BASE\})", text, re.MULTILINE) or re.search(r"^ARG BASE=", text, re.MULTILINE):
            yield f"{name} does not ask its builder for a base image by digest"


def k25(release: Release) -> Iterator[str]:
    for pod in release.pods:
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(field):
                yield f"{pod.name} uses {field}"
        for v in pod.spec.get("volumes", []):
            if "hostPath" in v:
                yield f"{pod.name} mounts {v['hostPath'].get('path')} of its node"
        for where, c, _ in containers(pod):
            if c.get("securityContext", {}).get("privileged"):
                yield f"{where} is privileged"
            if any("hostPort" in p for p in c.get("ports", [])):
                yield f"{where} takes a port of its node"


def k28(release: Release) -> Iterator[str]:
    """A new release must not change the code under a run: run and step pods carry the digest of the code server that launched them."""
    values = release.values
    light = image_of(values["dagster-user-deployments"]["deployments"][0]["image"])
    for name in ("dagsterWebserver", "dagsterDaemon"):
        if image_of(values[name]["image"]) != light:
            yield f"{name} runs another image than the code server"
    if "job_image" in launcher_config(values):
        yield "the run launcher names an image: runs would not follow their code server"
    for pod in release.pods:
        if pod.job is None:
            continue
        wanted = gpu_image(values) if pod.op and PLACEMENTS[pod.op].gpus else light
        for where, c, _ in containers(pod):
            if c.get("image") != wanted:
                yield f"{where} runs {c.get('image')}, its release is {wanted}"
    if release.extras["chart"]["version"] != release.pods[0].job["metadata"]["labels"]["app.kubernetes.io/version"]:
        yield f"chart {release.extras['chart']['version']} is not the version of the installed dagster"


def tier_of_pod(pod: Pod) -> Iterator[str]:
    """Priority, queue and machine of a step pod as its tier says (K14)."""
    tier, place = TIERS[pod.tier], PLACEMENTS[pod.op]
    if pod.spec.get("priorityClassName") != tier.priority_class:
        yield f"{pod.name}: priority {pod.spec.get('priorityClassName')}, its tier's is {tier.priority_class}"
    selector = pod.spec.get("nodeSelector", {})
    wanted = {
        "vitrine/pool": "gpu" if place.gpus else "cpu",
        "karpenter.sh/capacity-type": "spot" if tier.spot and place.spot else "on-demand",
    }
    if selector != wanted:
        yield f"{pod.name}: nodes {selector}, wanted {wanted}"
