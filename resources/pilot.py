"""Which products a pilot works on: chosen categories, a sample, or both. Decides nothing about the others; see `catalog_sync.py`."""

import hashlib
from collections.abc import Mapping

from catalog.errors import CatalogError
from resources.catalog_settings import PilotSettings


def pilot_skus(pilot: PilotSettings | None, categories: Mapping[str, str]) -> frozenset[str]:
    """The SKUs inside the pilot; all of them without one. `categories` gives each SKU's category.

    A sample is the products with the smallest sha256 of their SKU: a growing catalog replaces a product of it now and then and never
    draws it anew. Raises CatalogError when nothing would be left to work on.
    """
    if pilot is None:
        return frozenset(categories)
    chosen = [sku for sku, category in categories.items() if not pilot.categories or category in pilot.categories]
    if not chosen:
        raise CatalogError(
            f"No product is in the pilot's categories {', '.join(pilot.categories)}; the catalog has "
            f"{', '.join(sorted(set(categories.values()))) or 'none'}. Correct pilot.categories. The catalog was left as it was."
        )
    return frozenset(sorted(chosen, key=_rank)[: pilot.sample])


def _rank(sku: str) -> str:
    return hashlib.sha256(sku.encode()).hexdigest()
