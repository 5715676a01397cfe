"""What `--set KEY=VALUE` and `--product KEY=VALUE` are read as: shells take quotes away, and YAML has its own ideas of `#` and `off`."""

import pytest

from catalog.errors import SettingsError
from catalog.product import Product
from catalog.recipe import parse_model
from orchestration.given_values import values_of
from orchestration.picture_inputs import parameter_fields, recipe_changed, recipe_named


def given(recipe, one):
    return values_of([one], parameter_fields(recipe_named(recipe)), "--set")


@pytest.mark.parametrize(
    ("recipe", "one", "value"),
    [
        ("recolor", "hex=#2c3c5e", "#2c3c5e"),
        ("recolor", "hex='#2c3c5e'", "#2c3c5e"),
        ("recolor", "hex=null", None),
        ("enhance", "exposure=off", "off"),
        ("scale_card", "decimal_mark=,", ","),
        ("ad_poster", "headline={title} now", "{title} now"),
        ("ad_poster", "headline={title}", "{title}"),
        ("ad_poster", "headline=Mug #3: blue", "Mug #3: blue"),
        ("ad_poster", "formats=[1080x1080, 1200x628]", ["1080x1080", "1200x628"]),
        ("packshot_white", "width_px=800", 800),
        ("packshot_white", "shadow=0.5", 0.5),
    ],
)
def test_a_parameter_is_read_as_what_it_takes(recipe, one, value):
    assert given(recipe, one) == {one.partition("=")[0]: value}


def test_a_color_without_quotes_is_the_color_that_is_drawn():
    """YAML takes `#2c3c5e` for a comment: the recipe's own color was drawn, without a word."""
    recipe = recipe_named("recolor")
    assert recipe_changed(recipe, values_of(["hex=#2c3c5e"], parameter_fields(recipe), "--set")).params["hex"] == "#2c3c5e"


@pytest.mark.parametrize("one", ["hex=", "hex=blue"])
def test_no_color_is_refused(one):
    with pytest.raises(SettingsError, match="hex"):
        recipe_changed(recipe_named("recolor"), given("recolor", one))


@pytest.mark.parametrize(
    ("one", "value"), [("title=2026", "2026"), ("title=Yes", "Yes"), ("title=Mug: blue", "Mug: blue"), ("height_cm=9.4", 9.4)]
)
def test_what_is_said_of_a_product_is_read_as_its_column(one, value):
    known = {"sku": "photo", "title": "photo", "category": "mugs", "photos": ("photo.jpg",)}
    item = parse_model(Product, known | values_of([one], Product.model_fields, "--product"), "--product")
    assert getattr(item, one.partition("=")[0]) == value


@pytest.mark.parametrize("one", ["hex", "=5"])
def test_what_is_no_pair_is_refused(one):
    with pytest.raises(SettingsError, match="is not KEY=VALUE"):
        values_of([one], Product.model_fields, "--product")
