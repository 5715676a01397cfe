"""A project with pictures to review, and its page as a client and as a server."""

import shutil
import threading
import time

import pytest

from review.accounts import add_account
from tests.reviewed_shop import write_reviewed_shop

PASSWORD = "twelve letters and more"


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory):
    """The project, made once; ann and ben may review."""
    folder = write_reviewed_shop(tmp_path_factory.mktemp("review") / "project", skus=("MUG-1", "MUG-2", "MUG-3"))
    for name in ("ann", "ben"):
        add_account(folder / ".vitrine", name, PASSWORD)
    return folder


@pytest.fixture
def folder(reviewed, tmp_path):
    return shutil.copytree(reviewed, tmp_path / "project", symlinks=True)


@pytest.fixture
def served(folder):
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
