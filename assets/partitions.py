"""The two dimensions of every cell: category (dynamic) and drop (a day)."""

import datetime as dt

import dagster as dg

FIRST_DROP = dt.date(2026, 1, 1)
"""First valid drop. May move forward once a year: the truth about products is in the ledger, not in Dagster."""

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


def split_cell(partition_key: str) -> tuple[str, str]:
    """Category and drop of a cell's partition key (dimensions are sorted by name: `category|drop`)."""
    category, drop = partition_key.split("|")
    return category, drop
