"""What a short-lived step measured arrives, also when its machine is taken away; a collector that is down costs nothing but the numbers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from resources.observing_tables import step_usage
from resources.project import open_project
from tests.observing.otlp_receiver import otlp_collector

REPOSITORY = Path(__file__).resolve().parents[2]

STEP = """
import sys, time
from pathlib import Path
import dagster as dg
from assets.observed import observed
from catalog.preemption import stop_point
from resources.instruments import TRAINING_STEPS
from resources.preemptible_steps import preemptible
from resources.project import VitrineResource
from resources.tallies import saw
from resources.telemetry import measured

@dg.op
@preemptible
@observed
def long_step(context: dg.OpExecutionContext, vitrine: VitrineResource):
    measured(TRAINING_STEPS, 7, category="mugs")
    saw("render", "made", recipe="packshot_white", count=3)
    print("at work", flush=True)
    for _ in range(int(float(sys.argv[2]) * 20)):
        stop_point()
        time.sleep(0.05)

@dg.job
def work():
    long_step()

if __name__ == "__main__":
    resources = {"vitrine": VitrineResource(project_dir=sys.argv[1])}
    with dg.DagsterInstance.ephemeral() as instance:
        work.execute_in_process(instance=instance, resources=resources, raise_on_error=False)
"""


def started(folder, sleep_s):
    (folder / "step.py").write_text(STEP)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(folder / "step.py"), str(folder), str(sleep_s)]
    return subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_work(process):
    while line := process.stdout.readline():
        if "at work" in line:
            return
    raise AssertionError(process.stderr.read())


@pytest.fixture
def collector():
    with otlp_collector() as collector:
        yield collector


def test_a_step_that_is_told_to_end_still_sends_what_it_measured(tmp_path, collector):
    """SIGTERM is what a spot machine's end looks like. The export interval is far longer than the step lived."""
    (tmp_path / "vitrine.yaml").write_text(f"telemetry: {{endpoint: '{collector.url}', interval_s: 300}}\n")
    process = started(tmp_path, 120)
    wait_for_work(process)
    process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert collector.total("vitrine.training.steps", category="mugs") == 7
    assert collector.total("vitrine.items", recipe="packshot_white", outcome="made") == 3
    (span,) = [span for span in collector.spans if span.name == "long_step"]
    assert span.status.code == 2  # an error, in OTLP's numbers
    (row,) = open_project(tmp_path).ledger.rows(sa.select(step_usage))
    assert row["op"] == "long_step" and row["outcome"] == "interrupted"
    assert time.monotonic() - start < 60


def test_a_collector_that_is_down_neither_fails_nor_holds_up_a_step(tmp_path):
    (tmp_path / "vitrine.yaml").write_text("telemetry: {endpoint: 'http://127.0.0.1:9', interval_s: 300}\n")
    process = started(tmp_path, 0)
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 0, errors
    (row,) = open_project(tmp_path).ledger.rows(sa.select(step_usage))
    assert row["outcome"] == "done"


def test_without_the_setting_nothing_is_sent_and_nothing_imported(tmp_path, collector):
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    step = STEP.replace("stop_point()\n        time.sleep(0.05)", "assert 'opentelemetry' not in sys.modules, 'imported'")
    (tmp_path / "step.py").write_text(step)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "step.py"), str(tmp_path), "1"], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    (row,) = open_project(tmp_path).ledger.rows(sa.select(step_usage))
    assert row["outcome"] == "done", done.stderr
    assert collector.headers == []


def test_the_standard_variable_turns_telemetry_on(tmp_path, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    process = started(tmp_path, 0)
    process.communicate(timeout=90)
    assert collector.total("vitrine.training.steps", category="mugs") == 7
