"""Which cells and categories are stale. What bringing them up to date costs is `quoting.py`, what may be spent on it `budgets.py`.

Plain functions over plans; who asks are schedules and the command line.
"""

from assets.catalog_needs import catalog_needs
from assets.needs import CellNeed
from orchestration.lora_needs import lora_needs
from resources.project import Project


def stale_cells(project: Project, categories: list[str] | None = None) -> list[CellNeed]:
    """What all cells need that a run would change, oldest drop first."""
    needs = [need for need in catalog_needs(project, categories) if need.is_stale]
    return sorted(needs, key=lambda need: (need.drop, need.category))


def cell_need(project: Project, category: str, drop: str) -> CellNeed:
    """What one cell needs now; nothing, when no product is in it any more."""
    found = catalog_needs(project, [category], drop=drop)
    return found[0] if found else CellNeed(category=category, drop=drop)


def categories_to_train(project: Project) -> list[str]:
    """Categories with active products of the pilot and looks whose LoRA in use does not fit look, base model and settings."""
    return [need.category for need in lora_needs(project)]
