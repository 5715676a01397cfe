"""A project whose catalog was read and whose pictures nobody has made: enough to plan, quote and hand out, without pixels or models.

Studio recipes only. A worker-hour costs 3,600 dollars, so that a second is a dollar.
"""

import datetime as dt

from catalog.product import Product
from resources.catalog_sync import SnapshotRow, sync_catalog
from resources.project import Project, open_project

BRAND = """\
brand: planned
palette: ["#c4704c"]
recipes: [packshot_white, backdrop]
categories:
  bags: {trigger: bags look, scenes: ["a table"], backdrops: ["#e9a9a8"]}
  hats: {trigger: hats look, scenes: ["a table"], backdrops: ["#e9a9a8"]}
  mugs: {trigger: mugs look, scenes: ["a table"], backdrops: ["#e8c39a"]}
channels:
  - {name: web, recipes: [packshot_white, backdrop], format: jpeg, long_side_px: 400, quality: 90}
"""

PRICES = {"bags": 100.0, "hats": 10.0, "mugs": 10.0}


def write_shop(folder, cells, settings="") -> Project:
    """A project with products in the given cells: `{("mugs", "2026-11-01"): 3}` is three products."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vitrine.yaml").write_text(f"brand_kit: brand.yaml\ncosts: {{usd_per_hour: 3600.0}}\n{settings}")  # a dollar a second
    (folder / "brand.yaml").write_text(BRAND)
    project, listed = open_project(folder), []
    for category, drop in sorted(cells, key=lambda cell: cell[1]):
        for number in range(cells[category, drop]):
            sku = f"{category}-{drop}-{number}".upper()
            item = Product(sku=sku, title="A thing", category=category, photos=(f"{sku}.jpg",), price=PRICES[category])
            listed.append(SnapshotRow(product=item, photo_digests=(f"{len(listed):064x}",)))
        today = dt.date.fromisoformat(drop)
        sync_catalog(project.ledger, listed, keep_skus=frozenset(), today=today, first_drop=dt.date(2026, 1, 1), max_cell_products=2000)
    return project


def spent(project, usd, **what):
    """Book money as if a worker had spent it now."""
    row = {"category": "mugs", "drop": None, "activity": "render", "item_count": 1, "seconds": usd, "usd": usd}
    facts = {"recipe": None, "cpu_seconds": usd, "tier": "standard", "campaign": None, "attempt": None}
    project.ledger.spend({**row, **facts, **what})
