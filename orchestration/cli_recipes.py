"""`vitrine recipes`: the recipes there are, what their parameters mean, and the JSON Schema of recipe files."""

import json
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli_help import Sentences

if TYPE_CHECKING:
    from catalog.recipe import Recipe


def register(app: typer.Typer) -> None:
    """Add the command group to the application."""
    recipes = typer.Typer(cls=Sentences, name="recipes", help="Recipes: what they make, and their parameters.", no_args_is_help=True)
    recipes.command("list")(list_recipes)
    recipes.command("show")(show)
    recipes.command("schema")(schema)
    app.add_typer(recipes)


def list_recipes(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False) -> None:
    """Name every recipe: its title, its engine, whether it changes the product, and whether it ships or is the project's own."""
    rows = [
        {
            "name": one.name,
            "title": one.title,
            "kind": one.kind,
            "engine": one.engine,
            "changes_product": one.changes_product,
            "from": whose,
        }
        for one, whose in _recipes_here().values()
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        changes = "changes the product" if row["changes_product"] else ""
        typer.echo(f"{row['name']:20} {row['engine']:10} {row['from']:8} {changes:20} {row['title']}".rstrip())


def show(
    name: Annotated[str, typer.Argument(help="A recipe, as `vitrine recipes list` names it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Tell what a recipe makes, and every parameter with its value here, its default, what it may be and what it means."""
    from generation.kinds import KINDS
    from generation.recipe_schema import parameters
    from orchestration.picture_inputs import recipe_named

    recipe = recipe_named(name)
    known = parameters(KINDS[recipe.kind].params)
    rows = [
        {
            "name": one.name,
            "value": recipe.params.get(one.name, one.default),
            "default": one.default,
            "allowed": one.allowed,
            "meaning": one.meaning,
        }
        for one in known
    ]
    if as_json:
        typer.echo(json.dumps({**recipe.model_dump(mode="json", exclude={"params"}), "params": rows}, indent=2))
        return
    typer.echo(f"{recipe.name}: {recipe.title}\n{textwrap.fill(recipe.description, 110)}")
    typer.echo(f"kind {recipe.kind}, {recipe.width_px} x {recipe.height_px} px, {recipe.digital_source_type}\n")
    for row in rows:
        changed = "" if row["value"] == row["default"] else f" (default {_shown(row['default'])})"
        typer.echo(f"{row['name']} = {_shown(row['value'])}{changed}; {row['allowed']}")
        typer.echo(textwrap.indent(textwrap.fill(str(row["meaning"]), 104), "    "))


def schema() -> None:
    """Print the JSON Schema of a recipe file, for an editor that checks and completes YAML."""
    from generation.recipe_schema import recipe_file_schema

    typer.echo(json.dumps(recipe_file_schema(), indent=2))


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value) if not isinstance(value, str) else value


def _recipes_here() -> "dict[str, tuple[Recipe, str]]":
    """Recipes by name, and where each is from: `shipped`, or the `project` here."""
    from generation.recipe_book import read_recipe_book
    from orchestration.picture_inputs import project_settings

    shipped, settings = read_recipe_book(), project_settings()
    own = read_recipe_book(settings.path(settings.recipes)) if settings and settings.recipes else shipped
    return {name: (one, "shipped" if shipped.get(name) == one else "project") for name, one in sorted(own.items())}
