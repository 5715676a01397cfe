"""Dagster's web server and daemon on one project: started together, watched, ended together. What they run is not decided here.

Each is a process group of its own, so that a Ctrl-C reaches this process first and the parts end in an order that loses nothing: the daemon
(hands out no more runs), the runs it started (each writes down that it was interrupted; the next daemon starts it again), the web server.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from catalog.errors import SettingsError, VitrineError
from orchestration.instance import open_instance, write_dagster_home
from resources.settings import PROJECT_VARIABLE, Settings

WORKSPACE = Path(__file__).resolve().parent.parent / "workspace.yaml"

READY_TIMEOUT_S = 180.0
"""A loaded laptop needs 40 s to import Dagster three times; after this long something else is wrong."""

GRACE_S = 15.0
"""How long a part may take to end by itself before it is killed. Killing loses nothing: what was made is kept."""

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

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def ended(self) -> PartEnded:
        """What to tell when this part ended by itself: its last lines."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        return PartEnded(
            f"The {self.name} ended with code {self.process.returncode}, so the rest was ended too. Its last lines, of {self.log}:\n    "
            + "\n    ".join(lines)
        )


def serve(settings: Settings, host: str, port: int) -> Iterator[str]:
    """Run web server and daemon until interrupted; yields lines to show.

    SIGINT, SIGTERM and SIGHUP end both and return. Raises SettingsError when the port is taken or the project is served already, PartEnded when
    a part ends by itself.
    """
    _refuse_busy_port(host, port)
    write_dagster_home(settings)
    logs = settings.state_dir / "dev"
    logs.mkdir(parents=True, exist_ok=True)
    with _only_one(logs / "lock"), _interrupts_on_signals():
        parts: list[Part] = []
        _fail_runs_left_behind(settings)
        try:
            parts.append(_start("daemon", ["run"], settings, logs))
            parts.append(_start("web server", ["-h", host, "-p", str(port)], settings, logs))
            yield f"Starting Dagster; logs are in {os.path.relpath(logs)}"
            url = f"http://{host}:{port}"
            _wait_until_ready(url, parts)
            yield f"Dagster UI: {url}   (Ctrl-C ends it)"
            while True:
                _check(parts)
                time.sleep(0.5)
        except KeyboardInterrupt:
            yield "Stopping; runs that are under way are noted and started again next time."
        finally:
            _end(parts)


def _refuse_busy_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}. End what listens there, or choose another port: "
                f"vitrine dev --port {port + 1}"
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

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail_runs_left_behind(settings: Settings) -> None:
    """Mark runs of an earlier daemon that was killed as failed, so that they free their slots and are started again.

    Dagster's own monitoring cannot tell that a local run's process is gone. Runs of `vitrine run` are not touched: they have no code server.
    """
    import dagster as dg

    going_on = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    with open_instance(settings) as instance:
        for run in instance.get_runs(dg.RunsFilter(statuses=going_on)):
            if ".dagster/grpc_info" in run.tags:
                instance.report_run_failed(run, "The machine or `vitrine dev` ended during this run. What was made is kept; it is started again.")


def _start(name: str, arguments: list[str], settings: Settings, logs: Path) -> Part:
    log = logs / f"{name.replace(' ', '-')}.log"
    command = [sys.executable, "-m", "orchestration.dev_server", name, *arguments, "-w", str(WORKSPACE)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=_environment(settings), cwd=WORKSPACE.parent, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
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
    }


def _wait_until_ready(url: str, parts: list[Part]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        _check(parts)
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/server_info", timeout=5):
            return
        time.sleep(0.5)
    raise PartEnded(f"The web server did not answer at {url} within {READY_TIMEOUT_S:.0f} s. Look into {parts[-1].log}.")


def _check(parts: list[Part]) -> None:
    for part in parts:
        if part.process.poll() is not None:
            raise part.ended()


def _end(parts: list[Part]) -> None:
    for part in parts:
        part.signal(signal.SIGINT)
        _wait(part)
        # Its code server and runs outlive it by design of Dagster. Interrupted, a run writes its end into the event log.
        part.signal_group(signal.SIGINT)
        _wait_for_group(part)
        part.signal_group(signal.SIGKILL)
        _wait(part)


def _wait(part: Part) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        part.process.wait(GRACE_S)


def _wait_for_group(part: Part) -> None:
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline:
        part.process.poll()
        try:
            os.killpg(part.process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)


def _be_part() -> None:
    """A part's own process: Dagster's command, ended when `vitrine dev` is gone, however that ended."""
    from orchestration.running import end_with

    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    name, sys.argv[1:] = sys.argv[1], sys.argv[2:]
    if name == "web server":
        from dagster_webserver.cli import main
    else:
        from dagster._daemon.cli import main
    main()


if __name__ == "__main__":
    _be_part()
