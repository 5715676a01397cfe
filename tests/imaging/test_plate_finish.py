"""Finishing a plate: enlarged without steps or ringing, sharp where the product stands, same seed same grain."""

import numpy as np

from imaging.plate_finish import enlarge, finish_plate, focus_by_distance
from imaging.surface_detail import read_surface
from tests.drawn_products import lit_wall


def finish(plate, **changes):
    values = {"width_px": 600, "height_px": 600, "horizon_share": 0.64, "base_share": 0.84, "blur_pct": 1.0, "grain": 1.5, "seed": 7}
    return finish_plate(plate, **{**values, **changes})


def rough_plate():
    plate = lit_wall(light_from_left=True)
    noise = np.random.default_rng(1).normal(0, 9, (46, 128, 1))
    plate[82:] = np.clip(plate[82:] + noise, 0, 255).astype(np.uint8)
    return plate


def fine(image, rows):
    gray = image[rows].mean(axis=2)
    return float(np.abs(np.diff(gray, axis=1)).mean())


def test_an_enlarged_edge_does_not_ring():
    plate = np.full((128, 128, 3), 60, np.uint8)
    plate[80:] = 190
    large = enlarge(plate, width_px=1200, height_px=1200)
    assert large.min() > 50 and large.max() < 200


def test_an_enlarged_ramp_has_no_steps():
    ramp = np.repeat(np.linspace(40, 200, 128).astype(np.uint8)[None, :, None], 128, axis=0).repeat(3, axis=2)
    large = enlarge(ramp, width_px=1280, height_px=1280)
    step = np.diff(large[600, 100:-100, 0])
    assert step.min() > -0.05 and step.max() < 0.6


def test_a_wide_frame_is_covered_without_stretching():
    plate = lit_wall(light_from_left=True)
    large = enlarge(plate, width_px=1200, height_px=600)
    assert large.shape == (600, 1200, 3)
    assert np.allclose(large[:, :, 1].mean(), plate[32:96, :, 1].mean(), atol=6)


def test_the_wall_is_blurred_and_the_place_of_the_product_is_not():
    noise = np.random.default_rng(0).uniform(0, 255, (400, 400, 3)).astype(np.float32)
    out = focus_by_distance(noise, horizon_share=0.6, base_share=0.85, blur_px=6)
    assert np.allclose(out[339], noise[339], atol=3)
    assert fine(out, slice(0, 200)) < 0.15 * fine(noise, slice(0, 200))
    assert fine(out, slice(250, 260)) > fine(out, slice(0, 200))


def test_a_rough_surface_gets_detail_and_lacquer_stays_smooth():
    assert read_surface(rough_plate(), 0.64)[0] > read_surface(lit_wall(light_from_left=True), 0.64)[0] + 1
    below = slice(490, 530)
    assert fine(finish(rough_plate(), grain=0), below) > 2 * fine(finish(lit_wall(light_from_left=True), grain=0), below)


def test_the_same_seed_gives_the_same_grain_and_another_seed_another():
    plate = lit_wall(light_from_left=True)
    assert np.array_equal(finish(plate), finish(plate))
    assert not np.array_equal(finish(plate), finish(plate, seed=8))
