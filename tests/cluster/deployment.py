"""Vitrine on the test bed as the guide installs it: overlay `testbed`, the chart's pods from its values, real accounts and rights.

What differs from a real cluster is in `AsOnHost` alone: no image is built, so pods mount the virtual environment and this repository from the
host; no pod network, so they share the host's; and sizes that two cores bear. The chart itself is not rendered: there is no helm here.
"""

import copy
import json
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from tests.cluster.database import TlsServer
from tests.cluster.testbed import TestBed, wait_for
from tests.k8s.rendering import K8S, Pod, built, chart_pods, instance_settings, read_values
from tests.postgres_server import PASSWORD, free_port

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = "localhost/testbed-base:1"
CONTROL = "vitrine-control"
LEDGER_VARIABLE = "VITRINE_LEDGER_URL"
JOB_ZONES = ("vitrine-runs", "vitrine-intake", "vitrine-gpu", "vitrine-publish")
NEWER_THAN_1_20 = {"policy/v1"}
"""API versions of the overlay that the test bed's Kubernetes does not know: disruption budgets."""


BUCKET_ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
"""Any account will do for the tests' S3 server; a real cluster gives each zone a role instead."""


class AsOnHost:
    """What every pod gets on the test bed in place of an image and a network of its own. Keys as in dagster-k8s, snake case."""

    def __init__(self, project: Path) -> None:
        self.read = _outermost([Path(sys.prefix), Path(sys.base_prefix), REPOSITORY])
        self.write = [project]

    @property
    def env(self) -> list[dict[str, str]]:
        path = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"
        plain = {"PATH": path, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        return [
            {"name": k, "value": v} for k, v in (plain | BUCKET_ACCOUNT | {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}).items()
        ]

    def volumes(self, host_path: str = "host_path") -> list[dict[str, Any]]:
        return [{"name": f"host-{n}", host_path: {"path": str(p)}} for n, p in enumerate([*self.read, *self.write])]

    def mounts(self, mount_path: str = "mount_path", read_only: str = "read_only") -> list[dict[str, Any]]:
        paths = [*self.read, *self.write]
        return [{"name": f"host-{n}", mount_path: str(p), read_only: p in self.read} for n, p in enumerate(paths)]

    def step_pods(self) -> dict[str, Any]:
        """The `cluster.pods` setting of the test bed's project."""
        container = {"env": self.env, "volume_mounts": self.mounts(), "working_dir": str(REPOSITORY)}
        return {"container_config": container, "pod_spec_config": {"host_network": True, "volumes": self.volumes()}}

    def chart_pod(self, pod: Pod, env: list[dict[str, Any]], command: list[str]) -> dict[str, Any]:
        """A pod of the chart, to be applied."""
        spec = copy.deepcopy(pod.spec) | {"hostNetwork": True, "initContainers": [], "terminationGracePeriodSeconds": 1}
        spec["volumes"] += self.volumes("hostPath")
        mounts = self.mounts("mountPath", "readOnly")
        if "dagster-instance" not in {volume["name"] for volume in spec["volumes"]}:  # the chart's own templates mount it elsewhere
            spec["volumes"].append({"name": "dagster-instance", "configMap": {"name": "dagster-instance"}})
            mounts.append({"name": "dagster-instance", "mountPath": "/opt/dagster/dagster_home"})
        for c in spec["containers"]:
            c |= {"name": "main", "image": IMAGE, "imagePullPolicy": "Never", "command": command, "workingDir": str(REPOSITORY)}
            c["env"], c["volumeMounts"] = [*c["env"], *self.env, *env], [*c["volumeMounts"], *mounts]
            c.pop("args")
        meta = {"name": pod.name.lower(), "namespace": CONTROL, "labels": pod.labels}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec | {"restartPolicy": "Always"}}


def _outermost(paths: list[Path]) -> list[Path]:
    kept: list[Path] = []
    for path in sorted(set(paths), key=lambda p: len(p.parts)):
        if not any(path.is_relative_to(k) for k in kept):
            kept.append(path)
    return kept


@dataclass
class Deployment:
    """Vitrine on a test bed: its database, project, and the web server's address."""

    bed: TestBed
    database: TlsServer
    project: Path
    host: AsOnHost
    home: Path
    ports: dict[str, int] = field(default_factory=lambda: {"web": free_port(), "code": free_port()})

    def install(self) -> None:
        """Everything but the chart's pods: namespaces, rights, quotas, configuration, the secrets that an operator would make."""
        overlay = [o for o in built(K8S / "overlays" / "testbed") if o["apiVersion"] not in NEWER_THAN_1_20]
        self.bed.apply([o for o in overlay if o["kind"] in {"Namespace", "PriorityClass"}])
        self.bed.apply([o for o in overlay if o["kind"] not in {"Namespace", "PriorityClass"}])
        authority = {"database-ca.pem": self.database.authority.read_text()}
        for namespace in (CONTROL, *JOB_ZONES):
            where = {"namespace": namespace}
            ledger = self.database.address("vitrine", "/etc/vitrine/tls/database-ca.pem").render_as_string(hide_password=False)
            secret = {"postgresql-password": PASSWORD, "ledger-url": ledger}
            self.bed.apply(
                [
                    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "database-ca", **where}, "data": authority},
                    {
                        "apiVersion": "v1",
                        "kind": "Secret",
                        "metadata": {"name": "dagster-postgresql-secret", **where},
                        "stringData": secret,
                    },
                ]
            )
        self.bed.apply([self._config_map("dagster-instance", {"dagster.yaml": yaml.safe_dump(self.instance())})])
        server = {"host": "127.0.0.1", "port": self.ports["code"], "location_name": "vitrine"}
        self.bed.apply([self._config_map("workspace", {"workspace.yaml": yaml.safe_dump({"load_from": [{"grpc_server": server}]})})])

    @staticmethod
    def _config_map(name: str, data: dict[str, str]) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": CONTROL}, "data": data}

    def _storage(self) -> dict[str, Any]:
        url = {"hostname": "localhost", "port": self.database.port, "username": "vitrine", "db_name": "dagster"}
        tls = {"sslmode": "verify-full", "sslrootcert": "/etc/vitrine/tls/database-ca.pem"}
        secret = {"password": {"env": "DAGSTER_PG_PASSWORD"}, "scheme": "postgresql+psycopg2", "params": tls}
        return {"postgres": {"postgres_db": url | secret}}

    def instance(self) -> dict[str, Any]:
        """The daemon's dagster.yaml: the values', on this database and these pods."""
        settings = instance_settings(read_values("testbed"))
        config = settings["run_launcher"]["config"]
        config["image_pull_policy"] = "Never"
        container, pod = config["run_k8s_config"]["container_config"], config["run_k8s_config"]["pod_spec_config"]
        own = {"VITRINE_PROJECT": str(self.project), "VITRINE_GPU_IMAGE": IMAGE}
        kept = [e for e in container["env"] if e["name"] not in own]
        container["env"] = [*kept, *self.host.env, *({"name": k, "value": v} for k, v in own.items())]
        container["volumeMounts"] += self.host.mounts("mountPath", "readOnly")
        container["workingDir"] = str(REPOSITORY)
        pod["volumes"] += self.host.volumes("hostPath")
        pod["hostNetwork"] = True
        compute_logs = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
        queue = {"module": "dagster", "class": "QueuedRunCoordinator", "config": {"dequeue_interval_seconds": 1}}
        return settings | {"storage": self._storage(), "compute_logs": compute_logs, "run_coordinator": queue}

    def start_chart(self, *names: str) -> None:
        """Start pods of the chart: `vitrine` (the code server), `dagsterWebserver`, `dagsterDaemon`."""
        web, code = str(self.ports["web"]), str(self.ports["code"])
        commands = {
            "vitrine": ["dagster", "code-server", "start", "-h", "127.0.0.1", "-p", code, "-m", "orchestration.cluster"],
            "dagsterWebserver": ["dagster-webserver", "-h", "127.0.0.1", "-p", web, "-w", "/etc/dagster/workspace.yaml"],
            "dagsterDaemon": ["dagster-daemon", "run", "-w", "/etc/dagster/workspace.yaml"],
        }
        password = {"secretKeyRef": {"name": "dagster-postgresql-secret", "key": "postgresql-password"}}
        env = [{"name": "DAGSTER_HOME", "value": "/opt/dagster/dagster_home"}, {"name": "DAGSTER_PG_PASSWORD", "valueFrom": password}]
        env += [{"name": "VITRINE_PROJECT", "value": str(self.project)}, {"name": "DAGSTER_CURRENT_IMAGE", "value": IMAGE}]
        for pod in chart_pods(read_values("testbed")):
            if pod.name in names:
                made = self.host.chart_pod(pod, env, commands[pod.name])
                made["spec"]["volumes"].append({"name": "workspace", "configMap": {"name": "workspace"}})
                made["spec"]["containers"][0]["volumeMounts"].append({"name": "workspace", "mountPath": "/etc/dagster"})
                self.bed.apply([made])

    def open_instance(self) -> dg.DagsterInstance:
        """Dagster's records, read from the test's process."""
        self.home.mkdir(exist_ok=True)
        storage = self._storage()
        database = storage["postgres"]["postgres_db"]
        database |= {"password": PASSWORD, "params": database["params"] | {"sslrootcert": str(self.database.authority)}}
        (self.home / "dagster.yaml").write_text(yaml.safe_dump({"storage": storage, "telemetry": {"enabled": False}}))
        return dg.DagsterInstance.from_config(str(self.home))

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """One request to the web server, as its page would make it."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['web']}/graphql", body, {"Content-Type": "application/json", "X-Requested-By": "tests"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                data = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[:2000]) from error
        assert not data.get("errors"), data["errors"]
        return data["data"]

    def wait_until_serving(self) -> None:
        """Until the web server knows the code location's definitions."""
        query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"

        def served() -> bool:
            try:
                return bool(self.ask(query)["repositoriesOrError"].get("nodes"))
            except OSError:
                return False

        wait_for("the web server with its code location", served, within_s=120)
