"""Patterns and materials: true scale, form followed, other parts kept; what is refused and why."""

import hashlib

import cv2
import numpy as np
import pytest

from catalog.brand_kit import BrandKit, CategoryStyle, MaterialTexture, Pattern
from catalog.errors import RenderError
from catalog.product import Product
from generation.kind import RenderSource
from generation.recipe_book import read_recipe_book
from generation.render import render_group
from generation.resolve import resolve, variant_count
from imaging.drawn_materials import COLORS, LOOKS, WIDTH_CM
from imaging.drawn_patterns import DRAWN, drawn_pattern
from imaging.tiles import seam_of
from tests.drawn_products import bag, mug
from tests.picture_letters import shown_on_failure

BOOK = read_recipe_book()
PRODUCT = Product(sku="P-1", title="Product", category="things", photos=("p.jpg",), width_cm=20, height_cm=18)
FRAME = 480


def kit(**changes):
    style = CategoryStyle(trigger="wall look", scenes=("oak table",), backdrops=("#c9d2bf",))
    return BrandKit(brand="b", palette=("#ffffff",), recipes=("pattern",), categories={"things": style}, **changes)


def png(pixels):
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


def named(data):
    return {"file": "tile.png", "sha256": hashlib.sha256(data).hexdigest()}


def made(name, drawn, brand_kit=None, product=PRODUCT, data=b"", index=0, **params):
    recipe = BOOK[name].model_copy(update={"width_px": FRAME, "height_px": FRAME}).with_params({"upscale_max": 4} | params)
    resolved = resolve(recipe, product, brand_kit or kit(), index)
    source = RenderSource(foreground_HW3=drawn[0], alpha_HW=drawn[1], brand_file=lambda _: data)
    return render_group([resolved], [1], source, None)[0]


def plain(drawn):
    return made("packshot_white", drawn, upscale_max=4.0, fill_pct=86, shadow=0.5).pixels_HW3.astype(int)


def at(picture, column, row):
    scale, left, top = picture.placement.scale, picture.placement.left_px, picture.placement.top_px
    return round(top + scale * row), round(left + scale * column)


@pytest.mark.parametrize(("name", "params"), [("pattern", {"pattern": "checks"}), ("material", {"material": "wood"})])
def test_label_and_studs_and_background_stay(name, params):
    drawn = bag()
    picture, before = made(name, drawn, **params), plain(drawn)
    change = np.abs(picture.pixels_HW3 - before).max(axis=-1)
    with shown_on_failure(f"kept-{name}", before=before.astype(np.uint8), after=picture.pixels_HW3):
        assert change[at(picture, 150, 190)] <= 2, "the label"
        assert change[:8].max() == 0 and change[:, :8].max() == 0
        assert np.median(change[change > 2]) > 10, "something was changed"


@pytest.mark.parametrize("repeat_cm", [2.0, 4.0])
def test_a_repeat_has_its_centimeters(repeat_cm):
    drawn = bag()
    picture = made("pattern", drawn, pattern="stripes", repeat_cm=repeat_cm, roundness=0, folds=0)
    row, middle = at(picture, 150, 160)[0], FRAME // 2
    line = picture.pixels_HW3[row - 4 : row + 4, middle - 120 : middle + 120].astype(float).mean(axis=(0, 2))
    crossings = np.flatnonzero(np.diff(np.sign(line - line.mean())) > 0)
    repeats_px = np.diff(crossings).mean()
    assert repeats_px == pytest.approx(repeat_cm * picture.facts["px_per_cm"], rel=0.03)


def test_a_round_form_squeezes_a_pattern_toward_its_sides():
    drawn = mug()
    flat, round_ = (made("pattern", drawn, pattern="stripes", repeat_cm=1.5, roundness=r, folds=0) for r in (0, 1))
    row = at(flat, 110, 150)[0]

    def changes(picture):
        line = cv2.GaussianBlur(picture.pixels_HW3[row].astype(np.float32).mean(axis=1)[None], (5, 1), 0)[0]
        columns = np.flatnonzero(np.abs(np.diff(np.sign(line - 150))) > 0)
        return len(columns)

    assert changes(round_) > changes(flat)


def test_the_photos_light_stays_on_a_material():
    drawn = mug()
    before, after = plain(drawn), made("material", drawn, material="ceramic").pixels_HW3
    inside = cv2.erode((before.min(axis=-1) < 150).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    light = [cv2.GaussianBlur(p.astype(np.float32).mean(axis=-1), (0, 0), 6)[inside] for p in (before, after)]
    assert np.corrcoef(*light)[0, 1] > 0.6


@pytest.mark.parametrize("name", ["pattern", "material"])
def test_without_a_size_there_is_no_true_scale(name):
    with pytest.raises(RenderError, match="knows neither width nor height of product P-1"):
        made(name, mug(), product=PRODUCT.model_copy(update={"width_cm": None, "height_cm": None}))


def test_a_tile_whose_edges_do_not_meet_is_refused_or_mirrored():
    slope = np.repeat(np.linspace(20, 235, 64).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    data = png(slope)
    brand = kit(patterns=(Pattern(name="slope", file=named(data), repeat_cm=3),))
    with pytest.raises(RenderError, match="edges of pattern 'slope' do not meet"):
        made("pattern", bag(), brand, data=data)
    picture = made("pattern", bag(), brand, data=data, seam="mirror")
    assert picture.facts["pattern_mirrored"] and picture.facts["repeat_cm"] == 6


def test_a_brands_pattern_is_laid_as_it_is_and_is_part_of_the_key():
    data = png(drawn_pattern("dots", (250, 240, 200), (180, 30, 60)))
    brand = kit(patterns=(Pattern(name="cherry", file=named(data), repeat_cm=2.5),))
    picture = made("pattern", bag(), brand, data=data)
    assert picture.facts["pattern"] == "cherry" and not picture.facts["pattern_mirrored"] and picture.facts["repeat_cm"] == 2.5
    resolved = resolve(BOOK["pattern"], PRODUCT, brand, 0)
    assert resolved["pattern"]["file"] == named(data)["sha256"] and variant_count(BOOK["pattern"], PRODUCT, brand) == 1


def test_a_brands_material_names_its_look():
    data = png(drawn_pattern("checks", (120, 80, 50), (90, 60, 40)))
    brand = kit(materials=(MaterialTexture(name="parquet", file=named(data), repeat_cm=6, look="wood"),))
    assert made("material", bag(), brand, data=data).facts["look"] == "wood"


@pytest.mark.parametrize(
    ("repeat_cm", "said"),
    [(0.1, "can be shown"), (60, "can be shown")],
)
def test_a_repeat_too_fine_or_larger_than_the_part_is_refused(repeat_cm, said):
    with pytest.raises(RenderError, match=said):
        made("pattern", bag(), pattern="stripes", repeat_cm=repeat_cm)


def test_a_small_file_is_not_blown_up_to_a_blur():
    data = png(drawn_pattern("stripes", (250, 250, 250), (0, 0, 0))[::24, ::24])
    brand = kit(patterns=(Pattern(name="tiny", file=named(data), repeat_cm=10),))
    with pytest.raises(RenderError, match="Give a larger file"):
        made("pattern", bag(), brand, data=data)


@pytest.mark.parametrize(("name", "asked"), [("pattern", "paisley"), ("material", "cork")])
def test_an_unknown_name_says_which_there_are(name, asked):
    with pytest.raises(RenderError, match=f"'{asked}'. The brand kit has: none; shipped are: "):
        made(name, bag(), **{name: asked})


def test_colors_of_shipped_coverings_are_refused_with_one_of_the_brand_kit():
    """They were dropped without a word: a kit's wood stayed as brown as it is whatever `color` said."""
    data = png(np.full((64, 64, 3), 120, np.uint8))
    brand = kit(
        materials=(MaterialTexture(name="oak", file=named(data), repeat_cm=6, look="wood"),),
        patterns=(Pattern(name="cherry", file=named(data), repeat_cm=2.5),),
    )
    for recipe, params, told in (
        ("material", {"color": "#ff0000"}, "color #ff0000, which colors what is shipped alone; material 'oak'"),
        ("pattern", {"ground": "#ff0000", "figure": "#00ff00"}, "ground #ff0000 and figure #00ff00, .* pattern 'cherry'"),
        ("pattern", {"pattern": "cherry", "figure": "#00ff00"}, "asks for figure #00ff00, .* pattern 'cherry'"),
    ):
        with pytest.raises(RenderError, match=told):
            resolve(BOOK[recipe].with_params(params), PRODUCT, brand, 0)
    assert "ground" not in resolve(BOOK["pattern"], PRODUCT, brand, 0)["params"]
    assert (
        resolve(BOOK["material"].with_params({"material": "metal", "color": "#ff0000"}), PRODUCT, brand, 0)["material"]["color"]
        == "#ff0000"
    )


def test_shipped_patterns_and_materials_have_no_seam_and_looks_are_those_of_the_brand_kit():
    assert all(seam_of(drawn_pattern(name, (255, 255, 255), (20, 20, 90))) <= 1 for name in DRAWN)
    assert set(LOOKS) == set(COLORS) == set(WIDTH_CM)
    assert set(LOOKS) == set(MaterialTexture.model_fields["look"].annotation.__args__)


def test_a_pattern_with_transparent_places_lies_on_white_and_no_picture_is_refused():
    """Transparent places came out black."""
    dots = drawn_pattern("dots", (0, 0, 0), (180, 30, 60))
    see_through = np.dstack([dots[..., ::-1], np.where(dots[..., 0] < 90, 0, 255).astype(np.uint8)])
    data = cv2.imencode(".png", see_through)[1].tobytes()
    brand = kit(patterns=(Pattern(name="cherry", file=named(data), repeat_cm=2.5),))
    picture = made("pattern", bag(), brand, data=data)
    (top, left), (bottom, right) = at(picture, 70, 150), at(picture, 230, 165)
    body = picture.pixels_HW3[top:bottom, left:right]
    assert np.median(body.min(axis=-1)) > 120, "white ground in the bag's light"
    with pytest.raises(RenderError, match="pattern 'cherry' cannot be read"):
        made("pattern", bag(), kit(patterns=(Pattern(name="cherry", file=named(b"none"), repeat_cm=2.5),)), data=b"none")
