"""Write what looks at single photos found: their products get the new digest, and with it a new drop. Looks at nothing itself.

The counterpart of `catalog_sync.py`, which compares a whole snapshot.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.errors import CatalogError
from resources.announced_uploads import Announced, answered
from resources.ledger import Ledger, Row
from resources.ledger_tables import change, photo_file, product
from resources.photo_uses import chunks, skus_naming
from resources.settings import utc_now


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was found under a photo's name: its sha256 and version, or neither when there is no such photo."""

    asked: Announced
    photo_digest: str | None
    version: str | None


def record_looks(
    ledger: Ledger, place: str, looks: Sequence[Look], *, today: dt.date, first_drop: dt.date, max_cell_products: int
) -> list[Row]:
    """Write new photo digests into the products that name the photos, in one transaction; return the changes, oldest first.

    Each product whose digest changed moves to today's drop, or to the latest earlier drop with room. Looks that were overtaken by a later
    announcement, or by another's look, write nothing. Raises CatalogError when every drop of a category is full.
    """
    with ledger.writing("catalog") as connection:
        fresh = answered(connection, place, [look.asked for look in looks])
        found = {look.asked.name: look for look in looks if look.asked.name in fresh}
        _forget(connection, found)
        room = _DropRoom(connection, today, first_drop, max_cell_products)
        changes, moved = list[Row](), list[Row]()
        for old in _products(connection, skus_naming(connection, found)):
            names = old["attributes"]["photos"]
            known = zip(names, old["photo_digests"], strict=True)
            digests = [found[name].photo_digest if name in found else before for name, before in known]
            if digests != old["photo_digests"]:
                now = {**old, "photo_digests": digests, "drop": room.drop_for(old["category"], old["drop"])}
                changes.append(_write(connection, now))
                moved.append({**now, "revision": changes[-1]["id"]})
        ledger.keep(change.name, changes)
        ledger.keep(product.name, moved)
    # A cache for the next full look; lost between the two transactions, it costs one more reading of these photos.
    learned = [(name, look.version, look.photo_digest) for name, look in found.items() if look.photo_digest and look.version]
    ledger.record(photo_file, [{"name": name, "state": version, "photo_digest": digest} for name, version, digest in learned])
    return changes


def _products(connection: sa.Connection, skus: set[str]) -> list[Row]:
    rows: list[Row] = []
    for chunk in chunks(sorted(skus)):
        query = sa.select(product).where(product.c.sku.in_(chunk), product.c.active)
        rows += [dict(row) for row in connection.execute(query.order_by(product.c.sku)).mappings()]
    return rows


def _forget(connection: sa.Connection, found: Mapping[str, Look]) -> None:
    for chunk in chunks(sorted(found)):
        connection.execute(sa.delete(photo_file).where(photo_file.c.name.in_(chunk)))


def _write(connection: sa.Connection, row: Row) -> Row:
    entry: Row = {**{name: row[name] for name in ("sku", "category", "drop")}, "kind": "photo", "at": utc_now().replace(tzinfo=None)}
    result = connection.execute(sa.insert(change).values(**entry))
    assert result.inserted_primary_key is not None
    revision = int(result.inserted_primary_key[0])
    values = {"photo_digests": row["photo_digests"], "drop": row["drop"], "revision": revision}
    connection.execute(sa.update(product).where(product.c.sku == row["sku"]).values(**values))
    return {**entry, "id": revision}


class _DropRoom:
    """Which drop a product with a new photo goes to; asks the ledger for the cells in question only."""

    def __init__(self, connection: sa.Connection, today: dt.date, first_drop: dt.date, capacity: int) -> None:
        self._connection, self._today, self._first, self._capacity = connection, today, first_drop, capacity
        self._filled: dict[tuple[str, str], int] = {}

    def drop_for(self, category: str, old_drop: str) -> str:
        day = self._today
        while day >= self._first:
            drop = day.isoformat()
            if drop == old_drop:
                return drop
            if self._count(category, drop) < self._capacity:
                self._filled[category, drop] += 1
                return drop
            day -= dt.timedelta(days=1)
        raise CatalogError(
            f"Category {category} is full: every drop from {self._first} to {self._today} holds {self._capacity} products. "
            "Raise catalog.max_cell_products or split the category. Nothing was changed."
        )

    def _count(self, category: str, drop: str) -> int:
        if (category, drop) not in self._filled:
            cell = sa.and_(product.c.category == category, product.c.drop == drop, product.c.active)
            count = self._connection.execute(sa.select(sa.func.count()).select_from(product).where(cell)).scalar_one()
            self._filled[category, drop] = int(count)
        return self._filled[category, drop]
