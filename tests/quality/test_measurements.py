"""The measurement table: documented, plain, and honest about what it could not see."""

import math

import numpy as np

from benchmarks.corruptions import jpeg
from catalog.keys import digest
from quality.columns import COLUMNS, MEASUREMENT_VERSION
from quality.measurements import RenderEvidence, measure_render
from tests.judged_pictures import Known, evidence, sloped_scene, white_scene


def test_every_column_is_documented_and_within_its_range():
    scene = white_scene()
    row = measure_render(evidence(jpeg(scene.flat(), 90), scene))
    assert set(row) == set(COLUMNS)
    for name, value in row.items():
        column = COLUMNS[name]
        assert column.meaning and column.source and column.unit
        if isinstance(value, float):
            assert math.isfinite(value)
            assert column.low is None or value >= column.low, (name, value)
            assert column.high is None or value <= column.high, (name, value)


def test_a_true_composite_measures_no_difference():
    scene = white_scene()
    row = measure_render(evidence(scene.flat(), scene))
    assert row["delta_e_mean"] == 0 and row["shift_px"] < 0.05 and row["warp_px"] < 0.05 and row["halo_delta_e"] == 0
    assert row["ssim"] > 0.999 and abs(row["edge_gain"] - 1) < 0.01 and row["white_share_pct"] == 100


def test_locked_product_pixels_in_a_scene_measure_no_difference():
    scene = sloped_scene()
    row = measure_render(evidence(scene.flat(), scene, Known(expected=False, background="scene")))
    assert row["delta_e_mean"] < 0.05
    assert row["expected_known"] == 0.0 and row["background_delta_e"] is None and row["shadow_lost_delta_l"] is None


def test_a_render_of_unknown_placement_is_mostly_not_evaluated():
    row = measure_render(RenderEvidence(pixels_HW3=white_scene().flat(), facts={"background": "white"}))
    assert row["ssim"] is None and row["delta_e_mean"] is None and row["warp_px"] is None and row["halo_delta_e"] is None
    assert 80 < row["fill_pct"] < 90, "on white the product can still be seen"


def test_the_background_is_told_from_the_renderers_facts():
    scene = white_scene()
    known = evidence(scene.flat(), scene)
    for facts, white in (({"background_hex": "#ffffff"}, True), ({"background_hex": "#c8d0aa"}, False), ({}, False)):
        row = measure_render(RenderEvidence(pixels_HW3=known.pixels_HW3, product_rgb_HW3=known.product_rgb_HW3,
                                            product_alpha_HW=known.product_alpha_HW, facts=facts))  # fmt: skip
        assert (row["white_share_pct"] is not None) == white


def test_the_same_picture_measures_the_same_twice():
    scene = white_scene()
    picture = jpeg(scene.flat(), 60)
    assert measure_render(evidence(picture, scene)) == measure_render(evidence(picture, scene))


def test_pictures_of_one_color_do_not_stop_the_measuring():
    scene = white_scene()
    for level in (0, 128, 255):
        row = measure_render(evidence(np.full_like(scene.flat(), level), scene))
        assert row["entropy_bits"] == 0


def test_other_columns_are_another_version_of_the_measurements():
    """Rows that were measured before lack new columns, and every cell would fail: raise MEASUREMENT_VERSION, then write the new digest here."""
    assert (MEASUREMENT_VERSION, digest({"columns": sorted(COLUMNS)})[:12]) == ("9", "e403ce5bdd17")
