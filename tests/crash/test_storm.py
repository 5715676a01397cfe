"""A small storm: six of a cell's workers are killed while it draws and judges 60 pictures; the result is that of the quiet run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.soak]

REPOSITORY = Path(__file__).resolve().parents[2]
RENDERS, KILLS = 60, 6
MOST_WASTE = 0.15
"""Share of the items' seconds that killed workers may take with them."""


@pytest.fixture(scope="module")
def report():
    seed = os.environ.get("VITRINE_STORM_SEED", "1")
    command = [
        sys.executable,
        "-m",
        "benchmarks.storm",
        "--renders",
        str(RENDERS),
        "--kills",
        str(KILLS),
        "--seed",
        seed,
        "--shard-images",
        "20",
    ]
    ended = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "PYTHONWARNINGS": "ignore"}, capture_output=True, text=True)
    assert ended.stdout.startswith("{"), ended.stderr[-3000:]
    print(ended.stdout)
    return json.loads(ended.stdout)


def test_everything_ends_with_nothing_lost_nothing_double_and_the_quiet_runs_bytes(report):
    assert report["renders"] == RENDERS
    assert sum(report["kills"].values()) == KILLS
    assert (report["not_terminal"], report["lost"], report["double"], report["outputs_equal"]) == (0, 0, 0, True)
    assert report["attempts_left"] == 0


def test_little_work_is_lost_with_the_workers(report):
    assert report["waste"] <= MOST_WASTE


def test_workers_end_within_ten_seconds_of_sigterm(report):
    assert report["slowest_end_after_sigterm_s"] <= 10.0
