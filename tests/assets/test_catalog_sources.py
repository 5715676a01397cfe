"""The same shop in every kind of catalog source: the same changes are seen, and the same ones cause work."""

import datetime as dt
import time
from functools import partial

import dagster as dg
import pytest
import sqlalchemy as sa

from assets.catalog import refresh_catalog
from assets.planning import known_cells, products_of_cell, skus_of_cell
from catalog.errors import CatalogError
from orchestration.sensors import catalog_changes
from quality.catalog_suite import check_parts
from resources.folder_source import SETTLED_AFTER_S
from resources.ledger_tables import paused, product
from resources.project import VitrineResource, open_project
from tests.shops import JsonlShop, ParquetShop, S3Shop, Shop, SqlShop
from tests.tiny_project import product_row

MONDAY, TUESDAY = dt.date(2026, 11, 16), dt.date(2026, 11, 17)


@pytest.fixture(params=["csv", "jsonl", "parquet", "s3", "sqlite", "postgres"])
def shop(request, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    if request.param == "s3":
        return S3Shop(folder, request.getfixturevalue("bucket"))
    if request.param == "sqlite":
        return SqlShop(folder, f"sqlite:///{tmp_path / 'shop.sqlite'}", monkeypatch)
    if request.param == "postgres":
        return SqlShop(folder, request.getfixturevalue("postgres_url"), monkeypatch)
    return {"csv": Shop, "jsonl": JsonlShop, "parquet": ParquetShop}[request.param](folder)


@pytest.fixture
def folder_shop(tmp_path):
    return Shop(tmp_path / "project")


def refresh(shop, today=MONDAY):
    """Kind, SKU and drop of each change that a refresh of the catalog saw."""
    return [(change["kind"], change["sku"], change["drop"]) for change in refresh_catalog(open_project(shop.project), today)["changes"]]


def test_every_kind_of_source_sees_the_same_changes_and_only_those(shop):
    """A deleted product is withdrawn, a moved category is planned anew, a changed photo opens a drop for its product alone."""
    fingerprint = open_project(shop.project).source.fingerprint
    first = fingerprint()
    assert fingerprint() == first
    assert refresh(shop) == [("new", f"MUG-{n}", MONDAY.isoformat()) for n in (1, 2, 3, 4)]
    assert refresh(shop, TUESDAY) == []

    shop.put_photo("MUG-1.jpg", b"another photo")
    second = fingerprint()
    assert second != first
    shop.rows[1]["category"] = "cups"
    del shop.rows[2]
    shop.save()
    assert fingerprint() not in {first, second}
    assert refresh(shop, TUESDAY) == [
        ("photo", "MUG-1", TUESDAY.isoformat()),
        ("category", "MUG-2", TUESDAY.isoformat()),
        ("withdrawn", "MUG-3", MONDAY.isoformat()),
    ]
    revisions = open_project(shop.project).ledger.rows(sa.select(product.c.sku, product.c.revision).order_by(product.c.revision))
    assert [row["sku"] for row in revisions] == ["MUG-4", "MUG-1", "MUG-2", "MUG-3"]


def test_the_sensor_asks_for_a_refresh_when_any_kind_of_source_changed(shop):
    """It once compared folders only."""
    cursor = None

    def asked():
        nonlocal cursor
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance, cursor=cursor)
            result = catalog_changes(context, vitrine=VitrineResource(project_dir=str(shop.project)))
        cursor = result.cursor
        return len(result.run_requests or [])

    assert [asked(), asked()] == [1, 0]
    shop.rows.pop()
    shop.save()
    assert [asked(), asked()] == [1, 0]


@pytest.mark.parametrize("other", [JsonlShop, ParquetShop, "sqlite"])
def test_the_same_content_gives_the_same_products_and_digests_in_every_format(tmp_path, monkeypatch, other):
    """Prices with zeros at the end, lengths as 32-bit floats, empty cells, SKUs of digits, two photos."""
    shops = [Shop(tmp_path / "csv")]
    shops.append(SqlShop(tmp_path / "b", f"sqlite:///{tmp_path / 'b'}.db", monkeypatch) if other == "sqlite" else other(tmp_path / "b"))
    snapshots = []
    for shop in shops:
        shop.rows[0].update(sku="0012", title="007", width_cm="12.3", price="14.00", material="", photos="MUG-1.jpg;MUG-2.jpg")
        shop.rows[1].update(depth_cm="", price="")
        shop.save()
        refresh(shop)
        project = open_project(shop.project)
        rows = [
            {k: v for k, v in row.items() if k != "revision"} for row in project.ledger.rows(sa.select(product).order_by(product.c.sku))
        ]
        (manifest,) = (project.settings.state_dir / "manifests" / "catalog").iterdir()
        snapshots.append((rows, manifest.name))
    assert snapshots[0] == snapshots[1]
    assert snapshots[0][0][0]["attributes"]["width_cm"] == 12.3


def test_a_pilot_pauses_what_is_outside_and_withdraws_nothing(folder_shop):
    folder_shop.rows[3]["category"] = "bags"
    folder_shop.save()
    refresh(folder_shop)
    folder_shop.limit(categories=["mugs"])
    assert refresh(folder_shop, TUESDAY) == []
    project = open_project(folder_shop.project)
    assert known_cells(project) == [("mugs", MONDAY.isoformat())]
    bags = ("bags", MONDAY.isoformat())
    assert products_of_cell(project, *bags) == []
    assert skus_of_cell(project, *bags) == []  # nobody speaks for what it published, so nothing is taken back
    assert all(row["active"] for row in project.ledger.rows(sa.select(product)))


def test_a_pilot_that_ends_resumes_what_was_paused_in_its_old_drop(folder_shop):
    folder_shop.rows[3]["category"] = "bags"
    folder_shop.save()
    refresh(folder_shop)
    folder_shop.limit(categories=["mugs"])
    refresh(folder_shop, TUESDAY)
    folder_shop.limit()
    assert refresh(folder_shop, TUESDAY) == [("resumed", "MUG-4", MONDAY.isoformat())]
    assert refresh(folder_shop, TUESDAY) == []
    assert open_project(folder_shop.project).ledger.rows(sa.select(paused)) == []


def test_a_product_that_leaves_the_catalog_is_withdrawn_though_it_is_outside_the_pilot(folder_shop):
    folder_shop.rows[3]["category"] = "bags"
    folder_shop.save()
    refresh(folder_shop)
    folder_shop.limit(categories=["mugs"])
    refresh(folder_shop, TUESDAY)
    del folder_shop.rows[3]
    folder_shop.save()
    assert refresh(folder_shop, TUESDAY) == [("withdrawn", "MUG-4", MONDAY.isoformat())]
    assert known_cells(open_project(folder_shop.project)) == [("bags", MONDAY.isoformat()), ("mugs", MONDAY.isoformat())]


def test_under_a_pilot_from_the_start_other_products_do_not_enter_and_come_when_it_ends(folder_shop):
    folder_shop.limit(sample=2)
    inside = {sku for _, sku, _ in refresh(folder_shop)}
    assert len(inside) == 2
    folder_shop.limit()
    assert {(kind, sku) for kind, sku, _ in refresh(folder_shop, TUESDAY)} == {("new", row["sku"]) for row in folder_shop.rows} - {
        ("new", sku) for sku in inside
    }


def test_a_pilot_without_any_product_is_refused_and_pauses_nothing(folder_shop):
    refresh(folder_shop)
    folder_shop.limit(categories=["mugz"])
    with pytest.raises(CatalogError, match=r"pilot's categories mugz; the catalog has mugs"):
        refresh(folder_shop)
    assert open_project(folder_shop.project).ledger.rows(sa.select(paused)) == []


def test_a_photo_folder_that_is_gone_is_an_error_and_not_a_shop_without_photos(folder_shop):
    """A table in a database and photos on a disk that was not mounted: every picture would have been taken back."""
    refresh(folder_shop)
    photos = folder_shop.project / "catalog" / "photos"
    photos.rename(photos.with_name("elsewhere"))
    with pytest.raises(CatalogError, match=r"no folder .*photos. Mount its disk"):
        refresh(folder_shop, TUESDAY)
    photos.with_name("elsewhere").rename(photos)
    assert refresh(folder_shop, TUESDAY) == []


def test_photos_that_vanish_all_at_once_are_an_error_and_single_ones_are_not(folder_shop):
    """The mount point is there, and empty."""
    folder_shop.rows[:] = [product_row(f"MUG-{n}") for n in range(1, 13)]
    for row in folder_shop.rows:
        folder_shop.put_photo(row["photos"], row["sku"].encode())
    folder_shop.save()
    wait_until_settled()
    refresh(folder_shop)
    (folder_shop.project / "catalog" / "photos" / "MUG-1.jpg").unlink()
    assert refresh(folder_shop, TUESDAY) == [("photo", "MUG-1", TUESDAY.isoformat())]
    for n in range(2, 13):
        (folder_shop.project / "catalog" / "photos" / f"MUG-{n}.jpg").unlink()
    with pytest.raises(CatalogError, match=r"None of the 12 photos is in folder .*; 12 of them were there before"):
        refresh(folder_shop, TUESDAY)


def test_the_last_rows_may_lose_all_their_photos(folder_shop, monkeypatch):
    """A large table is read in parts; of a part all of whose photos were taken away, the whole catalog was refused."""
    folder_shop.rows[:] = [product_row(f"MUG-{n:02}") for n in range(1, 16)]
    for row in folder_shop.rows:
        folder_shop.put_photo(row["photos"], row["sku"].encode())
    folder_shop.save()
    wait_until_settled()
    monkeypatch.setattr("quality.catalog_suite.check_parts", partial(check_parts, part_rows=4))
    monkeypatch.setattr("resources.photo_digests.FEWEST_TO_MISS", 3)
    refresh(folder_shop)
    for n in range(13, 16):
        (folder_shop.project / "catalog" / "photos" / f"MUG-{n}.jpg").unlink()
    assert [change[1] for change in refresh(folder_shop, TUESDAY)] == ["MUG-13", "MUG-14", "MUG-15"]


def wait_until_settled():
    """Until files just written are old enough to be remembered."""
    time.sleep(SETTLED_AFTER_S + 0.1)
