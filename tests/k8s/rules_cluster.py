"""Checks of what surrounds the pods: namespaces, rights, network, budgets, queues, nodes, secrets, region, audit, web UI."""

import ipaddress
import json
import re
from collections.abc import Iterator
from typing import Any

from orchestration.placement import QUEUE_LABEL, TIERS, Zone, namespace_of
from tests.k8s.rendering import Release
from tests.k8s.rules_pods import tier_of_pod

NAMESPACES = {"vitrine-control", "vitrine-runs", *(namespace_of(z) for z in Zone)}
METADATA = [ipaddress.ip_network("169.254.169.254/32"), ipaddress.ip_network("169.254.170.2/32")]
"""Where a node's cloud role hands out credentials."""
DAGSTER_CALLS = {
    ("batch", "jobs"): {"create", "get", "list", "delete"},
    ("batch", "jobs/status"): {"get"},
    ("", "pods"): {"get", "list", "delete"},
    ("", "pods/log"): {"get"},
    ("", "events"): {"list"},
}
"""Every call that dagster-k8s 0.29.27 makes, read in its source."""
SERVING = {"webserver", "code-server", "front-door", "review"}
BINDINGS = {"vitrine-runs": {"vitrine-control/vitrine-control"}, **{namespace_of(z): {"vitrine-runs/vitrine-run"} for z in Zone}}


def where(o: dict[str, Any]) -> str:
    return f"{o['kind']} {o['metadata'].get('namespace', '')}/{o['metadata']['name']}"


def in_production(release: Release) -> bool:
    return release.overlay != "testbed"


def k1(release: Release) -> Iterator[str]:
    found = {o["metadata"]["name"]: o["metadata"].get("labels", {}) for o in release.of("Namespace")}
    for name in NAMESPACES - set(found):
        yield f"there is no namespace {name}"
    for name, labels in found.items():
        for mode in ("enforce", "audit", "warn"):
            if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
                yield f"{name} does not {mode} restricted"
        if not re.fullmatch(r"v1\.\d+", labels.get("pod-security.kubernetes.io/enforce-version", "")):
            yield f"{name} does not say which version of the policy it means"


def k5(release: Release) -> Iterator[str]:
    if release.values.get("rbacEnabled") is not False:
        yield "the chart brings its own, wider role"
    for o in release.of("ClusterRole", "ClusterRoleBinding"):
        yield f"{where(o)}: rights in the whole cluster"
    for role in release.of("Role"):
        for rule in role["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    extra = set(rule["verbs"]) - DAGSTER_CALLS.get((group, resource), set())
                    if extra:
                        yield f"{where(role)} may {', '.join(sorted(extra))} {resource}, which dagster-k8s never does"
    for binding in release.of("RoleBinding"):
        subjects = {f"{s.get('namespace')}/{s['name']}" for s in binding["subjects"]}
        if subjects - BINDINGS.get(binding["metadata"]["namespace"], set()):
            yield f"{where(binding)} gives rights to {sorted(subjects)}"


def k6(release: Release) -> Iterator[str]:
    for pod in release.jobs("run"):
        if pod.namespace != "vitrine-runs":
            yield f"{pod.name} runs in {pod.namespace}, beside what it could read there"
        if pod.spec.get("serviceAccountName") != "vitrine-run":
            yield f"{pod.name} runs as {pod.spec.get('serviceAccountName')}"
    for pod in release.jobs("step"):
        if pod.namespace in {"vitrine-control", "vitrine-runs", "default"}:
            yield f"{pod.name} runs in {pod.namespace}"
    bound = {b["metadata"]["namespace"] for b in release.of("RoleBinding")}
    if "vitrine-control" in bound:
        yield "somebody may launch Jobs beside the daemon, and so use its account"


def k8(release: Release) -> Iterator[str]:
    policies = release.of("NetworkPolicy")
    for name in NAMESPACES:
        deny = [p for p in policies if p["metadata"]["namespace"] == name and p["spec"]["podSelector"] == {}]
        if not any(set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"} and not p["spec"].keys() & {"ingress", "egress"} for p in deny):
            yield f"{name} does not deny by default"
        if not any(port.get("port") == 53 for p in deny for rule in p["spec"].get("egress", []) for port in rule.get("ports", [])):
            yield f"{name} reaches no DNS"
    parts = {p.labels.get("vitrine/part") for p in release.pods} | {"front-door"}
    for p in policies:
        for rule in p["spec"].get("egress", []):
            if not rule.get("to") or not rule.get("ports"):
                yield f"{where(p)} lets out to everywhere or on every port"
            for peer in rule.get("to", []):
                if "ipBlock" in peer:
                    yield from _range(p, peer["ipBlock"])
        for rule in p["spec"].get("ingress", []):
            if not rule.get("from"):
                yield f"{where(p)} lets everybody in"
        named = set(p["spec"]["podSelector"].get("matchLabels", {}).values())
        if named - parts:
            yield f"{where(p)} selects {sorted(named - parts)}, which no pod is"


def _range(policy: dict[str, Any], block: dict[str, Any]) -> Iterator[str]:
    allowed, holes = ipaddress.ip_network(block["cidr"]), [ipaddress.ip_network(c) for c in block.get("except", [])]
    for address in METADATA:
        if address.subnet_of(allowed) and not any(address.subnet_of(h) for h in holes):
            yield f"{where(policy)} reaches the node's credentials at {address}"
    private = ipaddress.ip_network("10.0.0.0/8")
    if not allowed.is_private and (policy["metadata"]["name"] != "front-door" or not any(private.subnet_of(h) for h in holes)):
        yield f"{where(policy)} reaches the internet"
    if allowed.is_private and allowed.prefixlen < 24:
        yield f"{where(policy)} reaches the whole of {allowed}"


def k12(release: Release) -> Iterator[str]:
    covered = set()
    for o in release.of("PodDisruptionBudget"):
        spec = o["spec"]
        part = spec["selector"].get("matchLabels", {}).get("vitrine/part")
        covered.add(part)
        if spec.get("maxUnavailable") != 1 or spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{where(o)} can hold up the drain of a node for ever"
        if part not in SERVING:
            yield f"{where(o)} covers {part}, which does not serve"
    for part in SERVING - covered:
        yield f"no disruption budget for {part}"


def k13(release: Release) -> Iterator[str]:
    for pod in release.pods:
        if pod.kind == "own":
            spread = [s for s in pod.spec.get("topologySpreadConstraints", []) if s["topologyKey"] == "topology.kubernetes.io/zone"]
            if not any(s["whenUnsatisfiable"] == "DoNotSchedule" and s["labelSelector"]["matchLabels"] == pod.labels for s in spread):
                yield f"{pod.name} may be in one availability zone as a whole"
    web = release.values["dagsterWebserver"]
    terms = web.get("affinity", {}).get("podAntiAffinity", {}).get("preferredDuringSchedulingIgnoredDuringExecution", [])
    if not any(t["podAffinityTerm"]["topologyKey"] == "topology.kubernetes.io/zone" for t in terms):
        yield "web servers may share an availability zone"
    if in_production(release):
        if web["replicaCount"] < 2:
            yield "one web server is none while it restarts"
        for o in release.of("Deployment"):
            if o["spec"]["replicas"] < 3:
                yield f"{where(o)} has fewer replicas than zones"


def k14(release: Release) -> Iterator[str]:
    classes = {o["metadata"]["name"]: o for o in release.of("PriorityClass")}
    order = ["platform-critical", *(TIERS[t].priority_class for t in ("express", "standard", "economy"))]
    if set(order) != set(classes):
        yield f"priority classes are {sorted(classes)}, the tiers use {sorted(order)}"
        return
    if [classes[n]["value"] for n in order] != sorted((classes[n]["value"] for n in order), reverse=True):
        yield "priorities are not in the order of the tiers"
    for name in order[2:]:
        if classes[name].get("preemptionPolicy") != "Never":
            yield f"{name} takes the place of running steps"
    for pod in release.jobs("step"):
        yield from tier_of_pod(pod)
    for pod in release.jobs("run"):
        if pod.spec.get("priorityClassName") != "platform-critical":
            yield f"{pod.name} may be put off for a step, and all its steps with it"


def k15(release: Release) -> Iterator[str]:
    for kind in ("ResourceQuota", "LimitRange"):
        for name in NAMESPACES - {o["metadata"]["namespace"] for o in release.of(kind)}:
            yield f"{name} has no {kind}"
    for o in release.of("ResourceQuota"):
        if not o["spec"]["hard"].keys() >= {
            "requests.cpu",
            "requests.memory",
            "limits.memory",
            "requests.nvidia.com/gpu",
            "count/jobs.batch",
        }:
            yield f"{where(o)} leaves something unbounded"
        if o["metadata"]["namespace"] != "vitrine-gpu" and o["spec"]["hard"].get("requests.nvidia.com/gpu") != "0":
            yield f"{where(o)} lets GPUs be used outside their zone"
    for pod in release.jobs("step"):
        if pod.job["metadata"]["labels"].get(QUEUE_LABEL) != TIERS[pod.tier].queue:
            yield f"{pod.name} does not wait in the queue of its tier"
    for pod in release.jobs("run"):
        if QUEUE_LABEL in pod.job["metadata"]["labels"]:
            yield f"{pod.name} is queued, and Dagster gives it up after the start timeout"
    if in_production(release):
        yield from _kueue(release)


def _kueue(release: Release) -> Iterator[str]:
    flavors = {o["metadata"]["name"] for o in release.of("ResourceFlavor")}
    queues = {o["metadata"]["name"]: o["spec"] for o in release.of("ClusterQueue")}
    for name in {t.queue for t in TIERS.values()} ^ set(queues):
        yield f"ClusterQueue {name} and the tiers do not match"
    for name, spec in queues.items():
        rules = spec.get("preemption", {})
        if {rules.get("withinClusterQueue"), rules.get("reclaimWithinCohort"), rules.get("borrowWithinCohort", {}).get("policy")} != {
            "Never"
        }:
            yield f"ClusterQueue {name} preempts: a suspended step Job comes back as a new pod of one attempt and hangs"
        if not spec.get("cohort"):
            yield f"ClusterQueue {name} can borrow from nobody"
        for group in spec["resourceGroups"]:
            if {f["name"] for f in group["flavors"]} - flavors:
                yield f"ClusterQueue {name} names a flavor that does not exist"
            if set(group["coveredResources"]) != {"cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"}:
                yield f"ClusterQueue {name} does not cover all that our pods request, and admits none of them"
    local = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in release.of("LocalQueue")}
    for zone in Zone:
        for tier in TIERS.values():
            if (namespace_of(zone), tier.queue) not in local:
                yield f"{namespace_of(zone)} has no queue {tier.queue}: its Jobs would wait for ever"


def k16(release: Release) -> Iterator[str]:
    for pod in release.pods:
        if pod.job and pod.annotations.get("karpenter.sh/do-not-disrupt") != "true":
            yield f"{pod.name} may be moved to tidy up nodes"
    if not in_production(release):
        return
    pools = {o["metadata"]["name"]: o["spec"] for o in release.of("NodePool")}
    offered = []
    for name, spec in pools.items():
        needs = {r["key"]: r["values"] for r in spec["template"]["spec"]["requirements"]}
        taints = {t["key"] for t in spec["template"]["spec"].get("taints", [])}
        pool = spec["template"]["metadata"]["labels"].get("vitrine/pool")
        capacity = needs.get("karpenter.sh/capacity-type", [])
        offered += [((pool, c), taints) for c in capacity]
        if len(needs.get("topology.kubernetes.io/zone", [])) < 3:
            yield f"NodePool {name} is in fewer than three zones"
        if not spec.get("limits", {}).get("cpu"):
            yield f"NodePool {name} grows without limit"
        if not spec["template"]["spec"].get("expireAfter") or not spec.get("disruption", {}).get("budgets"):
            yield f"NodePool {name} has no expiry or no disruption budget"
        if pool == "gpu" and "nvidia.com/gpu" not in taints:
            yield f"NodePool {name}: anything may sit on a GPU machine"
    weights = {n: s.get("weight", 0) for n, s in pools.items()}
    if not weights.get("vitrine-gpu-spot", 0) > weights.get("vitrine-gpu-on-demand", 0):
        yield "spot is not preferred to on-demand"
    for pod in release.jobs("step") + release.jobs("run"):
        selector = pod.spec.get("nodeSelector", {})
        wanted = (selector.get("vitrine/pool"), selector.get("karpenter.sh/capacity-type"))
        tolerated = {t["key"] for t in pod.spec.get("tolerations", [])}
        if not any(key == wanted and taints <= tolerated for key, taints in offered):
            yield f"{pod.name}: no node pool offers {wanted} to what it tolerates"


def k17(release: Release) -> Iterator[str]:
    """One autoscaler per thing: KEDA for what serves a queue with a Deployment, pending Jobs for GPUs."""
    deployments = {(o["metadata"].get("namespace"), o["metadata"]["name"]): o for o in release.of("Deployment")}
    for o in release.of("ScaledJob"):
        yield f"{where(o)}: Jobs come from Dagster, not from a scaler"
    for o in release.of("ScaledObject", "HorizontalPodAutoscaler"):
        target = o["spec"]["scaleTargetRef"]["name"]
        deployment = deployments.get((o["metadata"].get("namespace"), target))
        if deployment is None:
            yield f"{where(o)} scales {target}, which does not exist"
        elif "nvidia.com/gpu" in json.dumps(deployment):
            yield f"{where(o)} scales GPUs"


def k18(release: Release) -> Iterator[str]:
    for o in release.of("Secret"):
        if o.get("data") or o.get("stringData"):
            yield f"{where(o)} has data in git"
    for o in release.of("ExternalSecret"):
        match = re.fullmatch(r"(\d+)(s|m|h)", o["spec"].get("refreshInterval", ""))
        if not match or int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]] > 3600:
            yield f"{where(o)} is read less than once an hour"
    if in_production(release):
        database = {
            o["metadata"]["namespace"] for o in release.of("ExternalSecret") if o["spec"]["target"]["name"] == "dagster-postgresql-secret"
        }
        for name in NAMESPACES - database:
            yield f"{name} has no database account"
    for pod in release.pods:
        for c in pod.spec["containers"]:
            for e in c.get("env", []):
                if re.search(r"PASSWORD|SECRET|TOKEN", e["name"]) and e.get("value"):
                    yield f"{pod.name}: {e['name']} has its value in the manifest"
    if release.values.get("generatePostgresqlPasswordSecret") is not False or release.values["postgresql"].get("postgresqlPassword"):
        yield "the chart makes a Secret of a password in the values"


def k19(release: Release) -> Iterator[str]:
    accounts = {(o["metadata"]["namespace"], o["metadata"]["name"]): o for o in release.of("ServiceAccount")}
    for pod in release.pods:
        name = pod.spec.get("serviceAccountName", "default")
        if name == "default" or (pod.namespace, name) not in accounts:
            yield f"{pod.name} runs as {name}, which is no account of {pod.namespace}"
    if in_production(release):
        roles = [a["metadata"].get("annotations", {}).get("eks.amazonaws.com/role-arn") for a in accounts.values()]
        given = [r for r in roles if r]
        for zone in Zone:
            arn = accounts[namespace_of(zone), "vitrine-step"]["metadata"].get("annotations", {}).get("eks.amazonaws.com/role-arn", "")
            if not re.fullmatch(rf"arn:aws:iam::\d{{12}}:role/vitrine-{zone}", arn):
                yield f"steps of zone {zone} have no cloud role of their own"
        if len(given) != len(set(given)):
            yield "two components share a cloud role"
