"""Counts what came out of each activity of a step: measured at once, appended to the ledger while the step goes on and when it ends.

`saw` and `because` count for the step they are called in, and for the category it works on; outside a step they only measure. A killed worker
loses half a minute of counting, never a picture.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from catalog.errors import StoreError
from resources.instruments import ITEMS, REASONS
from resources.observing_tables import tally
from resources.project import Project
from resources.settings import utc_now
from resources.telemetry import measured
from resources.work_context import current_work

log = logging.getLogger("vitrine.step")

APPEND_EVERY_S = 20.0
"""As the clock of costs books: a few lines of the ledger each time."""

REASON = "reason"
"""Outcome of the rows that count reasons; one item may have several."""

MAX_REASON_LENGTH = 60
"""Reason codes are short words; a sentence that lands here by mistake must not become a label."""


@dataclass
class _StepTally:
    project: Project
    counts: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)
    """By activity, category, recipe, outcome, reason."""
    appended_at: float = field(default_factory=time.monotonic)

    def append(self) -> None:
        counts, self.counts, self.appended_at = self.counts, Counter(), time.monotonic()
        now = utc_now().replace(tzinfo=None)
        names = ("activity", "category", "recipe", "outcome", "reason")
        rows = [{**dict(zip(names, key, strict=True)), "item_count": count, "at": now} for key, count in counts.items()]
        try:
            self.project.ledger.append(tally, rows)
        except StoreError as error:  # counting must neither fail a step nor hide why it failed; kept for the next time, if there is one
            self.counts.update(counts)
            log.warning("%d counts could not be recorded: %s", counts.total(), error)


_step: ContextVar[_StepTally | None] = ContextVar("vitrine_tally", default=None)


@contextmanager
def tallied(project: Project) -> Iterator[None]:
    """Count what comes out of a block; the rest is appended to the ledger when it ends, also by an error."""
    mine = _StepTally(project)
    before = _step.get()
    _step.set(mine)
    try:
        yield
    finally:
        _step.set(before)
        mine.append()


def saw(activity: str, outcome: str, *, recipe: str = "", count: int = 1) -> None:
    """Count what came out: made, found (it was there before), refused, doubtful, withdrawn, or a verdict."""
    if count:
        category = current_work().get("category", "")
        measured(ITEMS, count, activity=activity, category=category, recipe=recipe, outcome=outcome)
        _count(activity, category, recipe, outcome, "", count)


def because(activity: str, reason: str, *, recipe: str = "") -> None:
    """Count one reason, by its code, for a refusal, a doubt or a verdict that is not approved."""
    code = reason[:MAX_REASON_LENGTH]
    measured(REASONS, 1, activity=activity, recipe=recipe, reason=code)
    _count(activity, current_work().get("category", ""), recipe, REASON, code, 1)


def _count(activity: str, category: str, recipe: str, outcome: str, reason: str, count: int) -> None:
    mine = _step.get()
    if mine is not None:
        mine.counts[activity, category, recipe, outcome, reason] += count
        if time.monotonic() - mine.appended_at >= APPEND_EVERY_S:
            mine.append()
