"""Checks of signatures, mesh, encryption, residency, audit and web UI (K21-K24, K26, K27), and the list of all 28."""

import json
import re
from collections.abc import Callable, Iterator

from tests.k8s import rules_cluster as c
from tests.k8s import rules_pods as p
from tests.k8s.rendering import Release


def k21(release: Release) -> Iterator[str]:
    if not c.in_production(release):
        return
    rules = [r for o in release.of("ClusterPolicy") for r in o["spec"]["rules"] for r in r.get("verifyImages", [])]
    if not rules:
        yield "unsigned images may run"
    for rule in rules:
        if rule.get("failureAction") != "Enforce" or rule.get("required") is not True:
            yield "signatures are looked at and not asked for"
        if not any(e.get("keyless", {}).get("subject") for a in rule.get("attestors", []) for e in a["entries"]):
            yield "anybody's signature is enough"
        if not any("cyclonedx" in a.get("type", "") for a in rule.get("attestations", [])):
            yield "no bill of materials is asked for"
    for o in release.of("ClusterPolicy"):
        if o["spec"].get("webhookConfiguration", {}).get("failurePolicy") != "Fail":
            yield "when the checker is down, everything may run"


def k22(release: Release) -> Iterator[str]:
    """No Job inside a mesh that keeps it alive with a sidecar."""
    for pod in release.pods:
        notes = pod.annotations | pod.labels
        if pod.job and (notes.get("linkerd.io/inject") == "enabled" or notes.get("sidecar.istio.io/inject") == "true"):
            yield f"{pod.name} gets a sidecar that never ends"
    for o in release.of("Namespace"):
        labels, name = o["metadata"].get("labels", {}), o["metadata"]["name"]
        if labels.get("istio-injection") == "enabled" or o["metadata"].get("annotations", {}).get("linkerd.io/inject") == "enabled":
            yield f"{name}: Jobs there get a sidecar that never ends"
        if release.overlay == "production-mesh":
            wanted = "ambient" if name == "vitrine-control" else "none"
            if labels.get("istio.io/dataplane-mode") != wanted:
                yield f"{name}: mesh mode {labels.get('istio.io/dataplane-mode')}, wanted {wanted}"


def k23(release: Release) -> Iterator[str]:
    if c.in_production(release):
        yield from _connections_and_disks(release)
    if release.overlay == "production-mesh":
        yield from _mesh(release)
    statements = {s["Sid"]: s for s in release.extras["bucket"]["Statement"]}
    if statements.get("TlsOnly", {}).get("Condition") != {"Bool": {"aws:SecureTransport": "false"}}:
        yield "the bucket can be read in the clear"
    ours = statements.get("EncryptedWithOurKey", {}).get("Condition", {})
    if not any("aws-kms-key-id" in name for name in ours.get("StringNotEqualsIfExists", {})):
        yield "the bucket takes objects that are not encrypted with our key"
    if ours.get("Null") != {"s3:x-amz-server-side-encryption": "false"}:  # a missing key makes a negated condition true
        yield "the bucket refuses objects that leave encryption to the bucket's default, as ours do"


def _connections_and_disks(release: Release) -> Iterator[str]:
    params = release.values["postgresql"].get("postgresqlParams", {})
    if params.get("sslmode") != "verify-full" or not params.get("sslrootcert"):
        yield "the daemon's connection to the database is not verified"
    for pod in release.pods:
        if pod.kind == "own":
            continue
        env = {e["name"]: e.get("value") for e in pod.spec["containers"][0].get("env", [])}
        if env.get("PGSSLMODE") != "verify-full":
            yield f"{pod.name} talks to the database without checking who it is"
    for o in release.of("Ingress"):
        if {h for t in o["spec"].get("tls", []) for h in t["hosts"]} != {r["host"] for r in o["spec"]["rules"]}:
            yield f"{c.where(o)} serves a host without TLS"
    for o in release.of("EC2NodeClass"):
        if not all(d["ebs"].get("encrypted") and d["ebs"].get("kmsKeyID") for d in o["spec"]["blockDeviceMappings"]):
            yield f"{c.where(o)}: disks are not encrypted with our key"
        if o["spec"].get("metadataOptions", {}).get("httpTokens") != "required":
            yield f"{c.where(o)}: metadata without a token"


def _mesh(release: Release) -> Iterator[str]:
    strict = [o for o in release.of("PeerAuthentication") if "selector" not in o["spec"] and o["spec"]["mtls"]["mode"] == "STRICT"]
    if not strict:
        yield "daemon and code servers may talk in the clear"
    allowed = [
        x for o in release.of("AuthorizationPolicy") for r in o["spec"]["rules"] for f in r["from"] for x in f["source"]["principals"]
    ]
    if allowed != ["cluster.local/ns/vitrine-control/sa/vitrine-control"]:
        yield f"code servers answer {allowed}"


def k24(release: Release) -> Iterator[str]:
    """One deployment, one region: whatever names a region names the same."""
    if not c.in_production(release):
        return
    homes = {o["metadata"]["labels"].get("vitrine/region") for o in release.of("Namespace")}
    if len(homes) != 1 or None in homes:
        yield f"namespaces are labelled with regions {sorted(map(str, homes))}"
        return
    home = homes.pop()
    region = re.compile(r"\b(?:us|eu|ap|sa|ca|me|af|il)-(?:north|south|east|west|central)(?:east|west)?-\d")
    for o in [*release.objects, {"kind": "bucket policy", "metadata": {"name": ""}, "extra": release.extras["bucket"]}]:
        for found in set(region.findall(json.dumps(o))) - {home}:
            yield f"{c.where(o)} names {found}; this deployment is {home}"
    denied = [
        s
        for s in release.extras["bucket"]["Statement"]
        if s.get("Condition", {}).get("StringNotEquals", {}).get("aws:RequestedRegion") == home
    ]
    if not any(s["Effect"] == "Deny" for s in denied):
        yield "the bucket answers requests from other regions"


def k26(release: Release) -> Iterator[str]:
    rules = release.extras["audit"]["rules"]

    def levels(resource: str) -> list[str]:
        return [r["level"] for r in rules for g in r.get("resources", []) if resource in g.get("resources", [])]

    if levels("secrets")[:1] != ["Metadata"]:
        yield "reading a secret is not recorded, or recorded with what it says"
    if levels("pods/exec")[:1] not in (["Request"], ["RequestResponse"]):
        yield "a person inside a pod is not recorded"
    if levels("jobs")[:1] != ["Request"]:
        yield "launching a Job is not recorded"
    if rules[-1].get("level") == "None" or "resources" in rules[-1]:
        yield "what no rule names is not recorded"


def k27(release: Release) -> Iterator[str]:
    values = release.values
    if values["telemetry"]["enabled"] is not False:
        yield "telemetry is on"
    if values["ingress"]["enabled"] is not False or values["dagsterWebserver"]["service"]["type"] != "ClusterIP":
        yield "Dagster's web server, which asks nobody who they are, is open to the outside"
    port = values["dagsterWebserver"]["service"]["port"]
    into = [o for o in release.of("NetworkPolicy") if o["spec"]["podSelector"].get("matchLabels", {}).get("vitrine/part") == "webserver"]
    sources = [s for o in into for r in o["spec"].get("ingress", []) for s in r.get("from", [])]
    if sources != [{"podSelector": {"matchLabels": {"vitrine/part": "front-door"}}}]:
        yield "others than the front door reach the web server"
    if c.in_production(release):
        if values["dagsterWebserver"].get("enableReadOnly") is not True:
            yield "people who only look get the server that can start runs"
        args = [a for pod in release.pods if pod.name == "front-door" for a in pod.spec["containers"][0].get("args", [])]
        if f"--upstream=http://dagster-webserver.vitrine-control.svc:{port}/" not in args:
            yield "the front door leads somewhere else"
        if not any(a.startswith("--allowed-group=") for a in args) or "--cookie-secure=true" not in args:
            yield "the front door lets in whoever has an account"
        yield from _doors(release)


def _doors(release: Release) -> Iterator[str]:
    """Whoever is reached from outside asks who they are, over TLS: the front door, and the review page, which has accounts of its own."""
    reviewing = [a for pod in release.pods if pod.name == "vitrine-review" for a in pod.spec["containers"][0].get("args", [])]
    for o in release.of("Ingress"):
        hosts = {rule["host"] for rule in o["spec"]["rules"]}
        if {host for part in o["spec"].get("tls", []) for host in part["hosts"]} != hosts:
            yield f"{c.where(o)} answers without TLS"
        for path in [path for rule in o["spec"]["rules"] for path in rule["http"]["paths"]]:
            behind = path["backend"]["service"]["name"]
            if behind not in ("front-door", "vitrine-review"):
                yield f"{c.where(o)} goes around the front door"
            elif behind == "vitrine-review" and not {"--tls", *(f"--name={host}" for host in hosts)} <= set(reviewing):
                yield f"{c.where(o)} leads to a review page whose cookies are not for TLS, or that answers to another name"


Check = Callable[[Release], Iterator[str]]

CHECKS: dict[str, Check] = {
    "K1": c.k1, "K2": p.k2, "K3": p.k3, "K4": p.k4, "K5": c.k5, "K6": c.k6, "K7": p.k7, "K8": c.k8, "K9": p.k9, "K10": p.k10,
    "K11": p.k11, "K12": c.k12, "K13": c.k13, "K14": c.k14, "K15": c.k15, "K16": c.k16, "K17": c.k17, "K18": c.k18, "K19": c.k19,
    "K20": p.k20, "K21": k21, "K22": k22, "K23": k23, "K24": k24, "K25": p.k25, "K26": k26, "K27": k27, "K28": p.k28,
}  # fmt: skip


def findings(release: Release) -> dict[str, list[str]]:
    """Every check's findings; checks that found nothing are left out."""
    found = {name: list(check(release)) for name, check in CHECKS.items()}
    return {name: sentences for name, sentences in found.items() if sentences}
