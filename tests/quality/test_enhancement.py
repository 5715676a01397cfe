"""The gate of enhanced photos: a correction passes, and whatever else happened to the photo is found, whatever the renderer says of it."""

import copy
from functools import cache

import cv2
import numpy as np
import pandas as pd
import pytest

from generation.kind import RenderSource
from generation.recipe_book import read_recipe_book
from generation.render import render_group
from generation.resolve import resolve
from imaging.linear_light import to_levels, to_light
from imaging.measure_enhancement import chroma_around, chroma_at, measure_enhancement
from imaging.upright import motion_of, upright_matrix
from quality.enhancement import measure_enhanced
from quality.gate import judge_table
from quality.measurements import RenderEvidence, measure_render, views_of
from quality.placed_product import placed_product
from quality.rules import read_rules
from tests.generation.test_enhance import KIT, PRODUCT, SIZE, alpha, leaning, photo
from tests.sample_photos import studio_photo

BOOK = read_recipe_book()


@cache
def spoiled():
    """A dark photo that leans by 4 degrees, and its alpha."""
    return leaning(to_levels(to_light(photo()) * np.float32(0.5)), 4), leaning(alpha(), 4, cv2.BORDER_CONSTANT)


@cache
def enhanced():
    picture, mask = spoiled()
    recipe = BOOK["enhance"].model_copy(update={"width_px": 600, "height_px": 600})
    source = RenderSource(foreground_HW3=picture, alpha_HW=mask, photo=lambda: picture)
    return render_group([resolve(recipe, PRODUCT, KIT, 0)], [5], source, None)[0]


def measured(pixels=None, facts=None):
    """Measurements of the enhanced photo, its pixels or facts replaced."""
    made = enhanced()
    facts = made.facts if facts is None else facts
    rgb, mask = placed_product(*spoiled(), made.placement, facts)
    shown = made.pixels_HW3 if pixels is None else pixels
    return measure_render(
        RenderEvidence(
            pixels_HW3=shown,
            product_rgb_HW3=rgb,
            product_alpha_HW=mask,
            photo=spoiled(),
            facts=facts,
            file_format="PNG",
            icc="sRGB",
            file_bytes=9,
        )
    )


def told(**changes):
    """The render's facts with some of what it says of the correction replaced."""
    facts = copy.deepcopy(enhanced().facts)
    for part, values in changes.items():
        facts["enhanced"][part] |= values
    return facts


def tinted(pixels):
    return to_levels(to_light(pixels) * np.array([1.1, 1.0, 0.8], np.float32))


def sharpened(pixels):
    level = pixels.astype(np.float32)
    return np.clip(level + 2.5 * (level - cv2.GaussianBlur(level, (0, 0), 3)), 0, 255).astype(np.uint8)


def softened(pixels):
    return cv2.GaussianBlur(pixels, (0, 0), 1.6)


def noisy(pixels):
    return np.clip(pixels + np.random.default_rng(2).normal(0, 7, pixels.shape), 0, 255).astype(np.uint8)


def burnt(pixels):
    return np.clip(pixels * 1.6, 0, 255).astype(np.uint8)


def bent(pixels):
    rows, columns = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]].astype(np.float32)
    return cv2.remap(pixels, columns + 4 * np.sin(rows / 30), rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def purple():
    """Another color, and facts that call it the light of a lamp."""
    gains = [1.9, 0.6, 1.9]
    return to_levels(to_light(enhanced().pixels_HW3) * np.array(gains, np.float32)), told(
        white_balance={"gains": gains, "witness": "background"}
    )


def yellow():
    """A white balance that turns white paper yellow."""
    gains = [1.0, 0.9, 0.6]
    return to_levels(to_light(enhanced().pixels_HW3) * np.array(gains, np.float32)), told(
        white_balance={"gains": gains, "witness": "background"}
    )


DAMAGES = {
    tinted: "HUE_CHANGED",
    sharpened: "SHARPENED_HALO",
    softened: "BLURRED",
    noisy: "NOISIER",
    burnt: "HIGHLIGHTS_LOST",
    bent: "BENT",
}


@pytest.fixture(scope="module")
def judged():
    """Verdict, codes and measurements of the enhanced photo and of what became of it otherwise, by name; judged as one table, for a suite takes time."""
    rows = {"mended": measured(), "purple": measured(*purple()), "yellow": measured(*yellow())}
    rows |= {damage.__name__: measured(damage(enhanced().pixels_HW3)) for damage in DAMAGES}
    table = pd.DataFrame([{"render_id": name, **row} for name, row in rows.items()])
    return {
        one.render_id: (str(one.verdict), {reason.code for reason in one.reasons}, rows[one.render_id])
        for one in judge_table(table, read_rules("enhance"))
    }


def test_a_dark_leaning_photo_that_was_mended_is_approved(judged):
    verdict, codes, row = judged["mended"]
    assert enhanced().facts["enhanced"]["geometry"]["tilt_deg"] == pytest.approx(4, abs=0.4)
    assert (verdict, codes) == ("approved", set())
    assert 0.5 < row["exposure_ev"] < 1.5 and row["hue_kept_delta_e"] < 2


@pytest.mark.parametrize(("damage", "code"), [(damage.__name__, code) for damage, code in DAMAGES.items()])
def test_what_else_happened_to_a_photo_is_rejected_for_its_reason(judged, damage, code):
    verdict, codes, _ = judged[damage]
    assert verdict == "rejected" and code in codes


def test_gains_that_no_lamp_explains_are_not_believed(judged):
    verdict, codes, _ = judged["purple"]
    assert verdict == "rejected" and "HUE_CHANGED" in codes


def test_a_white_balance_that_leaves_its_white_paper_tinted_is_rejected(judged):
    verdict, codes, _ = judged["yellow"]
    assert verdict == "rejected" and "STILL_TINTED" in codes


@cache
def under_a_lamp():
    """A photo on white paper under a warm lamp, and its correction in one look, told that the paper is white."""
    picture = to_levels(to_light(studio_photo(SIZE, paper=(236, 236, 236), noise=0.4)) * np.array([1.0, 0.86, 0.62], np.float32))
    recipe = BOOK["enhance_uniform"].model_copy(update={"width_px": SIZE, "height_px": SIZE})
    resolved = resolve(recipe.with_params({"white_balance": "background", "shadow": 0}), PRODUCT, KIT, 0)
    source = RenderSource(foreground_HW3=picture, alpha_HW=alpha(), photo=lambda: picture)
    [made] = render_group([resolved], [5], source, None)
    return picture, made, {**made.facts, "resolved": resolved}


def in_one_look(told_gains=None, applied=None, photo_known=True, **resolved_params):
    """What is measured of hue and white of that correction, other gains applied to it or named in its place."""
    picture, made, facts = under_a_lamp()
    facts = copy.deepcopy(facts)
    light = facts["enhanced"]["white_balance"]
    true, told = np.array(light["gains"], np.float32), light["gains"] if told_gains is None else told_gains
    light["gains"] = list(told)
    facts["resolved"]["params"] |= resolved_params
    pixels = made.pixels_HW3 if applied is None else to_levels(to_light(made.pixels_HW3) / true * np.array(applied, np.float32))
    rgb, mask = placed_product(picture, alpha(), made.placement, facts)
    evidence = RenderEvidence(
        pixels_HW3=pixels, product_rgb_HW3=rgb, product_alpha_HW=mask, facts=facts, photo=(picture, alpha()) if photo_known else None
    )
    row = measure_enhanced(evidence, views_of(evidence))
    return row["hue_kept_delta_e"], row["white_chroma"]


def test_a_white_balance_that_the_photo_confirms_is_believed():
    hue, white = in_one_look()
    assert hue < 2 and white < 0.5


def test_gains_that_the_photo_does_not_tell_are_not_believed_before_a_new_backdrop():
    """Any gains that a lamp explains were believed where the photo's backdrop had been replaced: 7.7 CIEDE2000, and no rule broken."""
    wrong = (1.35, 0.95, 0.62)
    hue, white = in_one_look(told_gains=wrong, applied=wrong)
    assert hue > 2.2 and white > 6
    assert in_one_look(white_balance="off")[0] > 2.2  # nobody asked for them
    hue, white = in_one_look(photo_known=False)
    assert hue > 2.2 and white is None  # nothing tells, and what is not measured is not approved


def test_what_shows_no_white_place_is_not_called_neutral():
    picture, mask = np.full((90, 90, 3), 200, np.uint8), np.full((90, 90), 255, np.uint8)
    assert chroma_at(picture, 120, 20) is None and chroma_at(picture, -1, 20) is None and chroma_at(picture, 20, 20) < 1
    assert chroma_around(picture, mask) is None


def test_a_black_products_color_is_measured_where_there_is_no_other():
    """With fewer than 25 light places the change of hue was 0, whatever had happened."""
    black, mask = np.full((200, 200, 3), 24, np.uint8), np.full((200, 200), 255, np.uint8)
    reddened = np.full((200, 200, 3), (34, 20, 20), np.uint8)
    assert measure_enhancement(black, black, mask, (1, 1, 1))["hue_kept_delta_e"] < 0.5
    assert measure_enhancement(reddened, black, mask, (1, 1, 1))["hue_kept_delta_e"] > 5


def test_a_matrix_that_is_no_correction_is_not_believed():
    """The photo turned by 30 degrees, stretched or mirrored, and facts that say so in earnest."""
    mask = spoiled()[1]
    for matrix in (upright_matrix(SIZE, SIZE, tilt_deg=30.0), np.diag([1.3, 1.0, 1.0]), np.diag([-1.0, 1.0, 1.0])):
        facts = told(geometry={"matrix": matrix.ravel().tolist(), "tilt_deg": 4.0})
        believed = placed_product(*spoiled(), enhanced().placement, facts)[1]
        unmoved = placed_product(*spoiled(), enhanced().placement, {})[1]
        assert np.array_equal(believed, unmoved)
    assert mask.shape == (SIZE, SIZE)


def test_the_motion_of_a_correction_is_told_as_it_was_made():
    moved = motion_of(upright_matrix(800, 600, tilt_deg=4.0, keystone_deg=5.0), (200, 100, 600, 500))
    assert moved.turn_deg == pytest.approx(-4.0, abs=0.2) and moved.scale == pytest.approx(1.0, abs=0.02)
    assert 2 < moved.keystone_pct < 12 and moved.is_correction()
