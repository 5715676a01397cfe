"""Make the ledger again from the records beside the blobs: the restore drill, and the way back when the database is lost.

Lists the store, which nothing else does. What has no records is named in docs/operations/ledger.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa

from catalog.errors import StoreError
from resources.ledger import Ledger, Row
from resources.ledger_connection import address_of
from resources.ledger_records import KEPT, read_rows
from resources.object_store import ObjectStore

ROWS_PER_COMMIT = 1000


@dataclass(kw_only=True)
class Rebuilt:
    """Rows of each table after a rebuild, how many records were read, and the names of those that were altered and left out."""

    rows: dict[str, int] = field(default_factory=dict)
    records: int = 0
    altered: list[str] = field(default_factory=list)


def rebuild(ledger: Ledger, store: ObjectStore) -> Rebuilt:
    """Fill an empty ledger from a store's records. Raises StoreError for a ledger that holds anything, and for records of newer code.

    Of several records of one row the last one holds: a former one was written by a process that was killed before it could commit.
    Begun again after it was cut short, it must be given an empty ledger again.
    """
    _refuse_full(ledger)
    result = Rebuilt()
    for table in KEPT:
        for batch in _batches(_rows(store, table, result)):
            _write(ledger, table, batch)
        result.rows[table.name] = _count(ledger, table)
    _go_on_counting(ledger)
    return result


def _refuse_full(ledger: Ledger) -> None:
    full = [table.name for table in KEPT if _count(ledger, table)]
    if full:
        raise StoreError(
            f"The ledger {address_of(ledger.engine)} is not empty (it has {', '.join(full[:3])}{', ...' * (len(full) > 3)}). A rebuild needs an "
            "empty one: move the file ledger.sqlite away, or name an empty database. Nothing was changed."
        )


def _rows(store: ObjectStore, table: sa.Table, result: Rebuilt) -> Iterator[Row]:
    for name, data in store.records(table.name):
        result.records += 1
        if data is None:
            result.altered.append(name)
        else:
            yield from read_rows(table, data)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_PER_COMMIT:
            yield batch
            batch = []
    if batch:
        yield batch


def _write(ledger: Ledger, table: sa.Table, batch: list[Row]) -> None:
    keys = [column.name for column in table.primary_key.columns]
    last = {tuple(row[key] for key in keys): row for row in batch}
    insert = ledger.insert(table)
    others = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
    with ledger.writing("rebuild") as connection:
        statement = insert.on_conflict_do_update(index_elements=keys, set_=others) if others else insert.on_conflict_do_nothing()
        connection.execute(statement, list(last.values()))


def _go_on_counting(ledger: Ledger) -> None:
    """Let PostgreSQL's sequences go on after the numbers that came from records; SQLite does it by itself."""
    if not ledger.on_postgres:
        return
    with ledger.writing("rebuild") as connection:
        for table in KEPT:
            column = table.autoincrement_column
            if column is not None:
                newest = connection.execute(sa.select(sa.func.max(column))).scalar()
                if newest is not None:
                    connection.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(table.name, column.name), newest)))


def _count(ledger: Ledger, table: sa.Table) -> int:
    row = ledger.one(sa.select(sa.func.count().label("n")).select_from(table))
    assert row is not None
    return int(row["n"])
