"""What published files of staged pairs say: the second product's color is named, and that it was made by a computer."""

from types import SimpleNamespace

from assets.expectation import _stand_in_render, _words
from assets.picture_metadata import picture_metadata
from catalog.brand_kit import BrandKit, CategoryStyle, Colorway
from generation.kinds import as_drawn
from generation.recipe_book import read_recipe_book

# As no model draws it here, none has to be named.
PAIR = as_drawn(read_recipe_book()["staged_scene"].with_params({"composition": "pair"})).model_copy(update={"engine": "studio"})


def said(facts):
    wanted = _stand_in_render(PAIR, "drinkware", 0)
    return picture_metadata(None, wanted, {"render_key": "0" * 64, "facts": facts, "lora_digest": None})


def test_the_second_products_color_is_named_where_the_picture_is_described():
    """A pair of a sage and a navy mug was described as the sage one alone."""
    words = said({"kind": "staged_scene", "companion": {"colorway": "deep_navy", "target_hex": "#24355c"}})
    assert " beside the same in deep navy" in words.alt_text
    assert "beside the same in deep navy; the color of that one was changed by computer." in words.description


def test_a_product_alone_says_nothing_of_a_second_one():
    words = said({"kind": "staged_scene"})
    assert "beside" not in words.alt_text + words.description


def test_published_pairs_are_described_anew_when_their_words_change():
    style = CategoryStyle(
        trigger="mugs look", scenes=("oak table",), backdrops=("#ffffff",), colorways=(Colorway(name="navy", hex="#24355c"),)
    )
    kit = BrandKit(brand="b", palette=("#ffffff",), recipes=("staged_scene",), categories={"drinkware": style})
    alone = as_drawn(PAIR.with_params({"composition": "left"}))
    words = {recipe.changes_product: _words(SimpleNamespace(brand_kit=kit, unusable={}), recipe, "drinkware") for recipe in (PAIR, alone)}
    assert len(set(words.values())) == 2, "the second product's color is among what is compared"
