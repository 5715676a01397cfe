"""Products in a database: a table or a query, read through SQLAlchemy with columns mapped to our names. Reads only.

The URL comes from the environment variable that the settings name, and no message shows it. Pictures are another place's.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import sqlalchemy as sa

from catalog.errors import CatalogError
from catalog.sentences import clause
from resources.catalog_settings import OUR_COLUMNS, SqlCatalog
from resources.catalog_source import RawTable
from resources.settings import secret_from_environment
from resources.table_files import ROWS_PER_PART, UNCHANGED, frame_of_parts

REQUIRED = ("sku", "title", "category", "photos")
FULL_READ_EVERY_S = 3600
"""With `updated_at`, the table still counts as changed once an hour: a long transaction may commit rows older than the newest one seen,
and a row changed twice within the column's resolution looks the same. Reading it in vain changes nothing."""


@dataclass(frozen=True)
class SqlTable:
    """The rows of one table or query. Everything that is wrong with it is a CatalogError."""

    settings: SqlCatalog

    @property
    def name(self) -> str:
        """What messages call it: the variable's name, never the URL."""
        return f"database {self.settings.url_env}, {f'table {self.settings.table}' if self.settings.table else 'query'}"

    @property
    def tells_cheaply(self) -> bool:
        """With `updated_at`; without it, every row is read."""
        return self.settings.updated_at is not None

    @cached_property
    def engine(self) -> sa.Engine:
        """The engine of the URL in the environment. Raises CatalogError when there is none, or no driver for it."""
        variable, example = self.settings.url_env, "such as postgresql+psycopg2://user:password@host/shop"
        url = secret_from_environment(variable)
        if url is None:
            raise CatalogError(
                f"The environment variable {variable}, which catalog.url_env names, is not set. Set it to a SQLAlchemy URL {example}. {UNCHANGED}"
            )
        try:
            engine = sa.create_engine(url, poolclass=sa.NullPool)
        except ImportError as error:
            raise CatalogError(
                f"{variable} needs a database driver that is not installed: {clause(error)}. Install it. {UNCHANGED}"
            ) from error
        except (sa.exc.ArgumentError, ValueError):  # its words may hold the password, so it is not chained
            raise CatalogError(f"{variable} holds no SQLAlchemy URL {example}. Correct it. {UNCHANGED}") from None
        if "@" in (engine.url.host or ""):  # the rest of a password: drivers would tell it as the host's name
            raise CatalogError(f"The password in {variable} holds an '@'. Write it as %40, as in a web address. {UNCHANGED}")
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file and file != ":memory:" and not Path(file).is_file():  # SQLite would make an empty database without a word
            raise CatalogError(f"{variable} names the SQLite file {file}, which does not exist. Correct the path. {UNCHANGED}")
        return engine

    def read(self) -> RawTable:
        """All rows, by SKU."""
        with self._connected() as connection:
            return RawTable(frame=frame_of_parts(self._parts(connection), self.name), name=self.name, first_row=1)

    def _parts(self, connection: sa.Connection) -> Iterator[dict[str, list[Any]]]:
        """The rows as columns, some at a time; first none, for the names."""
        query = self._query(connection)
        names = [column.name for column in query.selected_columns]
        yield {name: [] for name in names}
        for rows in connection.execution_options(stream_results=True).execute(query).partitions(ROWS_PER_PART):
            yield {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}

    def fingerprint(self) -> str:
        """Count and newest `updated_at` of the rows, and the hour; the digest of all rows when there is no such column."""
        column = self.settings.updated_at
        with self._connected() as connection:
            if column is None:
                state = hashlib.sha256()
                for rows in connection.execution_options(stream_results=True).execute(self._query(connection)).partitions(ROWS_PER_PART):
                    state.update("".join(f"{tuple(row)!r}\n" for row in rows).encode())
                return state.hexdigest()
            origin = self._origin(connection)
            self._mapped(connection, origin)
            newest: sa.ColumnClause[Any] = sa.column(column)
            count, last = connection.execute(sa.select(sa.func.count(), sa.func.max(newest)).select_from(origin)).one()
            return f"{count} {last} {int(time.time() // FULL_READ_EVERY_S)}"

    def _query(self, connection: sa.Connection) -> sa.Select[Any]:
        origin = self._origin(connection)
        mapped = self._mapped(connection, origin)
        chosen: list[sa.Label[Any]] = [sa.column(theirs).label(ours) for ours, theirs in mapped.items()]
        return sa.select(*chosen).select_from(origin).order_by(sa.column(mapped["sku"]))

    def _origin(self, connection: sa.Connection) -> Any:
        if self.settings.query is not None:
            query = self.settings.query.strip().rstrip(";").replace(":", r"\:")  # a colon is the database's (a::text), not a parameter
            return sa.text(f"({query}) AS vitrine_rows")
        schema, _, table = (self.settings.table or "").rpartition(".")
        inspector = sa.inspect(connection)
        if not inspector.has_table(table, schema=schema or None):
            there = sorted([*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)])
            raise CatalogError(
                f"{self.name}: there is no such table or view. There {'are' if there else 'is'} {', '.join(there[:20]) or 'none'}. Correct "
                f"catalog.table (with its schema, as in shop.products). {UNCHANGED}"
            )
        return sa.table(table, schema=schema or None)

    def _mapped(self, connection: sa.Connection, origin: Any) -> dict[str, str]:
        """Our column names with theirs: what the settings map, and what has our name already. Raises CatalogError for one that is not there."""
        there = list(connection.execute(sa.select(sa.text("*")).select_from(origin).where(sa.false())).keys())
        wanted: dict[str, str] = {str(ours): theirs for ours, theirs in self.settings.columns.items()}
        wrong = [f"{ours}: {theirs}" for ours, theirs in wanted.items() if theirs not in there]
        wrong += [f"updated_at: {name}" for name in [self.settings.updated_at] if name and name not in there]
        missing = [name for name in REQUIRED if name not in wanted and name not in there]
        if wrong or missing:
            problems = [f"catalog.columns names {', '.join(wrong)}, which is not there"] * bool(wrong)
            problems += [f"nothing is mapped to {', '.join(missing)}"] * bool(missing)
            raise CatalogError(
                f"{self.name}: {'; '.join(problems)}. Its columns are {', '.join(there)}. Correct catalog.columns. {UNCHANGED}"
            )
        return {name: wanted.get(name, name) for name in get_args(OUR_COLUMNS) if name in wanted or name in there}

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """A connection that writes nothing, as far as the database can hold it to that."""
        engine = self.engine
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA query_only=ON")
                elif engine.dialect.name == "postgresql":
                    connection.execution_options(postgresql_readonly=True)
                yield connection
        except sa.exc.SQLAlchemyError as error:
            plain = str(getattr(error, "orig", None) or error)
            said = _without_secrets(plain, engine.url)
            raise CatalogError(
                f"{self.name} cannot be read: {clause(said, 300)}. Check that it is reachable, and catalog.query, catalog.table "
                f"and catalog.columns. {UNCHANGED}"
            ) from (error if _without_secrets(str(error), engine.url) == str(error) and said == plain else None)


def _without_secrets(text: str, url: sa.URL) -> str:
    """A driver's words without the password of its URL, however that was written."""
    values = [str(value) for name, value in url.query.items() if "pass" in name.lower()]
    for secret in {str(url.password or ""), quote(str(url.password or ""), safe=""), *values} - {""}:
        text = text.replace(secret, "***")
    return text
