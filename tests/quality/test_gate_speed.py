"""Measuring shares what it computes, and the benchmark that tells what measuring costs still runs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gate_speed import demo_products, measure_once, stored_render
from imaging import expected_picture, measure_background, measure_color, measure_views
from imaging.color import srgb_to_lab
from quality.columns import COLUMNS
from quality.measurements import measure_render
from tests.judged_pictures import Known, evidence, white_scene


@pytest.fixture
def converted(monkeypatch):
    """How many pixels were converted to Lab, conversion by conversion; single colors do not count."""
    pixels = []

    def counted(image):
        if image.shape[0] * image.shape[1] > 1:
            pixels.append(image.shape[0] * image.shape[1])
        return srgb_to_lab(image)

    for module in (measure_views, expected_picture, measure_color, measure_background):
        monkeypatch.setattr(module, "srgb_to_lab", counted)
    return pixels


@pytest.mark.parametrize(
    ("changes_product", "expected", "conversions"), [(False, False, 2), (False, True, 2), (True, False, 2), (True, True, 3)]
)
def test_every_picture_is_converted_to_lab_once(converted, changes_product, expected, conversions):
    """Render and expectation; a recolor with a known expectation is compared with the photographed product, too."""
    scene = white_scene()
    known = evidence(scene.flat(), scene, Known(expected=expected), target_hex="#2c5a8c")
    measure_render(type(known)(**{**vars(known), "changes_product": changes_product}))
    assert len(converted) == conversions
    assert not expected or converted[-1] == converted[0] or converted[-1] < converted[0]
    if not expected:
        assert converted[1] < converted[0], "only the product's box of a plain expectation needs converting"


def test_the_cost_of_a_measuring_is_accounted_for():
    stored = stored_render(*next(iter(demo_products(1).items())), "packshot_white")
    spent, row = measure_once(stored)
    assert set(row) == set(COLUMNS) and row["ssim"] > 0.95
    assert {"decode", "place", "prepare_views", "measure_fidelity", "measure_distortion"} <= spent.keys()
    parts = {part: seconds for part, seconds in spent.items() if part not in ("whole", "measure")}
    assert sum(parts.values()) == pytest.approx(spent["whole"])
    assert all(np.isfinite(seconds) and seconds >= 0 for seconds in parts.values())


@pytest.mark.slow
def test_the_benchmark_of_measuring_runs(tmp_path):
    """A benchmark that nobody runs breaks with the next renamed function, and says so the day it is needed. Slow: a process of its own."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "benchmarks.gate_speed",
        "--products",
        "1",
        "--repeat",
        "1",
        "--json",
        tmp_path / "cost.json",
    ]
    ended = subprocess.run([*map(str, command)], cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    costs = json.loads((tmp_path / "cost.json").read_text())["costs"]
    assert set(costs) == {"packshot_white", "backdrop", "recolor", "staged_scene"}
    assert all(0 < cost["measure"] < cost["whole"] for cost in costs.values())
    assert ended.stdout.startswith("| ms per megapixel | packshot_white")
