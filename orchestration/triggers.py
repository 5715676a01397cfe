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


def due_cells(project: Project, since: int, limit: int = MAX_CELLS_PER_TICK) -> tuple[list[DueCell], int]:
    """Cells changed after revision `since`, oldest change first, and the new cursor.

    At most `limit` cells; the cursor stops right before the first change of a cell that was not handed out, so nothing is skipped.
    A withdrawn product makes its old cell due: its publication must end.
    """
    query = sa.select(change.c.id, change.c.category, change.c.drop).where(change.c.id > since).order_by(change.c.id)
    latest: dict[tuple[str, str], int] = {}
    cursor = since
    for row in project.ledger.rows(query):
        cell = (row["category"], row["drop"])
        if cell not in latest and len(latest) == limit:
            break
        latest[cell] = cursor = row["id"]
    return [DueCell(category=category, drop=drop, revision=revision) for (category, drop), revision in latest.items()], cursor
