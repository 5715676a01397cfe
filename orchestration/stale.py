"""Which cells and categories are stale. What bringing them up to date costs is `quoting.py`, what may be spent on it `budgets.py`.

Plain functions over plans; who asks are schedules and the command line.
"""

from assets.needs import CellNeed, need_of
from assets.planning import known_cells, plan_cell
from assets.published_images import publish_difference
from assets.published_place import Shown
from orchestration.lora_needs import lora_needs
from resources.project import Project


def stale_cells(project: Project, categories: list[str] | None = None) -> list[CellNeed]:
    """What all cells need that a run would change, oldest drop first."""
    needs, shown = [], Shown(project)
    for category, drop in known_cells(project, categories):
        plan = plan_cell(project, category, drop)
        needs.append(need_of(plan, publish_difference(project, plan, shown.of_cell(category, drop))))
    return sorted((need for need in needs if need.is_stale), key=lambda need: (need.drop, need.category))


def cell_need(project: Project, category: str, drop: str) -> CellNeed:
    """What one cell needs now."""
    plan = plan_cell(project, category, drop)
    return need_of(plan, publish_difference(project, plan, Shown(project).of_cell(category, drop)))


def categories_to_train(project: Project) -> list[str]:
    """Categories with active products of the pilot and looks whose LoRA in use does not fit look, base model and settings."""
    return [need.category for need in lora_needs(project)]
