"""A resolved recipe holds what its pixels depend on, and nothing else: this decides what is rendered again."""

import pytest

from catalog.brand_kit import BrandKit, CategoryStyle, Colorway
from catalog.errors import RenderError, SettingsError
from catalog.keys import digest
from catalog.product import Product
from generation.recipe_book import read_recipe_book
from generation.resolve import resolve, variant_count

BOOK = read_recipe_book()
PRODUCT = Product(sku="MUG-1", title="Mug", category="drinkware", photos=("mug.jpg",), color="Sage")


def kit(**changes):
    style = {
        "trigger": "terra look",
        "scenes": ("oak table, sage wall", "white marble table, navy wall"),
        "backdrops": ("#c9d2bf", "#e8c39a"),
        "colorways": (Colorway(name="sage", hex="#8fa58a"), Colorway(name="navy", hex="#24355c")),
    }
    category = CategoryStyle(**{**style, **changes})
    return BrandKit(brand="b", palette=("#ffffff",), recipes=tuple(BOOK), categories={"drinkware": category})


def key(name, brand_kit, index=0):
    return digest(resolve(BOOK[name], PRODUCT, brand_kit, index))


def test_a_changed_backdrop_color_changes_backdrops_only():
    before, after = kit(), kit(backdrops=("#c9d2c0", "#e8c39a"))
    assert key("backdrop", before) != key("backdrop", after)
    assert key("backdrop", before, 1) != key("backdrop", after, 1), "a product may pass over any of its category's colors"
    for name in ("packshot_white", "staged_scene", "recolor"):
        assert key(name, before) == key(name, after)


def test_a_changed_scene_changes_the_variants_that_use_it():
    before, after = kit(), kit(scenes=("oak table, sage wall", "concrete table, navy wall"))
    assert key("staged_scene", before, 0) == key("staged_scene", after, 0)
    assert key("staged_scene", before, 1) != key("staged_scene", after, 1)
    assert key("packshot_white", before) == key("packshot_white", after)


def test_a_changed_stance_changes_staged_scenes_only():
    before, after = kit(), kit(product_height_pct=60)
    assert key("staged_scene", before) != key("staged_scene", after)
    assert key("backdrop", before) == key("backdrop", after)


def staged(style=None, index=0, **changes):
    product = PRODUCT.model_copy(update={name: changes.pop(name) for name in ("height_cm",) if name in changes})
    return resolve(BOOK["staged_scene"].with_params(changes), product, kit(**(style or {})), index)


def test_a_lower_product_is_shown_smaller_and_never_tiny():
    style = {"tallest_cm": 28, "product_height_pct": 50}
    carafe, mug, thimble, lamp = (staged(style, height_cm=height)["product_height_pct"] for height in (28, 9.4, 0.5, 90))
    assert carafe == lamp == 50 and mug == pytest.approx(50 * (9.4 / 28) ** 0.5, abs=0.01) and thimble == pytest.approx(50 * 0.35)
    assert staged(style, height_cm=9.4, scale_realism=1.0)["product_height_pct"] == pytest.approx(50 * 0.35)
    assert staged(style, height_cm=9.4, scale_realism=0.0)["product_height_pct"] == 50


def test_a_product_or_category_without_centimeters_keeps_the_styles_height():
    assert staged({"tallest_cm": 28, "product_height_pct": 50}, height_cm=None)["product_height_pct"] == 50
    assert staged({"product_height_pct": 50}, height_cm=9.4)["product_height_pct"] == 50


def test_a_product_stands_away_from_the_props():
    scenes = ("oak table, vase on the left", "oak table, books on the Right", "oak table, no props", "vase on the left, books on the right")
    assert [staged({"scenes": scenes}, index)["center_pct"] for index in range(4)] == [60, 40, 50, 50]
    assert staged({"scenes": scenes}, 0, composition="left")["center_pct"] == 40


def test_a_style_without_a_tallest_product_keeps_its_digest():
    style = kit().categories["drinkware"]
    assert "tallest_cm" not in style.model_dump(mode="json")
    assert kit(tallest_cm=28).digest != kit().digest


def test_a_prompt_is_the_trigger_and_the_scene_of_its_index():
    assert resolve(BOOK["staged_scene"], PRODUCT, kit(), 1)["prompt"] == "terra look, white marble table, navy wall"
    assert resolve(BOOK["staged_scene"], PRODUCT, kit(), 2)["prompt"] == "terra look, oak table, sage wall"


def test_a_scene_that_speaks_the_trigger_is_the_whole_prompt():
    brand_kit = kit(scenes=("terra look, oak table",))
    assert resolve(BOOK["staged_scene"], PRODUCT, brand_kit, 0)["prompt"] == "terra look, oak table"


@pytest.mark.parametrize(
    ("scene", "glossy"),
    [("black lacquer table", True), ("lacquered shelf", True), ("White Marble table", True), ("glossy tiles", True), ("glass table", True),
     ("unpolished concrete table", False), ("table with eyeglasses", False), ("fiberglass mat", False)],
)  # fmt: skip
def test_only_a_named_glossy_surface_mirrors_the_product(scene, glossy):
    assert resolve(BOOK["staged_scene"], PRODUCT, kit(scenes=(scene,)), 0)["glossy"] is glossy


def test_words_for_people_are_no_part_of_it():
    recipe = BOOK["backdrop"].model_copy(update={"title": "Other", "description": "Other"})
    assert resolve(recipe, PRODUCT, kit(), 0) == resolve(BOOK["backdrop"], PRODUCT, kit(), 0)


def test_a_raised_version_is_part_of_it():
    recipe = BOOK["backdrop"].model_copy(update={"version": 99})
    assert digest(resolve(recipe, PRODUCT, kit(), 0)) != key("backdrop", kit())


def test_spelled_out_defaults_change_nothing():
    recipe = BOOK["packshot_white"].model_copy(update={"params": {}})
    assert digest(resolve(recipe, PRODUCT, kit(), 0)) == key("packshot_white", kit())


def test_a_product_is_not_recolored_to_the_color_it_has():
    assert resolve(BOOK["recolor"], PRODUCT, kit(), 0)["target_hex"] == "#24355c"
    assert variant_count(BOOK["recolor"], PRODUCT, kit()) == 1


def test_a_brand_with_fewer_colors_has_fewer_variants():
    assert variant_count(BOOK["backdrop"], PRODUCT, kit(backdrops=("#c9d2bf",))) == 1
    assert variant_count(BOOK["recolor"], PRODUCT, kit(colorways=())) == 0
    assert variant_count(BOOK["staged_scene"], PRODUCT, kit()) == BOOK["staged_scene"].variants
    assert variant_count(BOOK["packshot_white"], PRODUCT, kit()) == 1


def test_an_index_beyond_the_brands_colors_says_so():
    with pytest.raises(RenderError, match=r"backdrop color number 3.*offers 2"):
        resolve(BOOK["backdrop"], PRODUCT, kit(), 2)


def test_a_category_without_a_style_says_which_there_are():
    product = PRODUCT.model_copy(update={"category": "sofas"})
    with pytest.raises(RenderError, match=r"'sofas'.*drinkware"):
        resolve(BOOK["backdrop"], product, kit(), 0)


def test_a_target_color_can_be_set_on_the_recipe():
    recipe = BOOK["recolor"].with_params({"hex": "#AA0011"})
    assert resolve(recipe, PRODUCT, kit(), 0)["target_hex"] == "#aa0011"


def test_a_parameter_that_the_kind_does_not_take_is_refused():
    with pytest.raises(SettingsError, match="glow"):
        resolve(BOOK["backdrop"].with_params({"glow": 1}), PRODUCT, kit(), 0)
