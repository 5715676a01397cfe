"""Compositing: light is added, not levels; shadow, reflection and edge light reach the surroundings and never the locked product."""

import cv2
import numpy as np
import pytest

from imaging.composite import Placed, Reflection, Shadow, composite, grounded, wrap_edge
from imaging.linear_light import light_of_fine_levels, light_of_hex, to_fine_levels, to_levels, to_light
from imaging.placing import fit_standing, place
from imaging.shadows import ShadowLight, shadow_map
from tests.drawn_products import chair, mug
from tests.picture_letters import shown_on_failure

FRAME = 600


def standing(drawn):
    foreground, alpha = drawn
    where = fit_standing(alpha, frame_width_px=FRAME, frame_height_px=FRAME, height_pct=50, width_max_pct=80, base_pct=75)
    rgb, placed = place(foreground, alpha, where)
    return Placed(rgb_HW3=rgb, alpha_HW=placed)


def gray(level):
    return np.full((FRAME, FRAME, 3), level, np.uint8)


def test_every_level_comes_back_from_light():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(to_levels(to_light(levels)), levels)
    assert np.abs(to_fine_levels(to_light(levels)) - levels).max() < 0.06
    assert np.abs(light_of_fine_levels(levels.astype(np.float32)) - to_light(levels)).max() < 1e-4
    assert np.allclose(light_of_hex("#ff8000"), to_light(np.array([255, 128, 0], np.uint8)))


def test_light_agrees_with_the_srgb_standard():
    assert to_light(np.array([188], np.uint8))[0] == pytest.approx(0.5028, abs=1e-3)
    assert to_levels(np.array([0.5, 2.0, -1.0], np.float32)).tolist() == [188, 255, 0]


def test_half_white_over_black_is_half_the_light():
    over, beneath = np.full((4, 4, 3), 255, np.uint8), np.zeros((4, 4, 3), np.uint8)
    assert np.abs(composite(over, np.full((4, 4), 128, np.uint8), beneath).astype(int) - 188).max() <= 1


def test_a_composite_shows_the_product_where_opaque_and_the_background_where_empty():
    placed = standing(mug())
    background = np.random.default_rng(0).integers(0, 256, (FRAME, FRAME, 3), dtype=np.uint8)
    before = background.copy()
    mixed = composite(placed.rgb_HW3, placed.alpha_HW, background)
    assert np.array_equal(mixed[placed.alpha_HW == 255], placed.rgb_HW3[placed.alpha_HW == 255])
    assert np.array_equal(mixed[placed.alpha_HW == 0], background[placed.alpha_HW == 0])
    assert np.array_equal(background, before)


def test_a_product_looks_as_thick_on_black_as_a_camera_sees_it():
    """A white disk on black, made small by averaging its light, against the same disk cut out, made small and laid on black."""
    large = np.zeros((800, 800), np.uint8)
    cv2.circle(large, (400, 400), 300, 255, -1)
    seen = to_levels(cv2.resize(to_light(large), (80, 80), interpolation=cv2.INTER_AREA))
    alpha = cv2.resize(large, (80, 80), interpolation=cv2.INTER_AREA)
    made = composite(np.full((80, 80, 3), 255, np.uint8), alpha, np.zeros((80, 80, 3), np.uint8))
    with shown_on_failure("disk", seen=seen, made=made):
        assert np.abs(made[..., 0].astype(int) - seen).max() <= 6


@pytest.mark.parametrize("drawn", [mug, chair])
def test_a_shadow_takes_light_from_the_ground_and_only_there(drawn):
    placed = standing(drawn())
    light = ShadowLight(side=-0.7, hardness=0.3)
    bare, shaded = to_light(gray(200)), grounded(to_light(gray(200)), placed, shadow=Shadow(light=light, kept_rgb=(0.1, 0.1, 0.1)))
    mirrored = grounded(to_light(gray(200)), placed, shadow=Shadow(light=ShadowLight(side=0.7, hardness=0.3)))
    share, beside = shaded / bare, placed.footprint.box[2] + 5
    foot = placed.footprint.runs[0]
    column, row = (foot[0] + foot[1]) // 2, round(float(placed.footprint.ground_row[(foot[0] + foot[1]) // 2]))
    with shown_on_failure("shadow", bare=to_levels(bare), shaded=to_levels(shaded)):
        assert share.max() <= 1 + 1e-6 and share.min() >= 0.1 - 1e-3
        assert share[row : row + 4, column].min() < 0.4
        assert share[:40].min() > 0.99
        assert share[:, beside:].mean() < (mirrored / bare)[:, beside:].mean()


@pytest.mark.parametrize("drawn", [mug, chair])
def test_a_shadow_drawn_for_a_part_of_the_frame_is_the_whole_frames(drawn):
    placed = standing(drawn())
    light = ShadowLight(side=0.0, hardness=0.0, cast=0.0, spread=0.5)
    whole = shadow_map(placed.alpha_HW, placed.footprint, light, horizon_row=0.0)
    left, top, right, bottom = within = placed.footprint.shadow_zone(FRAME, FRAME)
    part = shadow_map(placed.alpha_HW, placed.footprint, light, horizon_row=0.0, within=within)
    pictures = {"whole": to_levels(1 - whole), "part": to_levels(1 - part)}
    with shown_on_failure("part-of-shadow", **pictures):
        inner = np.s_[15:-15, 15:-15]
        assert np.abs(part - whole[top:bottom, left:right])[inner].mean() < 0.02


def test_a_reflection_is_the_product_upside_down_and_fades():
    placed = standing(mug())
    dark = np.zeros((FRAME, FRAME, 3), np.float32)
    mirrored = grounded(dark, placed, reflection=Reflection(strength=0.3, reach=0.4))
    _, top, _, bottom = placed.footprint.box
    column = sum(placed.footprint.runs[0]) // 2
    row = round(float(placed.footprint.ground_row[column]))
    below = mirrored[:, column].sum(axis=1)
    with shown_on_failure("reflection", mirrored=to_levels(mirrored), product=placed.rgb_HW3):
        own = to_light(placed.rgb_HW3[row - 4 : row - 3, column])[0]
        assert np.allclose(mirrored[row + 3, column] / own, 0.3, atol=0.05)
        assert below[: row - 2].max() == 0
        assert below[row + 5] > below[row + (bottom - top) // 5] > below[row + (bottom - top) // 3] > 0
        assert below[row + round(0.45 * (bottom - top)) :].max() == 0


def test_edge_light_reaches_the_rim_and_never_the_locked_pixels():
    placed = standing(mug())
    white = Placed(rgb_HW3=np.full_like(placed.rgb_HW3, 250), alpha_HW=placed.alpha_HW)
    wrapped = wrap_edge(white.rgb_HW3, white.alpha_HW, gray(20), amount=0.5)
    locked = cv2.erode((white.alpha_HW >= 250).astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    soft = (white.alpha_HW > 0) & (white.alpha_HW < 128)
    with shown_on_failure("edge-light", before=white.rgb_HW3, wrapped=wrapped):
        assert np.array_equal(wrapped[locked], white.rgb_HW3[locked])
        assert wrapped[soft].mean() < 225
        assert np.array_equal(wrap_edge(white.rgb_HW3, white.alpha_HW, gray(20), amount=0), white.rgb_HW3)


def test_nothing_that_is_laid_on_the_ground_changes_the_locked_product():
    placed = standing(chair())
    ground = grounded(
        to_light(gray(180)), placed, shadow=Shadow(light=ShadowLight(side=0.5, hardness=1.0)), reflection=Reflection(strength=0.5)
    )
    back = to_levels(ground)
    picture = composite(wrap_edge(placed.rgb_HW3, placed.alpha_HW, back, amount=1.0), placed.alpha_HW, back)
    locked = cv2.erode((placed.alpha_HW == 255).astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    assert locked.any() and np.array_equal(picture[locked], placed.rgb_HW3[locked])


def test_a_product_that_fills_the_frame_has_no_rim_for_light_to_wrap_around():
    """A lookup of no pixels at all gave an array of no shape, and a crash."""
    colors = np.full((40, 40, 3), 90, np.uint8)
    wrapped = wrap_edge(colors, np.full((40, 40), 255, np.uint8), np.full((40, 40, 3), 20, np.uint8), amount=0.3)
    assert np.array_equal(wrapped, colors)
    nothing = np.zeros((0, 3), np.float32)
    assert to_light(nothing.astype(np.uint8)).shape == to_levels(nothing).shape == (0, 3)
    assert light_of_fine_levels(nothing).shape == to_fine_levels(nothing).shape == (0, 3)
