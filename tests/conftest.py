"""What every test gets: one thread per library, a clean environment, the shared pictures when they are there."""

import logging
import os
import uuid
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    # With other work on the cores, one thread was ten times faster than the default; must be set before numpy and torch load.
    os.environ.setdefault(_name, "1")
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import cv2
import pytest

from tests.postgres_server import postgres_address, postgres_server, postgres_url  # noqa: F401 - fixtures

cv2.setNumThreads(1)

REPOSITORY = Path(__file__).resolve().parent.parent


LONG_FILES = tuple(
    f"tests/{name}.py"
    for name in """crash/test_failpoints orchestration/test_killed_runs orchestration/test_dev_server orchestration/test_sensors_live
    training/test_lora crash/test_preemption crash/test_spot orchestration/test_campaign_runs assets/test_cells k8s/test_terraform
    orchestration/test_ui assets/test_attempts assets/test_catalog_needs orchestration/test_upgrade orchestration/test_sources_to_shop
    orchestration/test_uploads observing/test_a_watched_run observing/test_commands""".split()
)
"""Files of forty seconds to minutes, longest first. Many hold a handful of tests, so by number of tests they would come last."""


def pytest_collection_modifyitems(items):
    """Begin long files first, so that no worker is left alone with one at the end (`make test` hands out whole files in this order)."""
    place = {name: number for number, name in enumerate(LONG_FILES)}
    assert all((REPOSITORY / name).is_file() for name in place), "a renamed file would come last again"
    items.sort(key=lambda item: place.get(item.path.relative_to(REPOSITORY).as_posix(), len(place)))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """No test sees the project or Dagster home of whoever runs it."""
    for name in ("VITRINE_PROJECT", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def test_assets():
    """The folder of shared photographs and scenes; the test is skipped, visibly, where it is not at hand."""
    folder = Path(os.environ.get("VITRINE_TEST_ASSETS", REPOSITORY.parent / "shared"))
    if not (folder / "photos").is_dir():
        pytest.skip(f"needs the shared test photographs, which are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def s3_endpoint():
    """The address of an S3 server of our own, in this process; real requests over HTTP, no mocks of ours."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


def new_bucket(endpoint, patch):
    """A new, empty bucket as a boto3 resource; its credentials are put into the environment, as on a real machine."""
    import boto3

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    made = boto3.resource("s3", endpoint_url=endpoint, region_name="us-east-1").Bucket(f"shop-{uuid.uuid4().hex[:12]}")
    made.create()
    return made


@pytest.fixture
def bucket(s3_endpoint, monkeypatch):
    """A new, empty bucket as a boto3 resource; its credentials are in the environment, as on a real machine."""
    return new_bucket(s3_endpoint, monkeypatch)
