"""How long a product table of a million rows takes to read, and how much memory: CSV, JSONL, Parquet and SQLite.

    python -m benchmarks.reading [rows] [folder]

Each format is read in a process of its own, so that one's peak is not the other's. CPU seconds, not wall seconds. Writes about 0.8 GB.
"""

import csv
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COLUMNS = (
    "sku",
    "title",
    "description",
    "category",
    "color",
    "material",
    "width_cm",
    "depth_cm",
    "height_cm",
    "price",
    "currency",
    "photos",
)
NUMBERS = ("width_cm", "depth_cm", "height_cm", "price")
WORDS = "A heavy mug, glazed inside and out, made to be used every day for years and years."
KINDS = ("csv", "jsonl", "parquet", "sqlite")
PART = 100_000


def rows(count: int) -> Iterator[list[str]]:
    """Products with words of ordinary length; photos in folders of a thousand."""
    for i in range(count):
        sku, lengths = f"SKU-{i:07d}", [f"{5 + i % 20}.5", "9", "10", f"{10 + i % 90}.00"]
        yield [
            sku,
            f"Hand-thrown stoneware mug no. {i}",
            WORDS,
            f"cat-{i % 40:02d}",
            "Red",
            "Stoneware",
            *lengths,
            "USD",
            f"{i // 1000:04d}/{sku}.jpg",
        ]


def typed(name: str, cell: str) -> Any:
    """A cell as a format with types holds it."""
    return float(cell) if name in NUMBERS else [cell] if name == "photos" else cell


def write(count: int, folder: Path) -> None:
    """The table in every format."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import sqlalchemy as sa

    for kind in KINDS:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    with (folder / "csv" / "products.csv").open("w", newline="") as table, (folder / "jsonl" / "products.jsonl").open("w") as lines:
        csv.writer(table).writerow(COLUMNS)
        for row in rows(count):
            csv.writer(table).writerow(row)
            lines.write(json.dumps({name: typed(name, cell) for name, cell in zip(COLUMNS, row, strict=True)}) + "\n")
    database = folder / "sqlite" / "shop.sqlite"
    database.unlink(missing_ok=True)
    engine = sa.create_engine(f"sqlite:///{database}")
    source, parquet = rows(count), None
    with engine.begin() as connection:
        columns = ", ".join(f"{name} {'NUMERIC' if name in NUMBERS else 'TEXT'}" for name in COLUMNS)
        connection.exec_driver_sql(f"CREATE TABLE products ({columns}, PRIMARY KEY (sku))")
        while part := [row for row, _ in zip(source, range(PART), strict=False)]:
            connection.exec_driver_sql(f"INSERT INTO products VALUES ({', '.join('?' * len(COLUMNS))})", [tuple(row) for row in part])
            cells = {name: [typed(name, row[place]) for row in part] for place, name in enumerate(COLUMNS)}
            parquet = parquet or pq.ParquetWriter(folder / "parquet" / "products.parquet", pa.table(cells).schema)
            parquet.write_table(pa.table(cells))
    assert parquet is not None
    parquet.close()


def read(kind: str, folder: Path) -> None:
    """Read one format and print a line of numbers."""
    import pandas  # noqa: F401 - what is imported anyway is not the reading's
    import pyarrow.parquet  # noqa: F401

    from resources.catalog_settings import SqlCatalog
    from resources.folder_source import FolderTable
    from resources.sql_source import SqlTable

    os.environ["SHOP_DB"] = f"sqlite:///{folder / 'sqlite' / 'shop.sqlite'}"
    table = SqlTable(SqlCatalog(kind="sql", url_env="SHOP_DB", table="products")) if kind == "sqlite" else FolderTable(folder / kind)
    before, start = _peak_mib(), time.process_time()
    frame = table.read().frame
    took = time.process_time() - start
    held = frame.memory_usage(deep=True).sum() / 2**20
    print(
        f"{kind:8} {len(frame):>9} rows  {took:6.1f} s CPU  peak {_peak_mib():5.0f} MiB ({before:.0f} before)  table {held:.0f} MiB",
        flush=True,
    )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["read"]:
        read(sys.argv[2], Path(sys.argv[3]))
    else:
        where = Path(sys.argv[2] if len(sys.argv) > 2 else "reading-benchmark")
        write(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, where)
        for one in KINDS:
            subprocess.run([sys.executable, "-m", "benchmarks.reading", "read", one, str(where)], check=True)
