"""What bringing cells up to date will take: images, worker seconds and money, each with an interval. A dry run; changes nothing.

Pure arithmetic over needs and rates. Finding needs is `stale.py`, printing is `cli_quote.py`, holding back what is too dear `budgets.py`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa

from assets.needs import CellNeed
from assets.planning import NOT_PAUSED
from catalog.recipe import Recipe
from generation.kinds import wears_lora
from orchestration.rates import Z_80, Rates
from resources.ledger_tables import product
from resources.project import Project
from resources.run_facts import TierName
from resources.service_settings import GPU_ACTIVITIES

PHASES: Mapping[str, str] = {
    "screen": "photos",
    "cut out": "photos",
    "train": "LoRA training",
    "load model": "starting",
    "load gate": "starting",
    "run": "starting",
    "start worker": "starting",
    "publish": "publishing",
}
"""How an activity that belongs to no recipe is called in a quote."""


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A number with the interval that holds it in four cases of five."""

    low: float = 0.0
    expected: float = 0.0
    high: float = 0.0

    def __add__(self, other: Self) -> "Amount":
        # Added end to end: what makes one activity slow (a busy machine) makes the others slow, too.
        return Amount(low=self.low + other.low, expected=self.expected + other.expected, high=self.high + other.high)

    def times(self, factor: float) -> "Amount":
        """The amount in another unit."""
        return Amount(low=self.low * factor, expected=self.expected * factor, high=self.high * factor)

    def as_dict(self, digits: int) -> dict[str, float]:
        """Plain data for JSON."""
        return {"low": round(self.low, digits), "expected": round(self.expected, digits), "high": round(self.high, digits)}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One activity of one category, of one recipe where it has one: how many items, how many seconds of one worker."""

    category: str
    activity: str
    recipe: str | None
    items: float
    seconds: Amount

    @property
    def images(self) -> float:
        """Images it makes."""
        return self.items if self.activity == "render" else 0.0


@dataclass(frozen=True, kw_only=True)
class Quote:
    """All lines of a quote in one tier."""

    lines: tuple[Line, ...]
    tier: TierName
    hourly_usd: Callable[[str], float]

    @property
    def images(self) -> float:
        """Images that are expected to be made."""
        return sum(line.images for line in self.lines)

    @property
    def seconds(self) -> Amount:
        """Worker seconds."""
        return total(line.seconds for line in self.lines)

    @property
    def gpu_seconds(self) -> Amount:
        """Worker seconds of those activities that hold the GPU where there is one."""
        return total(line.seconds for line in self.lines if line.activity in GPU_ACTIVITIES)

    @property
    def usd(self) -> Amount:
        """Money."""
        return total(line.seconds.times(self.hourly_usd(line.activity) / 3600) for line in self.lines)

    def grouped(self, by: Callable[[Line], str]) -> "dict[str, Quote]":
        """The quote cut by something of its lines, such as the category, in the order of first appearance."""
        groups: dict[str, list[Line]] = {}
        for line in self.lines:
            groups.setdefault(by(line), []).append(line)
        return {key: Quote(lines=tuple(lines), tier=self.tier, hourly_usd=self.hourly_usd) for key, lines in groups.items()}


def total(amounts: Iterable[Amount]) -> Amount:
    """The sum of amounts."""
    return sum(amounts, Amount())


def part_of(line: Line) -> str:
    """What a line is called where recipes are told apart: its recipe, or the phase it belongs to."""
    return line.recipe or PHASES[line.activity]


def quote(
    project: Project,
    needs: Sequence[CellNeed],
    rates: Rates,
    *,
    tier: TierName = "standard",
    train: Sequence[str] = (),
    recipes: frozenset[str] | None = None,
    workers: int = 0,
) -> Quote:
    """What needs of cells will take, with training of the categories `train`, and the start of `workers` processes.

    `recipes` limits it to some; photos and cut-outs are then still needed by all. A LoRA that is trained makes all scenes of its category
    stale, so these are counted, too.
    """
    chosen = [recipe for recipe in project.recipes if recipes is None or recipe.name in recipes]
    known = dict.fromkeys(need.category for need in needs)
    scenes = _scenes_after_training(project, [c for c in train if c in known], chosen, rates)
    lines: list[Line] = []
    for need in needs:
        lines += _cell_lines(project, need, chosen, rates, scenes)
    for category in train:
        lines.append(_line(rates, category, "train", 1))
        lines.append(_line(rates, category, "run", 1))
    for number in range(workers):
        categories = list(known) or list(train)
        if categories:
            lines.append(_line(rates, categories[number % len(categories)], "start worker", 1))
    merged = _merged(rates, lines, {recipe.name: recipe for recipe in project.recipes})
    return Quote(lines=tuple(merged), tier=tier, hourly_usd=project.settings.costs.of_tier(tier).hourly_usd)


def cell_usd(
    project: Project, need: CellNeed, rates: Rates, *, tier: TierName = "standard", recipes: frozenset[str] | None = None
) -> float:
    """What bringing one cell up to date is expected to cost, in US dollars."""
    return quote(project, [need], rates, tier=tier, recipes=recipes).usd.expected


def training_usd(project: Project, category: str, rates: Rates, *, tier: TierName = "standard") -> float:
    """What training one category's LoRA is expected to cost, in US dollars."""
    return quote(project, [], rates, tier=tier, train=[category]).usd.expected


def _cell_lines(
    project: Project, need: CellNeed, recipes: Sequence[Recipe], rates: Rates, scenes: Mapping[tuple[str, str, str], float]
) -> Iterator[Line]:
    photos, cuts = rates.shares["photo"], rates.shares["cutout"]
    most = sum(recipe.variants for recipe in project.recipes)
    all_renders = max(1, need.renders)
    # Renders of photos that nobody has looked at yet: each product can have `most` of them at most, and not every photo is good.
    unseen = min(1.0, need.to_screen * most / all_renders) * (1 - photos * cuts)
    uncut = min(1.0, need.to_cut_out * most / all_renders) * (1 - cuts)
    passing = max(0.0, 1 - unseen - uncut)
    yield _line(rates, need.category, "screen", need.to_screen)
    yield _line(rates, need.category, "cut out", need.to_screen * photos + need.to_cut_out)
    renders, judged, drawn, published = 0.0, 0.0, 0.0, float(need.to_publish)
    for recipe in recipes:
        made = max(need.to_render.get(recipe.name, 0) * passing, scenes.get((need.category, need.drop, recipe.name), 0.0))
        again = need.to_judge.get(recipe.name, 0)  # nearly all measured before: their rules changed
        yield _line(rates, need.category, "render", made, recipe)
        yield _line(rates, need.category, "judge", made, recipe)
        yield _line(rates, need.category, "judge again", again, recipe)
        renders, judged = renders + made, judged + made + again
        drawn += made if recipe.engine == "diffusion" else 0.0
        channels = sum(recipe.name in channel.recipes for channel in project.brand_kit.channels)
        published += made * channels * rates.shares["approved"]
    yield _line(rates, need.category, "load model", math.ceil(drawn / project.settings.generation.shard_images))
    yield _line(rates, need.category, "load gate", 1 if judged else 0)
    yield _line(rates, need.category, "publish", published)
    yield _line(rates, need.category, "run", 1)


def _scenes_after_training(
    project: Project, categories: Sequence[str], recipes: Sequence[Recipe], rates: Rates
) -> dict[tuple[str, str, str], float]:
    """Scenes of a category whose LoRA is trained now, by category, drop and recipe: every product's, as far as its photo passes."""
    drawn = [recipe for recipe in recipes if wears_lora(recipe)]
    if not categories or not drawn:
        return {}
    query = sa.select(product.c.category, product.c.drop, sa.func.count().label("n")).where(product.c.active, NOT_PAUSED)
    rows = project.ledger.rows(query.where(product.c.category.in_(categories)).group_by(product.c.category, product.c.drop))
    passing = rates.shares["photo"] * rates.shares["cutout"]
    return {(r["category"], r["drop"], recipe.name): r["n"] * recipe.variants * passing for r in rows for recipe in drawn}


def _line(rates: Rates, category: str, activity: str, items: float, recipe: Recipe | None = None) -> Line:
    rate = rates.of(activity, recipe, category if activity == "train" else None)
    seconds, factor = rate.seconds * items, math.exp(Z_80 * rate.spread_of(items))
    amount = Amount(low=seconds / factor, expected=seconds, high=seconds * factor)
    return Line(category=category, activity=activity, recipe=recipe.name if recipe else None, items=items, seconds=amount)


def _merged(rates: Rates, lines: Iterable[Line], recipes: Mapping[str, Recipe]) -> Iterator[Line]:
    """Lines of the same category, activity and recipe as one: its interval is narrower than the sum of theirs."""
    items: dict[tuple[str, str, str | None], float] = {}
    for line in lines:
        key = (line.category, line.activity, line.recipe)
        items[key] = items.get(key, 0.0) + line.items
    for (category, activity, recipe), count in items.items():
        if count:
            yield _line(rates, category, activity, count, recipes[recipe] if recipe else None)
