"""The Nth write, fsync, rename or link fails or kills: no final name is torn, errors are ours, and the next attempt succeeds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.syscalls import may_trace

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]


def swept(*arguments):
    """The sweep in a process of its own; exit code and what it prints."""
    if reason := may_trace():
        pytest.skip(f"needs strace to inject faults into system calls: {reason}")
    command = [sys.executable, "-m", "tests.crash.syscalls", *arguments]
    ended = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "PYTHONWARNINGS": "ignore"}, capture_output=True, text=True)
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    assert lines, ended.stderr[-3000:]
    return ended.returncode, json.loads(lines[-1])


def test_a_hundred_failing_system_calls_tear_nothing():
    code, report = swept()
    print(report["by_call"])
    assert report["wrong"] == []
    assert (code, report["struck"] >= 100) == (0, True)


@pytest.mark.parametrize(("mistake", "protocol"), [("written_in_place", "publish"), ("facts_before_tensors", "checkpoint")])
def test_a_broken_protocol_is_found_by_system_calls_too(mistake, protocol):
    code, report = swept("--points", "150", "--broken", mistake, "--protocols", protocol)
    assert code == 1
    assert any("torn" in text for text in report["wrong"]), report["wrong"]
