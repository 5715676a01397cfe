"""The gates of recolor, pattern and material: true pictures pass, damaged ones are rejected for what was damaged."""

import cv2
import numpy as np
import pandas as pd
import pytest

from catalog.product import Product
from generation.kind import RenderSource
from generation.part import part_map
from generation.recipe_book import read_recipe_book
from generation.render import render_group
from generation.resolve import resolve
from imaging.color import lab_to_srgb, srgb_to_lab
from imaging.composite import composite
from imaging.placing import place
from quality.gate import judge_table
from quality.measurements import RenderEvidence, measure_render
from quality.rules import read_rules
from tests.generation.test_covering import kit
from tests.judged_pictures import textured_bottle

PRODUCT = Product(sku="P-1", title="Bottle", category="things", photos=("p.jpg",), width_cm=8.0, height_cm=18.5)
ASKED = {"recolor": {"hex": "#3f6f8f"}, "pattern": {"pattern": "checks", "repeat_cm": 2}, "material": {"material": "leather"}}
BOTTLE = textured_bottle()
LIT = np.linspace(1.12, 0.72, BOTTLE.shape[1], dtype=np.float32)[None, :, None]
"""From the left: a form that the photo shows."""
COLORS, ALPHA = (
    np.clip(BOTTLE[..., :3] * LIT, 0, 255).astype(np.uint8),
    np.where(BOTTLE[..., 3] >= 250, 255, BOTTLE[..., 3]).astype(np.uint8),
)


@pytest.fixture(scope="module")
def pictures():
    """By recipe: a true picture, and the product and alpha as placed."""
    made = {}
    for name, params in ASKED.items():
        recipe = read_recipe_book()[name].model_copy(update={"width_px": 700, "height_px": 700}).with_params(params)
        source = RenderSource(foreground_HW3=COLORS, alpha_HW=ALPHA)
        picture = render_group([resolve(recipe, PRODUCT, kit(), 0)], [1], source, None)[0]
        made[name] = picture, *place(COLORS, ALPHA, picture.placement)
    return made


def judged(pictures, name, pixels=None, **facts):
    picture, rgb, alpha = pictures[name]
    evidence = RenderEvidence(
        pixels_HW3=picture.pixels_HW3 if pixels is None else pixels,
        product_rgb_HW3=rgb,
        product_alpha_HW=alpha,
        changes_product=True,
        facts={**picture.facts, **facts},
        file_bytes=9000,
        file_format="PNG",
        icc="sRGB",
    )
    row = measure_render(evidence)
    row |= {"size_known": 1.0, "aspect_error_pct": 0.0}
    judgment = judge_table(pd.DataFrame([{"render_id": "one", **row}]), read_rules(name))[0]
    return str(judgment.verdict), {reason.code for reason in judgment.reasons if reason.severity == "critical"}, row


@pytest.mark.parametrize("name", ASKED)
def test_a_true_picture_is_approved(pictures, name):
    verdict, codes, row = judged(pictures, name)
    assert (verdict, codes) == ("approved", set()), row


@pytest.mark.parametrize("name", ASKED)
def test_a_label_that_changed_is_told(pictures, name):
    """The label, far from the part, gets a tint of one level in every eighth column; and one of 14 levels."""
    picture, *_ = pictures[name]
    label = np.zeros(picture.pixels_HW3.shape[:2], bool)
    scale, left, top = picture.placement.scale, picture.placement.left_px, picture.placement.top_px
    label[round(top + 375 * scale) : round(top + 525 * scale), round(left + 100 * scale) : round(left + 300 * scale)] = True
    little, much = picture.pixels_HW3.copy(), picture.pixels_HW3.copy()
    little[label & (np.arange(label.shape[1]) % 8 == 0), 2] -= 1
    much[label, 2] = np.clip(much[label, 2].astype(int) - 14, 0, 255)
    assert "OTHER_PARTS_CHANGED" not in judged(pictures, name, little)[1]
    verdict, codes, _ = judged(pictures, name, much)
    assert verdict == "rejected" and "OTHER_PARTS_CHANGED" in codes


@pytest.mark.parametrize("name", ASKED)
def test_a_part_without_its_light_is_told(pictures, name):
    """The body is painted over evenly, as a bucket fill does."""
    picture, rgb, alpha = pictures[name]
    changed = (np.abs(picture.pixels_HW3.astype(int) - rgb).max(axis=-1) > 0).astype(np.uint8)
    part = (cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)) > 0) & (alpha == 255)
    filled = picture.pixels_HW3.copy()
    filled[part] = (70, 110, 140)
    codes = judged(pictures, name, filled)[1]
    assert codes & {"FORM_LOST", "STRUCTURE_SSIM"}, codes


def test_a_color_that_misses_its_target_on_the_mean_is_told(pictures):
    near, far = "#42708f", "#7f5f4f"
    assert judged(pictures, "recolor", target_hex=near)[0] == "approved"
    verdict, codes, _ = judged(pictures, "recolor", target_hex=far)
    assert verdict == "rejected" and "TARGET_MEAN" in codes


@pytest.mark.parametrize(
    ("stated_cm", "verdict"), [(2.0, "approved"), (2.05, "approved"), (2.17, "review"), (3.0, "rejected"), (1.0, "rejected")]
)
def test_a_pattern_of_another_scale_than_stated_is_told(pictures, stated_cm, verdict):
    found, codes, row = judged(pictures, "pattern", repeat_cm=stated_cm)
    assert found == verdict, row["repeat_error_pct"]
    assert ("SCALE_OFF" in codes) == (verdict == "rejected") or verdict == "review"


@pytest.mark.parametrize("name", ["pattern", "material"])
def test_a_product_with_a_piece_missing_is_told(pictures, name):
    picture, _, alpha = pictures[name]
    bitten = picture.pixels_HW3.copy()
    rows, columns = np.nonzero(alpha == 255)
    center = (int(columns.max()), int(rows.mean()))
    cv2.circle(bitten, center, 60, (255, 255, 255), -1)
    verdict, codes, _ = judged(pictures, name, bitten)
    assert verdict == "rejected" and "HOLLOW" in codes


@pytest.mark.parametrize(("lighter_l", "expected"), [(2, "approved"), (-2, "approved"), (7, "rejected"), (-7, "rejected")])
def test_a_colorway_that_is_too_pale_or_too_dark_is_told(pictures, lighter_l, expected):
    """Asked for is a color that has another lightness than what was made, and the same hue and chroma."""
    goal = srgb_to_lab(np.array([[[0x3F, 0x6F, 0x8F]]], np.uint8))
    goal[..., 0] -= lighter_l
    red, green, blue = (round(float(one) * 255) for one in lab_to_srgb(goal)[0, 0])
    verdict, codes, row = judged(pictures, "recolor", target_hex=f"#{red:02x}{green:02x}{blue:02x}")
    assert (verdict, "TARGET_MISSED" in codes) == (expected, expected == "rejected"), row["target_median_delta_e"]


@pytest.mark.parametrize("name", ASKED)
def test_a_product_to_which_nothing_was_done_is_told(pictures, name):
    _, rgb, alpha = pictures[name]
    untouched = composite(rgb, alpha, np.full(rgb.shape, 255, np.uint8))
    verdict, codes, _ = judged(pictures, name, untouched)
    assert verdict == "rejected" and codes & {"NOT_CHANGED", "TARGET_MISSED"}, codes


@pytest.mark.parametrize("name", ASKED)
def test_a_renderer_that_took_its_label_along_is_told_by_its_own_map(pictures, name):
    """The map says that the label belongs to the part; without another look the label would count as changed on purpose."""
    _, _, alpha = pictures[name]
    whole = part_map(np.where(alpha >= 128, np.uint8(255), np.uint8(0)))
    row = judged(pictures, name, part_map=whole)[2]
    assert row["part_agreement_pct"] < 85
    given = judged(pictures, name, part_map=whole, resolved={"part_mask": "0" * 64})[2]
    assert given["part_agreement_pct"] == 100


def test_the_target_that_was_planned_counts_not_the_one_that_the_renderer_states(pictures):
    codes = judged(pictures, "recolor", resolved={"target_hex": "#8f3f3f"})[1]
    assert "TARGET_MISSED" in codes
