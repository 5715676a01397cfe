"""What steps used against what they ask for: measured for real, compared by op, advised only from enough samples."""

import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.placement import PLACEMENTS
from orchestration.resource_report import HEADROOM, MIN_SAMPLES, resource_report, table_of
from resources.observing_tables import step_usage
from resources.project import open_project
from resources.settings import utc_now
from resources.step_meter import StepMeter, _cgroup_peak_bytes

GIB, MIB = 2**30, 2**20


@pytest.fixture
def project(tmp_path):
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    return open_project(tmp_path)


def used(project, op, *, gib, wall_s=100.0, cpu_s=150.0, count=1, outcome="done", gpu_gib=None):
    row = {"op": op, "partition": "mugs|2026-11-21", "run_id": "r", "attempt": 0, "outcome": outcome, "wall_s": wall_s, "cpu_s": cpu_s}
    peaks = {"rss_peak_bytes": int(gib * GIB), "child_rss_peak_bytes": 0, "cgroup_peak_bytes": None, "gpu_allocated_peak_bytes": None}
    gpu = {"gpu_reserved_peak_bytes": None if gpu_gib is None else int(gpu_gib * GIB)}
    project.ledger.append(step_usage, [{**row, **peaks, **gpu, "at": utc_now().replace(tzinfo=None)}] * count)


def test_the_largest_peak_with_headroom_is_advised_and_where_too_little_is_asked_it_is_said(project):
    asked = PLACEMENTS["cutouts"].memory_gib
    used(project, "cutouts", gib=1.0, count=MIN_SAMPLES)
    used(project, "cutouts", gib=asked)
    (row,) = resource_report(project)
    assert row.samples == MIN_SAMPLES + 1 and row.used_memory_gib == asked
    assert asked * HEADROOM <= row.recommended_memory_gib < asked * HEADROOM + 1
    assert "too little memory" in row.note
    assert row.used_cpu == row.recommended_cpu == 1.5


def test_a_few_samples_recommend_nothing_and_say_so(project):
    used(project, "render_shard", gib=3.0, count=MIN_SAMPLES - 1, gpu_gib=9.5)
    (row,) = resource_report(project)
    assert row.recommended_memory_gib is None and row.recommended_cpu is None
    assert f"{MIN_SAMPLES - 1} of {MIN_SAMPLES} samples" in row.note and row.used_gpu_gib == 9.5


def test_twice_too_much_and_interrupted_steps_are_told(project):
    used(project, "category_lora", gib=2.0, count=MIN_SAMPLES)
    used(project, "category_lora", gib=2.0, outcome="interrupted", count=3)
    (row,) = resource_report(project)
    assert row.recommended_memory_gib == 3 + PLACEMENTS["category_lora"].shm_gib
    assert "3 steps were interrupted" in row.note and "twice the memory" in row.note


def test_a_deployments_own_sizes_are_what_is_asked(tmp_path):
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\ncluster: {steps: {cutouts: {memory_gib: 3, cpu: 1.5}}}\n")
    project = open_project(tmp_path)
    used(project, "cutouts", gib=2.0, count=MIN_SAMPLES)
    (row,) = resource_report(project)
    assert (row.asked_memory_gib, row.asked_cpu, row.note) == (3, 1.5, "")


def test_the_table_reads_without_a_wide_terminal(project):
    assert "vitrine run" in table_of(resource_report(project))
    for op in ("cutouts", "render_shard"):
        used(project, op, gib=2.0, count=MIN_SAMPLES)
    lines = table_of(resource_report(project)).splitlines()
    assert lines[0].split()[:3] == ["op", "samples", "mem"] and lines[1].startswith("cutouts") and lines[2].startswith("render_shard")


PROBE = """
import json, subprocess, sys
from resources.step_meter import StepMeter
big = bytearray(300 * 2**20); del big
meter = StepMeter()
mine = b'x' * (120 * 2**20); del mine
subprocess.run([sys.executable, '-c', "x = b'x' * (200 * 2**20)"])
usage = meter.read()
print(json.dumps([usage.rss_peak_bytes, usage.child_rss_peak_bytes, usage.wall_s, usage.cpu_s]))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks per step are known on Linux only")
def test_a_steps_peak_is_its_own_and_a_childs_is_seen():
    """The process had used 300 MB before this step; the step itself took 120, its child 200."""
    import json

    done = subprocess.run([sys.executable, "-c", PROBE], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    rss, child, wall_s, cpu_s = json.loads(done.stdout)
    assert 120 * MIB < rss < 240 * MIB, rss / MIB
    assert 200 * MIB < child < 300 * MIB
    assert wall_s > 0 and cpu_s > 0


def test_the_pods_peak_is_taken_only_where_a_limit_makes_it_a_pod(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.peak").write_text("123\n")
    assert _cgroup_peak_bytes(tmp_path) is None
    (tmp_path / "memory.max").write_text(f"{4 * GIB}\n")
    assert _cgroup_peak_bytes(tmp_path) == 123


def test_measuring_loads_no_model_library():
    probe = "import sys; from resources.step_meter import StepMeter; StepMeter().read(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.stdout.strip() == "False"
    assert StepMeter().read().gpu_allocated_peak_bytes is None or "torch" in sys.modules
