"""Harmless variants and faults of one true composite, measured with known placement and judged by the shipped rules."""

import pandas as pd
import pytest

from benchmarks.corruptions import BENIGN, FAULTS
from catalog.verdict import Verdict
from quality.gate import judge_table
from quality.measurements import measure_render
from quality.rules import read_rules
from tests.judged_pictures import Known, evidence, sloped_scene, white_scene

CALLED = {
    "blur_1": "BLURRED",
    "hue_6": "COLOR_SHIFTED",
    "darker_6": "COLOR_SHIFTED",
    "background_250": "BACKGROUND_NOT_WHITE",
    "halo_white_2px": "HALO",
    "halo_gray_2px": "HALO",
    "noise_10": "NOISY",
    "jpeg_40": "COMPRESSED",
    "text": "FOREIGN_OBJECT",
    "second_object": "FOREIGN_OBJECT",
    "squash_4pct": "SQUASHED",
    "warp_0.2pct": "BENT",
    "local_patch": "LOCAL_CHANGE",
    "watermark_35pct": "LOCAL_CHANGE",
    "collapse_black": "COLLAPSED",
    "no_shadow": "SHADOW_MISSING",
    "scale_45pct": "FILL",
    "cropped_8pct": "CROPPED",
    "banding_16": "POSTERIZED",
}
"""What a fault must be called, at least; its other reasons are true as well."""


@pytest.fixture(scope="module")
def judged():
    """Name -> judgment of every variant, judged in one table per recipe."""
    white, sloped = white_scene(), sloped_scene()
    rows = {"packshot_white": [], "backdrop": []}
    for name, make in BENIGN.items():
        _measure(rows, name, make, white if name != "gradient_scene" else sloped, white)
    for name, fault in FAULTS.items():
        _measure(rows, name, fault.make, sloped if fault.on == "gradient" else white, white)
    return {j.render_id: j for recipe, table in rows.items() for j in judge_table(pd.DataFrame(table), read_rules(recipe))}


def _measure(rows, name, make, scene, white):
    recipe = "packshot_white" if scene is white else "backdrop"
    known = Known(background=read_rules(recipe).background)
    rows[recipe].append({"render_id": name, **measure_render(evidence(make(scene), scene, known))})


@pytest.mark.parametrize("name", BENIGN)
def test_a_harmless_variant_is_approved(judged, name):
    assert judged[name].verdict == Verdict.APPROVED, judged[name].reasons


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_rejected(judged, name):
    assert judged[name].verdict == Verdict.REJECTED


@pytest.mark.parametrize("name", CALLED)
def test_a_fault_is_called_by_its_name(judged, name):
    assert CALLED[name] in [reason.code for reason in judged[name].reasons]
