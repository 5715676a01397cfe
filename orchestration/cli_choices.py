"""What several commands let one choose: categories, recipes and a tier, checked against the project; and how they write money."""

from collections.abc import Sequence
from typing import Annotated

import typer

from catalog.errors import SettingsError
from resources.project import Project

Categories = Annotated[list[str] | None, typer.Option("--category", "--categories", help="Only these; several times, or with commas.")]
Recipes = Annotated[list[str] | None, typer.Option("--recipe", "--recipes", help="Only these; several times, or with commas.")]
TierOption = Annotated[str, typer.Option("--tier", help="express, standard or economy.")]


def names_of(given: Sequence[str] | None) -> list[str] | None:
    """Names given as several options, with commas, or both; None when none was given."""
    if not given:
        return None
    return list(dict.fromkeys(name.strip() for text in given for name in text.split(",") if name.strip()))


def chosen_categories(project: Project, given: Sequence[str] | None) -> list[str] | None:
    """The categories that were asked for. Raises SettingsError for one that neither brand kit nor catalog has."""
    from assets.planning import known_cells

    names = names_of(given)
    known = {*project.brand_kit.categories, *(category for category, _ in known_cells(project))} if names else set()
    for name in names or ():
        if name not in known:
            raise SettingsError(f"There is no category {name!r}. Known: {', '.join(sorted(known))}. Nothing was run.")
    return names


def chosen_recipes(project: Project, given: Sequence[str] | None) -> frozenset[str] | None:
    """The recipes that were asked for. Raises SettingsError for one that the brand kit does not ask for."""
    names = names_of(given)
    known = [recipe.name for recipe in project.recipes]
    for name in names or ():
        if name not in known:
            raise SettingsError(
                f"The brand kit asks for no recipe {name!r}. It has: {', '.join(known)}. Add it under `recipes:` there or correct the name. "
                "Nothing was run."
            )
    return frozenset(names) if names else None


def money(usd: float) -> str:
    """US dollars to a sensible number of digits."""
    return f"{usd:,.2f}" if usd >= 10 else f"{usd:.4f}"
