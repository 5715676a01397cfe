"""`vitrine measurements export`: everything that was measured on renders, as one Parquet file for notebooks and dashboards."""

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli_choices import Categories, Recipes, chosen_categories, chosen_recipes
from orchestration.cli_help import Sentences
from resources.project import open_project
from resources.settings import project_from_environment


def register(app: typer.Typer) -> None:
    """Add the command group to the application."""
    measurements = typer.Typer(cls=Sentences, name="measurements", help="What was measured on renders.", no_args_is_help=True)
    measurements.callback()(lambda: None)  # or typer would make the only command the group itself
    measurements.command("export")(export)
    app.add_typer(measurements)


def export(
    out: Annotated[Path, typer.Argument(help="The file to write, such as measurements.parquet.")],
    categories: Categories = None,
    recipes: Recipes = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Write one row per render, of all cells or those of some categories, with what was measured and both verdicts."""
    from assets.measurement_rows import export_measurements

    project = open_project(project_from_environment())
    done = export_measurements(project, out, chosen_categories(project, categories), chosen_recipes(project, recipes))
    if as_json:
        typer.echo(json.dumps({"file": str(out), **done.as_dict()}))
        return
    unjudged = f" {done.not_judged:,} of them are not judged by the rules in force: `vitrine rejudge` does." if done.not_judged else ""
    typer.echo(f"{done.renders:,} renders of {done.cells:,} cells -> {out} ({done.size_bytes / 1024:,.0f} KiB).{unjudged}")
