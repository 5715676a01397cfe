"""The measurement table as Parquet: one row per render, its types, what each column means, and bytes that are the same for the same rows.

Where the rows come from is `assets/measurement_rows.py`. What was not evaluated is null, never 0 and never NaN.
"""

import datetime as dt
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from catalog.errors import GateError
from quality.columns import COLUMNS, MEASUREMENT_VERSION, Column

if TYPE_CHECKING:
    import pyarrow as pa

TABLE_VERSION = "1"
"""Raised when a column of `ABOUT` comes, goes or means something else. Measured columns have a version of their own."""

MEDIA_TYPE = "application/vnd.apache.parquet"

Kind = Literal["string", "int64", "float64", "bool", "strings", "time"]

YES_OR_NO = "0 or 1"
"""Unit of columns that are stored as booleans."""


@dataclass(frozen=True, kw_only=True)
class About:
    """A column that names a render or tells what became of it: its type, where it comes from, what it tells."""

    kind: Kind
    source: str
    meaning: str


ABOUT: dict[str, About] = {
    "render_key": About(kind="string", source="catalog/keys.py", meaning="everything the render was made of, as one digest; unique"),
    "render_id": About(kind="string", source="catalog/variant.py", meaning="readable name of the variant: sku.recipe.idx"),
    "sku": About(kind="string", source="catalog", meaning="the product"),
    "category": About(kind="string", source="catalog", meaning="the category whose cell the product is in"),
    "drop": About(kind="string", source="catalog", meaning="the day (or week) whose cell the product is in"),
    "recipe": About(kind="string", source="recipe", meaning="how the render was made"),
    "idx": About(kind="int64", source="recipe", meaning="number of the variant, from 0"),
    "seed": About(kind="int64", source="catalog/variant.py", meaning="seed of the variant"),
    "render_digest": About(kind="string", source="object store", meaning="sha256 of the render's file"),
    "lora_digest": About(kind="string", source="ledger", meaning="sha256 of the LoRA the scene was drawn with; null: none was used"),
    "lora_version": About(
        kind="string", source="ledger", meaning="key of the training that made this LoRA: its data, base model, settings"
    ),
    "measurement_version": About(
        kind="string", source="quality/columns.py", meaning="version that measured it; null: not measured by this one"
    ),
    "rules_digest": About(
        kind="string", source="quality/rules.py", meaning="the rules it was judged by; null: not judged by those in force"
    ),
    "gate_verdict": About(
        kind="string", source="brand gate", meaning="approved, review or rejected, by the rules; null: not judged by them"
    ),
    "standing_verdict": About(
        kind="string", source="review", meaning="the verdict that holds: a person's where one decided, else the gate's"
    ),
    "reasons": About(kind="strings", source="brand gate", meaning="codes of the rules it broke, critical ones first; null: not judged"),
    "measured_at": About(kind="time", source="ledger", meaning="when these measurements were first judged, seconds after measuring (UTC)"),
}
"""The columns before the measurements, in this order."""


def kind_of(column: Column) -> Kind:
    """How a measured column is stored."""
    return "string" if column.unit == "name" else "bool" if column.unit == YES_OR_NO else "float64"


def measurement_schema(**facts: str) -> "pa.Schema":
    """Names, types and meanings of the table; `facts` go into the file's metadata beside the versions, each as `vitrine.<name>`."""
    import pyarrow as pa

    fields = [pa.field(name, _type(one.kind), metadata=_told(source=one.source, meaning=one.meaning)) for name, one in ABOUT.items()]
    for name, column in COLUMNS.items():
        told = _told(unit=column.unit, range=range_in_words(column), source=column.source, meaning=column.meaning)
        fields.append(pa.field(name, _type(kind_of(column)), metadata=told))
    about = {"table": "measurements", "table_version": TABLE_VERSION, "measurement_version": MEASUREMENT_VERSION, **facts}
    return pa.schema(fields, metadata=_told(**{f"vitrine.{name}": value for name, value in sorted(about.items())}))


def measurement_table(rows: Iterable[Mapping[str, Any]], schema: "pa.Schema | None" = None) -> "pa.Table":
    """Rows as a typed table, sorted by SKU, recipe and index. A name that a row lacks is null; names nobody documents are left out.

    Raises GateError for a value of another type than its column's.
    """
    import pyarrow as pa

    schema = measurement_schema() if schema is None else schema
    ordered = sorted(rows, key=lambda row: (row["sku"], row["recipe"], row["idx"], row["render_key"]))
    kinds: dict[str, Kind] = {name: one.kind for name, one in ABOUT.items()} | {name: kind_of(one) for name, one in COLUMNS.items()}
    columns = {name: [_value(name, kinds[name], row.get(name)) for row in ordered] for name in schema.names}
    return pa.table(columns, schema=schema)


def parquet_bytes(table: "pa.Table") -> bytes:
    """A table as one Parquet file of one row group; equal tables give equal bytes with one version of pyarrow."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, **WRITING, row_group_size=max(1, table.num_rows))
    return buffer.getvalue()


WRITING: dict[str, Any] = {"compression": "zstd", "version": "2.6", "write_statistics": True, "use_dictionary": True}
"""How files are written: readable by pandas, DuckDB, Spark, Polars and Arrow."""


def range_in_words(column: Column) -> str:
    """The values a column can take: `0 to 100`, `at least 0`, `any number`, `words`."""
    if column.unit == "name":
        return "words"
    if column.unit == YES_OR_NO:
        return "true or false"
    low, high = ("" if bound is None else f"{bound:g}" for bound in (column.low, column.high))
    return f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}" if high else "any number"


def _type(kind: Kind) -> "pa.DataType":
    import pyarrow as pa

    types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
    return {**types, "strings": pa.list_(pa.string()), "time": pa.timestamp("us", tz="UTC")}[kind]


def _told(**words: str) -> dict[bytes, bytes]:
    return {name.encode(): text.encode() for name, text in words.items()}


def _value(name: str, kind: Kind, value: Any) -> Any:
    """A value as its column holds it. What is no finite number is null: a reader must not average it."""
    if value is None:
        return None
    if kind in ("float64", "bool", "int64") and isinstance(value, (int, float)):
        if not math.isfinite(value):
            return None
        return {"float64": float, "bool": bool, "int64": int}[kind](value)
    if kind == "string" and isinstance(value, str):
        return value or None
    if kind == "strings" and not isinstance(value, str):
        return [str(one) for one in value]
    if kind == "time" and isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    raise GateError(
        f"Column {name} holds {kind}, a render has {value!r}. The table was not written. Please report this with the cell's log."
    )
