"""The mutable index over blobs and manifests: products, what was made for them, what was judged, what is out.

Holds no decisions: what is stale is `assets/planning.py`, how a snapshot becomes changes is `resources/catalog_sync.py`. How the database
is reached is `ledger_connection.py`; why locks are as they are, docs/decisions/0005-ledger-on-postgresql.md.
"""

import copy
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from catalog.failpoint import failpoint
from resources.ledger_connection import FIRST_CONNECT_WITHIN_S, RECONNECT_WITHIN_S, address_of, in_our_words, make_engine, passes, pauses
from resources.ledger_schema import known_versions, make_or_upgrade, stored_version
from resources.ledger_tables import spend
from resources.settings import utc_now

QUERY_CHUNK = 500
"""Keys per IN clause; SQLite's default limit is 999 variables in old builds."""

ADVISORY_CLASS = 22100
"""First half of PostgreSQL's advisory lock numbers that are Vitrine's; the second half is a concern."""
LOCK_TIMEOUT_S, IDLE_TIMEOUT_S = 120, 300
"""A frozen worker must not hold a lock for ever: how long one is waited for, and how long a silent transaction lives. PostgreSQL."""
STREAM_ROWS = 2_000
"""Rows fetched at a time when an answer is streamed."""

Row = dict[str, Any]
Result = TypeVar("Result")


class Fence(Protocol):
    """What a commit must pass in its own transaction; see `leases.py`."""

    def check(self, connection: sa.Connection) -> None:
        """Raises LeaseRefused when another run holds what this one wants to write to."""

    def stop_if_lost(self) -> None:
        """Raises LeaseRefused when that is known already; asks nobody."""


class Ledger:
    """A connection to one project's ledger, SQLite in a file or PostgreSQL.

    A lost connection is waited for. Reads, and writes that are the same twice, are repeated then; others fail only if the connection was
    lost between their commit and the answer to it.
    """

    fence: Fence | None = None
    journal: Callable[[str, Sequence[Row]], None] | None = None
    """Keeps a record of new rows outside the ledger, called in their transaction; see `ledger_records.py`."""

    def __init__(self, url: str, name: str = "the ledger's URL", *, upgrade: bool | None = None) -> None:
        """`upgrade`: whether an older ledger is brought up now; left out: on SQLite yes, on PostgreSQL no, since others are at work there."""
        self.engine = make_engine(url, name)
        self.on_postgres = self.engine.dialect.name == "postgresql"
        self._was_reached = False
        if self._read(stored_version) != known_versions()[-1]:
            with self.writing("schema") as connection:  # under a lock: two workers may open a new project's ledger at once
                make_or_upgrade(connection, address_of(self.engine), upgrade_at_once=not self.on_postgres if upgrade is None else upgrade)

    @classmethod
    def in_folder(cls, state_dir: Path) -> "Ledger":
        """The SQLite ledger of a state folder, made when missing."""
        state_dir.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{state_dir / 'ledger.sqlite'}")

    def fenced(self, fence: Fence) -> "Ledger":
        """The same ledger, whose writes pass a fence first."""
        other = copy.copy(self)
        other.fence = fence
        return other

    @contextmanager
    def writing(self, concern: str = "ledger") -> Iterator[sa.Connection]:
        """One transaction in which read-then-write cannot be interleaved by another `writing` of the same concern.

        SQLite has one writer at a time; the lock is taken at once. On PostgreSQL it is an advisory lock of this transaction: it ends with
        it, also by a lost connection. Raises StoreError when the database is locked too long, full, read-only, damaged or gone.
        """
        with in_our_words(self.engine):
            connection = self._begin(concern)
            try:
                if self.fence is not None:
                    self.fence.check(connection)
                failpoint("ledger.begun")
                yield connection
                failpoint("ledger.before_commit")
                connection.commit()
            finally:
                connection.close()  # rolls back what was not committed

    def rows(self, query: sa.Select[Any]) -> list[Row]:
        """All rows of a query as plain dicts."""
        return self._read(lambda connection: [dict(row) for row in connection.execute(query).mappings()])

    def stream(self, query: sa.Select[Any]) -> Iterator[Row]:
        """Rows of a query one after the other, for answers that do not fit into memory; the connection is held until the last."""
        with in_our_words(self.engine), self.engine.connect() as connection:
            for row in connection.execution_options(yield_per=STREAM_ROWS).execute(query).mappings():
                yield dict(row)

    def one(self, query: sa.Select[Any]) -> Row | None:
        """The first row of a query, or None."""
        row = self._read(lambda connection: connection.execute(query).mappings().first())
        return dict(row) if row else None

    def by_keys(self, table: sa.Table, keys: Iterable[str]) -> dict[str, Row]:
        """Rows of a table by its (first) primary-key column; keys that are not there are left out."""
        column, found = next(iter(table.primary_key.columns)), dict[str, Row]()
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), QUERY_CHUNK):
            query = sa.select(table).where(column.in_(wanted[start : start + QUERY_CHUNK]))
            found.update({row[column.name]: row for row in self.rows(query)})
        return found

    def record(self, table: sa.Table, rows: Row | Sequence[Row]) -> None:
        """Insert rows; a key that is there already stays as it was (made things do not change). Takes no lock."""
        # In the order of their keys: two workers that insert the same keys in different orders would wait for each other.
        names = [column.name for column in table.primary_key.columns]
        batch = [rows] if isinstance(rows, dict) else list(rows)
        numbered = table.autoincrement_column is not None
        if not numbered:
            batch.sort(key=lambda row: tuple(row[name] for name in names))
        if batch:
            self.transact(lambda connection: self._insert(connection, table, batch), repeatable=not numbered)

    def spend(self, table_row: Row) -> None:
        """Append one line to the clock of costs. Not fenced: what was spent was spent."""
        self.append(spend, [{**table_row, "at": utc_now().replace(tzinfo=None)}])

    def append(self, table: sa.Table, rows: Sequence[Row]) -> None:
        """Append lines about the work itself to a numbered table. Not fenced: they are true whoever holds the cell by now."""
        if rows:
            self.transact(lambda connection: self._insert(connection, table, rows), repeatable=False, fenced=False)

    def confirm(self) -> None:
        """Raises LeaseRefused when the fence does not let this process write any more. Without a fence, nothing."""
        self.transact(lambda _: None, repeatable=True)

    def insert(self, table: sa.Table) -> Any:
        """An INSERT in the words of this database, with its ON CONFLICT clauses."""
        if self.on_postgres:
            from sqlalchemy.dialects.postgresql import insert as pg_insert

            return pg_insert(table)
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)

    def keep(self, table: str, rows: Sequence[Row]) -> None:
        """Keep a record of rows that were written inside `writing`, before its transaction ends."""
        if self.journal is not None and rows:
            self.journal(table, rows)

    def transact(self, work: Callable[[sa.Connection], Result], *, repeatable: bool, fenced: bool = True) -> Result:
        """Do work in one transaction without a lock, again after a lost connection.

        `repeatable`: doing it a second time after it was committed unnoticed changes nothing.
        """

        committing = False

        def transaction() -> Result:
            nonlocal committing
            committing = False
            with self.engine.connect() as connection:
                self._start(connection)
                if fenced and self.fence is not None:
                    self.fence.check(connection)
                result = work(connection)
                failpoint("ledger.worked")
                committing = True
                connection.commit()
            failpoint("ledger.committed")
            return result

        with in_our_words(self.engine):
            return self._repeated(transaction, may_repeat=lambda: repeatable or not committing)

    def _read(self, work: Callable[[sa.Connection], Result]) -> Result:
        def reading() -> Result:
            with self.engine.connect() as connection:
                return work(connection)

        with in_our_words(self.engine):
            return self._repeated(reading)

    def _begin(self, concern: str) -> sa.Connection:
        def begin() -> sa.Connection:
            connection = self.engine.connect()
            try:
                self._start(connection)
                if self.on_postgres:
                    limits = f"set_config('lock_timeout', '{LOCK_TIMEOUT_S}s', true), set_config('idle_in_transaction_session_timeout', '{IDLE_TIMEOUT_S}s', true)"
                    connection.exec_driver_sql(f"SELECT {limits}")
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_CLASS}, {_number_of(concern)})")
            except BaseException:
                connection.close()
                raise
            return connection

        return self._repeated(begin)

    def _start(self, connection: sa.Connection) -> None:
        if not self.on_postgres:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _repeated(self, attempt: Callable[[], Result], may_repeat: Callable[[], bool] = lambda: True) -> Result:
        waits: Iterator[float] | None = None
        while True:
            try:
                result = attempt()
            except sa.exc.DBAPIError as error:
                if passes(error):
                    self.engine.dispose()  # also the connections to a server that is only a standby now
                if waits is None:
                    waits = pauses(RECONNECT_WITHIN_S if self._was_reached else FIRST_CONNECT_WITHIN_S)
                if not (passes(error) and may_repeat() and next(waits, None)):
                    raise
            else:
                self._was_reached = True
                return result

    def _insert(self, connection: sa.Connection, table: sa.Table, batch: Sequence[Row]) -> None:
        keys = list(table.primary_key.columns)
        statement = self.insert(table).on_conflict_do_nothing().returning(*keys)
        if table.autoincrement_column is not None:  # one by one: each gets its number
            new = [{**row, **connection.execute(statement, row).mappings().one()} for row in batch]
        else:
            inserted = {tuple(key) for key in connection.execute(statement, list(batch))}
            new = [row for row in batch if tuple(row[column.name] for column in keys) in inserted]
        self.keep(table.name, new)


def _number_of(concern: str) -> int:
    """A concern as the second half of an advisory lock's number: 31 bits. 0 and 1 belong to triggers."""
    return max(2, zlib.crc32(concern.encode()) & 0x7FFFFFFF)
