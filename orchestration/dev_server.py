"""Dagster's web server and daemon on one project: started together, watched, ended together. What they run is not decided here.

Three parts: the code server, which both others ask and which starts the runs; the daemon; the web server. Each is a process group of its
own, so that a Ctrl-C reaches this process first and the parts end in an order that loses nothing: the daemon hands out no more runs, each run
writes down that it was interrupted, and the next daemon starts it again.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import yaml

from catalog.errors import SettingsError, VitrineError
from orchestration.instance import open_instance, write_dagster_home
from orchestration.left_behind import fail_runs_left_behind
from resources.settings import PROJECT_VARIABLE, Settings, log_format

REPOSITORY = Path(__file__).resolve().parent.parent

READY_TIMEOUT_S = 240.0
"""15 s on an idle machine, a minute on a busy one; after this long something else is wrong."""

HEARTBEAT_S = 600
"""Dagster's 20 s end the code server, and a run that just started with it, when a machine is too busy to answer that soon."""

GRACE_S = 15.0
"""How long a part may take to end by itself before it is killed. Killing loses nothing: what was made is kept."""

LOOK_FOR_DEAD_RUNS_S = 60.0
"""A killed `vitrine run` leaves runs that hold places in the queue; so long they may."""

TAIL_LINES = 12
"""How much of a dead part's log is shown."""


class PartEnded(VitrineError):
    """The web server or the daemon ended by itself."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One running process and where its output goes."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def wait_for_group(self, timeout_s: float) -> None:
        """Wait until the process and everything it started has ended, at most so long."""
        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                self.process.poll()
                os.killpg(self.process.pid, 0)
                time.sleep(0.1)

    def ended(self) -> PartEnded:
        """What to tell when this part ended by itself: its last lines."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        return PartEnded(
            f"The {self.name} ended with code {self.process.returncode}, so the rest was ended too. Its last lines, of {self.log}:\n    "
            + "\n    ".join(lines)
        )


def serve(settings: Settings, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Run web server and daemon until interrupted; `tell` gets the lines to show.

    SIGINT, SIGTERM and SIGHUP end both and return. Raises SettingsError when the port is taken or the project is served already, and
    PartEnded when a part ends by itself.
    """
    _refuse_busy_port(host, port)
    write_dagster_home(settings)
    logs = settings.state_dir / "dev"
    logs.mkdir(parents=True, exist_ok=True)
    with _only_one(logs / "lock"), _interrupts_on_signals():
        parts: list[Part] = []
        with open_instance(settings) as instance:
            fail_runs_left_behind(settings, instance, code_server_is_gone=True)
        tell(f"Starting Dagster; logs are in {os.path.relpath(logs)}")
        try:
            with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:  # a socket's path may have 100 characters at most
                _start_all(parts, settings, host, port, logs, Path(folder))
                tell(f"Dagster UI: http://{host}:{port}   (Ctrl-C ends it)")
                _watch(settings, parts)
        except KeyboardInterrupt:
            tell("Stopping; runs that are under way are noted and started again next time.")
        finally:
            _end(parts)


def _watch(settings: Settings, parts: list[Part]) -> None:
    looked = time.monotonic()
    while True:
        _check(parts)
        if time.monotonic() - looked > LOOK_FOR_DEAD_RUNS_S:
            with open_instance(settings) as instance:
                fail_runs_left_behind(settings, instance)
            looked = time.monotonic()
        time.sleep(0.5)


def _start_all(parts: list[Part], settings: Settings, host: str, port: int, logs: Path, folder: Path) -> None:
    code_socket, workspace = folder / "code", folder / "workspace.yaml"
    server = {"location_name": "vitrine", "host": "localhost", "socket": str(code_socket)}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
    logs_as = ["--log-format", "json" if log_format(settings) == "json" else "colored"]
    code = ["code-server", "start", "--socket", str(code_socket), "--location-name", "vitrine", "--heartbeat-ttl", str(HEARTBEAT_S)]
    parts.append(_start("code server", [*code, *logs_as, "-m", "orchestration.definitions"], settings, logs))
    _wait_until(code_socket.exists, parts)
    parts.append(_start("daemon", ["run", *logs_as, "-w", str(workspace)], settings, logs))
    parts.append(_start("web server", ["-h", host, "-p", str(port), *logs_as, "-w", str(workspace)], settings, logs))
    _wait_until(lambda: _answers(f"http://{host}:{port}/server_info"), parts)


def _refuse_busy_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}. End what listens there, or choose another "
                f"port: vitrine dev --port {port + 1}"
            ) from error


@contextlib.contextmanager
def _only_one(file: Path) -> Iterator[None]:
    # Two daemons on one Dagster instance would each start the same runs. The lock goes with the process, however it ends.
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError("`vitrine dev` already runs on this project. End the other one first; one daemon serves all.") from error
        yield


@contextlib.contextmanager
def _interrupts_on_signals() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(name: str, arguments: list[str], settings: Settings, logs: Path) -> Part:
    log = logs / f"{name.replace(' ', '-')}.log"
    command = [sys.executable, "-m", "orchestration.dev_server", name, *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=_environment(settings), cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    return Part(name=name, process=process, log=log)


def _environment(settings: Settings) -> Mapping[str, str]:
    return {
        **os.environ,
        PROJECT_VARIABLE: str(settings.project_dir),
        "DAGSTER_HOME": str(settings.dagster_home),
        "GX_ANALYTICS_ENABLED": "false",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "DAGSTER_GRPC_SHUTDOWN_GRACE_PERIOD": "2",
    }


def _wait_until(is_so: Callable[[], bool], parts: list[Part]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not is_so():
        _check(parts)
        if time.monotonic() > deadline:
            raise PartEnded(f"The {parts[-1].name} was not ready within {READY_TIMEOUT_S:.0f} s. Look into {parts[-1].log}.")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _check(parts: list[Part]) -> None:
    for part in parts:
        if part.process.poll() is not None:
            raise part.ended()


def _end(parts: list[Part]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not leave half of it running
    code_server, clients = parts[:1], parts[1:]
    for together in (clients, code_server):
        for part in together:
            part.signal_group(signal.SIGINT)
        for part in together:
            part.wait_for_group(GRACE_S)
            part.signal_group(signal.SIGKILL)
            part.process.wait()


def _be_part() -> None:
    """A part's own process: Dagster's command, ended when `vitrine dev` is gone, however that ended."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, and inherited so, when a shell started us in the background
    threading.Thread(target=_end_group_with, args=(os.getppid(),), daemon=True).start()
    name, sys.argv[1:] = sys.argv[1], sys.argv[2:]
    if name == "web server":
        from dagster_webserver.cli import main
    elif name == "daemon":
        from dagster._daemon.cli import main
    else:
        from dagster._cli import main
    main()


def _end_group_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGINT)
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _be_part()
