"""The catalog asset: a snapshot of the products, checked by Great Expectations, synced to the ledger with a rising revision."""

import datetime as dt
from collections import Counter
from typing import Any

import dagster as dg

from assets.house_rules import OWNERS, reasons_table, rows_table
from assets.observed import observed
from assets.partitions import CATEGORY, FIRST_DROP
from catalog.keys import digest
from resources.catalog_sync import SnapshotRow, newest_revision, sync_catalog
from resources.ledger_tables import product
from resources.photo_digests import photo_digests
from resources.pilot import pilot_skus
from resources.project import Project, VitrineResource
from resources.settings import utc_now


def refresh_catalog(project: Project, today: dt.date | None = None) -> dict[str, Any]:
    """Read, check and sync the catalog; return counts, the bad rows and the changes. Raises CatalogError when nothing is usable."""
    from quality.catalog_suite import check_catalog

    read_since = newest_revision(project.ledger)
    raw = project.source.table.read()
    checked = check_catalog(raw.frame, raw.first_row)
    keep_skus = frozenset(bad.sku for bad in checked.bad if bad.sku)
    categories = {**_known_categories(project, keep_skus), **{item.sku: item.category for item in checked.good}}
    inside = pilot_skus(project.settings.pilot, categories)
    chosen = [item for item in checked.good if item.sku in inside]
    digests = photo_digests(
        project.ledger,
        project.source.pictures,
        (name for item in chosen for name in item.photos),
        also_known={name for item in checked.good for name in item.photos},
    )
    snapshot = [SnapshotRow(product=item, photo_digests=tuple(digests[name] for name in item.photos)) for item in chosen]
    changes = sync_catalog(
        project.ledger,
        snapshot,
        keep_skus=keep_skus,
        outside=frozenset(categories) - inside,
        today=today or utc_now().date(),
        first_drop=FIRST_DROP,
        max_cell_products=project.settings.catalog.max_cell_products,
        read_since=read_since,
    )
    bad_rows = [{"row": bad.row, "sku": bad.sku, "reasons": "; ".join(bad.reasons)} for bad in checked.bad]
    project.store.put_manifest(
        "catalog",
        digest([item.product.model_dump(mode="json") for item in snapshot]),
        {"products": [item.product.model_dump(mode="json") for item in snapshot]},
    )
    return {
        "products": len(snapshot),
        "outside_pilot": len(checked.good) - len(chosen),
        "categories": sorted({item.product.category for item in snapshot}),
        "bad_rows": bad_rows,
        "changes": changes,
        "photos_missing": sum(None in item.photo_digests for item in snapshot),
    }


def _known_categories(project: Project, skus: frozenset[str]) -> dict[str, str]:
    """Categories of products whose row is wrong now: they stay in a sample, or it would change for a typo."""
    rows = project.ledger.by_keys(product, skus)
    return {sku: row["category"] for sku, row in rows.items() if row["active"]}


@dg.asset(
    name="catalog",
    group_name="catalog",
    owners=OWNERS,
    kinds={"table", "greatexpectations"},
    code_version="1",
    check_specs=[dg.AssetCheckSpec("product_rows", asset="catalog", description="Every row of the product table can be used.")],
)
@observed
def catalog_snapshot(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """The products of the shop: read from the source, checked row by row, synced to the ledger.

    Good rows go on; bad rows are listed with what is wrong, and the last good version of such a product stays in use.
    """
    result = refresh_catalog(vitrine.open())
    known = set(context.instance.get_dynamic_partitions(CATEGORY))
    new = [category for category in result["categories"] if category not in known]
    if new:
        context.instance.add_dynamic_partitions(CATEGORY, new)
    kinds = Counter(change["kind"] for change in result["changes"])
    return dg.MaterializeResult(
        metadata={
            "products": result["products"],
            "outside_pilot": result["outside_pilot"],
            "categories": len(result["categories"]),
            "bad_rows": len(result["bad_rows"]),
            "photos_missing": result["photos_missing"],
            "changes": reasons_table(kinds),
            "rows_to_correct": rows_table(result["bad_rows"], ("row", "sku", "reasons")),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="product_rows",
                passed=not result["bad_rows"],
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"bad_rows": rows_table(result["bad_rows"], ("row", "sku", "reasons"))},
            )
        ],
    )
