"""Mistakes people make with clusters, one at a time, and the check that must see each."""

from collections.abc import Callable
from typing import Any

from tests.k8s.rendering import Pod, Release, launcher_config

Mistake = Callable[[Release], object]


def step(release: Release, op: str = "render_shard") -> Pod:
    return next(p for p in release.jobs("step") if p.op == op and p.tier == "standard")


def run(release: Release) -> Pod:
    return release.jobs("run")[0]


def box(pod: Pod) -> dict[str, Any]:
    return pod.spec["containers"][0]


def one(release: Release, kind: str, name: str | None = None, namespace: str | None = None) -> dict[str, Any]:
    return next(
        o for o in release.of(kind) if name in (None, o["metadata"]["name"]) and namespace in (None, o["metadata"].get("namespace"))
    )


def dropped(release: Release, kind: str, name: str | None = None, namespace: str | None = None) -> None:
    release.objects.remove(one(release, kind, name, namespace))


def launcher(release: Release) -> dict[str, Any]:
    return launcher_config(release.values)


def code_server(release: Release) -> dict[str, Any]:
    return release.values["dagster-user-deployments"]["deployments"][0]


def egress(release: Release, to: list[dict[str, Any]]) -> None:
    one(release, "NetworkPolicy", "reach-stores", "vitrine-intake")["spec"]["egress"].append({"to": to, "ports": [{"port": 443}]})


def statement(release: Release, sid: str) -> dict[str, Any]:
    return next(s for s in release.extras["bucket"]["Statement"] if s["Sid"] == sid)


def without_statement(release: Release, sid: str) -> None:
    release.extras["bucket"]["Statement"].remove(statement(release, sid))


def image_rule(release: Release) -> dict[str, Any]:
    return one(release, "ClusterPolicy")["spec"]["rules"][0]["verifyImages"][0]


def scaler(name: str) -> dict[str, Any]:
    return {"kind": "ScaledObject", "metadata": {"name": name, "namespace": "vitrine-gpu"}, "spec": {"scaleTargetRef": {"name": name}}}


def unsafe_image(release: Release, name: str, old: str, new: str) -> None:
    release.extras["images"][name] = release.extras["images"][name].replace(old, new)


def grows(role: dict[str, Any], resource: str, verb: str) -> None:
    next(r for r in role["rules"] if resource in r["resources"])["verbs"].append(verb)


def shared_role(release: Release) -> None:
    account = one(release, "ServiceAccount", "vitrine-step", "vitrine-gpu")
    account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] = "arn:aws:iam::111111111111:role/vitrine-publish"


MISTAKES: dict[str, tuple[str, Mistake]] = {
    "a namespace without Pod Security": ("K1", lambda r: one(r, "Namespace")["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce")),
    "baseline instead of restricted": ("K1", lambda r: one(r, "Namespace")["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce": "baseline"})),
    "a policy version that moves": ("K1", lambda r: one(r, "Namespace")["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce-version": "latest"})),
    "a step as root": ("K2", lambda r: box(step(r))["securityContext"].update(runAsNonRoot=False)),
    "a writable root file system": ("K2", lambda r: box(step(r))["securityContext"].update(readOnlyRootFilesystem=False)),
    "kept capabilities": ("K2", lambda r: box(run(r))["securityContext"].pop("capabilities")),
    "an added capability": ("K2", lambda r: box(run(r))["securityContext"]["capabilities"].update(add=["SYS_PTRACE"])),
    "no seccomp profile in the daemon": ("K2", lambda r: [r.values["dagsterDaemon"][k].pop("seccompProfile") for k in ("podSecurityContext", "securityContext")]),
    "a scratch volume without a bound": ("K2", lambda r: step(r).spec["volumes"][2]["emptyDir"].pop("sizeLimit")),
    "no place to write": ("K2", lambda r: code_server(r).update(volumes=[v for v in code_server(r)["volumes"] if "emptyDir" not in v])),
    "init containers that escalate": ("K3", lambda r: r.values["dagsterWebserver"]["securityContext"].update(allowPrivilegeEscalation=True)),
    "a token on a step pod": ("K4", lambda r: step(r).spec.update(automountServiceAccountToken=True)),
    "dagster-k8s's default token": ("K4", lambda r: step(r, "cutouts").spec.pop("automountServiceAccountToken")),
    "a run worker without its token": ("K4", lambda r: run(r).spec.update(automountServiceAccountToken=False)),
    "the chart's own role": ("K5", lambda r: r.values.update(rbacEnabled=True)),
    "a verb too many": ("K5", lambda r: grows(one(r, "Role"), "pods", "patch")),
    "all verbs": ("K5", lambda r: one(r, "Role")["rules"].append({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})),
    "rights for the step account": ("K5", lambda r: one(r, "RoleBinding")["subjects"].append({"kind": "ServiceAccount", "name": "vitrine-step", "namespace": "vitrine-intake"})),
    "runs beside the daemon": ("K6", lambda r: setattr(run(r), "namespace", "vitrine-control")),
    "runs with the daemon's account": ("K6", lambda r: run(r).spec.update(serviceAccountName="vitrine-control")),
    "steps beside run workers": ("K6", lambda r: setattr(step(r), "namespace", "vitrine-runs")),
    "pictures decoded beside the shop's credentials": ("K7", lambda r: setattr(step(r, "source_photos"), "namespace", "vitrine-publish")),
    "the code server's secrets in every run": ("K7", lambda r: code_server(r).pop("includeConfigInLaunchedRuns")),
    "a shop token in the intake zone": ("K7", lambda r: box(step(r, "source_photos")).update(envFrom=[{"secretRef": {"name": "shop"}}])),
    "another zone's secret": ("K7", lambda r: one(r, "ExternalSecret", None, "vitrine-intake")["spec"]["data"][0]["remoteRef"].update(key="vitrine/publish/shop")),
    "no default deny": ("K8", lambda r: dropped(r, "NetworkPolicy", "default-deny", "vitrine-intake")),
    "the internet from intake": ("K8", lambda r: egress(r, [{"ipBlock": {"cidr": "0.0.0.0/0"}}])),
    "the node's credentials": ("K8", lambda r: egress(r, [{"ipBlock": {"cidr": "169.254.169.254/32"}}])),
    "everywhere on one port": ("K8", lambda r: egress(r, [])),
    "a policy for nobody": ("K8", lambda r: one(r, "NetworkPolicy", "code-servers-answer")["spec"].update(podSelector={"matchLabels": {"vitrine/part": "codeserver"}})),
    "memory limit above request": ("K9", lambda r: box(step(r))["resources"]["limits"].update(memory="64Gi")),
    "a GPU step without a GPU": ("K9", lambda r: box(step(r))["resources"]["limits"].pop("nvidia.com/gpu")),
    "no shared memory for the loader": ("K9", lambda r: box(step(r)).update(volumeMounts=[m for m in box(step(r))["volumeMounts"] if m["name"] != "shm"])),
    "shared memory beyond the limit": ("K9", lambda r: step(r).spec["volumes"][3]["emptyDir"].update(sizeLimit="32Gi")),
    "a daemon without a memory limit": ("K9", lambda r: r.values["dagsterDaemon"]["resources"]["limits"].pop("memory")),
    "a second pod for one attempt": ("K10", lambda r: step(r).job["spec"].update(backoffLimit=3)),
    "disruption ignored": ("K10", lambda r: step(r).job["spec"].update(podFailurePolicy={"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]})),
    "a step that may run for ever": ("K10", lambda r: step(r).job["spec"].pop("activeDeadlineSeconds")),
    "dead pods for a day": ("K10", lambda r: run(r).job["spec"].update(ttlSecondsAfterFinished=86400)),
    "the default grace": ("K11", lambda r: step(r).spec.pop("terminationGracePeriodSeconds")),
    "a shell as process 1": ("K11", lambda r: unsafe_image(r, "Dockerfile.gpu", '["/usr/bin/tini", "--"]', '["/bin/sh", "-c"]')),
    "a preStop sleep": ("K11", lambda r: box(step(r)).update(lifecycle={"preStop": {"exec": {"command": ["sleep", "60"]}}})),
    "a budget that blocks every drain": ("K12", lambda r: (one(r, "PodDisruptionBudget")["spec"].pop("maxUnavailable"), one(r, "PodDisruptionBudget")["spec"].update(minAvailable=2))),
    "a budget for Jobs": ("K12", lambda r: one(r, "PodDisruptionBudget")["spec"]["selector"].update(matchLabels={"vitrine/part": "step"})),
    "all doors in one zone": ("K13", lambda r: one(r, "Deployment")["spec"]["template"]["spec"].pop("topologySpreadConstraints")),
    "one web server": ("K13", lambda r: r.values["dagsterWebserver"].update(replicaCount=1)),
    "economy before express": ("K14", lambda r: one(r, "PriorityClass", "tier-economy").update(value=5000)),
    "economy that preempts": ("K14", lambda r: one(r, "PriorityClass", "tier-economy").update(preemptionPolicy="PreemptLowerPriority")),
    "a step of the wrong tier": ("K14", lambda r: step(r).spec.update(priorityClassName="tier-express")),
    "express on spot machines": ("K14", lambda r: next(p for p in r.jobs("step") if p.tier == "express").spec["nodeSelector"].update({"karpenter.sh/capacity-type": "spot"})),
    "no quota": ("K15", lambda r: dropped(r, "ResourceQuota", None, "vitrine-gpu")),
    "Kueue preemption": ("K15", lambda r: one(r, "ClusterQueue")["spec"]["preemption"].update(withinClusterQueue="LowerPriority")),
    "a queue that covers no disk": ("K15", lambda r: one(r, "ClusterQueue")["spec"]["resourceGroups"][0]["coveredResources"].remove("ephemeral-storage")),
    "a zone without its queue": ("K15", lambda r: dropped(r, "LocalQueue", "standard", "vitrine-gpu")),
    "a queued run worker": ("K15", lambda r: run(r).job["metadata"]["labels"].update({"kueue.x-k8s.io/queue-name": "standard"})),
    "a GPU step moved to tidy up": ("K16", lambda r: step(r).annotations.pop("karpenter.sh/do-not-disrupt")),
    "untainted GPU machines": ("K16", lambda r: one(r, "NodePool", "vitrine-gpu-on-demand")["spec"]["template"]["spec"].pop("taints")),
    "one availability zone": ("K16", lambda r: next(q for q in one(r, "NodePool")["spec"]["template"]["spec"]["requirements"] if q["key"].endswith("/zone")).update(values=["eu-central-1a"])),
    "a taint nobody tolerates": ("K16", lambda r: step(r).spec["tolerations"].clear()),
    "a node pool without a limit": ("K16", lambda r: one(r, "NodePool")["spec"].pop("limits")),
    "a scaler for nothing": ("K17", lambda r: r.objects.append(scaler("dispatcher"))),
    "KEDA that makes Jobs": ("K17", lambda r: r.objects.append(scaler("renders") | {"kind": "ScaledJob"})),
    "a Secret in git": ("K18", lambda r: r.objects.append({"kind": "Secret", "metadata": {"name": "shop"}, "stringData": {"token": "x"}})),
    "a password in the environment": ("K18", lambda r: box(run(r))["env"].append({"name": "SHOP_TOKEN", "value": "x"})),
    "secrets read once a day": ("K18", lambda r: one(r, "ExternalSecret")["spec"].update(refreshInterval="24h")),
    "a password in the values": ("K18", lambda r: r.values["postgresql"].update(postgresqlPassword="x")),
    "the default account": ("K19", lambda r: step(r).spec.pop("serviceAccountName")),
    "one cloud role for two zones": ("K19", shared_role),
    "latest": ("K20", lambda r: box(step(r)).update(image="registry.example.com/vitrine/gpu:latest")),
    "a tag for the init container": ("K20", lambda r: r.values["busybox"]["image"].update(repository="busybox", tag="1.37")),
    "always pull": ("K20", lambda r: box(run(r)).update(imagePullPolicy="Always")),
    "a base image by tag": ("K20", lambda r: unsafe_image(r, "Dockerfile.light", "FROM ${BASE}\n", "FROM python:3.11-slim\n")),
    "signatures that only warn": ("K21", lambda r: image_rule(r).update(failureAction="Audit")),
    "no bill of materials": ("K21", lambda r: image_rule(r).pop("attestations")),
    "a sidecar in a Job's namespace": ("K22", lambda r: one(r, "Namespace", "vitrine-gpu")["metadata"]["labels"].update({"istio-injection": "enabled"})),
    "a sidecar on a step": ("K22", lambda r: step(r).annotations.update({"linkerd.io/inject": "enabled"})),
    "an unverified database": ("K23", lambda r: r.values["postgresql"]["postgresqlParams"].update(sslmode="require")),
    "a door without TLS": ("K23", lambda r: one(r, "Ingress")["spec"].pop("tls")),
    "unencrypted disks": ("K23", lambda r: one(r, "EC2NodeClass")["spec"]["blockDeviceMappings"][0]["ebs"].update(encrypted=False)),
    "a bucket read in the clear": ("K23", lambda r: without_statement(r, "TlsOnly")),
    "nodes in another region": ("K24", lambda r: next(q for q in one(r, "NodePool")["spec"]["template"]["spec"]["requirements"] if q["key"].endswith("/zone"))["values"].append("us-east-1a")),
    "secrets of another region": ("K24", lambda r: one(r, "SecretStore")["spec"]["provider"]["aws"].update(region="us-east-1")),
    "a bucket open to all regions": ("K24", lambda r: without_statement(r, "ThisRegionOnly")),
    "the node's disk in a pod": ("K25", lambda r: step(r).spec["volumes"].append({"name": "host", "hostPath": {"path": "/var/run/docker.sock"}})),
    "the node's network": ("K25", lambda r: run(r).spec.update(hostNetwork=True)),
    "a privileged container": ("K25", lambda r: box(step(r))["securityContext"].update(privileged=True)),
    "secrets in the audit log": ("K26", lambda r: r.extras["audit"]["rules"][0].update(level="RequestResponse")),
    "nobody records exec": ("K26", lambda r: r.extras["audit"]["rules"].pop(1)),
    "telemetry": ("K27", lambda r: r.values["telemetry"].update(enabled=True)),
    "an open web server": ("K27", lambda r: r.values["dagsterWebserver"]["service"].update(type="LoadBalancer")),
    "around the front door": ("K27", lambda r: dropped(r, "NetworkPolicy", "web-server-behind-proxy")),
    "a door for every account": ("K27", lambda r: box(next(p for p in r.pods if p.name == "front-door"))["args"].remove("--allowed-group=vitrine-operators")),
    "a review page that thinks it is without TLS": ("K27", lambda r: box(next(p for p in r.pods if p.name == "vitrine-review"))["args"].remove("--tls")),
    "a review page over plain HTTP": ("K27", lambda r: one(r, "Ingress", "vitrine-review")["spec"].pop("tls")),
    "a review page without a disruption budget": ("K12", lambda r: dropped(r, "PodDisruptionBudget", "review")),
    "one review page only": ("K13", lambda r: one(r, "Deployment", "vitrine-review")["spec"].update(replicas=1)),
    "runs that keep an old image": ("K28", lambda r: launcher(r).update(job_image="registry.example.com/vitrine/light@sha256:" + "1" * 64)),
    "a daemon of another release": ("K28", lambda r: r.values["dagsterDaemon"]["image"].update(tag="1" * 64)),
    "a chart of another release": ("K28", lambda r: r.extras["chart"].update(version="1.13.26")),
}  # fmt: skip
"""Name: the check that must see it, and the mistake, made in a release of its own."""

MESH_MISTAKES: dict[str, tuple[str, Mistake]] = {
    "a Job's namespace in the mesh": ("K22", lambda r: one(r, "Namespace", "vitrine-gpu")["metadata"]["labels"].update({"istio.io/dataplane-mode": "ambient"})),
    "a mesh that allows plain text": ("K23", lambda r: one(r, "PeerAuthentication", "strict")["spec"]["mtls"].update(mode="PERMISSIVE")),
    "code servers that answer everybody": ("K23", lambda r: one(r, "AuthorizationPolicy")["spec"]["rules"][0]["from"][0]["source"].update(principals=["*"])),
}  # fmt: skip
