"""Products on synthetic people: what is asked of the model, who is drawn how often, what is refused, and what the picture goes by."""

from collections import Counter
from dataclasses import replace
from itertools import product as combinations
from pathlib import Path

import numpy as np
import pytest

from catalog.brand_kit import read_brand_kit
from catalog.errors import RenderError, SettingsError
from catalog.photo_roles import FurtherPhoto
from catalog.product import Product
from generation.kind import RenderSource
from generation.on_model import NEUTRAL
from generation.plates import DiffusionPlates
from generation.recipe_book import read_recipe_book
from generation.render import plate_request, render_group
from generation.resolve import resolve
from generation.synthetic_people import PeopleParams, in_turn, person_for
from generation.worn_products import WORN, garment_of
from generation.worn_words import WORDS

KIT = read_brand_kit(Path(__file__).parents[2] / "demo" / "catalog" / "brand.yaml")
PEOPLE = PeopleParams().model_dump()


def item(title="Linen shirt", category="clothes", sku="A-1"):
    return Product(sku=sku, title=title, category=category, photos=("a.jpg",))


def recipe(**params):
    small = {"width_px": 64, "height_px": 64, "variants": 12}
    return read_recipe_book()["on_model"].model_copy(update=small).with_params({"reference_px": 64, **params})


def resolved(index=0, shown=None, **params):
    return resolve(recipe(**params), shown or item(), KIT, index)


def drawn_product(color=(180, 40, 40)):
    photo, alpha = np.full((90, 60, 3), 250, np.uint8), np.zeros((90, 60), np.uint8)
    photo[20:80, 10:50], alpha[20:80, 10:50] = color, 255
    return RenderSource(foreground_HW3=photo, alpha_HW=alpha)


@pytest.mark.parametrize(
    ("title", "category", "garment"),
    [
        ("Linen shirt", "clothes", "top"),
        ("Blue T-shirt", "clothes", "top"),
        ("Anything", "dresses", "dress"),
        ("Trail sneakers", "footwear", "shoes"),
        ("Canvas tote", "accessories", "bag"),
        ("Round glasses", "accessories", "eyewear"),
        ("Stoneware mug", "kitchen", "handheld"),
        ("Capital letter print", "mugs", "handheld"),
        ("Shirt dress", "clothes", "dress"),
        ("Dress shoes", "clothes", "shoes"),
        ("Trail sneakers", "shoes-and-bags", "shoes"),
        ("Acme: linen shirt, boxed", "clothes", "top"),
        ("Pair of boots", "clothes", "shoes"),
        ("Tee with box logo", "clothes", "top"),
        ("Mug Christmas tree", "clothes", "handheld"),
        ("Stand collar shirt", "clothes", "top"),
        ("Silver bracelet", "jewelry", "bracelet"),
        ("Signet ring", "jewelry", "ring"),
        ("Pearl earrings", "jewelry", "jewelry"),
        ("Ridge Canvas Backpack", "bags", "backpack"),
        ("Weekend Duffel", "bags", "bag"),
        ("Pico Espresso Cup and Saucer, Ink", "drinkware", "handheld"),
    ],
)
def test_a_product_is_worn_as_the_words_of_its_category_or_title_say(title, category, garment):
    assert garment_of(item(title, category), {}, "on_model") == garment


def test_every_class_has_words_that_tell_it_and_words_for_the_prompt():
    assert set(WORDS) == set(WORN)
    for garment in WORN:
        said = resolved(shown=item(title=WORDS[garment].split("|")[0].replace("?", "")))["prompt"]
        assert f"exactly the {WORN[garment].noun} of the picture" in said, garment
        assert "The picture shows the person from" in said, "a frame follows these words"


@pytest.mark.parametrize(
    ("title", "category", "said"),
    [
        ("Coat rack, oak", "furniture", "rack"),
        ("Shoe rack", "furniture", "rack"),
        ("Shoe & boot wall rack", "furniture", "rack"),
        ("Rack for shoes", "furniture", "rack"),
        ("Table top lamp", "lighting", "table top"),
        ("Belt sander", "tools", "sander"),
        ("Mug tree", "mugs", "tree"),
        ("Tea cup saucer", "mugs", "saucer"),
        ("Phone cases", "phones", "cases"),
        ("Set of wine glasses", "kitchen", "wine glasses"),
        ("Brass key ring", "kitchen", "key ring"),
        ("Cedar shoe cream", "shoe-care", "care"),
    ],
)
def test_goods_named_after_a_garment_are_refused_unless_their_class_is_given(title, category, said):
    """A coat rack was put on as outerwear, a belt sander as a belt: any word of the title told."""
    with pytest.raises(RenderError, match=rf"goods that nobody wears, for its title or category says '{said}'.*\{{{category}: handheld\}}"):
        garment_of(item(title, category), {}, "on_model")
    assert garment_of(item(title, category), {category: "handheld"}, "on_model") == "handheld"


def test_a_bracelet_is_framed_so_that_the_wrist_is_in_the_picture():
    """It was shown on a person "of head and shoulders"."""
    assert "one hand raised so that its wrist is in the middle" in resolved(shown=item("Silver bracelet"))["prompt"]
    assert garment_of(item("Silver bracelet", "schmuck"), {"schmuck": "jewelry"}, "on_model") == "bracelet", (
        "the title tells it more exactly"
    )


def test_a_category_that_nobody_can_name_is_refused_with_what_to_say_and_a_given_class_counts():
    with pytest.raises(RenderError, match=r"how a person wears or holds product A-1 of category 'clothes'.*\{clothes: handheld\}"):
        resolved(shown=item("Oak armchair"))
    assert resolved(shown=item("Oak armchair"), garments={"clothes": "bag"})["garment"] == "bag"


CHILDRENS = (
    "Kids hoodie", "Kid's hoodie", "Girl dress", "Girls dress", "Girl's summer dress", "Girls’ dress", "Boy tee", "Boys' tee", "Boy's tee", "Teen hoodie",
    "Teens' hoodie", "Teenager's hoodie", "Youth cap", "Junior jeans", "Newborn hat", "Newborn's hat", "Infant hat", "Infant's hat", "Baby's hat",
    "Toddler shoes", "Child's coat", "Children's coat", "Tee, 8 years", "Tee 8-year", "Tee 10Y", "Hoodie 6-8 Y", "Hoodie 6–8 Y", "Hat 3-6 M", "Hat 6 months",
    "Dress 4T", "Coat, ages 3+", "Mädchenkleid top", "Robe fille dress", "Camiseta niño t-shirt", "Baby blue baby dress",
)  # fmt: skip
UNDRESSED = (
    "Lace bra",
    "Boxer Brief",
    "Cotton brief 3-pack",
    "Bras top",
    "Swim shorts",
    "Swimming shorts",
    "Swimsuit dress",
    "Trunks",
    "Bikini top",
    "Boxer shorts",
    "Bathing suit",
    "Board shorts",
)


@pytest.mark.parametrize(
    ("title", "why"), [*((title, "no synthetic children") for title in CHILDRENS), *((title, "undressed") for title in UNDRESSED)]
)
def test_what_is_called_childrens_or_undressed_is_never_shown_on_a_person_whatever_the_recipe_says(title, why):
    """A girl's dress, a boy's tee of 8 years and swim shorts went to the model: plurals alone were known."""
    with pytest.raises(RenderError, match=why):
        garment_of(item(title), {"clothes": "top"}, "on_model")


@pytest.mark.parametrize("category", ["girls-dresses", "boys", "baby", "kids_wear", "swimwear", "teens"])
def test_a_category_of_childrens_wear_is_refused_as_a_title_is(category):
    with pytest.raises(RenderError, match=f"a synthetic person: no synthetic {'person' if category == 'swimwear' else 'children'}"):
        garment_of(item("Blue dress", category), {category: "dress"}, "on_model")


@pytest.mark.parametrize(
    "title",
    ["Baby blue shirt", "Baby-pink shirt", "Baby alpaca shirt", "Kid leather shirt", "Boyfriend shirt", "Cowboy shirt", "Shirt 2XL", "Shirt, 18 years",
     "Shirt, 2-year guarantee", "One of a kind shirt", "Shirt in a 5-pack", "Shirt 38-40"],
)  # fmt: skip
def test_colors_wools_cuts_and_guarantees_are_no_children(title):
    assert garment_of(item(title), {}, "on_model") == "top"


def test_each_person_is_shown_in_all_views_before_the_next_one_is():
    made = [resolved(index) for index in range(6)]
    assert [one["view"] for one in made] == ["front", "three_quarter", "detail"] * 2
    assert made[0]["person"] == made[2]["person"] != made[3]["person"] == made[5]["person"]
    assert len({one["prompt"] for one in made}) == 6


def test_in_a_cycle_each_comes_as_often_as_it_weighs_spread_as_evenly_as_can_be():
    turns = [in_turn({"a": 2, "b": 1, "c": 1, "d": 0}, number) for number in range(8)]
    assert Counter(turns) == {"a": 4, "b": 2, "c": 2} and turns[:4] == ["a", "b", "c", "a"]


def test_the_people_of_one_product_differ_and_a_catalog_gives_everybody_their_share():
    for quality, weights in PEOPLE.items():
        if len(set(weights.values())) == 1:
            one = [person_for(PEOPLE, "A-1", number)[quality] for number in range(len(weights))]
            assert sorted(one) == sorted(weights), f"each {quality} once"
    first = [person_for(PEOPLE, f"SKU-{number}", 0) for number in range(700)]
    tones = Counter(person["skin_tone"] for person in first)
    assert all(70 <= tones[name] <= 135 for name in PEOPLE["skin_tone"]), tones
    pairs = Counter((person["skin_tone"], person["age"]) for person in first)
    assert all(pairs[pair] for pair in combinations(PEOPLE["skin_tone"], PEOPLE["age"])), "no quality goes with another"


def test_a_brand_fixes_who_is_drawn_and_a_weight_of_nothing_is_refused():
    fixed = [resolved(3 * index, skin_tone={"deep": 1}, age={"fifties": 2, "thirties": 1})["person"] for index in range(3)]
    assert {person["skin_tone"] for person in fixed} == {"deep"}
    assert Counter(person["age"] for person in fixed) == {"fifties": 2, "thirties": 1}
    for wrong in ({"skin_tone": {"deep": 0}}, {"age": {"teens": 1}}, {"poses": {}}):
        with pytest.raises(SettingsError, match=next(iter(wrong))):
            resolved(**wrong)


def test_the_model_goes_by_the_product_alone_on_neutral_gray():
    request = plate_request(resolved(), 1, drawn_product)
    (shown,) = request.references
    assert shown.shape == (64, 64, 3) and (request.width_px, request.height_px) == (64, 64)
    assert (shown[0] == NEUTRAL).all() and tuple(shown[32, 32]) == (180, 40, 40)


@pytest.mark.parametrize("name", ["flux2-klein", "qwen-image-edit"])
def test_a_real_edit_model_draws_after_the_product_and_another_product_gives_another_picture(models, name):
    plates = DiffusionPlates(models(name), lora_path=None, lora_digest=None, steps=2)
    red, again, blue = (
        render_group([resolved()], [7], source, plates)[0] for source in (drawn_product(), drawn_product(), drawn_product((40, 40, 180)))
    )
    assert np.array_equal(red.pixels_HW3, again.pixels_HW3) and not np.array_equal(red.pixels_HW3, blue.pixels_HW3)
    assert red.facts["synthetic_performer"] is True and red.facts["view"] == "front"


def test_a_model_that_draws_from_words_alone_refuses(models):
    plates = DiffusionPlates(models("sd"), lora_path=None, lora_digest=None, steps=2)
    with pytest.raises(RenderError, match="draws from words alone"):
        render_group([resolved()], [7], drawn_product(), plates)


BACK = {"back": FurtherPhoto(photo_digest="b" * 64, cutout_digest="c" * 64)}


def from_all_sides(index, further, **params):
    return resolve(recipe(**params), item(), KIT, index, further)


def test_the_back_is_shown_where_a_photo_of_it_is_and_the_model_goes_by_that_photo():
    assert [from_all_sides(index, BACK)["view"] for index in range(4)] == ["front", "three_quarter", "back", "detail"]
    seen = from_all_sides(2, BACK)
    assert seen["back"] == {"photo": "b" * 64, "cutout": "c" * 64} and "Seen from behind" in seen["prompt"]
    assert from_all_sides(0, BACK) == from_all_sides(0, {}), "other views do not depend on it"
    front, behind = drawn_product(), drawn_product((40, 40, 180))
    source = replace(front, further_cutout={"c" * 64: (behind.foreground_HW3, behind.alpha_HW)}.__getitem__)
    (shown,) = plate_request(seen, 1, lambda: source).references
    assert tuple(shown[32, 32]) == (40, 40, 180)


def test_a_back_that_nobody_photographed_or_whose_photo_was_refused_is_not_shown():
    blurred = {"back": FurtherPhoto(photo_digest="b" * 64, refused=("blurred",))}
    assert [from_all_sides(index, blurred)["view"] for index in range(3)] == ["front", "three_quarter", "detail"]
    with pytest.raises(RenderError, match=r"it has no photo of its back.*`-back`"):
        from_all_sides(0, {}, views=["back"])
    with pytest.raises(RenderError, match="its photo of the back was refused: blurred"):
        from_all_sides(0, blurred, views=["back"])
    assert "in profile" in from_all_sides(0, {}, views=["side"])["prompt"]
