"""What every test gets: one thread per library, a clean environment, the shared pictures when they are there."""

import os
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    # With other work on the cores, one thread was ten times faster than the default; must be set before numpy and torch load.
    os.environ.setdefault(_name, "1")
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import cv2
import pytest

cv2.setNumThreads(1)

REPOSITORY = Path(__file__).resolve().parent.parent


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
