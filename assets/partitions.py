"""The two dimensions of every cell: category (dynamic) and drop (a day)."""

import datetime as dt

import dagster as dg

FIRST_DROP = dt.date(2026, 1, 1)
"""First valid drop. May move forward once a year: the next reading of the catalog moves products of earlier drops into a valid one; their
renders are kept."""

MAX_CELLS = 90_000
"""Categories x drops that Dagster's web UI and daemon bear: 90,000 cells took 0.06-0.95 CPU-seconds a tick; 100,000 is Dagster's own bound."""

CATEGORY = "category"
"""Name under which a Dagster instance keeps the categories it knows."""

categories = dg.DynamicPartitionsDefinition(name=CATEGORY)

# end_offset=1 makes today a valid drop; without it the last key is yesterday.
drops = dg.DailyPartitionsDefinition(start_date=FIRST_DROP.isoformat(), end_offset=1)

cells = dg.MultiPartitionsDefinition({"category": categories, "drop": drops})

lora_of_cell = dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name="category")
"""Each cell depends on its own category's LoRA."""

ONE_CELL = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
"""One run per cell. Never single_run: a range run stores partitioned checks without their partition and spans many categories."""


def cell_key(category: str, drop: str) -> dg.MultiPartitionKey:
    """The partition key of a cell."""
    return dg.MultiPartitionKey({"category": category, "drop": drop})


def cell_count(category_count: int, today: dt.date) -> int:
    """How many cells there are on a day, empty ones included: Dagster counts the full product."""
    return category_count * ((today - FIRST_DROP).days + 1)


def split_cell(partition_key: str) -> tuple[str, str]:
    """Category and drop of a cell's partition key (dimensions are sorted by name: `category|drop`)."""
    category, drop = partition_key.split("|")
    return category, drop
