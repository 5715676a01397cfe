"""A project with pictures to review, and its page as a client and as a server."""

import shutil
import threading
import time
from contextlib import contextmanager

import pytest

from review.accounts import ACCOUNTS_FILE, add_account
from tests.reviewed_shop import write_reviewed_shop

PASSWORD = "twelve letters and more"

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory):
    """The project, made once; ann and ben may review."""
    folder = write_reviewed_shop(tmp_path_factory.mktemp("review") / "project", skus=("MUG-1", "MUG-2", "MUG-3"))
    for name in ("ann", "ben"):
        add_account(folder / ".vitrine" / ACCOUNTS_FILE, name, PASSWORD)
    return folder


@pytest.fixture
def folder(reviewed, tmp_path):
    return shutil.copytree(reviewed, tmp_path / "project", symlinks=True)


@contextmanager
def serving(folder):
    """The page on a free port of this machine; its address."""
    import uvicorn

    from review.web import build_app

    server = uvicorn.Server(uvicorn.Config(build_app(folder), host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser():
    """One Chromium for a file of tests."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium on the PATH (Debian and Ubuntu: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS) as browser:
        yield browser


@pytest.fixture
def windows(browser):
    """Opens browser windows and closes them after the test."""
    contexts = []

    def opened(how):
        contexts.append(browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **how}))
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


def signed_in(windows, address, name="ann", path="/", **how):
    """A browser window of a reviewer; what it complains about is kept in `complaints`."""
    page = windows(how)
    page.set_default_timeout(90_000)
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(address + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#state").wait_for()
    return page
