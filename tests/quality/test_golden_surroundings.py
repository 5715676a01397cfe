"""Golden pictures of what surrounds a product: for each shipped rule on it a picture just within its bound and one just outside."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from benchmarks.surrounding_faults import PALETTE, WALL_RGB, drawn_backdrop, drawn_room, hovering, standing
from imaging.color import lab_to_srgb, srgb_to_lab
from imaging.measure_views import background_zone
from quality.margins import margins_of
from quality.palette import compare_with_palette
from quality.rules import RuleSet, read_pack
from quality.surroundings import measure_surroundings
from tests.judged_pictures import textured_bottle

SIDE = 400
KINDS = {"staged_scene": "scene", "backdrop": "plain"}
TOWARD_BLUE = (60, 90, 200)


def scene_of(recipe):
    background = drawn_room(SIDE, 8) if recipe == "staged_scene" else drawn_backdrop(SIDE, 8)
    return standing(textured_bottle(), SIDE, background_HW3=background, seed=8, fill=0.6)


def with_background(scene, background):
    return replace(scene, background_HW3=np.asarray(background, np.float32)).flat()


def mixed(scene, amount, other):
    return scene.background_HW3 * (1 - amount) + np.asarray(other, np.float32) * amount


def covered(scene, share, color):
    """The scene with the upper part of it in one color: as much of what surrounds the product as asked for."""
    zone = background_zone(scene.alpha_HW >= 0.5)
    rows = np.searchsorted(np.cumsum(zone.sum(axis=1)), share * zone.sum())
    background = scene.background_HW3.copy()
    background[:rows] = color
    return with_background(scene, background)


def blue_by(scene, amount):
    return with_background(scene, mixed(scene, amount, TOWARD_BLUE))


def tiled_by(scene, amount):
    """A scene that fades into tiles of itself."""
    tile = np.tile(scene.background_HW3[260:360, :100], (4, 4, 1)) + 60 * (np.arange(SIDE)[None, :, None] % 100 < 40)
    return with_background(scene, mixed(scene, amount, np.clip(tile, 0, 255)))


def hovering_by(scene, share):
    """The shadow begins so far below the foot, in shares of the product's height."""
    x0, y0, x1, y1 = scene.box
    shadow = np.zeros_like(scene.shadow_HW)
    top = y1 + round(share * (y1 - y0))
    shadow[top : top + 24, x0:x1] = 0.6
    return replace(scene, shadow_HW=shadow).flat()


def painted_by(scene, chroma):
    """A shadow turned toward blue by so much of a* and b* at L 50."""
    lab = srgb_to_lab((scene.background_HW3 * (1 - scene.shadow_HW[..., None]) / 255).astype(np.float32))
    lab[..., 2] -= chroma * scene.shadow_HW * (lab[..., 0] + 16) / 66
    painted = lab_to_srgb(lab) * 255
    return np.clip(np.rint(painted * (1 - scene.alpha_HW[..., None]) + scene.rgb_HW3 * scene.alpha_HW[..., None]), 0, 255).astype(np.uint8)


GOLDEN = {
    ("staged_scene", "palette_delta_e"): (blue_by, 0.0, 1.0),
    ("staged_scene", "palette_off_share_pct"): (lambda scene, share: covered(scene, share, TOWARD_BLUE), 0.56, 0.64),
    ("staged_scene", "scene_repeat"): (tiled_by, 0.0, 1.0),
    ("staged_scene", "scene_garish_pct"): (lambda scene, share: covered(scene, share, (255, 0, 255)), 0.12, 0.18),
    ("staged_scene", "scene_one_color_pct"): (lambda scene, share: covered(scene, share, WALL_RGB), 0.84, 0.93),
    ("staged_scene", "shadow_gap_pct"): (hovering_by, 0.01, 0.05),
    ("staged_scene", "shadow_chroma"): (painted_by, 2.0, 40.0),
    ("backdrop", "palette_delta_e"): (blue_by, 0.0, 1.0),
    ("backdrop", "shadow_gap_pct"): (hovering_by, 0.01, 0.05),
    ("backdrop", "shadow_chroma"): (painted_by, 0.0, 20.0),
}
"""Recipe and column -> how a picture is made, and the amounts within and outside the bound."""
NARROWED = 5
"""Halvings by which the two amounts are brought toward the bound."""


def measured(recipe, picture, scene):
    lab, product = srgb_to_lab(picture), scene.alpha_HW >= 0.5
    views = SimpleNamespace(render_HW3=picture, render_lab_HW3=lab, product_HW=product, background_HW=background_zone(product))
    row = measure_surroundings(views, KINDS[recipe], {})
    compare_with_palette([row], PALETTE)
    return row


def is_broken(recipe, column, row):
    pack = read_pack(recipe)
    (rule,) = [rule for rule in pack.rules if rule.column == column]
    (margin,) = margins_of(row, RuleSet(recipe=recipe, background=pack.background, rules=(rule,)))
    return margin.is_broken


@pytest.mark.parametrize(("recipe", "column"), GOLDEN)
def test_the_picture_within_passes_the_rule_and_the_one_outside_does_not(recipe, column):
    make, within, outside = GOLDEN[recipe, column]
    scene = scene_of(recipe)
    assert not is_broken(recipe, column, measured(recipe, make(scene, within), scene))
    assert is_broken(recipe, column, measured(recipe, make(scene, outside), scene))
    for _ in range(NARROWED):
        middle = (within + outside) / 2
        if is_broken(recipe, column, measured(recipe, make(scene, middle), scene)):
            outside = middle
        else:
            within = middle
    values = [measured(recipe, make(scene, amount), scene)[column] for amount in (within, outside)]
    (rule,) = [rule for rule in read_pack(recipe).rules if rule.column == column]
    assert values[0] <= rule.max < values[1], values


def test_every_shipped_rule_on_surroundings_has_its_golden_pictures():
    columns = {column for _, column in GOLDEN}
    asked = {(name, rule.column) for name in KINDS for rule in read_pack(name).rules if rule.column in columns}
    assert asked == set(GOLDEN)


def test_a_shadow_that_lies_lower_is_further_from_the_foot():
    scene = scene_of("backdrop")
    assert (
        measured("backdrop", hovering(scene), scene)["shadow_gap_pct"]
        > measured("backdrop", hovering_by(scene, 0.03), scene)["shadow_gap_pct"]
    )
    assert cv2.countNonZero((scene.shadow_HW > 0.3).astype(np.uint8)) > 100
