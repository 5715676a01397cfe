"""Colors around a product, repeated scenes, shadows that begin too low, and text on what is really behind it."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from benchmarks.surrounding_faults import drawn_backdrop, drawn_room, hovering, lettered, painted_shadow, standing, text_facts
from catalog.errors import GateError
from catalog.text_box import text_boxes
from imaging.color import srgb_to_lab
from imaging.measure_grounding import measure_grounding
from imaging.measure_scene import measure_scene
from imaging.measure_text import PlacedText, contrast_ratio, measure_text, relative_luminance
from imaging.measure_views import background_zone
from imaging.scene_colors import scene_colors
from quality.palette import colors_as_words, palette_distance
from tests.judged_pictures import textured_bottle

SIDE = 400
WHITE, BLACK, GRAY = (255, 255, 255), (0, 0, 0), (119, 119, 119)


def seen(picture, product=None):
    """What the measures of surroundings look at, of a picture and where its product is."""
    product = np.zeros(picture.shape[:2], bool) if product is None else product
    return SimpleNamespace(
        render_HW3=picture, render_lab_HW3=srgb_to_lab(picture), product_HW=product, background_HW=background_zone(product)
    )


def flat(rgb, shape=(SIDE, SIDE)):
    return np.full((*shape, 3), rgb, np.uint8)


# --- colors ------------------------------------------------------------------------------------------------------------------------------


def test_the_colors_around_a_product_are_found_with_their_shares_and_the_products_own_is_not():
    picture = flat((196, 112, 76))
    picture[240:] = (232, 195, 154)
    picture[150:330, 120:280] = (10, 30, 200)
    product = np.zeros((SIDE, SIDE), bool)
    product[150:330, 120:280] = True
    colors = scene_colors(srgb_to_lab(picture), background_zone(product))
    assert [color.hex for color in colors[:2]] in (["#c4704c", "#e8c39a"], ["#e8c39a", "#c4704c"])
    assert sum(color.share_pct for color in colors) == pytest.approx(100)
    assert not [color for color in colors if color.hex.endswith("c8")]


def test_the_same_scene_gives_the_same_colors_whatever_random_numbers_were_drawn():
    lab = srgb_to_lab(drawn_room(SIDE, 5).astype(np.uint8))
    everywhere = np.ones((SIDE, SIDE), bool)
    first = scene_colors(lab, everywhere)
    cv2.setRNGSeed(77)
    np.random.default_rng(9).random(100)
    assert scene_colors(lab, everywhere) == first and 5 <= len(first) <= 10


def test_a_small_prop_keeps_a_color_of_its_own():
    picture = flat((236, 228, 214))
    picture[20:80, 20:80] = (30, 60, 170)
    colors = {color.hex: color.share_pct for color in scene_colors(srgb_to_lab(picture), np.ones((SIDE, SIDE), bool))}
    assert 1.5 < colors["#1e3caa"] < 2.6


def test_the_distance_to_a_palette_is_a_mean_by_area_that_half_forgives_lightness():
    assert palette_distance("#c4704c 100.0", ["#c4704c", "#000000"]) == (0.0, 0.0)
    half, off = palette_distance("#c4704c 75.0 #2060e0 25.0", ["#c4704c"])
    assert off == 25 and half == pytest.approx(palette_distance("#2060e0 100.0", ["#c4704c"])[0] / 4)
    darker, bluer = palette_distance("#a05c3e 100.0", ["#c4704c"])[0], palette_distance("#9c7a94 100.0", ["#c4704c"])[0]
    assert 2 < darker < 8 < bluer
    assert palette_distance(None, ["#c4704c"]) == (None, None) and palette_distance("#c4704c 100.0", []) == (None, None)
    assert colors_as_words([]) is None


# --- scenes ------------------------------------------------------------------------------------------------------------------------------


def test_a_tiled_scene_repeats_itself_and_plaster_does_not():
    room = drawn_room(SIDE, 4)
    tile = np.tile(room[:100, :100], (4, 4, 1)).astype(np.uint8)
    assert measure_scene(seen(room.astype(np.uint8)))["scene_repeat"] < 0.7
    assert measure_scene(seen(tile))["scene_repeat"] > 0.9


def test_what_repeats_behind_the_product_only_is_not_seen():
    room = drawn_room(SIDE, 4).astype(np.uint8)
    product = np.zeros((SIDE, SIDE), bool)
    product[100:300, 100:300] = True
    striped = room.copy()
    striped[100:300, 100:300] = np.where(np.arange(200)[None, :, None] // 20 % 2, 255, 0)
    there, here = measure_scene(seen(striped, product)), measure_scene(seen(striped))
    assert there["scene_repeat"] < 0.7 < here["scene_repeat"]


def test_garish_and_one_colored_scenes_are_counted_by_area():
    picture = flat((120, 110, 100))
    picture[:100] = (255, 0, 255)
    columns = measure_scene(seen(picture))
    assert columns["scene_garish_pct"] == 25 and columns["scene_one_color_pct"] == 75
    assert columns["scene_repeat"] < 0.1, "along an edge nothing repeats"


def test_without_a_place_of_the_product_no_scene_is_measured():
    blind = SimpleNamespace(background_HW=None)
    assert set(measure_scene(blind).values()) == {None}


# --- shadows -----------------------------------------------------------------------------------------------------------------------------


def grounded(scene, picture):
    return measure_grounding(seen(picture, scene.alpha_HW >= 0.5))


@pytest.fixture(scope="module", params=["room", "backdrop"])
def scene(request):
    background = drawn_room(SIDE, 6) if request.param == "room" else drawn_backdrop(SIDE, 6)
    return standing(textured_bottle(), SIDE, background_HW3=background, seed=6, fill=0.6)


def test_a_drawn_shadow_begins_at_the_foot_and_has_the_grounds_color(scene):
    columns = grounded(scene, scene.flat())
    assert columns["shadow_gap_pct"] == 0 and columns["shadow_chroma"] < 4


def test_lit_ground_between_foot_and_shadow_is_a_gap(scene):
    assert 5 < grounded(scene, hovering(scene))["shadow_gap_pct"] < 15


def test_a_shadow_of_another_color_is_paint(scene):
    assert grounded(scene, painted_shadow(scene))["shadow_chroma"] > 12


def test_a_product_cut_off_below_has_no_ground_to_stand_on():
    product = np.zeros((SIDE, SIDE), bool)
    product[100:, 150:250] = True
    assert measure_grounding(seen(flat(GRAY), product)) == {"shadow_gap_pct": None, "shadow_chroma": None}


# --- text --------------------------------------------------------------------------------------------------------------------------------


def placed(facts, shape):
    (box,) = text_boxes(facts)
    height, width = shape[:2]
    edges = (box.left * width, box.top * height, (box.left + box.width) * width, (box.top + box.height) * height)
    return [PlacedText(box=edges, rgb=tuple(int(box.color[i : i + 2], 16) for i in (1, 3, 5)), lines=box.lines)]


def test_contrast_is_wcags():
    black, gray, white = (relative_luminance(np.array(color, np.uint8)) for color in (BLACK, GRAY, WHITE))
    assert contrast_ratio(white, black) == pytest.approx(21) and contrast_ratio(gray, white) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(("background", "color", "low", "high"), [
    (WHITE, "#000000", 20, 21.01), (WHITE, "#777777", 4.2, 4.6), ((60, 60, 60), "#3c3c3c", 1, 1.05), ((60, 60, 60), "#505050", 1, 1.5),
])  # fmt: skip
def test_the_contrast_of_drawn_letters_is_that_of_text_and_ground(background, color, low, high):
    facts = text_facts(color=color)
    picture = lettered(flat(background), facts)
    assert low <= measure_text(picture, placed(facts, picture.shape), None)["text_contrast"] <= high


def test_text_that_can_be_read_on_most_of_its_ground_has_the_contrast_of_the_rest():
    facts = text_facts(color="#ffffff", left=0.1)
    picture = flat((20, 40, 90))
    picture[:, 160:] = (235, 238, 240)
    columns = measure_text(lettered(picture, facts), placed(facts, picture.shape), None)
    assert columns["text_contrast"] < 1.5, "a quarter of the line lies on white"
    assert measure_text(lettered(flat((20, 40, 90)), facts), placed(facts, picture.shape), None)["text_contrast"] > 8


def test_size_margins_and_overlap_of_text_come_from_its_box():
    product = np.zeros((480, 270), bool)
    product[240:] = True
    text = PlacedText(box=(27, 192, 216, 288), rgb=BLACK, lines=2)
    columns = measure_text(flat(WHITE, (480, 270)), [text], product)
    assert columns["text_height_pct"] == pytest.approx(48 / 270 * 100) and columns["text_on_product_pct"] == 50
    edges = [columns[f"text_{side}_pct"] for side in ("left", "right", "top", "bottom")]
    assert edges == pytest.approx([10, 20, 40, 40]) and columns["text_margin_pct"] == pytest.approx(10)
    assert columns["text_known"] == 1 and columns["story_text_known"] == 1


def test_text_that_leaves_the_frame_has_a_negative_margin_and_no_text_has_none():
    beyond = measure_text(flat(WHITE), [PlacedText(box=(-20, 50, 100, 90), rgb=BLACK)], None)
    assert beyond["text_margin_pct"] == -5 and beyond["text_on_product_pct"] is None and beyond["story_text_known"] == 0
    for nothing in (None, []):
        columns = measure_text(flat(WHITE), nothing, None)
        assert columns["text_known"] == 0 and columns["text_contrast"] is None and columns["text_margin_pct"] is None


@pytest.mark.parametrize("texts", [
    "NEW", [{"left": 0.1}], [{"left": 1.2, "top": 0, "width": 0.1, "height": 0.1, "color": "#000000"}],
    [{"left": 0, "top": 0, "width": 0.1, "height": 0.1, "color": "black"}], [{"left": 0, "top": 0, "width": 1, "height": 1, "color": "#000000", "font": "x"}],
])  # fmt: skip
def test_text_boxes_that_make_no_sense_are_refused(texts):
    with pytest.raises(GateError, match="not measured"):
        text_boxes({"texts": texts})
