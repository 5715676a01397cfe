"""Renders: product pixels untouched, backgrounds as asked, shadows with the light, colors reached; same input, same bytes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from catalog.brand_kit import BrandKit, CategoryStyle, Colorway
from catalog.errors import RenderError
from catalog.product import Product
from generation.kind import RenderSource
from generation.recipe_book import read_recipe_book
from generation.render import ENGINE_VERSION, render_group
from generation.resolve import resolve
from generation.staging import harmonized
from imaging.color import delta_e2000, srgb_to_lab
from imaging.footprint import find_footprint
from imaging.light import read_light
from imaging.linear_light import to_levels, to_light
from imaging.placing import place, product_box
from tests.drawn_products import bag, chair, lit_wall, mug, sunlit_wall
from tests.picture_letters import shown_on_failure
from tools.drawn_mannequins import draw

BOOK = read_recipe_book()
PRODUCT = Product(sku="P-1", title="Product", category="things", photos=("p.jpg",), width_cm=20, height_cm=18)
KIT = BrandKit(
    brand="b",
    palette=("#ffffff",),
    recipes=tuple(BOOK),
    categories={
        "things": CategoryStyle(
            trigger="wall look",
            scenes=("oak table, sage wall", "white marble table, navy wall"),
            backdrops=("#c9d2bf", "#3c5a46"),
            colorways=(
                Colorway(name="navy", hex="#24355c"),
                Colorway(name="mustard", hex="#d9a52e"),
                Colorway(name="white", hex="#f1efe9"),
            ),
        )
    },
)
SIZE = 600


class SavedPlates:
    """Gives plates that were drawn before and records what was asked for."""

    base_model_digest = "0" * 64
    lora_digest = None

    def __init__(self, *plates):
        self.plates, self.asked = plates, []

    def draw_pictures(self, requests):
        self.asked.append(([one.prompt for one in requests], [one.seed for one in requests]))
        return [self.plates[i % len(self.plates)] for i in range(len(requests))]


WORN = {"garments": {"things": "top"}}
SMALL = {
    "packshot_white": {"upscale_max": 4.0},
    "backdrop": {"upscale_max": 4},
    "backdrop_table": {"upscale_max": 4},
    "recolor": {"upscale_max": 4},
    "material": {"upscale_max": 4},
    "pattern": {"upscale_max": 4},
    "scale_card": {"upscale_max": 4},
    "staged_scene": {"upscale_max": 4},
    "enhance_uniform": {"max_upscale": 4},
    "ad_poster": {"formats": []},
    "on_model": WORN,
    "ghost_mannequin": WORN | {"upscale_max": 4},
}
"""What the drawn products of 300 px, of no known category, need besides, by recipe."""


def subject_of(name):
    """Something drawn that a recipe can be made of."""
    if name == "ghost_mannequin":
        return draw("tee", side_px=440)[:2]
    if name == "ad_poster":
        return tuple(cv2.resize(one, None, fx=2, fy=2) for one in bag())
    if name == "scale_card":
        return tuple(cv2.resize(one, (360, 310)) for one in mug())  # as wide as the catalog says
    return bag()


def source(drawn):
    foreground, alpha = drawn
    return RenderSource(foreground_HW3=foreground, alpha_HW=alpha, photo=lambda: foreground)


def resolved(name, indexes=(0,), **params):
    recipe = BOOK[name].model_copy(update={"width_px": SIZE, "height_px": SIZE}).with_params(SMALL.get(name, {}) | params)
    return [resolve(recipe, PRODUCT, KIT, index) for index in indexes]


def render(name, drawn, plates=None, index=0, seed=5, **params):
    [picture] = render_group(resolved(name, (index,), **params), [seed], source(drawn), plates)
    return picture


def placed(drawn, picture):
    """The product as it must look in the frame, and where it is safely inside its matte."""
    rgb, alpha = place(*drawn, picture.placement)
    inside = cv2.erode((alpha >= 250).astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    return rgb, alpha, inside


LIMITED = ("backdrop", "backdrop_table", "recolor", "material", "pattern", "staged_scene", "scale_card")
"""Recipes beside the packshot that enlarge small photos only so far."""


@pytest.mark.parametrize("name", LIMITED)
def test_no_recipe_enlarges_a_small_photo_without_a_word(name):
    """A backdrop was made from a photo that was enlarged 6.8 times, and no rule said so: the gate compares with the cut-out enlarged alike."""
    drawn = tuple(cv2.resize(one, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA) for one in subject_of(name))
    with pytest.raises(RenderError, match=r"would have to enlarge this photo \d\.\d+ times.*`upscale_max` allows 2\. Nothing was made"):
        render(name, drawn, SavedPlates(sunlit_wall(sun_from_left=True)), upscale_max=2)
    made = render(name, drawn, SavedPlates(sunlit_wall(sun_from_left=True)), upscale_max=10)
    assert made.facts["enlarged"] > 2


@pytest.mark.parametrize("name", LIMITED)
def test_the_limit_of_enlarging_makes_no_picture_again_that_keeps_to_it(name):
    recipe = BOOK[name]
    assert recipe.params.get("upscale_max", 2) == 2
    assert "upscale_max" not in resolve(recipe, PRODUCT, KIT, 0)["params"]
    assert resolve(recipe.with_params({"upscale_max": 3}), PRODUCT, KIT, 0)["params"]["upscale_max"] == 3


ALL_DRAWN = pytest.mark.parametrize("drawn", [mug(), chair(), bag()], ids=["mug", "chair", "bag"])


@ALL_DRAWN
@pytest.mark.parametrize("name", ["packshot_white", "backdrop", "backdrop_table", "staged_scene"])
def test_product_pixels_are_untouched(drawn, name):
    picture = render(name, drawn, SavedPlates(sunlit_wall(sun_from_left=False)))
    rgb, _, inside = placed(drawn, picture)
    with shown_on_failure(f"untouched-{name}", render=picture.pixels_HW3, expected=rgb):
        assert inside.any() and np.array_equal(picture.pixels_HW3[inside], rgb[inside])


@ALL_DRAWN
def test_a_packshot_stands_on_a_soft_shadow_and_is_exactly_white_beyond_it(drawn):
    picture = render("packshot_white", drawn)
    pixels = picture.pixels_HW3
    _, alpha, _ = placed(drawn, picture)
    footprint = find_footprint(alpha)
    left, top, right, bottom = footprint.shadow_zone(SIZE, SIZE)
    beyond = alpha == 0
    beyond[top:bottom, left:right] = False
    with shown_on_failure("packshot-white", render=pixels):
        assert (pixels[beyond] == 255).all()
        for first, last in footprint.runs:
            column = (first + last) // 2
            below = pixels[round(float(footprint.ground_row[column])) + 2 :, column].min(axis=1)
            assert below.min() < 235, f"floats at column {column}"
            assert below[-3:].min() == 255


@ALL_DRAWN
def test_the_shadow_of_a_packshot_has_no_edge(drawn):
    """It was once cut off where it took one percent of the background, and a dark stump with a hard edge was left under a mug."""
    picture = render("packshot_white", drawn)
    _, alpha, _ = placed(drawn, picture)
    ground = cv2.dilate(alpha, np.ones((15, 15), np.uint8)) == 0
    levels = picture.pixels_HW3[..., 0].astype(int)
    steps = np.maximum(np.abs(np.diff(levels, axis=0, append=255)), np.abs(np.diff(levels, axis=1, append=255)))
    with shown_on_failure("packshot-shadow-edge", render=picture.pixels_HW3):
        assert steps[ground].max() <= 12
        faint = ground & (levels > 235) & (levels < 255)
        assert faint.sum() > 0.4 * (ground & (levels < 255)).sum(), "most of a soft shadow is faint"


def test_a_photo_too_small_for_a_packshot_is_refused_and_told_what_to_do():
    with pytest.raises(RenderError, match=r"enlarge this photo .* times.*upscale_max.*allows 1\.25.*enhance"):
        render("packshot_white", mug(), upscale_max=1.25)


def test_a_packshot_without_shadow_is_exactly_white_around_the_product():
    drawn = mug()
    picture = render("packshot_white", drawn, shadow=0)
    _, alpha, _ = placed(drawn, picture)
    assert (picture.pixels_HW3[alpha == 0] == 255).all()


@ALL_DRAWN
def test_a_packshot_fills_the_frame_and_is_centered(drawn):
    picture = render("packshot_white", drawn)
    _, alpha, _ = placed(drawn, picture)
    rows, columns = np.flatnonzero((alpha > 127).any(axis=1)), np.flatnonzero((alpha > 127).any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) / SIZE == pytest.approx(0.88, abs=0.01)
    assert abs(rows.mean() - SIZE / 2) < 0.01 * SIZE and abs(columns.mean() - SIZE / 2) < 0.01 * SIZE


@pytest.mark.parametrize("index", [0, 1])
def test_a_backdrop_has_the_brands_color(index):
    drawn = mug()
    picture = render("backdrop", drawn, index=index)
    _, alpha, _ = placed(drawn, picture)
    far = cv2.dilate(alpha, np.ones((61, 61), np.uint8)) == 0
    color = KIT.categories["things"].backdrops[index]
    goal = srgb_to_lab(np.array([[[int(color[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))[0, 0]
    middle = np.median(srgb_to_lab(picture.pixels_HW3)[far], axis=0)
    assert delta_e2000(middle, goal) < 2.5
    assert picture.facts["background_hex"] == color


def faint_and_clear_backdrops(*colors):
    style = KIT.categories["things"].model_copy(update={"backdrops": colors})
    return KIT.model_copy(update={"categories": {"things": style}})


def plain_product(color):
    foreground, alpha = mug()
    return np.full_like(foreground, color), alpha


def backdrop_of(drawn, kit, index=0, **params):
    recipe = BOOK["backdrop"].model_copy(update={"width_px": SIZE, "height_px": SIZE}).with_params({"upscale_max": 4} | params)
    [picture] = render_group([resolve(recipe, PRODUCT, kit, index)], [5], source(drawn), None)
    return picture


def test_a_color_that_the_product_fades_into_is_passed_over_and_named():
    kit = faint_and_clear_backdrops("#e8c39a", "#3c5a46", "#f3e2c8")
    picture = backdrop_of(plain_product((232, 195, 154)), kit)
    with shown_on_failure("passed-over", render=picture.pixels_HW3):
        assert picture.facts["background_hex"] == "#3c5a46"
        assert list(picture.facts["passed_over"]) == ["#e8c39a"] and picture.facts["passed_over"]["#e8c39a"] < 7
        assert picture.facts["edge_contrast"] > 30
    second = backdrop_of(plain_product((232, 195, 154)), kit, index=1)
    assert second.facts["background_hex"] == "#f3e2c8", "two variants never show one color twice"


def test_a_product_that_stands_out_from_no_color_is_refused_with_each_contrast():
    kit = faint_and_clear_backdrops("#e8c39a", "#eac69e")
    with pytest.raises(RenderError, match=r"does not stand out from 2 of 2: #e8c39a \([\d.]+\), #eac69e .*Add a backdrop color"):
        backdrop_of(plain_product((232, 195, 154)), kit)
    assert backdrop_of(plain_product((232, 195, 154)), kit, contrast_min=0).facts["background_hex"] == "#e8c39a"


def test_a_gradient_runs_from_one_color_to_the_other():
    picture = backdrop_of(mug(), faint_and_clear_backdrops("#c9d2bf", "#f3c9c4"), gradient=True, falloff=0)
    side = picture.pixels_HW3[:, :8].reshape(SIZE, -1, 3).mean(axis=1)
    with shown_on_failure("gradient", render=picture.pixels_HW3):
        assert np.abs(side[2] - (0xF3, 0xC9, 0xC4)).max() < 12 and np.abs(side[-3] - (0xC9, 0xD2, 0xBF)).max() < 12
        assert np.abs(np.diff(side, axis=0)).max() < 2, "no step"


def test_a_gradient_of_one_color_asks_for_the_other():
    with pytest.raises(RenderError, match="gradient_hex"):
        backdrop_of(mug(), faint_and_clear_backdrops("#c9d2bf"), gradient=True)


def test_a_table_has_a_line_a_shadow_and_a_reflection():
    picture = render("backdrop_table", mug(), texture="marble", reflection=1.0)
    bare = render("backdrop_table", mug(), texture="marble", reflection=0.0)
    lightness = picture.pixels_HW3[:, :40].astype(float).mean(axis=(1, 2))
    line = round(0.66 * SIZE)
    with shown_on_failure("table", with_reflection=picture.pixels_HW3, without=bare.pixels_HW3):
        assert lightness[line + 4] > lightness[line - 4] + 8
        _, alpha, _ = placed(mug(), picture)
        column = sum(find_footprint(alpha).runs[0]) // 2
        foot = round(float(find_footprint(alpha).ground_row[column]))
        change = np.abs(picture.pixels_HW3[foot + 8 : foot + 40, column].astype(int) - bare.pixels_HW3[foot + 8 : foot + 40, column])
        assert change.max() > 10
        assert picture.facts["background"] == "scene"


@pytest.mark.parametrize("size", [(600, 200), (420, 420), (200, 600)], ids=["3:1", "1:1", "1:3"])
@pytest.mark.parametrize("frame", [(600, 600), (900, 600), (480, 600)])
def test_whatever_stands_on_a_table_stands_below_its_edge(size, frame):
    """The edge lay at 0.66 of the height, and the foot of what is wider than twice its height above it: shoes, trays and sofas hung on the wall."""
    drawn = tuple(cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in bag())
    recipe = (
        BOOK["backdrop_table"]
        .model_copy(update={"width_px": frame[0], "height_px": frame[1]})
        .with_params({"texture": "marble", "upscale_max": 4})
    )
    [picture] = render_group([resolve(recipe, PRODUCT, KIT, 0)], [5], source(drawn), None)
    lightness = picture.pixels_HW3[:, :20].astype(float).mean(axis=(1, 2))
    edge = int(np.argmax(lightness[4:] - lightness[:-4])) + 2
    _, alpha, _ = placed(drawn, picture)
    with shown_on_failure("table-edge", render=picture.pixels_HW3):
        assert product_box(alpha)[3] - edge > 0.1 * frame[1]
        assert min(find_footprint(alpha).ground_row) > edge


def test_all_legs_of_a_bench_stand_on_the_table():
    """In a wide frame the hind legs of a bench ended on the wall, above the table's edge."""
    alpha = np.zeros((320, 700), np.uint8)
    alpha[40:80, 40:660] = 255
    for left, foot in ((60, 250), (120, 190), (540, 300), (610, 260)):
        alpha[60:foot, left : left + 26] = 255
    wide = np.full((320, 700, 3), (150, 96, 52), np.uint8), alpha
    recipe = (
        BOOK["backdrop_table"].model_copy(update={"width_px": 1000, "height_px": 524}).with_params({"texture": "marble", "upscale_max": 4})
    )
    [picture] = render_group([resolve(recipe, PRODUCT, KIT, 0)], [5], source(wide), None)
    lightness = picture.pixels_HW3[:, :20].astype(float).mean(axis=(1, 2))
    edge = int(np.argmax(lightness[4:] - lightness[:-4])) + 2
    stands = picture.placement.top_px + picture.placement.scale * 190
    with shown_on_failure("table-legs", render=picture.pixels_HW3):
        assert edge < stands < 0.7 * 524


def test_a_backdrops_shadow_falls_away_from_its_light():
    drawn = mug()
    left, right = (render("backdrop", drawn, light_side=side, falloff=0) for side in (-0.8, 0.8))
    _, alpha, _ = placed(drawn, left)
    columns = np.flatnonzero((alpha > 0).any(axis=0))
    after, before = np.s_[SIZE // 2 :, columns[-1] + 8 :], np.s_[SIZE // 2 :, : columns[0] - 8]
    with shown_on_failure("backdrop-shadow", from_left=left.pixels_HW3, from_right=right.pixels_HW3):
        assert left.pixels_HW3[after].mean() < right.pixels_HW3[after].mean() - 0.5
        assert right.pixels_HW3[before].mean() < left.pixels_HW3[before].mean() - 0.5


def test_a_dark_scene_leaves_no_pale_rim_around_the_product():
    foreground, alpha = mug()
    bright = np.full_like(foreground, 250)
    plate = np.full((128, 128, 3), (20, 22, 30), np.uint8)
    plate[82:] = (35, 28, 24)
    picture = render("staged_scene", (bright, alpha), SavedPlates(plate))
    _, matte, _ = placed((bright, alpha), picture)
    outside = (cv2.dilate(matte, np.ones((9, 9), np.uint8)) > 0) & (matte == 0)
    far = cv2.dilate(matte, np.ones((61, 61), np.uint8)) == 0
    near_level, far_level = picture.pixels_HW3[outside].mean(), picture.pixels_HW3[far].mean()
    with shown_on_failure("rim", render=picture.pixels_HW3):
        assert near_level < far_level + 25


def test_a_staged_chair_is_darkest_right_under_each_foot():
    drawn = chair()
    plate = lit_wall(light_from_left=True)
    picture = render("staged_scene", drawn, SavedPlates(plate), grain=0)
    bare = render("staged_scene", drawn, SavedPlates(plate), grain=0, shadow=0)
    _, alpha, _ = placed(drawn, picture)
    footprint = find_footprint(alpha)
    loss = bare.pixels_HW3.astype(int).mean(axis=2) - picture.pixels_HW3.mean(axis=2)
    assert len(footprint.runs) == 4
    with shown_on_failure("chair-feet", render=picture.pixels_HW3, without_shadow=bare.pixels_HW3):
        for first, last in footprint.runs:
            column = (first + last) // 2
            row = int(footprint.ground_row[column])
            assert loss[row : row + 5, column].max() > 25, f"foot at column {column} floats"


@pytest.mark.parametrize("from_left", [True, False])
def test_a_set_lit_from_the_other_side_than_the_product_is_mirrored(from_left):
    picture = render("staged_scene", mug(), SavedPlates(lit_wall(light_from_left=from_left)))
    assert picture.facts["plate_mirrored"] is not from_left
    assert picture.facts["light"]["side"] < -0.3
    wall = picture.pixels_HW3[:150].mean(axis=(0, 2))
    assert wall[:100].mean() > wall[-100:].mean() + 10


def middles_upright_and_mirrored(scene):
    """Where across the frame a product stands in a set as drawn, and in the same one mirrored because its light comes from the other side."""
    drawn, middles = mug(), []
    for from_left in (True, False):
        [picture] = render_group(scene, [5], source(drawn), SavedPlates(lit_wall(light_from_left=from_left)))
        assert picture.facts["plate_mirrored"] is not from_left
        left, _, right, _ = product_box(place(*drawn, picture.placement)[1])
        middles.append((left + right) / 2 / SIZE)
    return middles


def test_a_product_away_from_the_props_stays_away_from_them_in_a_mirrored_set():
    style = KIT.categories["things"].model_copy(update={"scenes": ("oak table, sage wall, vase on the left",)})
    kit = KIT.model_copy(update={"categories": {"things": style}})
    recipe = BOOK["staged_scene"].model_copy(update={"width_px": SIZE, "height_px": SIZE}).with_params(SMALL["staged_scene"])
    assert middles_upright_and_mirrored([resolve(recipe, PRODUCT, kit, 0)]) == pytest.approx([0.6, 0.4], abs=0.01)


@pytest.mark.parametrize(("composition", "middle"), [("left", 0.4), ("right", 0.6)])
def test_a_side_that_was_asked_for_is_kept_in_a_mirrored_set(composition, middle):
    """`left` stood at 60 percent where the set was mirrored, on the room that was kept for words."""
    scene = resolved("staged_scene", composition=composition)
    assert middles_upright_and_mirrored(scene) == pytest.approx([middle, middle], abs=0.01)


def test_harmony_takes_color_out_of_the_surroundings_and_leaves_the_product():
    light = read_light(lit_wall(light_from_left=True))
    warm = replace(light, warmth=12.0)
    surroundings = to_light(np.full((20, 20, 3), (220, 190, 150), np.uint8))
    cooler, same = harmonized(surroundings, warm, 1.0), harmonized(surroundings, warm, 0.0)
    assert np.allclose(same, surroundings, atol=1e-5)
    before, after = (srgb_to_lab(to_levels(one))[0, 0] for one in (surroundings, cooler))
    assert 6 < before[2] - after[2] < 18 and abs(before[0] - after[0]) < 3


def test_a_sun_throws_a_harder_shadow_than_a_soft_light():
    drawn = mug()
    soft = render("staged_scene", drawn, SavedPlates(lit_wall(light_from_left=True)))
    hard = render("staged_scene", drawn, SavedPlates(sunlit_wall(sun_from_left=True)))
    assert hard.facts["light"]["hardness"] > soft.facts["light"]["hardness"] + 0.5


def test_the_plates_of_a_group_are_drawn_in_one_batch():
    plates = SavedPlates(lit_wall(light_from_left=True), sunlit_wall(sun_from_left=True))
    pictures = render_group(resolved("staged_scene", (0, 1)), [11, 12], source(mug()), plates)
    assert plates.asked == [(["wall look, oak table, sage wall", "wall look, white marble table, navy wall"], [11, 12])]
    assert [p.facts["prompt"] for p in pictures] == plates.asked[0][0]


def test_a_scene_without_a_base_model_names_the_setting():
    with pytest.raises(RenderError, match="base_model"):
        render("staged_scene", mug(), None)


def test_an_empty_cut_out_is_refused():
    foreground, alpha = mug()
    with pytest.raises(RenderError, match="empty cut-out"):
        render("packshot_white", (foreground, np.zeros_like(alpha)))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_colorway_reaches_its_color_and_leaves_other_materials(index):
    drawn = bag()
    before, after = render("packshot_white", drawn, fill_pct=86), render("recolor", drawn, index=index)
    lab_before, lab_after = srgb_to_lab(before.pixels_HW3), srgb_to_lab(after.pixels_HW3)
    _, _, inside = placed(drawn, before)
    scale, left, top = before.placement.scale, before.placement.left_px, before.placement.top_px

    def at(column, row):
        return round(top + scale * row), round(left + scale * column)

    goal_hex = KIT.categories["things"].colorways[index].hex
    goal = srgb_to_lab(np.array([[[int(goal_hex[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))[0, 0]
    changed = inside & (delta_e2000(lab_before, lab_after) > 5)
    with shown_on_failure(f"recolor-{index}", before=before.pixels_HW3, after=after.pixels_HW3):
        assert delta_e2000(lab_after[changed].mean(axis=0), goal) < 3.0
        assert after.facts["target_delta_e"] < 3.0
        for column, row in ((150, 190), (90, 135), (210, 135)):
            assert delta_e2000(lab_before[at(column, row)], lab_after[at(column, row)]) < 1.5, (column, row)


def test_a_colorway_keeps_the_shading():
    drawn = mug()
    before, after = render("packshot_white", drawn, fill_pct=86), render("recolor", drawn, index=0)
    _, _, inside = placed(drawn, before)
    lightness = [srgb_to_lab(p.pixels_HW3)[..., 0][inside] for p in (before, after)]
    assert np.corrcoef(*lightness)[0, 1] > 0.97


def test_a_many_colored_product_has_no_color_to_change():
    colors = [(200, 40, 40), (40, 160, 60), (50, 70, 200), (230, 200, 40), (160, 60, 180), (30, 30, 30), (240, 240, 240), (90, 200, 210)]
    foreground = np.zeros((240, 240, 3), np.uint8)
    for stripe, color in enumerate(colors):
        foreground[:, stripe * 30 : stripe * 30 + 30] = color
    with pytest.raises(RenderError, match="no main color"):
        render("recolor", (foreground, np.full((240, 240), 255, np.uint8)))


@pytest.mark.parametrize("name", sorted(BOOK))
def test_the_same_input_gives_the_same_bytes(name):
    def picture():
        return render(name, subject_of(name), SavedPlates(lit_wall(light_from_left=True, size=SIZE)))

    first, second = picture(), picture()
    assert first.pixels_HW3.tobytes() == second.pixels_HW3.tobytes()
    assert first.placement == second.placement and first.facts == second.facts


@pytest.mark.parametrize("name", sorted(BOOK))
def test_facts_are_plain_data_and_pictures_have_the_recipes_size(name):
    import json

    picture = render(name, subject_of(name), SavedPlates(lit_wall(light_from_left=True, size=SIZE)))
    assert picture.pixels_HW3.shape == (SIZE, SIZE, 3) and picture.pixels_HW3.dtype == np.uint8
    assert json.loads(json.dumps(picture.facts, allow_nan=False)) == picture.facts
    assert picture.facts["engine_version"] == ENGINE_VERSION
    assert picture.facts["background"] in {"white", "plain", "scene"}
