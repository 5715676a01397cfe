"""Product tables as files: which file it is, and CSV, JSONL or Parquet bytes as one table of text.

The three formats of one content give the same cells up to how a number is written, and so the same products. Fetches nothing.
"""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from catalog.errors import CatalogError
from catalog.sentences import clause
from resources.catalog_source import RawTable

if TYPE_CHECKING:
    import pandas

SUFFIXES = (".csv", ".jsonl", ".parquet")
UNCHANGED = "The catalog was left as it was."
ROWS_PER_PART = 20_000
"""Rows held as Python values at once while a table is read."""
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


def frame_of_parts(parts: Iterable[dict[str, list[Any]]], where: str) -> "pandas.DataFrame":
    """A table of text from parts of rows, each as columns of plain values; a list in a cell becomes its items with `;` between.

    Only one part at a time is held as Python values: a million rows at once would take 3 GB. A column that a part does not have is
    empty there. Raises CatalogError for a value that is no text, number, date or list of text.
    """
    import pandas as pd

    frames, row = list[pd.DataFrame](), 1
    for columns in parts:
        texts = {name: [_cell(value, name, number, where) for number, value in enumerate(cells, row)] for name, cells in columns.items()}
        frames.append(pd.DataFrame({name: pd.Series(cells, dtype=str) for name, cells in texts.items()}))
        row += len(frames[-1])
    if len(frames) < 2:
        return frames[0] if frames else pd.DataFrame()
    return pd.concat(frames, ignore_index=True).fillna("")


def _csv(data: bytes, where: str) -> "pandas.DataFrame":
    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"{where} is not a readable CSV table: {clause(error)}. Save it as UTF-8 CSV with a header line. {UNCHANGED}"
        ) from error
    if len(table) and not isinstance(table.index, pd.RangeIndex):
        # With a cell too many in every row, pandas takes the SKUs as row names and shifts all columns by one.
        raise CatalogError(
            f"Every row of {where} has more cells than its header names. Take away the comma at the end of the rows, or put cells that hold "
            f"a comma in double quotes. {UNCHANGED}"
        )
    return table


def _jsonl(data: bytes, where: str) -> "pandas.DataFrame":
    table = frame_of_parts(_json_parts(data.removeprefix(b"\xef\xbb\xbf"), where), where)
    if table.columns.empty:
        raise CatalogError(f"{where} has no product in it. Write one JSON object per line. {UNCHANGED}")
    return table


def _json_parts(data: bytes, where: str) -> Iterator[dict[str, list[Any]]]:
    lines = ((number, line) for number, line in enumerate(io.BytesIO(data), 1) if line.strip())
    while part := list(itertools.islice(lines, ROWS_PER_PART)):
        rows = [_json_row(_utf8(line, number, where), number, where) for number, line in part]
        names = dict.fromkeys(name for row in rows for name in row)
        yield {name: [row.get(name) for row in rows] for name in names}


def _utf8(line: bytes, number: int, where: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise CatalogError(
            f"{where} is not UTF-8 text in line {number}: {clause(error)}. Save it as UTF-8, one JSON object per line. {UNCHANGED}"
        ) from error


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
        raise CatalogError(
            f"{where}, line {number}, is no JSON object: {clause(error)}. Write one product per line. {UNCHANGED}"
        ) from error
    if not isinstance(row, dict):
        raise CatalogError(f"{where}, line {number}, holds {type(row).__name__}, but a JSON object was expected. {UNCHANGED}")
    return row


def _parquet(data: bytes, where: str) -> "pandas.DataFrame":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = file.schema_arrow.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise CatalogError(f"{where} has the column {', '.join(twice)} twice. Keep one. {UNCHANGED}")
        empty = {name: list[Any]() for name in names}
        batches = file.iter_batches(ROWS_PER_PART)
        return frame_of_parts(itertools.chain([empty], (_plain_columns(batch) for batch in batches)), where)
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{where} is not a readable Parquet table: {clause(error, 300)}. Write it anew. {UNCHANGED}") from error


def _plain_columns(batch: Any) -> dict[str, list[Any]]:
    import numpy as np
    import pyarrow as pa

    columns: dict[str, list[Any]] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        cells = column.to_pylist()
        if pa.types.is_float32(column.type):  # 12.3 as float32 is 12.300000190734863 as a Python float
            cells = [None if cell is None else Decimal(str(np.float32(cell))) for cell in cells]
        columns[name] = cells
    return columns


def _cell(value: Any, name: str, row: int, where: str) -> str:
    """A value as the text a CSV of the same content would hold; whole numbers without a fraction, so that a SKU read as 1001.0 is 1001."""
    if type(value) is str:  # by far the most
        return value
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
