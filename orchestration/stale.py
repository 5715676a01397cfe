"""Which cells and categories are stale, what bringing them up to date costs, and what a budget can pay for.

Plain functions over needs; who asks are schedules and the command line.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from assets.catalog_needs import catalog_needs
from assets.category_lora import is_to_return, lora_key, trained_lora
from assets.needs import CellNeed
from assets.planning import NOT_PAUSED
from catalog.errors import TrainingError
from resources.ledger_tables import product, spend
from resources.project import Project

DEFAULT_SECONDS_PER_ITEM = {"screen": 0.5, "cut out": 1.0, "train": 100.0, "render": 2.0, "judge": 0.6, "publish": 0.4}
"""Used until this installation has measured its own; demo catalog, one CPU core."""


def stale_cells(project: Project, categories: list[str] | None = None) -> list[CellNeed]:
    """What all cells need that a run would change, oldest drop first."""
    needs = [need for need in catalog_needs(project, categories) if need.is_stale]
    return sorted(needs, key=lambda need: (need.drop, need.category))


def categories_to_train(project: Project) -> list[str]:
    """Categories with active products of the pilot and looks whose LoRA in use does not fit look, base model and settings."""
    if not any(recipe.engine == "diffusion" for recipe in project.recipes):
        return []
    due = []
    query = sa.select(product.c.category).where(product.c.active, NOT_PAUSED).distinct()
    for row in project.ledger.rows(query.order_by(product.c.category)):
        try:
            key = lora_key(project, row["category"])
        except TrainingError:
            continue  # no looks or no style: `vitrine check` tells; a refresh cannot help it
        known = trained_lora(project, key)
        if known is None or is_to_return(project, known):
            due.append(row["category"])
    return due


def seconds_per_item(project: Project) -> dict[str, float]:
    """Worker seconds per item of each activity, as this installation measured them; the defaults where it has not."""
    query = sa.select(spend.c.activity, sa.func.sum(spend.c.seconds).label("s"), sa.func.sum(spend.c.item_count).label("n"))
    measured = {row["activity"]: row["s"] / row["n"] for row in project.ledger.rows(query.group_by(spend.c.activity)) if row["n"]}
    return {**DEFAULT_SECONDS_PER_ITEM, **measured}


def quoted_usd(project: Project, need: CellNeed, seconds: dict[str, float]) -> float:
    """What bringing a cell up to date is expected to cost, in US dollars."""
    total = (
        seconds["screen"] * need.to_screen
        + seconds["cut out"] * (need.to_screen + need.to_cut_out)
        + seconds["render"] * need.renders
        + seconds["judge"] * (need.renders + need.judgments)
        + seconds["publish"] * (need.renders + need.to_publish)
    )
    return total / 3600 * project.settings.costs.usd_per_hour


def quoted_training_usd(project: Project, seconds: dict[str, float]) -> float:
    """What training one category's LoRA is expected to cost, in US dollars."""
    return seconds["train"] / 3600 * project.settings.costs.usd_per_hour


def affordable(project: Project, needs: list[CellNeed], budget_usd: float, max_cells: int) -> tuple[list[CellNeed], list[CellNeed]]:
    """The first cells that fit the budget, in order, and the cells that cost more than the whole budget. A cell is never done in part.

    A cell that is too dear by itself is passed over: waiting for it, no later cell would ever be done.
    """
    seconds = seconds_per_item(project)
    costs = [quoted_usd(project, need, seconds) for need in needs]
    payable = [(need, cost) for need, cost in zip(needs, costs, strict=True) if cost <= budget_usd]
    count = how_many_fit([cost for _, cost in payable], budget_usd, max_cells)
    return [need for need, _ in payable[:count]], [need for need, cost in zip(needs, costs, strict=True) if cost > budget_usd]


def how_many_fit(costs: Sequence[float], budget_usd: float, at_most: int) -> int:
    """How many items from the front a budget pays for."""
    spent, count = 0.0, 0
    while count < min(at_most, len(costs)) and spent + costs[count] <= budget_usd:
        spent += costs[count]
        count += 1
    return count
