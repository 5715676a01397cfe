"""A PostgreSQL server of the tests' own, and a new, empty database for each test that asks for one.

`VITRINE_TEST_POSTGRES` names another server (a SQLAlchemy URL of somebody who may create databases). Where there is neither that nor the
programs of Debian's package `postgresql`, tests are skipped, visibly.
"""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

PASSWORD = "secret of the tests"
"""With spaces, so that a URL that is put together by hand fails."""

FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "max_connections": "60"}
PR_SET_PDEATHSIG = 1


def newest_programs() -> Path | None:
    """The folder of the newest PostgreSQL programs that a Debian package put here."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


class PostgresServer:
    """A server in a folder of its own. Listens on 127.0.0.1 with password; ends with this process, however that ends."""

    def __init__(self, programs: Path) -> None:
        # Not below pytest's folders: those are closed to the user the server must run as when we are root.
        self.folder = Path(tempfile.mkdtemp(prefix="vitrine-postgres-"))
        self.programs, self.port = programs, free_port()
        # PostgreSQL refuses to run as root.
        self._as_user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        if self._as_user:
            os.chown(self.folder, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        initdb = [programs / "initdb", "-D", self.folder / "data", "-U", "vitrine", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run([*initdb, "-A", "scram-sha-256", f"--pwfile={password_file}"])
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server, the first time or again, and wait until it answers."""
        settings = {**FAST, "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        command = [self.programs / "postgres", "-D", self.folder / "data"]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env=_environment(),
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - one system call, no Python that could wait for a lock
                **self._as_user,
            )
        end = time.monotonic() + 60
        while subprocess.run([self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode:
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop the server: at once as in a crash (SIGQUIT, the default) or in order (SIGINT)."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(30)

    def remove(self) -> None:
        """Stop the server for good and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres") -> sa.URL:
        """The address of a database on this server."""
        return sa.URL.create("postgresql+psycopg2", "vitrine", PASSWORD, "127.0.0.1", self.port, database)

    def _run(self, command: list[object]) -> None:
        done = subprocess.run(
            [str(part) for part in command], cwd=self.folder, env=_environment(), capture_output=True, text=True, **self._as_user
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def postgres_server():
    """The tests' own server, started once per test process; for tests that stop and start it. Skips where it cannot be had."""
    programs = newest_programs()
    if programs is None:
        pytest.skip("needs PostgreSQL: install Debian's package postgresql (its own server need not run), or set VITRINE_TEST_POSTGRES")
    server = PostgresServer(programs)
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_address(request):
    """A URL of somebody who may create databases: the one in VITRINE_TEST_POSTGRES, else of the tests' own server."""
    given = os.environ.get("VITRINE_TEST_POSTGRES")
    return sa.make_url(given) if given else request.getfixturevalue("postgres_server").url()


@pytest.fixture
def postgres_url(postgres_address):
    """The SQLAlchemy URL of a new, empty database, dropped after the test. It sorts text as a language does, not by code points."""
    name = f"vitrine_{secrets.token_hex(6)}"
    admin = sa.create_engine(postgres_address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    yield postgres_address.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "TZ": "Asia/Kolkata"}  # half an hour off any other zone: local times in the ledger would show


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
