"""A real `vitrine dev` for tests: started on a free port, asked through GraphQL, ended with Ctrl-C."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

PATIENCE_S = 600
"""Deadline of every wait: ten times what an idle machine needs. The tests say what happens; benchmarks say how fast."""

RUNS = "{ runsOrError { ... on Runs { results { runId jobName status tags { key value } assetSelection { path } } } } }"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tolerate_drawn_pictures(folder):
    """Let the gate pass the drawn mugs: their flat shading is nothing a photograph has."""
    set_rules(folder, "packshot_white: {blockiness_ratio: {max: 99}, halo_delta_e: {max: 99}}")


def set_rules(folder, rules):
    """Replace the brand's rules of packshots; scenes have none in the tiny project."""
    file = folder / "brand.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("  packshot_white:")]
    lines.insert(lines.index("rules:") + 1, f"  {rules}")
    file.write_text("\n".join(lines) + "\n")


class DevProcess:
    """`vitrine dev` on a project folder; use as a context manager. `output` is what it printed."""

    def __init__(self, folder, port=None):
        self.folder, self.port = Path(folder), port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = self.folder / "dev-output.txt"
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orchestration.cli", "dev", "--port", str(self.port)],
                cwd=REPOSITORY,
                env={**os.environ, "VITRINE_PROJECT": str(folder), "PYTHONUNBUFFERED": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self):
        try:
            self.wait_until(lambda: "Dagster UI" in self.output, "the UI answers")
        except BaseException:
            self.interrupt()
            raise
        return self

    def __exit__(self, *_):
        self.interrupt()

    @property
    def output(self):
        return self._log.read_text()

    @property
    def logs(self):
        return "\n".join(
            f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted((self.folder / ".vitrine" / "dev").glob("*.log"))
        )

    def interrupt(self, number=signal.SIGINT):
        """Ctrl-C; the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def wait_until(self, is_so, what, interval_s=0.5):
        """The first true value of `is_so()`; fails with the logs when `vitrine dev` ends or patience does."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if value := is_so():
                return value
            if (self.process and self.process.poll() is not None) or time.monotonic() > deadline:
                raise AssertionError(f"waited in vain until {what}; `vitrine dev` says:\n{self.output}\n{self.logs}")
            time.sleep(interval_s)

    def ask(self, query, **variables):
        """The data a GraphQL query answers."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["data"]

    def runs(self, job=None):
        """All runs, newest first: run id, job name, status, tags, assets. A run of chosen assets has the job name `__ASSET_JOB`."""
        found = self.ask(RUNS)["runsOrError"]["results"]
        return [
            {
                **run,
                "tags": {tag["key"]: tag["value"] for tag in run["tags"]},
                "assets": {a["path"][-1] for a in run["assetSelection"] or ()},
            }
            for run in found
            if job in (None, run["jobName"])
        ]

    def wait_for_run(self, is_it, what):
        """The first run that is wanted, when it has succeeded; a failed one fails the test."""

        def ended():
            for run in self.runs():
                if is_it(run) and run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                    return run
            return None

        run = self.wait_until(ended, what)
        assert run["status"] == "SUCCESS", f"{what}: {run}\n{self.logs}"
        return run


def alive(folder):
    """Processes that work for this project, by id with their command line: those whose environment names its folder."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"VITRINE_PROJECT={folder}\0".encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found
