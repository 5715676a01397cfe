"""Golden pictures of staged scenes: scale, harmony, and each rule on the second product of a pair, a picture on either side of its bound."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest

from catalog.brand_kit import BrandKit, CategoryStyle, Colorway
from catalog.placement import Placement
from catalog.product import Product
from generation import companion
from generation.kind import RenderSource
from generation.recipe_book import read_recipe_book
from generation.render import render_one
from generation.resolve import resolve
from generation.staging import harmonized
from imaging.light import read_light
from imaging.linear_light import to_levels, to_light
from quality.margins import margins_of
from quality.measurements import RenderEvidence, measure_render
from quality.placed_product import placed_companion, placed_product
from quality.rules import read_rules
from tests.drawn_products import bag, lit_wall
from tests.judged_pictures import textured_bottle
from tests.picture_letters import shown_on_failure

SIZE = 520
RULES = read_rules("staged_scene")
RECIPE = read_recipe_book()["staged_scene"].model_copy(update={"width_px": SIZE, "height_px": SIZE})
NAVY = Colorway(name="navy", hex="#24355c")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A render with what a cell knows of it."""

    pixels_HW3: np.ndarray
    placement: Placement
    facts: dict[str, Any]
    drawn: tuple[np.ndarray, np.ndarray]

    def broken(self) -> tuple[set[str], dict[str, Any]]:
        """Codes of the rules that it breaks, and its measurements."""
        rgb, alpha = placed_product(*self.drawn, self.placement, self.facts)
        evidence = RenderEvidence(
            pixels_HW3=self.pixels_HW3,
            product_rgb_HW3=rgb,
            product_alpha_HW=alpha,
            companion=placed_companion(*self.drawn, self.facts),
            facts=self.facts,
            file_format="PNG",
            file_bytes=100_000,
            icc="sRGB",
        )
        row = measure_render(evidence)
        return {one.code for one in margins_of(row, RULES) if one.is_broken}, row

    def second(self) -> np.ndarray:
        """Where the second product is seen, well inside of it."""
        rgb_alpha = placed_companion(*self.drawn, self.facts)
        front = cv2.dilate(placed_product(*self.drawn, self.placement, {})[1], np.ones((13, 13), np.uint8))
        return np.asarray(cv2.erode(np.where(front > 0, 0, rgb_alpha[1]).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)


def bottle():
    rgba = textured_bottle()
    return np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])


def staged(drawn, height_cm=20.0, **params):
    look = CategoryStyle(trigger="wall look", scenes=("oak table",), backdrops=("#c9d2bf",), colorways=(NAVY,), tallest_cm=40)
    kit = BrandKit(brand="b", palette=("#96aa8c", "#b48c5a"), recipes=("staged_scene",), categories={"things": look})
    item = Product(sku="P-1", title="Product", category="things", photos=("p.jpg",), height_cm=height_cm)
    resolved = resolve(RECIPE.with_params(params), item, kit, 0)
    made = render_one(resolved, 5, RenderSource(foreground_HW3=drawn[0], alpha_HW=drawn[1]), lit_wall(light_from_left=True))
    return Shown(pixels_HW3=made.pixels_HW3, placement=made.placement, facts=made.facts | {"resolved": resolved}, drawn=drawn)


@cache
def pair():
    return staged(bag(), composition="pair")


def test_a_good_pair_breaks_no_rule_and_is_no_twin():
    found, row = pair().broken()
    with shown_on_failure("pair-judged", render=pair().pixels_HW3):
        assert found <= {"DETAIL_LOST", "OFF_PALETTE", "COLORS_OFF_PALETTE", "SCENE_ONE_COLOR"}, (
            "the drawn plate and product are that plain"
        )
        assert row["companion_known"] == 1 and row["twin_similarity"] < 0.43


def test_a_third_product_beside_a_pair_is_found():
    shown = pair()
    rgb, alpha = placed_product(*shown.drawn, shown.placement, {})
    small = [cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for one in (rgb, alpha)]
    pixels, corner = shown.pixels_HW3.copy(), np.s_[: small[1].shape[0], SIZE - small[1].shape[1] :]
    pixels[corner][small[1] > 127] = small[0][small[1] > 127]
    with shown_on_failure("pair-third", render=pixels):
        assert "PRODUCT_TWICE" in replace(shown, pixels_HW3=pixels).broken()[0]


def painted(shown, change):
    """The second product's pixels, well inside of it, changed."""
    pixels, where = shown.pixels_HW3.astype(np.float32), shown.second()
    pixels[where] = change(pixels, where)
    return replace(shown, pixels_HW3=np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def label_tinted(shown, amount):
    """The white label of the second bag, which keeps its color, toward yellow."""
    pixels, there = shown.pixels_HW3.astype(np.float32), Placement(**shown.facts["companion"]["placement"])
    left, top, right, bottom = (round(there.scale * edge) for edge in (112, 172, 188, 208))
    label = np.s_[round(there.top_px) + top : round(there.top_px) + bottom, round(there.left_px) + left : round(there.left_px) + right]
    pixels[label] -= (0, 0, amount)
    return replace(shown, pixels_HW3=np.clip(pixels, 0, 255).astype(np.uint8))


def with_facts(shown, **told):
    return replace(shown, facts=shown.facts | {"companion": shown.facts["companion"] | told})


def stripes(strength):
    return lambda pixels, where: pixels[where] + strength * np.where(np.nonzero(where)[0] // 3 % 2, 1.0, -1.0)[:, None]


def larger(shown, factor):
    """Facts of a second product that is told to stand at another scale, as a renderer would draw it there."""
    there = shown.facts["companion"]["placement"]
    return with_facts(shown, placement=there | {"scale": there["scale"] * factor})


def standing_apart(monkeypatch, overlap):
    monkeypatch.setattr(companion, "OVERLAPS", (overlap,))
    return staged(bag(), composition="pair")


GOLDEN = [
    ("PAIR_NOT_TO_SCALE", lambda: larger(pair(), 1.004), lambda: larger(pair(), 1.04)),
    ("PAIR_CHANGED", lambda: painted(pair(), stripes(0.3)), lambda: painted(pair(), stripes(9.0))),
    ("PAIR_COLOR_OFF", lambda: painted(pair(), lambda p, w: p[w] + 2), lambda: painted(pair(), lambda p, w: p[w] + (22, 0, 0))),
    ("PAIR_PARTS_CHANGED", pair, lambda: label_tinted(pair(), 30)),
    ("PAIR_FLOATING", pair, lambda: staged(bag(), composition="pair", shadow=0)),
]


@pytest.mark.parametrize(("code", "within", "outside"), GOLDEN, ids=[f"{code}-{n}" for n, (code, _, _) in enumerate(GOLDEN)])
def test_a_second_product_passes_within_each_bound_and_is_rejected_outside(code, within, outside):
    good, bad = within(), outside()
    with shown_on_failure(code, within=good.pixels_HW3, outside=bad.pixels_HW3):
        assert code not in good.broken()[0]
        assert code in bad.broken()[0]


def test_a_second_product_that_is_half_hidden_is_rejected(monkeypatch):
    hidden = standing_apart(monkeypatch, 0.5)
    assert "PAIR_HIDES" in hidden.broken()[0] and "PAIR_HIDES" not in pair().broken()[0]


def test_a_second_product_at_the_frames_edge_is_rejected(monkeypatch):
    monkeypatch.setattr(companion, "GROUP_WIDTH_MAX_PCT", 99.0)
    wide = staged(bag(), height_cm=None, composition="pair")
    assert "PAIR_CROPPED" not in wide.broken()[0], "as high as its category's, it is not that wide"
    monkeypatch.setattr(companion, "OVERLAPS", (-0.9,))
    cropped = staged(bag(), height_cm=None, composition="pair")
    assert "PAIR_CROPPED" in cropped.broken()[0]


@pytest.mark.parametrize(("factor", "is_true"), [(1.015, True), (0.97, False)])
def test_a_product_that_is_not_shown_to_scale_is_rejected(factor, is_true):
    """Its centimeters ask for a height in the frame; the silhouette is measured against it."""
    shown = small_bottle()
    asked = shown.facts["resolved"] | {"product_height_pct": shown.facts["resolved"]["product_height_pct"] * factor}
    found, row = replace(shown, facts=shown.facts | {"resolved": asked}).broken()
    assert ("NOT_TO_SCALE" not in found) is is_true, row["asked_size_error_pct"]


@cache
def small_bottle():
    return staged(bottle(), height_cm=20)


def test_scale_realism_shows_a_small_product_small_and_the_gate_agrees():
    heights = {}
    for realism in (0.0, 1.0):
        found, row = staged(bottle(), height_cm=20, scale_realism=realism).broken()
        heights[realism] = row["product_height_px"]
        assert "NOT_TO_SCALE" not in found
    assert heights[1.0] / heights[0.0] == pytest.approx(20 / 40, abs=0.02)


def test_light_that_is_taken_out_of_the_scene_passes_and_out_of_the_product_is_rejected():
    """`harmony` is of the surroundings; the same change on locked pixels is a tint."""
    shown = staged(bottle(), height_cm=20, harmony=1.0)
    codes = {"TINTED", "COLOR_SHIFTED", "HUE_TURNED", "CHROMA_CHANGED"}
    assert not codes & shown.broken()[0]
    warm = replace(read_light(lit_wall(light_from_left=True)), warmth=9.0)
    cooled = to_levels(harmonized(to_light(shown.pixels_HW3), warm, 1.0))
    found = replace(shown, pixels_HW3=cooled).broken()[0]
    with shown_on_failure("harmony", scene=shown.pixels_HW3, product_too=cooled):
        assert codes & found
