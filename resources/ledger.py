"""The mutable index over blobs and manifests: products, what was made for them, what was judged, what is out.

Holds no decisions: what is stale is `assets/planning.py`, how a snapshot becomes changes is `resources/catalog_sync.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from catalog.errors import StoreError
from resources.ledger_tables import metadata, spend
from resources.settings import utc_now

QUERY_CHUNK = 500
"""Keys per IN clause; SQLite's default limit is 999 variables in old builds."""

Row = dict[str, Any]


class Ledger:
    """A connection to one project's ledger, SQLite in a file or any SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
        with self.writing() as connection:  # under the write lock: two workers may open a new project's ledger at once
            metadata.create_all(connection)

    @classmethod
    def in_folder(cls, state_dir: Path) -> "Ledger":
        """The SQLite ledger of a state folder, made when missing."""
        state_dir.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{state_dir / 'ledger.sqlite'}")

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except sa.exc.DatabaseError as error:
            if isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError):  # a mistake of ours, not of the place we run at
                raise
            raise StoreError(
                f"The ledger {self.engine.url.render_as_string()} cannot be used: {error.orig}. What was made is kept. Free space, fix "
                "permissions or end what holds it, then run again; a damaged file must come from a backup."
            ) from error

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that takes the write lock at once, so that read-then-write cannot be interleaved.

        Raises StoreError when the ledger is locked too long, full, read-only or damaged.
        """
        with self._connected() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.exec_driver_sql("ROLLBACK")
                    raise
                connection.exec_driver_sql("COMMIT")
            else:
                with connection.begin():
                    yield connection

    def rows(self, query: sa.Select[Any]) -> list[Row]:
        """All rows of a query as plain dicts."""
        with self._connected() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def one(self, query: sa.Select[Any]) -> Row | None:
        """The first row of a query, or None."""
        with self._connected() as connection:
            row = connection.execute(query).mappings().first()
            return dict(row) if row else None

    def by_keys(self, table: sa.Table, keys: Iterable[str]) -> dict[str, Row]:
        """Rows of a table by its (first) primary-key column; keys that are not there are left out."""
        column, found = next(iter(table.primary_key.columns)), {}
        wanted = list(dict.fromkeys(keys))
        with self._connected() as connection:
            for start in range(0, len(wanted), QUERY_CHUNK):
                query = sa.select(table).where(column.in_(wanted[start : start + QUERY_CHUNK]))
                found.update({row[column.name]: dict(row) for row in connection.execute(query).mappings()})
        return found

    def record(self, table: sa.Table, rows: Row | Sequence[Row]) -> None:
        """Insert rows; a key that is there already stays as it was (made things do not change)."""
        batch = [rows] if isinstance(rows, dict) else list(rows)
        if not batch:
            return
        with self.writing() as connection:
            connection.execute(_insert_if_absent(self.engine.dialect.name, table), batch)

    def spend(self, table_row: Row) -> None:
        """Append one line to the clock of costs."""
        with self.writing() as connection:
            connection.execute(sa.insert(spend), [{**table_row, "at": utc_now().replace(tzinfo=None)}])


def _insert_if_absent(dialect: str, table: sa.Table) -> Any:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as pg_insert

        return pg_insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table).on_conflict_do_nothing()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # isolation_level None hands transactions to us (BEGIN IMMEDIATE above); WAL lets the report read while a cell writes.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=60000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
