"""The clock of costs: worker seconds and money of each activity, booked in the ledger while they are spent, also when an error ends them.

A killed worker loses what it spent since the last booking, half a minute at most. What an item is, the activity says; what is dear, nobody here.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from resources.instruments import COST, WORKER_TIME
from resources.ledger import Row
from resources.project import Project
from resources.service_settings import GPU_ACTIVITIES
from resources.telemetry import measured

BOOK_EVERY_S = 20.0
"""Seconds after which a running activity books what it has spent so far. One line of the ledger each; an item is never cut."""

FUTILE_S = 1.0
"""Seconds that an activity without any finished item must have taken to be booked: less is a look around that found nothing to do."""

_booked = [0.0, 0.0]
"""Wall and CPU seconds that this process has booked."""


def _now() -> tuple[float, float]:
    """Wall and CPU seconds; the CPU's with those of ended child processes, such as the decoding sandbox."""
    times = os.times()
    return time.perf_counter(), times.user + times.system + times.children_user + times.children_system


@dataclass
class _Tally:
    items: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(kw_only=True)
class CostClock:
    """Counts the items of a running activity, each with the time since the one before it."""

    project: Project
    activity: str
    category: str
    drop: str | None
    _tallies: dict[tuple[str, str | None], _Tally] = field(default_factory=dict)
    _mark: tuple[float, float] = (0.0, 0.0)
    _last: tuple[str, str | None] | None = None
    _booked_at: float = 0.0

    def __post_init__(self) -> None:
        self._mark, self._booked_at = _now(), time.perf_counter()

    def since_lap_s(self) -> float:
        """Wall seconds since the last lap: what the next one will book if it comes now."""
        return _now()[0] - self._mark[0]

    def lap(self, items: int = 1, *, recipe: str | None = None, activity: str | None = None) -> None:
        """Book the time since the last lap to `items` items, of a recipe or of another activity than the clock's where one is given."""
        self._add((activity or self.activity, recipe), items)
        if time.perf_counter() - self._booked_at >= BOOK_EVERY_S:
            self._book()

    def share(self, counts: Mapping[str, int]) -> None:
        """Book the time since the last lap to recipes in proportion to their images; the images themselves are counted when they are done."""
        now = _now()
        wall, cpu = (now[n] - self._mark[n] for n in (0, 1))
        for recipe, count in counts.items():
            tally, part = self._tallies.setdefault((self.activity, recipe), _Tally()), count / sum(counts.values())
            tally.seconds += wall * part
            tally.cpu_seconds += cpu * part
            self._last = (self.activity, recipe)
        self._mark = now

    def rest(self) -> None:
        """Book the time since the last lap to what that lap was of: it belongs to no single item."""
        self._add(self._last or (self.activity, None), 0)

    def close(self) -> None:
        """Book the rest: what came after the last item belongs to it. Nothing is written for a short look that found nothing to do."""
        rest_s = _now()[0] - self._mark[0]
        if self._tallies or rest_s >= FUTILE_S:  # a moment after a booking is not worth a line
            self.rest()
        self._book()

    def _add(self, key: tuple[str, str | None], items: int) -> None:
        now, tally = _now(), self._tallies.setdefault(key, _Tally())
        tally.items += items
        tally.seconds += now[0] - self._mark[0]
        tally.cpu_seconds += now[1] - self._mark[1]
        self._mark, self._last = now, key

    def _book(self) -> None:
        for (activity, recipe), tally in self._tallies.items():
            book(self.project, activity, self.category, self.drop, tally.items, (tally.seconds, tally.cpu_seconds), recipe)
        self._tallies, self._booked_at = {}, time.perf_counter()


@contextmanager
def clocked(project: Project, activity: str, category: str, drop: str | None = None) -> Iterator[CostClock]:
    """Time a block as one activity of a category (and drop); its items are counted with `clock.lap()`."""
    clock = CostClock(project=project, activity=activity, category=category, drop=drop)
    try:
        yield clock
    finally:
        clock.close()


@contextmanager
def clocked_rest(project: Project, activity: str, category: str, drop: str | None = None) -> Iterator[None]:
    """Book as one item of an activity what a block takes beside the activities that are booked inside it."""
    start, before = _now(), tuple(_booked)
    try:
        yield
    finally:
        end = _now()
        rest = [end[n] - start[n] - (_booked[n] - before[n]) for n in (0, 1)]
        book(project, activity, category, drop, 1, (max(0.0, rest[0]), max(0.0, rest[1])))


def book(
    project: Project,
    activity: str,
    category: str,
    drop: str | None,
    items: int,
    seconds: tuple[float, float],
    recipe: str | None = None,
) -> None:
    """Write one line of the clock of costs; `seconds` are wall and CPU seconds. Tier, campaign and attempt are those of the project's run."""
    facts = project.run
    price = project.settings.costs.of_tier(facts.tier).hourly_usd(activity)
    row: Row = {
        "category": category,
        "drop": drop,
        "activity": activity,
        "item_count": items,
        "seconds": seconds[0],
        "cpu_seconds": seconds[1],
        "usd": seconds[0] / 3600 * price,
        "recipe": recipe,
        "tier": facts.tier,
        "campaign": facts.campaign,
        "attempt": facts.attempt,
    }
    project.ledger.spend(row)
    device = project.settings.generation.device if activity in GPU_ACTIVITIES else "cpu"
    measured(WORKER_TIME, seconds[0], activity=activity, category=category, device=device)
    measured(COST, row["usd"], activity=activity, category=category)
    for n in (0, 1):
        _booked[n] += seconds[n]
