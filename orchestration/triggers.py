"""What the sensors decide, as plain functions: which cells are due after which change, and where the cursor goes.

No Dagster here, so that the rule "no cell is ever lost between ticks" is tested without a daemon.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from resources.ledger_tables import change
from resources.project import Project

MAX_CELLS_PER_TICK = 200
"""Run requests handed out per sensor tick; the rest waits for the next one (Dagster recommends a bound; ticks have a time limit)."""


@dataclass(frozen=True, kw_only=True)
class DueCell:
    """A cell that changed, and the revision that makes its run unique."""

    category: str
    drop: str
    revision: int

    @property
    def run_key(self) -> str:
        """`cell@revision`: run keys are used up for ever, so a cell may run again only under a new revision."""
        return f"{self.category}|{self.drop}@r{self.revision}"


@dataclass(frozen=True, kw_only=True)
class AwaitedCell:
    """A cell that a run found in the hands of another run; its epoch is that one's, so that it is asked for once."""

    category: str
    drop: str
    epoch: int

    @property
    def run_key(self) -> str:
        """`cell@epoch`: used up when the run that is asked for takes the lease, which raises the epoch."""
        return f"{self.category}|{self.drop}@e{self.epoch}"


def due_cells(project: Project, since: int, limit: int = MAX_CELLS_PER_TICK) -> tuple[list[DueCell], int]:
    """Cells changed after revision `since`, oldest change first, and the new cursor.

    At most `limit` cells; the cursor stops right before the first change of a cell that was not handed out, so nothing is skipped.
    A withdrawn product makes its old cell due: its publication must end.
    """
    cell = (change.c.category, change.c.drop)
    first, last = sa.func.min(change.c.id).label("first"), sa.func.max(change.c.id).label("last")
    later = sa.select(*cell, first, last).where(change.c.id > since).group_by(*cell).order_by(first)
    found = project.ledger.rows(later.limit(limit + 1))
    if len(found) > limit:  # changes after the first one of a cell that must wait are left for the next tick
        found = project.ledger.rows(later.where(change.c.id < found[limit]["first"]))
    due = [DueCell(category=row["category"], drop=row["drop"], revision=row["last"]) for row in found]
    return due, max((cell.revision for cell in due), default=since)
