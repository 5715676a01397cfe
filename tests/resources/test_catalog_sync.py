"""What a changed catalog does to the ledger: changes with rising revisions, products in the right drop."""

import datetime as dt

import pytest
import sqlalchemy as sa

from catalog.errors import CatalogError
from catalog.product import Product
from resources.catalog_sync import SnapshotRow, newest_revision, sync_catalog, unchanged_skus
from resources.ledger import Ledger
from resources.ledger_tables import product

FIRST_DROP = dt.date(2026, 1, 1)
MONDAY, TUESDAY = dt.date(2026, 11, 16), dt.date(2026, 11, 17)


def row(sku, *, category="mugs", title="A mug", photo="digest-1"):
    item = Product(sku=sku, title=title, category=category, photos=(f"{sku}.jpg",))
    return SnapshotRow(product=item, photo_digests=(photo,))


@pytest.fixture
def ledger(tmp_path):
    return Ledger.in_folder(tmp_path)


def sync(ledger, rows, today=MONDAY, keep=(), cap=2000, first_drop=FIRST_DROP):
    options = {"first_drop": first_drop, "max_cell_products": cap}
    return [
        (change["kind"], change["sku"], change["drop"])
        for change in sync_catalog(ledger, rows, keep_skus=frozenset(keep), today=today, **options)
    ]


def test_a_new_product_enters_todays_drop_and_the_same_snapshot_again_changes_nothing(ledger):
    assert sync(ledger, [row("A"), row("B")]) == [("new", "A", "2026-11-16"), ("new", "B", "2026-11-16")]
    assert sync(ledger, [row("A"), row("B")], TUESDAY) == []


def test_a_new_photo_moves_its_product_alone_to_todays_drop(ledger):
    sync(ledger, [row("A"), row("B")])
    assert sync(ledger, [row("A", photo="digest-2"), row("B")], TUESDAY) == [("photo", "A", "2026-11-17")]


def test_changed_words_stay_in_their_drop(ledger):
    sync(ledger, [row("A")])
    assert sync(ledger, [row("A", title="A better mug")], TUESDAY) == [("text", "A", "2026-11-16")]


def test_a_moved_category_and_a_returned_product_start_in_todays_drop(ledger):
    sync(ledger, [row("A"), row("B")])
    assert sync(ledger, [row("A", category="cups")], TUESDAY) == [("category", "A", "2026-11-17"), ("withdrawn", "B", "2026-11-16")]
    assert sync(ledger, [row("A", category="cups"), row("B")], TUESDAY) == [("returned", "B", "2026-11-17")]


def test_a_reading_that_another_overtook_withdraws_nothing_and_is_thrown_away(ledger):
    """Of two readings at once the one that began first ended last, and took back the product that had come between."""
    options = {"keep_skus": frozenset(), "today": MONDAY, "first_drop": FIRST_DROP, "max_cell_products": 2000}
    sync(ledger, [row("A")])
    began = newest_revision(ledger)
    sync(ledger, [row("A"), row("B")])
    with pytest.raises(CatalogError, match="Another reading of the catalog wrote 1 changes"):
        sync_catalog(ledger, [row("A")], read_since=began, **options)
    assert [found["active"] for found in ledger.rows(sa.select(product))] == [True, True]
    assert sync_catalog(ledger, [row("A"), row("B")], read_since=began, **options) == [], "one that saw the same is no harm"
    (changed,) = sync_catalog(ledger, [row("A")], read_since=newest_revision(ledger), **options)
    assert changed["kind"] == "withdrawn"


def test_a_product_whose_row_became_wrong_is_kept_not_withdrawn(ledger):
    sync(ledger, [row("A"), row("B")])
    assert sync(ledger, [row("A")], TUESDAY, keep=["B"]) == []


def test_an_empty_snapshot_is_refused_and_withdraws_nothing(ledger):
    """A failed read looks like an empty list; it must never take a whole shop offline."""
    sync(ledger, [row("A")])
    with pytest.raises(CatalogError, match="no usable product row"):
        sync(ledger, [])
    assert ledger.one(sa.select(product.c.active))["active"]


def test_an_initial_import_larger_than_a_cell_is_spread_over_earlier_drops(ledger):
    changes = sync(ledger, [row(f"S{n}") for n in range(5)], cap=2)
    assert [drop for _, _, drop in changes] == ["2026-11-16", "2026-11-16", "2026-11-15", "2026-11-15", "2026-11-14"]


def test_a_category_that_fits_into_no_drop_is_an_error_and_nothing_is_written(ledger):
    with pytest.raises(CatalogError, match="is full"):
        sync(ledger, [row(f"S{n}") for n in range(400)], cap=1)
    assert ledger.rows(sa.select(product)) == []


def test_when_the_first_drop_moves_forward_no_product_is_left_in_a_cell_that_is_none_any_more(ledger):
    """Such a product's cell was skipped by the sensor without a word, and stopped the nightly backfill of all others."""
    sync(ledger, [row(sku) for sku in ("LISTED", "KEPT", "WITHDRAWN", "LEAVING")])
    sync(ledger, [row(sku) for sku in ("LISTED", "KEPT", "LEAVING")])
    changes = sync(ledger, [row("LISTED")], TUESDAY, keep=["KEPT"], first_drop=TUESDAY)
    tuesday = TUESDAY.isoformat()
    assert changes == [
        ("drop", "LISTED", tuesday),
        ("drop", "KEPT", tuesday),
        ("withdrawn", "LEAVING", tuesday),
        ("drop", "WITHDRAWN", tuesday),
    ]
    active = {entry["sku"]: entry["active"] for entry in ledger.rows(sa.select(product))}
    assert active == {"LISTED": True, "KEPT": True, "LEAVING": False, "WITHDRAWN": False}
    assert sync(ledger, [row("LISTED")], TUESDAY, keep=["KEPT"], first_drop=TUESDAY) == []


def test_revisions_only_rise(ledger):
    sync(ledger, [row("A"), row("B")])
    sync(ledger, [row("A", photo="digest-2"), row("B", title="Other")], TUESDAY)
    revisions = [entry["revision"] for entry in ledger.rows(sa.select(product).order_by(product.c.sku))]
    assert revisions == [3, 4]


def test_products_that_are_as_they_were_need_only_be_named(tmp_path):
    """A million products are not held in memory to find a thousand changes."""
    first = [row("A"), row("B"), row("C"), row("D", category="bags"), row("E")]
    then = [row("A"), row("B", title="Other words"), row("C", photo="digest-2"), row("D"), row("F")]
    answers = []
    for folder in ("whole", "named"):
        ledger = Ledger.in_folder(tmp_path / folder)
        sync(ledger, first)
        same = unchanged_skus(ledger, then, FIRST_DROP) if folder == "named" else set()
        assert same == ({"A"} if folder == "named" else set())
        rest = [item for item in then if item.product.sku not in same]
        options = {"first_drop": FIRST_DROP, "max_cell_products": 2, "unchanged": same}
        made = sync_catalog(ledger, rest, keep_skus=frozenset(), today=TUESDAY, **options)
        answers.append(([(c["id"], c["kind"], c["sku"], c["drop"]) for c in made], ledger.rows(sa.select(product).order_by(product.c.sku))))
    assert answers[0] == answers[1]
    assert [kind for _, kind, _, _ in answers[0][0]] == ["text", "photo", "category", "new", "withdrawn"]


def test_a_product_of_a_drop_that_is_over_is_not_as_it_was(ledger):
    sync(ledger, [row("A")])
    assert unchanged_skus(ledger, [row("A")], FIRST_DROP) == {"A"}
    assert unchanged_skus(ledger, [row("A")], TUESDAY) == set()
