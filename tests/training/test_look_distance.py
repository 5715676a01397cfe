"""Look distances: known answers for flat colors, and relations that must hold for any pictures."""

import numpy as np
import pytest

from imaging.color import lab_to_srgb
from training.look_distance import layout_distance, look_distance, palette_distance


def flat(lightness, a=0.0, b=0.0, size_px=32):
    lab = np.full((size_px, size_px, 3), (lightness, a, b), np.float32)
    return np.rint(lab_to_srgb(lab) * 255).astype(np.uint8)


def noisy(seed, spread, size_px=32):
    values = 128 + np.random.default_rng(seed).normal(0, spread, (size_px, size_px, 3))
    return values.clip(0, 255).astype(np.uint8)


def test_a_look_is_at_no_distance_from_itself():
    look = [noisy(seed, 30) for seed in range(4)]
    distance = look_distance(look, look)
    assert distance.palette_delta_e < 1e-3 and distance.layout_delta_e == 0


def test_flat_colors_differ_by_their_delta_e():
    assert palette_distance([flat(50)], [flat(60)]) == pytest.approx(10, abs=0.3)
    assert layout_distance([flat(50, 10)], [flat(50, -10)]) == pytest.approx(20, abs=0.6)


def test_the_palette_distance_sees_spread_as_well_as_mean():
    calm, lively = [noisy(seed, 5) for seed in range(3)], [noisy(seed, 40) for seed in range(3)]
    assert palette_distance(calm, lively) > 10
    assert palette_distance(calm, lively) == pytest.approx(palette_distance(lively, calm))


def test_only_the_layout_distance_sees_a_picture_turned_upside_down():
    picture = np.concatenate([flat(30)[:16], flat(80)[:16]])
    turned = picture[::-1].copy()
    assert palette_distance([picture], [turned]) < 1e-3
    assert layout_distance([picture], [turned]) == pytest.approx(50, abs=1)


def test_each_picture_is_compared_with_the_nearest_of_the_look():
    look = [flat(20), flat(80)]
    assert layout_distance([flat(82), flat(18)], look) == pytest.approx(2, abs=0.5)


def test_pictures_of_any_size_can_be_compared():
    assert layout_distance([flat(40, size_px=64)], [flat(40, size_px=128)]) < 0.5
