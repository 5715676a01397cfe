"""What one item of each activity takes on this installation, and how far that may be off: from the clock of costs, else shipped numbers.

Reads the ledger only. What is to be done with the rates is `quoting.py`.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.recipe import Recipe
from resources.ledger import Row
from resources.ledger_tables import OF_RENDERS, cutout, judgment, source_photo, spend
from resources.project import Project

LINES_READ = 5000
"""Newest lines of the clock of costs that are looked at: an installation changes, and what it took last year is no measure."""

LINES_USED = 60
"""Newest lines per activity and recipe that a rate is made of."""

SHIPPED_SECONDS: Mapping[str, float] = {
    "screen": 0.15,
    "cut out": 0.7,
    "train": 50.0,
    "load model": 3.0,
    "render": 1.0,
    "render packshot": 0.3,
    "render backdrop": 0.9,
    "render backdrop_table": 0.9,
    "render recolor": 0.8,
    "render material": 0.9,
    "render pattern": 0.8,
    "render scale_card": 0.5,
    "render ad_poster": 0.7,
    "render ghost_mannequin": 1.0,
    "render enhance": 1.6,
    "render enhance_uniform": 1.2,
    "render staged_scene": 1.4,
    "render on_model": 8.0,
    "load gate": 2.0,
    "judge": 0.40,
    "judge backdrop": 0.60,
    "judge backdrop_table": 0.65,
    "judge recolor": 0.80,
    "judge material": 0.75,
    "judge pattern": 0.90,
    "judge scale_card": 0.80,
    "judge ad_poster": 0.70,
    "judge enhance": 0.85,
    "judge enhance_uniform": 0.90,
    "judge again": 0.04,
    "publish": 0.05,
    "run": 1.5,
    "start worker": 2.0,
}
"""Worker seconds per item until this installation has measured its own: the demo catalog on one core of a shared virtual machine, see
docs/benchmarks.md. A render's are by the recipe's kind. `on_model` alone was not measured: qwen-image-edit at 4 steps takes 686 TFLOP for 1024 x 1024
px, so some 860 for the recipe's 1024 x 1280, and 7 s on a GPU that does 125 of its 312 TFLOP/s; a garment's hollowing is measured at 800 px."""

Z_80 = 1.2816
"""Standard errors either side of the middle that hold four cases of five."""

UNMEASURED_SPREAD = 0.70
"""Standard deviation of the logarithm where nothing was measured: four of five machines lie between 0.4 and 2.5 times the shipped number."""

FEW_LINES, FEW_SPREAD = 3, 0.30
"""With fewer lines than this their own spread says nothing, and this one is taken."""

DAY_SPREAD = 0.08
"""What one day differs from another on the same machine, whatever was measured: it is never certain to less."""

SHIPPED_SHARES: Mapping[str, float] = {"photo": 0.86, "cutout": 0.97, "approved": 0.95}
"""Share of photos accepted, of accepted photos that can be cut out, of renders approved, before anything was seen. First number: the demo
catalog (32 of 38) and the screening benchmark; the others are the benchmarks' with a margin."""

SHARE_WEIGHT = 20
"""How many seen items the shipped share counts as: a catalog with a hundred photos mostly speaks for itself."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Worker seconds per item: the middle, how widely lines of the ledger differ (of the logarithm), and how many lines there were."""

    seconds: float
    spread: float
    lines: int
    items_per_line: float = 1.0

    def spread_of(self, items: float) -> float:
        """Standard deviation of the logarithm of the time for that many items: the measured middle's error and the new lines' own."""
        if self.lines == 0:
            return self.spread
        new_lines = max(1.0, items / max(self.items_per_line, 1.0))
        return math.sqrt(self.spread**2 * (1 / self.lines + 1 / new_lines) + DAY_SPREAD**2)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """All rates of a project, and the shares that pass."""

    measured: Mapping[tuple[str, str | None, str | None], Rate]
    """By activity, recipe and category, each with None for `of any`."""
    shares: Mapping[str, float]

    def of(self, activity: str, recipe: Recipe | None = None, category: str | None = None) -> Rate:
        """The most particular rate there is: this recipe's, for training this category's; a shipped number where nothing was measured."""
        name = recipe.name if recipe else None
        for key in ((activity, name, category), (activity, name, None)):
            if key in self.measured and (self.measured[key].lines >= FEW_LINES or key[2] is None or activity == "train"):
                return self.measured[key]
        shipped = SHIPPED_SECONDS.get(f"{activity} {recipe.kind}" if recipe else activity, SHIPPED_SECONDS[activity])
        return Rate(seconds=shipped, spread=UNMEASURED_SPREAD, lines=0)

    @property
    def is_measured(self) -> bool:
        """Whether this installation has measured its own rendering."""
        return any(activity == "render" for activity, _, _ in self.measured)


def rates_of(project: Project) -> Rates:
    """What this installation measured."""
    query = sa.select(spend.c.activity, spend.c.recipe, spend.c.category, spend.c.item_count, spend.c.seconds)
    lines: dict[tuple[str, str | None, str | None], list[Row]] = defaultdict(list)
    for row in project.ledger.rows(query.order_by(spend.c.id.desc()).limit(LINES_READ)):
        for category in (None, row["category"]):
            lines[row["activity"], row["recipe"], category].append(row)
    found = {key: rate for key, rows in lines.items() if (rate := rate_of(rows[:LINES_USED]))}
    return Rates(measured=found, shares=_shares(project))


def rate_of(lines: Iterable[Row]) -> Rate | None:
    """The rate that lines of the clock of costs tell; None when they finished no item. Lines without items are waste and count as cost."""
    rows = list(lines)
    items, seconds = sum(row["item_count"] for row in rows), sum(row["seconds"] for row in rows)
    useful = [row for row in rows if row["item_count"] and row["seconds"] > 0]
    if not items or not useful or seconds <= 0:
        return None
    middle, spread = seconds / items, FEW_SPREAD
    if len(useful) >= FEW_LINES:
        logs = [(row["item_count"], math.log(row["seconds"] / row["item_count"] / middle)) for row in useful]
        weight = sum(n for n, _ in logs)
        mean = sum(n * x for n, x in logs) / weight
        variance = sum(n * (x - mean) ** 2 for n, x in logs) / weight * len(logs) / (len(logs) - 1)
        spread = min(math.sqrt(variance), UNMEASURED_SPREAD)
    return Rate(seconds=middle, spread=spread, lines=len(useful), items_per_line=items / len(useful))


def _shares(project: Project) -> dict[str, float]:
    counts = {
        "photo": (source_photo, source_photo.c.accepted),
        "cutout": (cutout, cutout.c.accepted),
        "approved": (judgment, judgment.c.verdict == "approved"),
    }
    shares = {}
    for name, (table, good) in counts.items():
        query = sa.select(sa.func.count().label("seen"), sa.func.sum(sa.case((good, 1), else_=0)).label("good")).select_from(table)
        if table is judgment:
            query = query.where(OF_RENDERS)
        row = project.ledger.one(query) or {"seen": 0, "good": 0}
        shares[name] = ((row["good"] or 0) + SHARE_WEIGHT * SHIPPED_SHARES[name]) / (row["seen"] + SHARE_WEIGHT)
    return shares
