"""Pairs in a scene: the product beside itself in a colorway, at one scale, on shadows of their own, neither touched nor hidden."""

import cv2
import numpy as np
import pytest

from catalog.brand_kit import BrandKit, CategoryStyle, Colorway
from catalog.errors import RenderError
from catalog.keys import digest
from catalog.placement import Placement
from catalog.product import Product
from generation.companion import HIDDEN_MAX
from generation.kind import RenderSource
from generation.recipe_book import read_recipe_book
from generation.render import render_one
from generation.resolve import resolve
from imaging.color import delta_e2000, srgb_to_lab
from imaging.footprint import find_footprint
from imaging.placing import place
from tests.drawn_products import bag, chair, lit_wall, mug
from tests.picture_letters import shown_on_failure

SIZE = 480
RECIPE = read_recipe_book()["staged_scene"].model_copy(update={"width_px": SIZE, "height_px": SIZE})
NAVY, MUSTARD = Colorway(name="navy", hex="#24355c"), Colorway(name="mustard", hex="#d9a52e")


def kit(*colorways, **style):
    look = CategoryStyle(trigger="wall look", scenes=("oak table", "elm table"), backdrops=("#c9d2bf",), colorways=colorways, **style)
    return BrandKit(brand="b", palette=("#ffffff",), recipes=("staged_scene",), categories={"things": look})


def resolved(brand=None, index=0, color="", **params):
    item = Product(sku="P-1", title="Product", category="things", color=color, photos=("p.jpg",))
    return resolve(RECIPE.with_params({"composition": "pair"} | params), item, brand or kit(NAVY, MUSTARD), index)


def pair(drawn, plate=None, brand=None, **params):
    source = RenderSource(foreground_HW3=drawn[0], alpha_HW=drawn[1])
    return render_one(resolved(brand, **params), 5, source, lit_wall(light_from_left=True) if plate is None else plate)


def alphas(drawn, picture):
    """The front product's alpha in the frame, and the other's."""
    return tuple(place(*drawn, one)[1] for one in (picture.placement, Placement(**picture.facts["companion"]["placement"])))


@pytest.mark.parametrize("drawn", [mug(), bag()], ids=["mug", "bag"])
def test_a_pair_stands_side_by_side_at_one_scale_and_hides_next_to_nothing(drawn):
    picture = pair(drawn)
    front, behind = alphas(drawn, picture)
    with shown_on_failure("pair", render=picture.pixels_HW3):
        assert picture.facts["companion"]["placement"]["scale"] == picture.placement.scale
        assert ((front >= 128) & (behind >= 128)).sum() <= (HIDDEN_MAX + 0.01) * (behind >= 128).sum()
        both = np.flatnonzero(((front > 127) | (behind > 127)).any(axis=0))
        assert both[0] > 0.07 * SIZE and both[-1] < 0.93 * SIZE and abs(both[0] + both[-1] - SIZE) < 3, "in the middle, room on both sides"
        feet = [np.flatnonzero((one > 127).any(axis=1))[-1] for one in (front, behind)]
        assert feet[1] < feet[0] - 4, "the second one stands behind"


def test_the_products_of_a_pair_are_as_photographed_but_for_the_colorway():
    drawn = bag()
    picture = pair(drawn)
    front, behind = alphas(drawn, picture)
    inside = cv2.erode((front >= 250).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    own = place(*drawn, picture.placement)[0]
    with shown_on_failure("pair-locked", render=picture.pixels_HW3):
        assert np.array_equal(picture.pixels_HW3[inside], own[inside])
        there = Placement(**picture.facts["companion"]["placement"])
        photographed = place(*drawn, there)[0]
        clear = (cv2.erode((behind >= 250).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0) & (cv2.dilate(front, np.ones((7, 7))) == 0)
        apart = delta_e2000(srgb_to_lab(picture.pixels_HW3), srgb_to_lab(photographed))
        column, row = round(there.left_px + there.scale * 150), round(there.top_px + there.scale * 190)
        assert apart[row - 4 : row + 4, column - 4 : column + 4].max() < 1, "the label keeps its color"
        changed = clear & (apart > 8)
        assert changed.sum() > 0.6 * clear.sum()
        goal = srgb_to_lab(np.array([[[0x24, 0x35, 0x5C]]], np.uint8))[0, 0]
        assert delta_e2000(np.median(srgb_to_lab(picture.pixels_HW3)[changed], axis=0), goal) < 3


@pytest.mark.parametrize("from_left", [True, False])
def test_the_second_product_stands_toward_the_light(from_left):
    """So that the front one's shadow falls away from it, and no shadow has to fall on locked pixels."""
    drawn = mug()
    lit = (np.ascontiguousarray(drawn[0][:, ::-1]), drawn[1]) if not from_left else drawn
    picture = pair(lit, lit_wall(light_from_left=from_left))
    side = picture.facts["companion"]["placement"]["left_px"] - picture.placement.left_px
    assert (side < 0) is (picture.facts["light"]["side"] < 0)


@pytest.mark.parametrize("drawn", [mug(), chair()], ids=["mug", "chair"])
def test_each_of_a_pair_has_its_own_shadow(drawn):
    picture, bare = pair(drawn, grain=0), pair(drawn, grain=0, shadow=0)
    loss = bare.pixels_HW3.astype(int).mean(axis=2) - picture.pixels_HW3.mean(axis=2)
    with shown_on_failure("pair-shadows", render=picture.pixels_HW3, without=bare.pixels_HW3):
        for alpha in alphas(drawn, picture):
            first, last = find_footprint(alpha).runs[0]
            column = (first + last) // 2
            row = int(find_footprint(alpha).ground_row[column])
            assert loss[row : row + 6, column].max() > 25


def test_a_colorway_too_like_the_product_is_passed_over_and_named():
    picture = pair(mug(), brand=kit(Colorway(name="rust", hex="#b4583a"), NAVY))
    told = picture.facts["companion"]
    assert told["colorway"] == "navy" and "CIEDE2000 from the product's own color" in told["passed_over"]["rust"]


def test_variants_of_a_pair_show_different_colorways_and_one_can_be_named():
    assert [resolved(index=index)["companions"][0]["name"] for index in (0, 1, 2)] == ["navy", "mustard", "navy"]
    assert resolved(pair_with="mustard")["companions"] == [{"name": "mustard", "hex": "#d9a52e"}]
    assert [one["name"] for one in resolved(color="Navy")["companions"]] == ["mustard"], "never the color it has"


def test_the_render_key_holds_what_the_second_product_depends_on_and_only_of_pairs():
    darker = Colorway(name="navy", hex="#101a30")
    assert digest(resolved(kit(NAVY))) != digest(resolved(kit(darker)))
    assert digest(resolved(kit(NAVY), composition="left")) == digest(resolved(kit(darker), composition="left"))


def test_a_pair_that_cannot_be_made_says_why():
    with pytest.raises(RenderError, match=r"no colorway for category 'things'.*Add one to `colorways`"):
        resolved(kit())
    with pytest.raises(RenderError, match=r"no colorway will do.*rust: [\d.]+ CIEDE2000 from the product's own color"):
        pair(mug(), brand=kit(Colorway(name="rust", hex="#b4583a")))
    with pytest.raises(RenderError, match="`composition: pair`"):
        resolved(composition="left", pair_with="navy")
    stripes = np.zeros((240, 240, 3), np.uint8)
    for number, color in enumerate([(200, 40, 40), (40, 160, 60), (50, 70, 200), (230, 200, 40), (160, 60, 180), (30, 30, 30)]):
        stripes[:, number * 40 : number * 40 + 40] = color
    with pytest.raises(RenderError, match="no main color"):
        pair((stripes, np.full((240, 240), 255, np.uint8)))


def test_a_colorway_whose_swatch_photo_shows_several_colors_or_is_no_picture_is_passed_over():
    """One such photo among the colorways refused every pair."""
    two = np.concatenate([np.full((40, 40, 3), 20, np.uint8), np.full((40, 40, 3), 220, np.uint8)])
    files = {"1" * 64: cv2.imencode(".png", two)[1].tobytes(), "2" * 64: b"no picture"}
    photos = [
        Colorway(name=name, photo={"file": f"{name}.png", "sha256": sha256}) for name, sha256 in zip(("two", "none"), files, strict=True)
    ]

    def source():
        drawn = mug()
        return RenderSource(foreground_HW3=drawn[0], alpha_HW=drawn[1], brand_file=files.__getitem__)

    made = render_one(resolved(kit(*photos, NAVY)), 5, source(), lit_wall(light_from_left=True)).facts["companion"]
    assert made["colorway"] == "navy" and list(made["passed_over"]) == ["two", "none"]
    assert "shows several colors" in made["passed_over"]["two"] and "cannot be read" in made["passed_over"]["none"]
    with pytest.raises(
        RenderError, match=r"no colorway will do beside this product \(two: its swatch photo \(111111111111\) shows several colors"
    ):
        render_one(resolved(kit(*photos)), 5, source(), lit_wall(light_from_left=True))
