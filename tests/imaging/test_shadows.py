"""Footprints and shadows: they start where the product touches the ground and fall away from the light."""

import numpy as np
import pytest

from imaging.footprint import find_footprint
from imaging.placing import fit_standing, place
from imaging.shadows import ShadowLight, darken, shadow_map
from tests.drawn_products import CHAIR_FEET, chair, mug

FRAME = 900


def standing(drawn):
    foreground, alpha = drawn
    where = fit_standing(alpha, frame_width_px=FRAME, frame_height_px=FRAME, height_pct=50, width_max_pct=80, base_pct=80)
    return where, place(foreground, alpha, where)[1]


def shadow(drawn, horizon=0.0, **light):
    where, alpha = standing(drawn)
    footprint = find_footprint(alpha)
    return (
        where,
        alpha,
        footprint,
        shadow_map(alpha, footprint, ShadowLight(**{"side": -0.8, "hardness": 0.4, **light}), horizon_row=horizon),
    )


def test_a_mug_stands_on_its_foot_and_not_on_its_handle():
    where, alpha = standing(mug())
    footprint = find_footprint(alpha)
    assert footprint.solid and len(footprint.runs) == 1
    first, last = footprint.runs[0]
    handle = where.left_px + where.scale * 205
    assert last < handle
    assert last - first > 0.7 * where.scale * 100


def test_a_chair_stands_on_all_four_feet():
    where, alpha = standing(chair())
    footprint = find_footprint(alpha)
    assert not footprint.solid
    for column, row in CHAIR_FEET:
        x, y = where.left_px + where.scale * column, where.top_px + where.scale * (row + 1)
        assert any(first - 3 <= x <= last + 3 for first, last in footprint.runs), f"no foot at {x:.0f}"
        assert abs(footprint.ground_row[round(x)] - y) < 5


def test_the_shadow_is_darkest_right_at_every_foot():
    """What gave early pictures away was a chair that floats: the darkest spot lay on one ellipse below its box."""
    where, _, _, darkness = shadow(chair())
    for column, row in CHAIR_FEET:
        x, y = round(where.left_px + where.scale * column), round(where.top_px + where.scale * (row + 1))
        at_foot = darkness[y : y + 4, x - 4 : x + 4].max()
        ten_below = darkness[y + 12 : y + 18, x - 4 : x + 4].max()
        assert at_foot > 0.35, f"foot at column {column} floats: {at_foot:.2f}"
        assert at_foot > ten_below


def test_the_contact_line_follows_the_curve_of_a_round_foot():
    _, _, footprint, darkness = shadow(mug(), cast=0.0)
    first, last = footprint.runs[0]
    for x in np.linspace(first + 0.15 * (last - first), last - 0.15 * (last - first), 7).astype(int):
        y = round(float(footprint.ground_row[x]))
        assert darkness[y : y + 3, x].max() > 0.4
        assert darkness[y + 3, x] > darkness[y + 30, x] > darkness[y + 90, x]


@pytest.mark.parametrize("drawn", [mug, chair])
def test_the_cast_shadow_falls_away_from_the_light(drawn):
    _, _, footprint, left_lit = shadow(drawn(), side=-0.8, contact=0.0, occlusion=0.0)
    _, _, _, right_lit = shadow(drawn(), side=0.8, contact=0.0, occlusion=0.0)
    left, _, right, _ = footprint.box
    assert left_lit[:, right + 5 :].sum() > 5 * left_lit[:, : left - 5].sum()
    assert right_lit[:, : left - 5].sum() > 5 * right_lit[:, right + 5 :].sum()


def test_a_lower_sun_throws_a_longer_shadow():
    def reach(light_reach):
        _, _, footprint, darkness = shadow(mug(), reach=light_reach, contact=0.0, occlusion=0.0, hardness=1.0)
        return np.flatnonzero((darkness > 0.03).any(axis=0)).max() - footprint.box[2]

    assert reach(0.9) > reach(0.4) + 30


def test_soft_light_throws_softer_shadows():
    def sharpest(hardness):
        _, _, footprint, darkness = shadow(mug(), hardness=hardness, reach=0.9, contact=0.0, occlusion=0.0)
        beyond = darkness[:, footprint.box[2] + 40 :]
        return np.abs(np.diff(beyond, axis=1)).max() / beyond.max()

    assert sharpest(1.0) > 1.5 * sharpest(0.0)


def test_far_from_the_product_nothing_is_dark():
    _, _, footprint, darkness = shadow(mug())
    left, top, _, bottom = footprint.box
    assert darkness[: top // 2].max() < 0.01
    assert darkness[:, : left // 3].max() < 0.01
    assert darkness[bottom + (FRAME - bottom) // 2 :].max() < 0.06


def test_a_long_shadow_climbs_the_wall_instead_of_lying_on_it():
    horizon = 0.70 * FRAME
    _, _, _, darkness = shadow(mug(), horizon=horizon, reach=1.2, side=-0.6, hardness=1.0, contact=0.0, occlusion=0.0)
    _, _, _, flat = shadow(mug(), horizon=0.0, reach=1.2, side=-0.6, hardness=1.0, contact=0.0, occlusion=0.0)
    wall = slice(0, int(horizon) - 20)
    assert np.flatnonzero((darkness[wall] > 0.05).any(axis=1)).size > np.flatnonzero((flat[wall] > 0.05).any(axis=1)).size


def test_darkness_stays_between_none_and_all():
    _, _, _, darkness = shadow(chair(), contact=1.0, occlusion=1.0, cast=1.0)
    assert darkness.min() >= -1e-6 and darkness.max() <= 1 + 1e-6


def test_full_darkness_leaves_the_tint():
    background = np.full((4, 4, 3), 200, np.float32)
    kept = darken(background, np.ones((4, 4), np.float32), tint_rgb=(0.1, 0.2, 0.3))
    assert np.allclose(kept, (20, 40, 60))
    assert np.array_equal(darken(background, np.zeros((4, 4), np.float32)), background)
