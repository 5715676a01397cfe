"""All studio recipes in one cell: what changed of product, brand kit and its files makes those pictures again that show it, and no others."""

import shutil

import cv2
import numpy as np
import pytest
import yaml

from assets.catalog import refresh_catalog
from assets.cutouts import cut_out_cell
from assets.expectation import expectation_of
from assets.planning import plan_cell
from assets.source_photos import screen_cell
from generation.kinds import KINDS
from generation.recipe_book import read_recipe_book
from imaging.drawn_patterns import drawn_pattern
from orchestration.checking_brand_files import check_brand_files
from resources.project import open_project
from tests.scene_shop import cell_of, draw
from tests.tiny_project import draw_mug, product_row, small_recipe, write_photo, write_table

STUDIO = sorted(name for name, recipe in read_recipe_book().items() if recipe.engine == "studio")
TEXTURED = {"material", "pattern"}
ROWS = {sku: product_row(sku, title=f"Mug {sku[-1]}") | {"description": "Holds tea."} for sku in ("MUG-1", "MUG-2")}
KIT = {
    "brand": "all",
    "title": "Every Shop",
    "palette": ["#c4704c", "#3c5a46", "#efeae0"],
    "recipes": STUDIO,
    "categories": {
        "mugs": {
            "trigger": "mugs look",
            "scenes": ["a table"],
            "backdrops": ["#e8c39a", "#f3f2f0"],
            "ads": {"headlines": ["Tea time", "{title} for you"]},
        }
    },
    "colorways": [{"name": "moss", "hex": "#6f7f55"}, {"name": "card", "photo": "card.png"}],
    "patterns": [{"name": "cherry", "file": "cherry.png", "repeat_cm": 2}],
    "materials": [{"name": "oak", "file": "oak.png", "repeat_cm": 8, "look": "wood"}],
    "part_masks": [{"sku": "MUG-1", "file": "body.png"}],
    "logo": "logo.png",
    "ads": {"calls_to_action": ["Get yours"]},
    "channels": [{"name": "web", "recipes": STUDIO, "format": "jpeg", "long_side_px": 300, "quality": 90}],
}


def write_picture(path, rgb, side_px=64):
    cv2.imwrite(str(path), np.full((side_px, side_px, 3), rgb[::-1], np.uint8))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two mugs cut out; all studio recipes as they ship, but small."""
    folder = tmp_path_factory.mktemp("all") / "shop"
    (folder / "recipes").mkdir(parents=True)
    for name in STUDIO:
        data = yaml.safe_load(small_recipe(name, 320)) | {"variants": 2}
        data["params"].pop("formats", None)
        (folder / "recipes" / f"{name}.yaml").write_text(yaml.safe_dump(data))
    (folder / "brand.yaml").write_text(yaml.safe_dump(KIT))
    (folder / "vitrine.yaml").write_text(
        "catalog: {kind: folder, path: catalog}\nbrand_kit: brand.yaml\nrecipes: recipes\nscreening: {min_side_px: 300}\n"
    )
    for number, name in enumerate(("card", "oak", "logo")):
        write_picture(folder / f"{name}.png", (90 + 40 * number, 70, 50))
    cv2.imwrite(str(folder / "cherry.png"), drawn_pattern("dots", (230, 220, 190), (40, 60, 160)))
    cv2.imwrite(str(folder / "body.png"), np.full((400, 400), 255, np.uint8))
    for sku, color in (("MUG-1", (178, 62, 50)), ("MUG-2", (46, 92, 140))):
        write_photo(folder / "catalog" / "photos" / f"{sku}.jpg", draw_mug(color, side_px=400))
    write_table(folder, list(ROWS.values()))
    project = open_project(folder)
    refresh_catalog(project)
    screen_cell(project, *cell_of(project))
    cut_out_cell(project, *cell_of(project))
    return folder


@pytest.fixture(scope="module")
def before(made):
    return keys(made)


@pytest.fixture
def shop(made, tmp_path):
    return shutil.copytree(made, tmp_path / "shop")


def keys(folder):
    """Render keys by name of variant, as the plan of today has them."""
    project = open_project(folder)
    refresh_catalog(project)
    plan = plan_cell(project, *cell_of(project))
    return {wanted.variant.name: wanted.render_key for wanted in plan.wanted}


def change_kit(folder, **changes):
    (folder / "brand.yaml").write_text(yaml.safe_dump(KIT | changes))


def change_product(folder, sku, **changes):
    write_table(folder, list((ROWS | {sku: ROWS[sku] | changes}).values()))


def mugs_with(**changes):
    return {"categories": {"mugs": KIT["categories"]["mugs"] | changes}}


POSTERS = {"ad_poster"}
CHANGES = {
    "the bytes of the logo": (lambda shop: write_picture(shop / "logo.png", (1, 2, 3)), POSTERS),
    "no logo any more": (lambda shop: change_kit(shop, logo=None), POSTERS),
    "the bytes of a swatch photo": (lambda shop: write_picture(shop / "card.png", (1, 2, 3)), {"recolor"}),
    "the bytes of a pattern": (lambda shop: write_picture(shop / "cherry.png", (9, 9, 9)), {"pattern"}),
    "the bytes of a material": (lambda shop: write_picture(shop / "oak.png", (9, 9, 9)), {"material"}),
    "a part mask": (lambda shop: cv2.imwrite(str(shop / "body.png"), np.full((40, 40), 255, np.uint8)), {"recolor", *TEXTURED}),
    "a call to action": (lambda shop: change_kit(shop, ads={"calls_to_action": ["Buy"]}), POSTERS),
    "a headline": (lambda shop: change_kit(shop, **mugs_with(ads={"headlines": ["Coffee"]})), POSTERS),
    "the brand's title": (lambda shop: change_kit(shop, title="Another Name"), set()),
    "a scene's prompt": (lambda shop: change_kit(shop, **mugs_with(scenes=["a shelf"])), set()),
    "a price": (lambda shop: change_product(shop, "MUG-1", price="19.00"), POSTERS),
    "a description": (lambda shop: change_product(shop, "MUG-1", description="Holds milk."), POSTERS),
    "a height": (lambda shop: change_product(shop, "MUG-1", height_cm="11"), {"scale_card", *TEXTURED}),
    "a material": (lambda shop: change_product(shop, "MUG-1", material="Glass"), set()),
    "nothing": (lambda shop: None, set()),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_makes_those_pictures_again_that_show_it_and_no_others(shop, before, what):
    change, expected = CHANGES[what]
    change(shop)
    after = keys(shop)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {name.split(".")[1] for name in changed} == expected
    if what in ("a price", "a description", "a height", "a part mask"):
        assert {name.split(".")[0] for name in changed} == {"MUG-1"}


def test_a_layout_or_format_more_leaves_the_posters_that_there_are(shop, before):
    """Layouts, formats and words stood in the render key beside what was taken of them: one more format made every poster again."""
    path = shop / "recipes" / "ad_poster.yaml"
    data = yaml.safe_load(path.read_text())
    data["params"] |= {"formats": ["1080x1080"]}
    data |= {"width_px": 1080, "height_px": 1080}
    path.write_text(yaml.safe_dump(data))
    first = keys(shop)
    assert {name for name in first if first[name] != before[name]} == {name for name in first if ".ad_poster." in name}
    data["params"] |= {"formats": ["1080x1080", "1200x628"]}
    data["variants"] = 12
    path.write_text(yaml.safe_dump(data))
    more = keys(shop)
    assert {name: more[name] for name in first} == first and len(more) > len(first)


def test_what_all_recipes_made_is_not_made_again(shop):
    made = draw(open_project(shop))
    assert made["rendered"] + made["refused"] >= 2 * (len(STUDIO) - 1), made
    project = open_project(shop)
    plan = plan_cell(project, *cell_of(project))
    assert plan.to_render == [] and len(plan.wanted) >= made["rendered"]
    refused = [row["why"] for row in plan.refused]
    assert refused and all("ghost_mannequin" in why for why in refused), refused
    write_picture(shop / "logo.png", (4, 5, 6))
    project = open_project(shop)
    assert {wanted.recipe.name for wanted in plan_cell(project, *cell_of(project)).to_render} == POSTERS


@pytest.mark.parametrize("name", ["ghost_mannequin", "ad_poster", "packshot_white"])
def test_another_engine_concerns_also_recipes_that_refuse_most_of_a_category(shop, name, monkeypatch):
    """What no product in general can have was expected alike under every engine: garments known by their titles were never made again."""
    project = open_project(shop)
    before = expectation_of(project, "mugs", None).variants[name]
    monkeypatch.setattr("assets.render_keys.ENGINE_VERSION", "studio-next")
    assert expectation_of(open_project(shop), "mugs", None).variants[name] != before


def test_every_kind_names_what_it_takes_of_the_brand_kit():
    """A field that a kind takes and does not name would change pictures behind the back of plans that pass over settled products."""
    known = set(type(open_kit()).model_fields), set(type(open_kit().categories["mugs"]).model_fields)
    for name, kind in KINDS.items():
        if not kind.alike_in_category:
            assert kind.of_kit is None or kind.of_kit <= known[0], name
            assert kind.of_style is None or kind.of_style <= known[1], name


def open_kit():
    from catalog.brand_kit import BrandKit

    return BrandKit.model_validate({name: value for name, value in KIT.items() if name != "channels"})


def test_files_of_the_brand_kit_that_are_not_what_they_are_named_as_are_found_before_a_run(shop):
    """A logo that was no picture refused every poster of a night, and `vitrine check` had said nothing."""
    logo = np.full((60, 160, 3), 255, np.uint8)
    logo[20:40, 30:130] = (90, 40, 20)
    cv2.imwrite(str(shop / "logo.png"), logo)
    assert list(check_brand_files(open_project(shop))) == []
    (shop / "logo.png").write_text("<svg/>")
    (shop / "body.png").write_bytes(b"")
    change_kit(shop, ads={"fonts": {"headline": "oak.png", "text": "oak.png"}})
    found = list(check_brand_files(open_project(shop)))
    assert [message.split(":")[0] for message in found] == ["logo", "part_masks, part 'main' of MUG-1", "ads.fonts", "ads.fonts"], found
    assert "cannot be read as a font" in found[-1]
