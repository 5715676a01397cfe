"""A real single-node Kubernetes for tests: started from the shared test bed, stopped again, its API server restarted on demand.

The test bed's scripts are not part of this repository; where they are not at hand the tests are skipped by name.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 240
"""Seconds for a whole start, packages included; 22 to 32 s were seen."""


class CannotStart(Exception):
    """The test bed is there, but did not start; the message is its own last line."""


@dataclass(frozen=True)
class TestBed:
    """A running cluster: its scripts, its state and how to reach it."""

    __test__ = False
    scripts: Path
    state: Path

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    def kubectl(self, *arguments: str, data: str | None = None, check: bool = True) -> str:
        """Run kubectl against this cluster and return what it prints."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=data, capture_output=True, text=True)
        assert not check or done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def objects(self, kind: str, namespace: str | None = None, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind, in one namespace or in all."""
        where = ["-n", namespace] if namespace else ["-A"]
        return json.loads(self.kubectl("get", kind, *where, "-l", selector, "-o", "json"))["items"]

    def apply(self, objects: list[dict[str, Any]]) -> None:
        """Create or change objects."""
        self.kubectl("apply", "-f", "-", data=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def restart_api_server(self, away_s: float) -> None:
        """Kill the API server, wait, and start the same command again."""
        line = next(words for words in map(str.split, (self.state / "pids").read_text().splitlines()) if words[0] == "apiserver")
        command = Path(f"/proc/{line[1]}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        os.kill(int(line[1]), signal.SIGKILL)
        time.sleep(away_s)
        with (self.state / "logs" / "apiserver.log").open("ab") as log:
            started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        # `down` ends what the file names, by PID and start time.
        began = Path(f"/proc/{started.pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        new = f"apiserver {started.pid} {began}"
        pids = (self.state / "pids").read_text()
        (self.state / "pids").write_text(pids.replace(" ".join(line), new))


def begin(scripts: Path, state: Path) -> "subprocess.Popen[str]":
    """Begin to start the cluster; `TestBed` is usable when `wait_until_up` has returned."""
    pipe = subprocess.PIPE
    return subprocess.Popen([scripts / "up", str(state)], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def wait_until_up(starting: "subprocess.Popen[str]") -> None:
    """Raises CannotStart when the cluster does not come up."""
    try:
        _, said = starting.communicate(timeout=START_S)
    except subprocess.TimeoutExpired as error:
        raise CannotStart(f"not up within {START_S} s") from error
    if starting.returncode:
        raise CannotStart((said.strip().splitlines() or ["no message"])[-1])


def stop(bed: TestBed) -> None:
    subprocess.run([bed.scripts / "down", str(bed.state)], capture_output=True, timeout=120, check=True)


def wait_for(what: str, probe: Callable[[], Any], *, within_s: float = 90.0, every_s: float = 0.25) -> Any:
    """The first true answer of a probe. Fails by name when there is none in time."""
    end = time.monotonic() + within_s
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < end, f"{what}: not within {within_s:.0f} s"
        time.sleep(every_s)
