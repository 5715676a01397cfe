"""The clock of costs: worker seconds and money of each activity, appended to the ledger when the activity ends, also by an error."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from resources.project import Project


@dataclass
class CostClock:
    """Counts the items of a running activity."""

    items: int = 0


@contextmanager
def clocked(project: Project, activity: str, category: str, drop: str | None = None) -> Iterator[CostClock]:
    """Time a block as one activity of a category (and drop); nothing is written when it handled no item."""
    clock, start = CostClock(), time.perf_counter()
    try:
        yield clock
    finally:
        seconds = time.perf_counter() - start
        if clock.items:
            project.ledger.spend(
                {
                    "category": category,
                    "drop": drop,
                    "activity": activity,
                    "item_count": clock.items,
                    "seconds": seconds,
                    "usd": seconds / 3600 * project.settings.costs.usd_per_hour,
                }
            )
