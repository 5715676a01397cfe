"""Turn a checked snapshot of products into ledger changes, each with a rising revision.

Decides which drop a product lives in. A failed read never gets here: an empty snapshot is refused, because withdrawing everything by
mistake costs more than a late withdrawal.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from catalog.errors import CatalogError
from catalog.failpoint import failpoint
from catalog.product import Product
from resources.ledger import Ledger, Row
from resources.ledger_tables import change, paused, product
from resources.settings import utc_now


@dataclass(frozen=True, kw_only=True)
class SnapshotRow:
    """One good row of the snapshot with the sha256 of each of its photo files (None: the file is missing)."""

    product: Product
    photo_digests: tuple[str | None, ...]


def sync_catalog(
    ledger: Ledger,
    snapshot: Sequence[SnapshotRow],
    *,
    keep_skus: frozenset[str],
    today: dt.date,
    first_drop: dt.date,
    max_cell_products: int,
    outside: frozenset[str] = frozenset(),
    read_since: int | None = None,
) -> list[Row]:
    """Write what changed since the last snapshot and return the changes, oldest first.

    New products and products with a new photo or category go to today's drop, or to the latest earlier drop with room when the cell
    is full. So do products, withdrawn ones too, of a drop before `first_drop`: their cell is none any more. Changed words stay in their
    drop. Products missing from the snapshot are withdrawn unless in `keep_skus` (their row is there but wrong: the last good one stays)
    or `outside` (in the catalog, but not in the pilot: known ones are paused as they are, new ones do not enter). `read_since` is the
    newest revision when the snapshot's reading began: photos that announced uploads changed after it stay as they are now. Raises
    CatalogError for a snapshot without a single good row.
    """
    if not snapshot:
        raise CatalogError("The catalog has no usable product row. Nothing was changed or withdrawn; correct the rows and try again.")
    with ledger.writing("catalog") as connection:
        known = {row["sku"]: dict(row) for row in connection.execute(sa.select(product)).mappings()}
        room = _Room(known, today, first_drop, max_cell_products)
        overtaken = _photos_changed_since(connection, read_since)
        rows = [_with_photos_of(known[row.product.sku], row) if row.product.sku in overtaken else row for row in snapshot]
        moves = [move for row in rows if (move := _move(row, known.get(row.product.sku), room))]
        listed = {row.product.sku for row in snapshot}
        absent = [old for sku, old in sorted(known.items()) if sku not in listed]
        kept = keep_skus | outside
        moves += [move for old in absent if (move := _absent_move(old, room, keep=old["sku"] in kept))]
        resumed = _pause(connection, {sku for sku in outside & known.keys() if known[sku]["active"]})
        moved = {row["sku"] for _, row in moves}
        moves += [("resumed", known[sku]) for sku in sorted(resumed - moved) if known[sku]["active"]]
        failpoint("catalog.compared")
        changes = [_write(connection, kind, row, known) for kind, row in moves]
        ledger.keep(change.name, changes)
        ledger.keep(product.name, [{**row, "revision": entry["id"]} for (_, row), entry in zip(moves, changes, strict=True)])
        return changes


def newest_revision(ledger: Ledger) -> int:
    """The id of the newest change; 0 before the first."""
    row = ledger.one(sa.select(sa.func.max(change.c.id).label("id")))
    return int(row["id"] or 0) if row else 0


def _photos_changed_since(connection: sa.Connection, revision: int | None) -> set[str]:
    if revision is None:
        return set()
    query = sa.select(change.c.sku).where(change.c.id > revision, change.c.kind == "photo")
    return set(connection.execute(query).scalars())


def _with_photos_of(old: Row, row: SnapshotRow) -> SnapshotRow:
    """A row with the photo digests the ledger has now, unless it names other photos: a long reading must not set a photo back."""
    now = dict(zip(old["attributes"]["photos"], old["photo_digests"], strict=True))
    digests = zip(row.product.photos, row.photo_digests, strict=True)
    return SnapshotRow(product=row.product, photo_digests=tuple(now.get(name, digest) for name, digest in digests))


def _pause(connection: sa.Connection, wanted: set[str]) -> set[str]:
    """Make exactly these products the paused ones; return those that were paused and are not any more."""
    before = set(connection.execute(sa.select(paused.c.sku)).scalars())
    for sku in sorted(before - wanted):
        connection.execute(sa.delete(paused).where(paused.c.sku == sku))
    if wanted - before:
        connection.execute(sa.insert(paused), [{"sku": sku} for sku in sorted(wanted - before)])
    return before - wanted


class _Room:
    """How many products each cell holds, and where the next one goes."""

    def __init__(self, known: dict[str, Row], today: dt.date, first_drop: dt.date, capacity: int) -> None:
        self._filled = Counter((row["category"], row["drop"]) for row in known.values() if row["active"])
        self._today, self._first, self._capacity = today, first_drop, capacity

    def is_over(self, drop: str) -> bool:
        """Whether a drop lies before the first valid one."""
        return drop < self._first.isoformat()

    def drop_for(self, category: str) -> str:
        day = self._today
        while self._filled[category, day.isoformat()] >= self._capacity:
            day -= dt.timedelta(days=1)
            if day < self._first:
                raise CatalogError(
                    f"Category {category} is full: every drop from {self._first} to {self._today} holds {self._capacity} products. "
                    "Raise catalog.max_cell_products or split the category. Nothing was changed."
                )
        self._filled[category, day.isoformat()] += 1
        return day.isoformat()


def _move(row: SnapshotRow, old: Row | None, room: _Room) -> tuple[str, Row] | None:
    attributes = row.product.model_dump(mode="json")
    new: Row = {
        "sku": row.product.sku,
        "category": row.product.category,
        "attributes": attributes,
        "photo_digests": list(row.photo_digests),
        "active": True,
    }
    if old is None:
        kind = "new"
    elif not old["active"]:
        kind = "returned"
    elif old["category"] != new["category"]:
        kind = "category"
    elif old["photo_digests"] != new["photo_digests"]:
        kind = "photo"
    elif room.is_over(old["drop"]):
        kind = "drop"
    elif old["attributes"] != attributes:
        return "text", {**new, "drop": old["drop"]}
    else:
        return None
    return kind, {**new, "drop": room.drop_for(row.product.category)}


def _absent_move(old: Row, room: _Room, *, keep: bool) -> tuple[str, Row] | None:
    """What happens to a product that has no good row in the snapshot."""
    drop = room.drop_for(old["category"]) if room.is_over(old["drop"]) else old["drop"]
    if old["active"] and not keep:
        return "withdrawn", {**old, "drop": drop, "active": False}
    return None if drop == old["drop"] else ("drop", {**old, "drop": drop})


def _write(connection: sa.Connection, kind: str, row: Row, known: dict[str, Row]) -> Row:
    entry: dict[str, Any] = {
        "sku": row["sku"],
        "category": row["category"],
        "drop": row["drop"],
        "kind": kind,
        "at": utc_now().replace(tzinfo=None),
    }
    result = connection.execute(sa.insert(change).values(**entry))
    assert result.inserted_primary_key is not None
    revision = int(result.inserted_primary_key[0])
    failpoint("catalog.change_noted")
    values = {**row, "revision": revision}
    if row["sku"] in known:
        connection.execute(sa.update(product).where(product.c.sku == row["sku"]).values(**values))
    else:
        connection.execute(sa.insert(product).values(**values))
    return {**entry, "id": revision}
