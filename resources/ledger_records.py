"""A record beside the blobs of every row that enters the ledger, so that the ledger can be made again without a backup.

Records are JSON, named by table, time and content, written once in the transaction of their rows: rows that were not committed have none,
but for a process that was killed between the two. Read by `vitrine ledger rebuild` and by nothing else.
"""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from catalog.errors import StoreError
from catalog.failpoint import failpoint
from resources.files import side_by_side
from resources.ledger import Ledger, Row
from resources.ledger_tables import (
    cell_manifest,
    change,
    cutout,
    decision,
    expectation,
    judgment,
    lora,
    lora_choice,
    lora_contest,
    lora_return,
    measurement,
    product,
    publication,
    refused_render,
    render,
    source_photo,
    spend,
)
from resources.object_store import ObjectStore
from resources.settings import utc_now

RECORD_VERSION = 1
ROWS_PER_RECORD = 1000
RECORDS_AT_ONCE = 16
"""Written side by side: a first import of a million products is two thousand records, 0.5 MB each."""

KEPT = (
    change, product, source_photo, cutout, lora, lora_return, render, refused_render, measurement, judgment, publication, spend,
    cell_manifest, expectation, decision, lora_contest, lora_choice,
)  # fmt: skip
"""Tables whose rows are kept as records. Of the others, some are caches, some end with the workers; see docs/operations/ledger.md."""

_KEPT_NAMES = frozenset(table.name for table in KEPT)


def keep_rows(store: ObjectStore, table: str, rows: Sequence[Row]) -> None:
    """Write records of new rows of a table."""
    if table not in _KEPT_NAMES:
        return
    starts = range(0, len(rows), ROWS_PER_RECORD)
    for first in range(0, len(starts), RECORDS_AT_ONCE):  # side by side: a transaction, and whoever waits for its lock, waits for them
        side_by_side(
            lambda start: _keep_record(store, table, rows[start : start + ROWS_PER_RECORD]), starts[first : first + RECORDS_AT_ONCE]
        )


def _keep_record(store: ObjectStore, table: str, rows: Sequence[Row]) -> None:
    # Not canonical JSON: that would turn 1.0 into 1 and respell words, and rows come back as they were.
    content = {"vitrine_record": RECORD_VERSION, "table": table, "rows": rows}
    data = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_spelled).encode()
    failpoint("ledger.before_record")
    store.put_record(table, utc_now(), data)
    failpoint("ledger.after_record")


def read_rows(table: sa.Table, data: bytes) -> list[Row]:
    """The rows of one record. Raises StoreError for what is none of this table, or has columns that this code does not know."""
    try:
        content: Any = json.loads(data)
        version, name, rows = content["vitrine_record"], content["table"], content["rows"]
        unknown = {column for row in rows for column in row} - set(table.columns.keys())
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"A record of {table.name} cannot be read: {error!r}.") from error
    if version != RECORD_VERSION or name != table.name or unknown:
        raise StoreError(
            f"A record of {table.name} says version {version}, table {name}, and columns {', '.join(sorted(unknown)) or 'as known'}. It was "
            "written by a newer Vitrine: rebuild with that one."
        )
    times = [column.name for column in table.columns if isinstance(column.type, sa.DateTime)]
    for row in rows:
        row.update({column: dt.datetime.fromisoformat(row[column]) for column in times if row.get(column) is not None})
    return [{column.name: row.get(column.name) for column in table.columns} for row in rows]


def keep_everything(ledger: Ledger, store: ObjectStore) -> int:
    """Write records of every row that is in the ledger now; how many rows. For a ledger that is older than its records."""
    return sum(_keep_table(ledger, store, table) for table in KEPT)


def _keep_table(ledger: Ledger, store: ObjectStore, table: sa.Table) -> int:
    kept = 0
    for rows in _pages(ledger, table):
        keep_rows(store, table.name, rows)
        kept += len(rows)
    return kept


def _pages(ledger: Ledger, table: sa.Table) -> Iterator[list[Row]]:
    keys = list(table.primary_key.columns)
    after: tuple[Any, ...] | None = None
    while True:
        query = sa.select(table).order_by(*keys).limit(ROWS_PER_RECORD)
        rows = ledger.rows(query if after is None else query.where(sa.tuple_(*keys) > sa.tuple_(*map(sa.literal, after))))
        if not rows:
            return
        yield rows
        after = tuple(rows[-1][column.name] for column in keys)


def _spelled(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be kept in a record")
