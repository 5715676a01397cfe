"""Gallery pages in a bucket: they show what the manifest publishes, link to what exists, and several cells may write them at once."""

import threading

import pytest

from publishing.bucket_manifest import read_board
from publishing.bucket_pages import write_cell_pages, write_lists
from publishing.gallery import galleries_of
from tests.faulty_s3 import bucket_files
from tests.publishing.page_check import Page
from tests.publishing.shop import NOON, Shop
from tests.publishing.windows import BucketWindow

DROP = "2026-11-21"


def publish(window, shop, sku, items=None):
    """Deliver one product and write its cell's pages; what writing them did."""
    category = shop.products[sku].category
    part = f"{category}/{DROP}"
    window.deliver(shop.items(sku) if items is None else items, complete_for=[sku], delivered_at=NOON, part=part)
    manifest = read_board(window.bucket, [part]).parts[part]
    galleries = galleries_of([shop.products[sku]], manifest, shop.brand_kit, shop.recipes)
    title = shop.brand_kit.title
    report = write_cell_pages(window.bucket, category, DROP, galleries, complete_for=[sku], brand_title=title)
    titles = {name: style.title for name, style in shop.brand_kit.categories.items()}
    return report, write_lists(window.bucket, [category], titles=titles, brand_title=title)


def pages_of(window, folder):
    """All pages, downloaded: a name and the page."""
    for path in window.bucket.written_below(""):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(window.read(path))
    return {str(path.relative_to(folder)): Page(path) for path in sorted(folder.rglob("*.html"))}


def test_every_page_is_well_formed_and_every_link_leads_somewhere(shop, bucket_window, tmp_path):
    for sku in ("BAG-1", "LMP-1"):
        publish(bucket_window, shop, sku)
    pages = pages_of(bucket_window, tmp_path)
    assert sorted(pages) == [
        f"cells/bags/{DROP}.html",
        f"cells/lighting/{DROP}.html",
        "index.html",
        "products/bags/BAG-1/index.html",
        "products/bags/index.html",
        "products/lighting/LMP-1/index.html",
        "products/lighting/index.html",
    ]
    for name, page in pages.items():
        assert page.problems == [], name
        assert [tag for tag, _ in page.tags].count("h1") == 1
    assert "2 products with 12 published files" in pages["index.html"].text
    assert "Bags" in pages["index.html"].text and "1 product · 6 files" in pages["index.html"].text


def test_writing_the_same_pages_again_writes_nothing(shop, bucket_window):
    publish(bucket_window, shop, "BAG-1")
    before = bucket_window.state()
    report, lists = publish(bucket_window, shop, "BAG-1")
    assert (report.files_written, report.pages_removed, lists) == (0, 0, 0)
    assert bucket_window.state() == before


def test_a_product_without_pictures_loses_its_pages(shop, bucket_window, tmp_path):
    publish(bucket_window, shop, "BAG-1")
    report, _ = publish(bucket_window, shop, "BAG-1", items=[])
    assert report.pages_removed == 1
    pages = pages_of(bucket_window, tmp_path)
    assert sorted(pages) == ["index.html", "products/bags/index.html"]
    assert "Nothing is published yet" in pages["index.html"].text


def test_product_text_is_shown_as_text(shop, bucket_window, tmp_path):
    evil = '<script>alert("x")</script>'
    shop.products["BAG-1"] = shop.products["BAG-1"].model_copy(update={"title": evil})
    publish(bucket_window, shop, "BAG-1")
    assert all("script" not in [tag for tag, _ in page.tags] for page in pages_of(bucket_window, tmp_path).values())


def test_cells_that_end_at_the_same_time_all_stand_in_the_lists(bucket, s3_endpoint, tmp_path):
    failures = []

    def one(number):
        shop, window = Shop(), BucketWindow(bucket_files(bucket, s3_endpoint, prefix="shop"))
        category = "bags" if number % 2 else "lighting"
        sku = f"SKU-{number}"
        shop.products[sku] = shop.products["BAG-1"].model_copy(update={"sku": sku, "category": category})
        part = f"{category}/2026-11-{number + 1:02d}"
        try:
            window.deliver(shop.items(sku), complete_for=[sku], delivered_at=NOON, part=part)
            titles = {name: style.title for name, style in shop.brand_kit.categories.items()}
            write_lists(window.bucket, [category], titles=titles, brand_title="Northwind")
        except Exception as error:  # noqa: BLE001  # reported in the main thread
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    window = BucketWindow(bucket_files(bucket, s3_endpoint, prefix="shop"))
    assert "6 products with 36 published files" in window.read("index.html").decode()
    assert [window.read(f"products/{name}/index.html").decode().count("cells/") for name in ("bags", "lighting")] == [3, 3]


@pytest.mark.parametrize("path", ["index.html", "products/bags/BAG-1/gallery.json"])
def test_pages_are_served_with_a_short_time_to_live(shop, bucket, bucket_window, path):
    publish(bucket_window, shop, "BAG-1")
    served = bucket.Object(f"shop/{path}").get()
    assert served["CacheControl"] == "public, max-age=60"
    assert served["ContentType"] == ("application/json" if path.endswith("json") else "text/html; charset=utf-8")
