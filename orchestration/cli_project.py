"""The commands that make and check a project: init, check."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this file's commands to the application."""
    app.command()(init)
    app.command()(check)


def init(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Make a project folder: settings, brand kit and an example row, ready for your own photos."""
    from orchestration.new_project import make_project

    made = make_project(folder)
    typer.echo(f"Made {folder} with {', '.join(made)}.")
    typer.echo(f"Next: put photos into {folder / 'catalog' / 'photos'}, list them in products.csv, then: cd {folder} && vitrine check")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def check(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False) -> None:
    """Check settings, brand kit, recipes, base model and catalog: everything that is wrong, at once. Exit code 2 when anything is."""
    from orchestration.checking import check_project
    from resources.settings import project_from_environment

    findings = check_project(project_from_environment())
    if as_json:
        typer.echo(json.dumps({"ok": not any(f.severity == "error" for f in findings), "findings": [f.as_dict() for f in findings]}))
    else:
        for finding in findings:
            typer.echo(f"{finding.severity:7}  {finding.where}: {finding.message}")
        errors = sum(f.severity == "error" for f in findings)
        typer.echo(
            "Everything is in order." if not findings else f"{_counted(errors, 'error')}, {_counted(len(findings) - errors, 'warning')}."
        )
    if any(f.severity == "error" for f in findings):
        raise typer.Exit(2)
