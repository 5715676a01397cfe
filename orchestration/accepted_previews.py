"""Which beta and preview features of Dagster Vitrine builds on; their warnings are not news to whoever runs it.

Dagster is pinned exactly, and `tests/orchestration/test_dagster_traps.py` holds how each feature behaves. Any other beta or preview feature
still warns: adding one to this list is a decision.
"""

import warnings

import dagster as dg

ACCEPTED = (
    (dg.BetaWarning, "Class `MultiToSingleDimensionPartitionMapping`"),  # each cell depends on its own category's LoRA
    (dg.BetaWarning, "Parameter `backfill_policy`"),  # one run per cell
    (dg.BetaWarning, "Parameter `data_version` of initializer `Output.__init__`"),  # a cell's manifest is its data version
    (dg.PreviewWarning, "Specifying a partitions_def on an AssetCheckSpec"),  # one brand gate per cell
)


def accept_previews() -> None:
    """Silence exactly the accepted features' warnings in this process. Must run before the definitions are imported."""
    for category, message in ACCEPTED:
        warnings.filterwarnings("ignore", message, category)
