"""The cluster, once per session: Kubernetes, database, bucket, and Vitrine installed on them. Skipped by name where there is no test bed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resources.project import Project, open_project
from tests.cluster import testbed
from tests.cluster.database import TlsServer
from tests.cluster.deployment import BUCKET_ACCOUNT, LEDGER_VARIABLE, AsOnHost, Deployment
from tests.cluster.runs import Runs
from tests.cluster.shop import change_settings, cluster_section, start_quiet_run, write_shop
from tests.cluster.testbed import TestBed
from tests.k8s.rendering import kubectl
from tests.postgres_server import newest_programs

REPOSITORY = Path(__file__).resolve().parents[2]
BUCKET = "vitrine-tests"


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """A folder that users of pods may enter; pytest's own is closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="vitrine-cluster-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def starting(ground: Path) -> Iterator[tuple[TestBed, "subprocess.Popen[str]"]]:
    """A Kubernetes that begins to start; other things are made meanwhile."""
    scripts = Path(os.environ.get("VITRINE_TEST_ASSETS", REPOSITORY.parent / "shared")) / "cluster"
    if not (scripts / "up").is_file():
        pytest.skip(f"needs the Kubernetes test bed, which is not at {scripts}")
    if kubectl() is None or newest_programs() is None:
        pytest.skip("needs kubectl 1.22 or newer and a PostgreSQL server (Debian's package postgresql)")
    made = TestBed(scripts, ground / "bed")
    begun = testbed.begin(scripts, made.state)
    yield made, begun
    begun.wait()
    testbed.stop(made)


@pytest.fixture(scope="session")
def bed(starting: tuple[TestBed, "subprocess.Popen[str]"]) -> TestBed:
    """A running Kubernetes."""
    try:
        testbed.wait_until_up(starting[1])
    except testbed.CannotStart as error:
        pytest.skip(f"the Kubernetes test bed does not start here: {error}")
    return starting[0]


@pytest.fixture(scope="session")
def server() -> Iterator[TlsServer]:
    """A PostgreSQL with two empty databases: Dagster's and the ledger's."""
    made = TlsServer(newest_programs())
    for name in ("dagster", "vitrine"):
        made.create(name)
    yield made
    made.remove()


@pytest.fixture(scope="session")
def store(s3_endpoint: str) -> dict[str, str]:
    """An empty bucket, as a settings section."""
    import boto3

    account = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=s3_endpoint, **account).create_bucket(Bucket=BUCKET)
    return {"kind": "s3", "bucket": BUCKET, "endpoint": s3_endpoint, "region": "us-east-1"}


@pytest.fixture(scope="session", autouse=True)
def account() -> Iterator[None]:
    """The bucket's account in the environment, as on a real machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in BUCKET_ACCOUNT.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def shops(ground: Path) -> tuple[Path, Path]:
    """Two equal projects: one for the cluster, one that a quiet process works through on one machine meanwhile."""
    first = write_shop(ground / "shop")
    shutil.copytree(first, ground / "quiet")
    return first, ground / "quiet"


@pytest.fixture(scope="session")
def quiet_run(shops: tuple[Path, Path]) -> Iterator[subprocess.Popen[bytes]]:
    running = start_quiet_run(shops[1])
    yield running
    running.kill()


@pytest.fixture(scope="session")
def quiet(quiet_run: subprocess.Popen[bytes], shops: tuple[Path, Path]) -> Project:
    """The project as one machine made it, undisturbed."""
    assert quiet_run.wait(timeout=900) == 0
    return open_project(shops[1])


@pytest.fixture(scope="session")
def deployment(starting, shops, server, store, quiet_run, bed, ground: Path) -> Iterator[Deployment]:
    """Vitrine installed and serving; nothing runs by itself. The cluster starts while project and database are made: fixtures come in order."""
    shop = shops[0]
    host = AsOnHost(shop)
    publish = store | {"prefix": "published"}
    change_settings(shop, cluster=cluster_section(host.step_pods()), ledger={"url_env": LEDGER_VARIABLE}, store=store, publish=publish)
    for path in [shop, *shop.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    made = Deployment(bed, server, shop, host, ground / "home")
    made.install()
    with pytest.MonkeyPatch.context() as patch, made.open_instance():  # makes Dagster's tables, which the pods would else make at once
        patch.setenv(LEDGER_VARIABLE, server.address("vitrine").render_as_string(hide_password=False))
        made.start_chart("vitrine", "dagsterWebserver")
        made.wait_until_serving()
        yield made


@pytest.fixture(scope="session")
def runs(deployment: Deployment) -> Iterator[Runs]:
    """Runs through the web server, with the catalog read once by pods."""
    with deployment.open_instance() as instance:
        made = Runs(deployment, instance)
        made.rest()
        deployment.start_chart("dagsterDaemon")
        made.succeeds(made.launch("refresh_catalog"))
        yield made


@pytest.fixture
def project(runs: Runs) -> Project:
    """The cluster's project, seen from the test."""
    return open_project(runs.deployment.project)


@pytest.fixture
def cluster(deployment: Deployment) -> Iterator[Callable[..., None]]:
    """Change the sizes of single ops, or the environment or command of every step pod, for one test."""

    def change(*env: dict[str, str], command: list[str] | None = None, **sizes: dict[str, object]) -> None:
        pods = deployment.host.step_pods()
        pods["container_config"]["env"] += env
        if command:
            pods["container_config"]["command"] = command
        change_settings(deployment.project, cluster=cluster_section(pods, **sizes))

    yield change
    change()


@pytest.fixture(autouse=True)
def clean_environment() -> None:
    """The session's own environment stays; nothing here reads the caller's project."""
