"""A person materializes a cell in Dagster's web UI and looks at its contact sheet and its check: real server, real daemon, real browser."""

import shutil
from urllib.parse import quote

import pytest

from resources.settings import utc_now
from tests.orchestration.dev_process import PATIENCE_S, DevProcess
from tests.tiny_project import write_project

pytestmark = pytest.mark.slow

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium on the PATH (Debian and Ubuntu: apt install chromium)")
    return path


@pytest.fixture(scope="module")
def served(chromium, tmp_path_factory):
    """`vitrine dev` on a tiny project whose cell the sensors have already made once."""
    folder = write_project(tmp_path_factory.mktemp("ui") / "project", rules=APPROVING_RULES)
    with DevProcess(folder) as dev:
        dev.wait_for_run(lambda run: run["jobName"] == "produce_cell", "the sensors make the first cell")
        yield dev


@pytest.fixture
def page(served, chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS) as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE_S * 1000)
        yield page
