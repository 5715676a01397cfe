"""`vitrine rejudge`: judge all stored measurements by the present rules, or show what that would flip. Makes no render, reads no pixels."""

import functools
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli_choices import Categories, Recipes, chosen_categories, chosen_recipes
from resources.project import Project, open_project
from resources.settings import project_from_environment

if TYPE_CHECKING:
    from assets.verdict_changes import Cause, Example, VerdictChanges

RULES_SHOWN = 12
"""Lines of rules and of held cells; the rest is in --json."""


def register(app: typer.Typer) -> None:
    """Add this file's command to the application."""
    app.command("rejudge")(rejudge)


def rejudge(
    categories: Categories = None,
    recipes: Recipes = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would flip; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Judge every existing render again by the present rules, from its stored measurements. Exit code 1 when a cell was at work and left out."""
    opened = open_project(project_from_environment())
    chosen, only = chosen_categories(opened, categories), chosen_recipes(opened, recipes)
    project = Project(opened.settings, run=replace(opened.run, recipes=only))
    changes = _changes(project, chosen, dry_run=dry_run)
    told = {"dry_run": dry_run, **changes.as_dict()}
    typer.echo(json.dumps(told) if as_json else "\n".join(_lines(changes, dry_run)))
    if changes.refused:
        raise typer.Exit(1)


def _changes(project: Project, categories: list[str] | None, *, dry_run: bool) -> "VerdictChanges":
    from assets.cell_lease import run_is_over
    from assets.rejudging import rejudged_cells
    from assets.verdict_changes import VerdictChanges
    from orchestration.instance import present_instance

    changes = VerdictChanges(project=project)
    if dry_run:
        for cell in rejudged_cells(project, categories):
            changes.add(cell)
        return changes
    holder = f"rejudge-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    with present_instance(project.settings) as instance:
        for cell in rejudged_cells(project, categories, holder=holder, is_over=functools.partial(run_is_over, instance)):
            changes.add(cell)
    return changes


def _lines(changes: "VerdictChanges", dry_run: bool) -> Iterator[str]:
    flipped, publication = changes.flips.total(), changes.publication
    seen = changes.judged + changes.found
    yield (
        f"{'Dry run: nothing was written. ' if dry_run else ''}{changes.judged:,} renders of {changes.cells:,} cells "
        f"{'would be judged' if dry_run else 'were judged'} again by the present rules, {changes.found:,} had been before. "
        f"{flipped:,} of {seen:,} verdicts flip."
    )
    yield from flip_lines(changes)
    yield from _left_alone(changes)
    yield ""
    would = "would " if dry_run else "will "
    yield (
        f"The next run {would}add {publication.added:,} published pictures, take back {publication.withdrawn:,} and replace "
        f"{publication.replaced:,}." + (" `vitrine run` publishes." if not dry_run else "")
    )
    if publication.held_cells:
        names = ", ".join(publication.held_cells[:RULES_SHOWN]) + ", ..." * (len(publication.held_cells) > RULES_SHOWN)
        yield f"The brand gate of {len(publication.held_cells)} cells {would}fail, so nothing of them is published or taken back: {names}."


def flip_lines(changes: "VerdictChanges") -> Iterator[str]:
    """Which verdicts flip, the rules that do it, and the barest examples."""
    yield from _flip_table(changes)
    if changes.causes:
        yield "\nrules that do it"
        yield from (f"  {_cause_line(cause)}" for cause in _by_size(changes)[:RULES_SHOWN])
    examples = changes.barest()
    if examples:
        yield "\nexamples, the barest first"
        yield from (f"  {_example_line(example)}" for example in examples)


def _flip_table(changes: "VerdictChanges") -> Iterator[str]:
    if not changes.flips:
        return
    yield f"\n{'recipe':<20}{'category':<20}{'renders':>9}   flip"
    for (recipe, category, before, after), count in sorted(changes.flips.items()):
        yield f"{recipe:<20}{category:<20}{count:>9,}   {before} -> {after}"


def _by_size(changes: "VerdictChanges") -> list["Cause"]:
    return sorted(changes.causes.values(), key=lambda cause: (-cause.renders, cause.recipe, cause.code))


def _cause_line(cause: "Cause") -> str:
    bounds = f"{cause.required} is required" if cause.required else "the rule is gone"
    if cause.was_required and cause.was_required != cause.required:
        bounds += f", was {cause.was_required}"
    measured = f"; measured {_number(cause.measured[0])} to {_number(cause.measured[1])}" if cause.measured else ""
    return f"{cause.renders:>7,}  {'harder' if cause.harder else 'milder'}  {cause.recipe} {cause.code}: {bounds}{measured}"


def _example_line(example: "Example") -> str:
    margin, near = example.decided_by, "no measurements at hand"
    if margin is not None:
        how = "" if margin.margin is None else f", {abs(margin.margin):.1%} {'outside' if margin.margin < 0 else 'inside'}"
        measured = (
            "not measured" if margin.measured is None else margin.measured if isinstance(margin.measured, str) else _number(margin.measured)
        )
        near = f"{margin.code} {measured}, {margin.required}{how}"
    return f"{example.variant:<36} {example.before} -> {example.after}: {near}  ({example.render_key[:12]})"


def _left_alone(changes: "VerdictChanges") -> Iterator[str]:
    if changes.not_measured:
        recipes = ", ".join(f"{name} {count:,}" for name, count in sorted(changes.not_measured.items()))
        names = ", ".join(changes.not_measured_names)
        yield (
            f"\nNot measured, left alone: {changes.not_measured.total():,} renders ({recipes}), such as {names}. "
            "`vitrine run` measures and judges them."
        )
    if changes.refused:
        yield (
            f"\nAt work, left alone: {', '.join(sorted(changes.refused))}. A run that holds a cell judges it by the present rules if it began "
            "after they were changed; otherwise run this again."
        )


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
