"""Notice that a ledger was lost, or that another one is named: it is empty, but the store has records of what it held.

Without this the next reading of the catalog would take every product for a new one, and make and pay for everything a second time. How a
ledger is made again is `ledger_rebuild.py`.
"""

import sqlalchemy as sa

from catalog.errors import StoreError
from resources.ledger import Ledger
from resources.ledger_connection import address_of
from resources.ledger_tables import product
from resources.object_store import ObjectStore


def refuse_lost_ledger(ledger: Ledger, store: ObjectStore) -> None:
    """Raises StoreError for a ledger without any product beside a store with records of products. Lists the store only then."""
    if ledger.rows(sa.select(product.c.sku).limit(1)) or not store.has_records(product.name):
        return
    raise StoreError(what_is_lost(address_of(ledger.engine), store))


def what_is_lost(address: str, store: ObjectStore) -> str:
    """What to tell of an empty ledger beside a store that has records."""
    return (
        f"The ledger {address} is empty, but {store.name} has records of what a ledger held: it was lost, or another one is named now. Make it "
        "again with `vitrine ledger rebuild`, or restore its backup; to begin anew, name another store (`store:`, `state:`) or empty this one. "
        "Nothing was changed."
    )
