"""Notice that a ledger was lost, or that another one is named: it is empty, but the store has records of what it held.

Without this the next reading of the catalog would take every product for a new one, and make and pay for everything a second time. How a
ledger is made again is `ledger_rebuild.py`.
"""

import sqlalchemy as sa

from catalog.errors import StoreError
from resources.ledger import Ledger
from resources.ledger_connection import address_of
from resources.ledger_tables import catalog_mark, product
from resources.object_store import ObjectStore

BEGUN = "reading begun"
"""The mark of a ledger that a catalog was read into. Records are written before their rows are committed: without it the very first reading, killed
between the two, would look like a lost ledger from then on."""
_MARK = sa.select(catalog_mark.c.name).where(catalog_mark.c.name == BEGUN)
SIGNS_OF_READING = (sa.select(product.c.sku).limit(1), _MARK)
"""Queries of which one has an answer in a ledger that a catalog was read into."""


def refuse_lost_ledger(ledger: Ledger, store: ObjectStore) -> None:
    """Raises StoreError for a ledger without any product beside a store with records of products. Lists the store only then."""
    if any(ledger.one(sign) for sign in SIGNS_OF_READING) or not store.has_records(product.name):
        return
    raise StoreError(what_is_lost(address_of(ledger.engine), store))


def begin_reading(ledger: Ledger, store: ObjectStore) -> None:
    """Mark the ledger as one that a catalog is read into, before anything of that is kept. Raises StoreError for one that was lost."""
    refuse_lost_ledger(ledger, store)
    if ledger.one(_MARK) is None:
        ledger.record(catalog_mark, {"name": BEGUN, "value": 0})


def what_is_lost(address: str, store: ObjectStore) -> str:
    """What to tell of an empty ledger beside a store that has records."""
    return (
        f"The ledger {address} is empty, but {store.name} has records of what a ledger held: it was lost, or another one is named now. Make it "
        "again with `vitrine ledger rebuild`, or restore its backup; to begin anew, name another store (`store:`, `state:`) or empty this one. "
        "Nothing was changed."
    )
