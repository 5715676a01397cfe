"""Gallery pages: they show what is published, link to what exists, and speak to everyone."""

import json
import threading
from itertools import pairwise

import pytest

from catalog.brand_kit import Colorway, Swatch
from catalog.errors import StoreError
from catalog.product import Product
from publishing.folder_channel import deliver
from publishing.gallery import alt_text, color_in_words, described, galleries_of, gallery_of
from publishing.manifest import Manifest, read_manifest
from publishing.product_page import write_index_pages, write_product_pages
from tests.publishing.page_check import Page
from tests.publishing.shop import NOON

BOTH = ("BAG-1", "LMP-1")


def write_pages(folder, shop, skus=BOTH):
    galleries = galleries_of([shop.products[sku] for sku in skus], read_manifest(folder), shop.brand_kit, shop.recipes)
    report = write_product_pages(folder, galleries, complete_for=skus, brand_title=shop.brand_kit.title)
    return report, write_index_pages(folder, brand_title=shop.brand_kit.title)


@pytest.fixture
def published(shop, tmp_path):
    deliver(tmp_path, shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)
    write_pages(tmp_path, shop)
    return tmp_path


def test_every_page_is_well_formed_and_every_link_leads_somewhere(published):
    pages = sorted(published.rglob("index.html"))
    assert [str(page.parent.relative_to(published)) for page in pages] == [
        ".",
        "products/bags/BAG-1",
        "products/bags",
        "products/lighting/LMP-1",
        "products/lighting",
    ]
    for path in pages:
        page = Page(path)
        assert page.problems == [], path
        assert page.links


def test_every_picture_has_words_and_a_size(published):
    for path in published.rglob("index.html"):
        for picture in Page(path).pictures:
            assert picture["alt"].strip()
            assert int(picture["width"]) > 0
            assert int(picture["height"]) > 0


def test_pages_can_be_read_by_everyone(published):
    """A language, one main heading, a way past the navigation, no heading level left out."""
    for path in published.rglob("index.html"):
        page = Page(path)
        tags = [tag for tag, _ in page.tags]
        assert ("html", {"lang": "en"}) in page.tags
        assert tags.count("h1") == tags.count("main") == 1
        levels = [int(tag[1]) for tag in tags if tag in ("h1", "h2", "h3", "h4")]
        assert levels[0] == 1
        if path.parent != published / "products/bags" and path.parent != published / "products/lighting":
            assert all(after - before <= 1 for before, after in pairwise(levels))
        assert any(values.get("class") == "skip" for _, values in page.tags)


def test_a_small_file_never_stands_in_for_a_large_one(published):
    """A <source> wins over the <img>; with only a small WebP in it, a large screen showed a blurred picture."""
    page = Page(published / "products/bags/BAG-1/index.html")
    assert not [values for tag, values in page.tags if tag == "source"]
    assert all("64w" in picture["srcset"] and "96w" in picture["srcset"] for picture in page.pictures)


def test_the_gallery_json_names_every_file_with_its_digest_and_origin(published):
    gallery = json.loads((published / "products/bags/BAG-1/gallery.json").read_text())
    images = read_manifest(published).images
    files = [file for picture in gallery["pictures"] for file in picture["files"]]
    assert {file["file"] for file in files} == {image.file for image in images.values() if image.sku == "BAG-1"}
    assert all((published / file["file"]).is_file() and file["sha256"] in file["file"] for file in files)
    assert [(picture["recipe"], picture["index"]) for picture in gallery["pictures"]] == [
        ("packshot_white", 0),
        ("staged_scene", 0),
        ("staged_scene", 1),
    ]
    assert gallery["pictures"][1]["digital_source_type"] == "compositeWithTrainedAlgorithmicMedia"
    assert gallery["pictures"][1]["disclosure"] == "Photograph in an AI-generated setting"


@pytest.mark.parametrize("content", ["{}", '{"vitrine_gallery": 2}', "<html>"])
def test_a_gallery_that_is_not_ours_says_which_and_what_now(published, content):
    stranger = published / "products/bags/BAG-1/gallery.json"
    stranger.write_text(content)
    before = (published / "index.html").read_bytes()
    with pytest.raises(StoreError, match=r"BAG-1/gallery\.json is not a gallery of version 1.*publish its product again"):
        write_index_pages(published, brand_title="Northwind")
    assert (published / "index.html").read_bytes() == before


def test_writing_pages_again_writes_nothing(published, shop):
    report, indexes = write_pages(published, shop)
    assert (report.products, report.files_written, report.pages_removed, indexes) == (2, 0, 0, 0)


def test_a_product_without_pictures_loses_its_page_and_its_category(published, shop):
    deliver(published, [], complete_for=["LMP-1"], delivered_at=NOON)
    report, _ = write_pages(published, shop, ["LMP-1"])
    assert report.pages_removed == 1
    assert not (published / "products/lighting/LMP-1").exists()
    assert not (published / "products/lighting/index.html").exists()
    assert Page(published / "index.html").problems == []
    assert "Brass lamp" not in Page(published / "index.html").text


def test_a_product_that_changes_its_category_moves(published, shop):
    shop.products["LMP-1"] = shop.products["LMP-1"].model_copy(update={"category": "bags"})
    deliver(published, shop.items("LMP-1"), complete_for=["LMP-1"], delivered_at=NOON)
    write_pages(published, shop, ["LMP-1"])
    assert not (published / "products/lighting").joinpath("LMP-1").exists()
    assert Page(published / "products/bags/LMP-1/index.html").problems == []


def test_an_empty_folder_gets_an_honest_index(tmp_path):
    write_index_pages(tmp_path, brand_title="Northwind")
    assert "Nothing is published yet." in Page(tmp_path / "index.html").text


def test_markup_in_product_texts_is_shown_as_text(shop, tmp_path):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    shop.products["BAG-1"] = Product(
        sku="BAG-1", title=evil, description=evil, category="bags", color=evil, material="{{ 7 * 7 }}", photos=("a.jpg",)
    )
    deliver(tmp_path, shop.items("BAG-1"), complete_for=["BAG-1"], delivered_at=NOON)
    write_pages(tmp_path, shop, ["BAG-1"])
    for path in tmp_path.rglob("index.html"):
        page = Page(path)
        assert page.problems == []
        assert evil in page.text
        assert not any(tag == "script" or any(name.startswith("on") for name in values) for tag, values in page.tags)
    assert "{{ 7 * 7 }}" in Page(tmp_path / "products/bags/BAG-1/index.html").text


def test_alt_texts_say_what_is_seen_without_repeating_the_title(shop):
    tote = shop.products["BAG-1"]
    assert alt_text(tote, shop.recipes["packshot_white"], 0) == "Canvas tote, Natural, Cotton. Packshot on white"
    assert alt_text(shop.products["LMP-1"], shop.recipes["staged_scene"], 1) == "Brass lamp. Staged scene, picture 2 of 2"


def recolored(shop):
    return shop.recipes["packshot_white"].model_copy(
        update={"name": "recolor", "title": "Colorway", "changes_product": True, "digital_source_type": "compositeSynthetic"}
    )


def test_a_bag_shown_in_leather_is_not_called_cotton(shop):
    """Alternative texts of materials and patterns told the catalog's color and material, which are not in the picture."""
    tote, recipe = shop.products["BAG-1"].model_copy(update={"description": "Raw canvas."}), recolored(shop)
    leather, cherry = recipe.model_copy(update={"title": "Material"}), recipe.model_copy(update={"title": "Pattern"})
    assert alt_text(tote, leather, 0, shown_in="leather", changed="material") == "Canvas tote. Material in leather"
    assert alt_text(tote, cherry, 0, shown_in="cherry", changed="pattern") == "Canvas tote, Cotton. Pattern in cherry"
    assert described(tote, "leather", "material") == "Raw canvas. Shown in leather; the material was changed by computer."


def test_a_colorways_words_name_the_color_that_is_seen_and_not_the_catalogs(shop):
    tote = shop.products["BAG-1"].model_copy(update={"description": "Raw canvas."})
    kit = shop.brand_kit.model_copy(update={"colorways": (Colorway(name="dusty_rose", hex="#c08a8a"),)})
    color = color_in_words(kit, "bags", "#c08a8a")
    assert alt_text(tote, recolored(shop), 0, shown_in=color) == "Canvas tote, Cotton. Colorway in dusty rose"
    assert described(tote, color) == "Raw canvas. Shown in dusty rose; the color was changed by computer."
    assert described(tote, "") == "Raw canvas."
    swatched = kit.model_copy(update={"swatches": (Swatch(name="18-1248 Rust", hex="#b55a30"),)})
    assert color_in_words(swatched, "bags", "#b55a30") == "18-1248 Rust"
    assert color_in_words(kit, "bags", "#123456") == "#123456", "a colorway that left the brand kit since"


def test_a_changed_product_is_not_disclosed_as_a_changed_setting(shop, tmp_path):
    shop.recipes["recolor"] = recolored(shop)
    deliver(tmp_path, [shop.item("BAG-1", "recolor"), shop.item("BAG-1")], complete_for=["BAG-1"], delivered_at=NOON)
    gallery = gallery_of(shop.products["BAG-1"], read_manifest(tmp_path), shop.brand_kit, shop.recipes)
    assert {p.recipe: p.disclosure for p in gallery.pictures} == {
        "packshot_white": "Photograph, enhanced",
        "recolor": "Photograph, the product itself altered by computer",
    }


def test_facts_leave_out_what_the_catalog_does_not_know(shop, tmp_path):
    gallery = gallery_of(shop.products["LMP-1"], read_manifest(tmp_path), shop.brand_kit, shop.recipes)
    assert gallery.facts == {"Material": "Brass", "Size": "H 41 cm"}
    assert gallery_of(shop.products["BAG-1"], read_manifest(tmp_path), shop.brand_kit, shop.recipes).facts["Price"] == "24.00 USD"


def test_pages_written_at_the_same_time_all_end_up_in_the_index(shop, tmp_path):
    failures = []
    deliver(tmp_path, shop.items(*BOTH), complete_for=BOTH, delivered_at=NOON)

    def come_and_go(sku):
        product = shop.products[sku]
        empty = [gallery_of(product, Manifest(), shop.brand_kit, shop.recipes)]
        try:
            for _ in range(8):
                write_product_pages(tmp_path, empty, complete_for=[sku], brand_title="Northwind")
                write_index_pages(tmp_path, brand_title="Northwind")
                write_pages(tmp_path, shop, [sku])
        except Exception as error:  # noqa: BLE001  # reported in the main thread
            failures.append(error)

    threads = [threading.Thread(target=come_and_go, args=(sku,)) for sku in BOTH]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    text = Page(tmp_path / "index.html").text
    assert "Canvas tote" in text
    assert "Brass lamp" in text
