"""A recipe whose own model cannot be used is refused alone: the rest of the catalog goes on, nothing that stands is taken back, and mending it is seen."""

import json
import shutil

import pytest
import sqlalchemy as sa

from assets.catalog_needs import catalog_needs
from assets.own_models import unusable
from assets.planning import known_cells, plan_cell
from catalog.errors import LicenseNotCleared, ModelError
from publishing.manifest import read_manifest
from resources.ledger_tables import settled
from tests.made_up_work import Shop

SKUS = ("A", "B", "C", "D")
RECIPES = ["packshot_white", "enhance"]
REFUSED = "enhance: its own model cannot be used"


def install(shop):
    """A folder that reads as an upscaler as far as planning looks."""
    folder = shop.folder / "twice"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "swin2sr"}))
    (folder / "model.safetensors").write_bytes(b"weights")


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path / "shop")
    shop.brand |= {"recipes": RECIPES, "channels": [{"name": "web", "recipes": RECIPES}]}
    shop.versions = {"enhance": {"params": {"upscale": "twice"}}}
    shop.more_settings = {"upscalers": {"twice": {"model": "twice", "license": "Apache-2.0"}}}
    shop.catalog = {sku: ({"title": "A thing", "category": "mugs", "color": "Red"}, f"photo {sku}") for sku in SKUS}
    shop.sync()
    return shop


def shown(shop):
    """Published pictures by recipe."""
    found = dict.fromkeys(RECIPES, 0)
    for image in read_manifest(shop.folder / shop.output / "published").images.values():
        found[image.recipe] += 1
    return found


def needs(shop):
    """The plan, which is the same with markers and without."""
    found = shop.needs(markers=True)
    assert found == shop.needs(markers=False)
    return found


def test_packshots_are_made_and_published_while_the_upscalers_folder_is_missing(shop):
    """`upscale: twice` with a missing folder raised ModelError out of every plan, quote and run."""
    shop.work_everywhere()
    assert shown(shop)["packshot_white"] > 0 and shown(shop)["enhance"] == 0
    project = shop.open()
    assert isinstance(unusable(project, project.recipe_book["enhance"]), ModelError)
    (need,) = needs(shop)
    assert not need.is_stale and need.why[REFUSED] > 0
    refused = [row for row in plan_cell(project, *known_cells(project)[0]).refused if "recipe" in row]
    assert refused and all("lacks config.json" in row["why"] and row["recipe"] == "enhance" for row in refused)


def test_once_the_model_is_there_settled_products_are_looked_at_again(shop):
    shop.work_everywhere()
    catalog_needs(shop.open())
    project = shop.open()
    assert {row["shape"] for row in project.ledger.rows(sa.select(settled))} & {"enhance:1/0/0,packshot_white:1/1/1"}
    install(shop)
    (need,) = needs(shop)
    assert need.to_render["enhance"] > 0 and "packshot_white" not in need.to_render and REFUSED not in need.why
    shop.work_everywhere()
    assert shown(shop)["enhance"] > 0 and not any(need.is_stale for need in needs(shop))


def test_what_stands_published_stays_while_the_folder_is_away_and_its_products_leave_with_their_products(shop):
    install(shop)
    shop.work_everywhere()
    before = shown(shop)
    assert before["enhance"] > 1
    shutil.move(shop.folder / "twice", shop.folder / "away")
    shop.brand["channels"][0]["long_side_px"] = 500
    shop.work_everywhere()
    assert shown(shop) == before and not any(need.is_stale for need in needs(shop))
    (gone,) = [
        image.sku for image in list(read_manifest(shop.folder / shop.output / "published").images.values()) if image.recipe == "enhance"
    ][:1]
    del shop.catalog[gone]
    shop.sync()
    assert any(need.to_publish for need in needs(shop))
    shop.work_everywhere()
    assert shown(shop)["enhance"] == before["enhance"] - 1
    channels = shop.brand["channels"]
    shop.brand["channels"] = [{"name": "web", "recipes": ["packshot_white"]}]
    assert sum(need.to_publish for need in needs(shop)) >= before["enhance"] - 1, "a channel that takes them no more keeps none"
    shop.brand |= {"channels": channels, "recipes": ["packshot_white"]}
    assert sum(need.to_publish for need in needs(shop)) == before["enhance"] - 1
    shop.work_everywhere()
    assert shown(shop)["enhance"] == 0


def test_a_license_that_is_accepted_no_more_takes_its_pictures_back(shop):
    shop.more_settings["upscalers"]["twice"]["license"] = "House-1"
    shop.more_settings["accepted_licenses"] = ["House-1"]
    install(shop)
    shop.work_everywhere()
    assert shown(shop)["enhance"] > 0
    del shop.more_settings["accepted_licenses"]
    project = shop.open()
    assert isinstance(unusable(project, project.recipe_book["enhance"]), LicenseNotCleared)
    assert sum(need.to_publish for need in needs(shop)) == shown(shop)["enhance"]
    shop.work_everywhere()
    assert shown(shop)["enhance"] == 0 < shown(shop)["packshot_white"]


def test_the_cutout_of_no_photo_and_the_base_model_are_no_recipes_own(shop):
    shop.brand["recipes"] = [*RECIPES, "staged_scene"]
    shop.promote_lora("mugs", 1)
    shop.work_everywhere()
    del shop.base_model["files"]
    with pytest.raises(ModelError):
        shop.needs(markers=True)
