"""Product tables as files: which file it is, and CSV, JSONL or Parquet bytes as one table of text.

The three formats of one content give the same cells up to how a number is written, and so the same products. Fetches nothing.
"""

import io
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from catalog.errors import CatalogError
from resources.catalog_source import RawTable

if TYPE_CHECKING:
    import pandas

SUFFIXES = (".csv", ".jsonl", ".parquet")
UNCHANGED = "The catalog was left as it was."
LARGEST_WHOLE_FLOAT = 2.0**53
"""Above it, a float no longer tells whole numbers apart (IEEE 754 double)."""


def choose_table(names: Iterable[str], wanted: str | None, place: str) -> str:
    """The file that is the product table: the one the settings name, else the only `products.*`. Raises CatalogError otherwise."""
    there = sorted(names)
    allowed = [f"products{suffix}" for suffix in SUFFIXES]
    found = [name for name in there if name == wanted] if wanted else [name for name in there if name in allowed]
    if len(found) == 1:
        return found[0]
    if found:
        raise CatalogError(
            f"There are {len(found)} product tables in {place}: {', '.join(found)}. Remove all but one, or name the right one as "
            f"catalog.table. {UNCHANGED}"
        )
    if wanted:
        tables = [name for name in there if PurePosixPath(name).suffix in SUFFIXES]
        raise CatalogError(
            f"There is no {wanted} in {place}, which catalog.table names. Tables there: {', '.join(tables) or 'none'}. {UNCHANGED}"
        )
    raise CatalogError(
        f"There is no {', '.join(allowed[:-1])} or {allowed[-1]} in {place}. Put one there, or name your table as catalog.table. {UNCHANGED}"
    )


def parse_table(data: bytes, file_name: str, place: str) -> RawTable:
    """The rows in the bytes of a table file. Raises CatalogError when they are no table of that format."""
    suffix = PurePosixPath(file_name).suffix
    where = f"{place}/{file_name}"
    frame = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}[suffix](data, where)
    return RawTable(frame=frame, name=file_name, first_row=2 if suffix == ".csv" else 1)


def frame_of_columns(columns: dict[str, list[Any]], where: str) -> "pandas.DataFrame":
    """A table of text from columns of plain values; a list in a cell becomes its items with `;` between. Raises CatalogError."""
    import pandas as pd

    return pd.DataFrame(
        {
            name: pd.Series([_cell(value, name, row, where) for row, value in enumerate(cells, 1)], dtype=str)
            for name, cells in columns.items()
        }
    )


def _csv(data: bytes, where: str) -> "pandas.DataFrame":
    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"{where} is not a readable CSV table: {' '.join(str(error).split())}. Save it as UTF-8 CSV with a header line. {UNCHANGED}"
        ) from error
    if len(table) and not isinstance(table.index, pd.RangeIndex):
        # With a cell too many in every row, pandas takes the SKUs as row names and shifts all columns by one.
        raise CatalogError(
            f"Every row of {where} has more cells than its header names. Take away the comma at the end of the rows, or put cells that hold "
            f"a comma in double quotes. {UNCHANGED}"
        )
    return table


def _jsonl(data: bytes, where: str) -> "pandas.DataFrame":
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise CatalogError(f"{where} is not UTF-8 text: {error}. Save it as UTF-8, one JSON object per line. {UNCHANGED}") from error
    rows = [_json_row(line, number, where) for number, line in enumerate(lines, 1) if line.strip()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise CatalogError(f"{where} has no product in it. Write one JSON object per line. {UNCHANGED}")
    return frame_of_columns({name: [row.get(name) for row in rows] for name in names}, where)


def _json_row(line: str, number: int, where: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            twice = next(name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1)
            raise ValueError(f"the name {twice!r} stands twice")
        return row

    try:
        # Numbers stay as they are written: 14.00 is no other price than in the CSV, and a SKU of digits keeps them all.
        row = json.loads(line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{where}, line {number}, is no JSON object: {error}. Write one product per line. {UNCHANGED}") from error
    if not isinstance(row, dict):
        raise CatalogError(f"{where}, line {number}, holds {type(row).__name__}, but a JSON object was expected. {UNCHANGED}")
    return row


def _parquet(data: bytes, where: str) -> "pandas.DataFrame":
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
        columns: dict[str, list[Any]] = {}
        for name, column in zip(table.column_names, table.columns, strict=True):
            cells = column.to_pylist()
            if pa.types.is_float32(column.type):  # 12.3 as float32 is 12.300000190734863 as a Python float
                cells = [None if cell is None else Decimal(str(np.float32(cell))) for cell in cells]
            columns[name] = cells
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(
            f"{where} is not a readable Parquet table: {' '.join(str(error).split())[:300]}. Write it anew. {UNCHANGED}"
        ) from error
    if len(columns) < table.num_columns:
        twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
        raise CatalogError(f"{where} has the column {', '.join(twice)} twice. Keep one. {UNCHANGED}")
    return frame_of_columns(columns, where)


def _cell(value: Any, name: str, row: int, where: str) -> str:
    """A value as the text a CSV of the same content would hold; whole numbers without a fraction, so that a SKU read as 1001.0 is 1001."""
    if isinstance(value, list | tuple) and not any(isinstance(item, list | tuple | dict) for item in value):
        return ";".join(_cell(item, name, row, where) for item in value)
    if value is None or value != value:  # NaN and NaT
        return ""
    if isinstance(value, float | Decimal) and _is_whole(value):
        return format(value, ".0f")
    if isinstance(value, dict | list | tuple | set | bytes | bytearray | memoryview):
        raise CatalogError(
            f"{where}, row {row}, column {name!r} holds {type(value).__name__}. Allowed are text, numbers, dates and lists of text. "
            f"Correct the column's type or leave the column out. {UNCHANGED}"
        )
    return str(value)


def _is_whole(value: float | Decimal) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return value.is_integer() and abs(value) < LARGEST_WHOLE_FLOAT
