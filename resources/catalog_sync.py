"""Turn a checked snapshot of products into ledger changes, each with a rising revision.

Decides which drop a product lives in. A failed read never gets here: an empty snapshot is refused, because withdrawing everything by
mistake costs more than a late withdrawal.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import sqlalchemy as sa

from catalog.errors import CatalogError
from catalog.failpoint import failpoint
from catalog.product import Product
from resources.ledger import QUERY_CHUNK, STREAM_ROWS, Ledger, Row
from resources.ledger_tables import change, paused, product
from resources.settings import utc_now

ROWS_PER_STATEMENT = 1_000
"""Changes written at a time."""

ROWS_KEPT_AT_ONCE = 16_000
"""Products copied at a time for their records: as many as are written side by side."""

BY_READINGS = ("new", "text", "category", "drop", "withdrawn", "returned", "resumed")
"""Kinds of changes that nothing but a reading of the whole catalog writes."""

Item = TypeVar("Item")


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
    unchanged: Collection[str] = frozenset(),
    read_since: int | None = None,
) -> list[Row]:
    """Write what changed since the last snapshot and return the changes, oldest first.

    New products and products with a new photo or category go to today's drop, or to the latest earlier drop with room when the cell
    is full. So do products, withdrawn ones too, of a drop before `first_drop`: their cell is none any more. Changed words stay in their
    drop. Products missing from the snapshot are withdrawn unless in `keep_skus` (their row is there but wrong: the last good one stays),
    `outside` (in the catalog, but not in the pilot: known ones are paused as they are, new ones do not enter) or `unchanged` (part of the
    snapshot, but seen to be as the ledger has them; see `unchanged_skus`). `read_since` is the newest revision when the snapshot's reading began:
    photos that announced uploads changed after it stay as they are now. Raises CatalogError for a snapshot without a single good row, and for
    one that would change what another reading wrote since this one began.
    """
    if not snapshot and not unchanged:
        raise CatalogError("The catalog has no usable product row. Nothing was changed or withdrawn; correct the rows and try again.")
    with ledger.writing("catalog") as connection:
        room = _Room(connection, today, first_drop, max_cell_products)
        known = _known(connection, (row.product.sku for row in snapshot))
        overtaken = _photos_changed_since(connection, read_since) & known.keys()
        rows = [_with_photos_of(known[row.product.sku], row) if row.product.sku in overtaken else row for row in snapshot]
        moves = [move for row in rows if (move := _move(row, known.get(row.product.sku), room))]
        absent = _absent(connection, {row.product.sku for row in snapshot}, unchanged)
        kept = keep_skus | outside
        leaving = [sku for sku, old in sorted(absent.items()) if (old["active"] and sku not in kept) or room.is_over(old["drop"])]
        known |= _known(connection, leaving)
        moves += [move for sku in leaving if (move := _absent_move(known[sku], room, keep=sku in kept))]
        resumed = _pause(connection, {sku for sku in outside & absent.keys() if absent[sku]["active"]})
        back = _known(connection, resumed - {row["sku"] for _, row in moves})
        moves += [("resumed", old) for _, old in sorted(back.items()) if old["active"]]
        if moves:
            _refuse_overtaken(connection, read_since)
        failpoint("catalog.compared")
        known |= back
        changes = [row for part in batched(moves, ROWS_PER_STATEMENT) for row in _write(connection, part, known.keys())]
        ledger.keep(change.name, changes)
        for pairs in batched(zip(moves, changes, strict=True), ROWS_KEPT_AT_ONCE):
            ledger.keep(product.name, [{**row, "revision": entry["id"]} for (_, row), entry in pairs])
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


def _refuse_overtaken(connection: sa.Connection, revision: int | None) -> None:
    """A slow reading may hold older rows than what stands: it would withdraw a product that came meanwhile, and nobody would look again."""
    if revision is None:
        return
    by_readings = sa.and_(change.c.id > revision, change.c.kind.in_(BY_READINGS))
    newer = connection.execute(sa.select(sa.func.count()).select_from(change).where(by_readings)).scalar_one()
    if newer:
        raise CatalogError(
            f"Another reading of the catalog wrote {newer} changes while this one went on, so this one may be the older. It was thrown away and "
            "changed nothing. The catalog is read again by the daemon's next tick, or now by `vitrine run`."
        )


def _with_photos_of(old: Row, row: SnapshotRow) -> SnapshotRow:
    """A row with the photo digests the ledger has now, unless it names other photos: a long reading must not set a photo back."""
    now = dict(zip(old["attributes"]["photos"], old["photo_digests"], strict=True))
    digests = zip(row.product.photos, row.photo_digests, strict=True)
    return SnapshotRow(product=row.product, photo_digests=tuple(now.get(name, digest) for name, digest in digests))


def unchanged_skus(ledger: Ledger, snapshot: Sequence[SnapshotRow], first_drop: dt.date) -> set[str]:
    """Products of a snapshot that are as the ledger has them, so that a large one need not be held whole."""
    known, first = ledger.by_keys(product, (row.product.sku for row in snapshot)), first_drop.isoformat()
    same = ((row.product.sku, known.get(row.product.sku), row) for row in snapshot)
    return {sku for sku, old, row in same if old is not None and _kind(_as_row(row), old, is_over=old["drop"] < first) is None}


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Items in lists of at most `size`, in order."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _known(connection: sa.Connection, skus: Iterable[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for part in batched(sorted(set(skus)), QUERY_CHUNK):
        rows = connection.execute(sa.select(product).where(product.c.sku.in_(part))).mappings()
        found |= {row["sku"]: dict(row) for row in rows}
    return found


def _absent(connection: sa.Connection, *present: Collection[str]) -> dict[str, Row]:
    """Drop and state of the products the ledger knows and a snapshot does not have."""
    columns = sa.select(product.c.sku, product.c.drop, product.c.active)
    rows = connection.execute(columns, execution_options={"yield_per": STREAM_ROWS}).mappings()
    return {row["sku"]: dict(row) for row in rows if not any(row["sku"] in skus for skus in present)}


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

    def __init__(self, connection: sa.Connection, today: dt.date, first_drop: dt.date, capacity: int) -> None:
        cell = (product.c.category, product.c.drop)
        counted = connection.execute(sa.select(*cell, sa.func.count()).where(product.c.active).group_by(*cell))
        self._filled = Counter({(category, drop): count for category, drop, count in counted})
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
    new = _as_row(row)
    kind = "new" if old is None else _kind(new, old, is_over=room.is_over(old["drop"]))
    if kind is None:
        return None
    return kind, {**new, "drop": old["drop"] if old is not None and kind == "text" else room.drop_for(row.product.category)}


def _as_row(row: SnapshotRow) -> Row:
    return {
        "sku": row.product.sku,
        "category": row.product.category,
        "attributes": row.product.model_dump(mode="json"),
        "photo_digests": list(row.photo_digests),
        "active": True,
    }


def _kind(new: Row, old: Row, *, is_over: bool) -> str | None:
    """What changed of a known product; None when nothing did. Of several things the one that asks for most."""
    if not old["active"]:
        return "returned"
    if old["category"] != new["category"]:
        return "category"
    if old["photo_digests"] != new["photo_digests"]:
        return "photo"
    if is_over:
        return "drop"
    return "text" if old["attributes"] != new["attributes"] else None


def _absent_move(old: Row, room: _Room, *, keep: bool) -> tuple[str, Row] | None:
    """What happens to a product that has no good row in the snapshot."""
    drop = room.drop_for(old["category"]) if room.is_over(old["drop"]) else old["drop"]
    if old["active"] and not keep:
        return "withdrawn", {**old, "drop": drop, "active": False}
    return None if drop == old["drop"] else ("drop", {**old, "drop": drop})


def _write(connection: sa.Connection, moves: Sequence[tuple[str, Row]], known: Collection[str]) -> list[Row]:
    """Note changes, in their order, and write the products under the revisions they got."""
    at = utc_now().replace(tzinfo=None)
    entries = [{**{name: row[name] for name in ("sku", "category", "drop")}, "kind": kind, "at": at} for kind, row in moves]
    noted = sa.insert(change).returning(change.c.id, sort_by_parameter_order=True)
    revisions = list(connection.execute(noted, entries).scalars())
    failpoint("catalog.change_noted")
    rows = [{**row, "revision": revision} for (_, row), revision in zip(moves, revisions, strict=True)]
    new = [row for row in rows if row["sku"] not in known]
    if new:
        connection.execute(sa.insert(product), new)
    names = [column.name for column in product.columns if column.name != "sku"]
    update = sa.update(product).where(product.c.sku == sa.bindparam("of_sku")).values({name: sa.bindparam(f"new_{name}") for name in names})
    old = [{"of_sku": row["sku"], **{f"new_{name}": row[name] for name in names}} for row in rows if row["sku"] in known]
    if old:
        connection.execute(update, old)
    return [{**entry, "id": revision} for entry, revision in zip(entries, revisions, strict=True)]
