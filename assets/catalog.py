"""The catalog asset: a snapshot of the products, checked by Great Expectations, synced to the ledger with a rising revision."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.house_rules import OWNERS, reasons_table, rows_table
from assets.observed import observed
from assets.partitions import CATEGORY, FIRST_DROP
from catalog.keys import digest
from resources.catalog_sync import SnapshotRow, newest_revision, sync_catalog, unchanged_skus
from resources.ledger_tables import product
from resources.lost_ledger import begin_reading
from resources.photo_digests import forget_other_photos, photo_digests, refuse_if_known
from resources.pilot import pilot_skus
from resources.project import Project, VitrineResource
from resources.settings import utc_now

if TYPE_CHECKING:
    from quality.catalog_suite import BadRow, CatalogCheck
    from resources.catalog_source import Pictures, RawTable


@dataclass(kw_only=True)
class _Reading:
    """What one reading of the catalog found; of products that are as the ledger has them, the SKU alone."""

    products: int = 0
    photos_missing: int = 0
    outside_pilot: int = 0
    categories: set[str] = field(default_factory=set)
    photos: set[str] = field(default_factory=set)
    photos_sought: set[str] = field(default_factory=set)
    """Photos of the pilot's products, until the first one is found."""
    any_photo_found: bool = False
    changed: list[SnapshotRow] = field(default_factory=list)
    unchanged: set[str] = field(default_factory=set)
    bad: "list[BadRow]" = field(default_factory=list)
    manifests: list[tuple[str, int]] = field(default_factory=list)
    """Key and number of products of each part."""


def refresh_catalog(project: Project, today: dt.date | None = None) -> dict[str, Any]:
    """Read, check and sync the catalog; return counts, the bad rows and the changes. Raises CatalogError when nothing is usable, StoreError
    for a ledger that was lost.

    Goes through the table part by part; what is held of a large catalog is its table, its SKUs and what changed.
    """
    from quality.catalog_suite import check_parts

    begin_reading(project.ledger, project.store)
    read_since = newest_revision(project.ledger)
    raw = project.source.table.read()
    inside, outside = _pilot(project, raw)
    reading, pictures = _Reading(), project.source.pictures.as_listed()
    for part in check_parts(raw.frame, raw.first_row):
        _read_part(project, pictures, part, inside, reading)
    if not reading.any_photo_found:
        refuse_if_known(project.ledger, pictures.name, reading.photos_sought)
    forget_other_photos(project.ledger, reading.photos)
    changes = sync_catalog(
        project.ledger,
        reading.changed,
        keep_skus=frozenset(bad.sku for bad in reading.bad if bad.sku),
        outside=outside,
        unchanged=reading.unchanged,
        today=today or utc_now().date(),
        first_drop=FIRST_DROP,
        max_cell_products=project.settings.catalog.max_cell_products,
        read_since=read_since,
    )
    if len(reading.manifests) > 1:
        parts = [{"part": key, "products": count} for key, count in reading.manifests]
        project.store.put_manifest("catalog", digest(parts), {"parts": parts})
    return {
        "products": reading.products,
        "outside_pilot": reading.outside_pilot,
        "categories": sorted(reading.categories),
        "bad_rows": [{"row": bad.row, "sku": bad.sku, "reasons": "; ".join(bad.reasons)} for bad in reading.bad],
        "changes": changes,
        "photos_missing": reading.photos_missing,
    }


def _pilot(project: Project, raw: "RawTable") -> tuple[frozenset[str] | None, frozenset[str]]:
    """SKUs inside the pilot and outside it; None and none without a pilot. Reads the table once more, for a sample is drawn from all."""
    from quality.catalog_suite import check_parts

    if project.settings.pilot is None:
        return None, frozenset()
    categories: dict[str, str] = {}
    bad: set[str] = set()
    for part in check_parts(raw.frame, raw.first_row):
        categories |= {item.sku: item.category for item in part.good}
        bad |= {row.sku for row in part.bad if row.sku}
    categories = {**_known_categories(project, frozenset(bad)), **categories}
    inside = pilot_skus(project.settings.pilot, categories)
    return inside, frozenset(categories) - inside


def _read_part(project: Project, pictures: "Pictures", part: "CatalogCheck", inside: frozenset[str] | None, reading: _Reading) -> None:
    """Add one part of the table to what was read."""
    chosen = [item for item in part.good if inside is None or item.sku in inside]
    reading.bad += part.bad
    reading.outside_pilot += len(part.good) - len(chosen)
    reading.photos |= {name for item in part.good for name in item.photos}
    digests = photo_digests(project.ledger, pictures, (name for item in chosen for name in item.photos))
    if not reading.any_photo_found:
        reading.any_photo_found = any(digests.values())
        reading.photos_sought = set() if reading.any_photo_found else reading.photos_sought | digests.keys()
    rows = [SnapshotRow(product=item, photo_digests=tuple(digests[name] for name in item.photos)) for item in chosen]
    same = unchanged_skus(project.ledger, rows, FIRST_DROP)
    reading.unchanged |= same
    reading.changed += [row for row in rows if row.product.sku not in same]
    reading.products += len(rows)
    reading.categories |= {row.product.category for row in rows}
    reading.photos_missing += sum(None in row.photo_digests for row in rows)
    content = [row.product.model_dump(mode="json") for row in rows]
    key = digest(content)
    project.store.put_manifest("catalog", key, {"products": content})
    reading.manifests.append((key, len(rows)))


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
