"""The commands that run a project: plan, run, report, demo, dev. What they run is decided by the plan."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from assets.summary import Summary
from catalog.errors import SettingsError
from resources.logs import configure_logging
from resources.lost_ledger import refuse_lost_ledger
from resources.project import Project, open_project
from resources.settings import log_format, project_from_environment

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Worker processes; each holds one model.")]
Categories = Annotated[list[str] | None, typer.Option("--category", help="Only this category; may be given several times.")]

NOTHING_STALE = "Nothing is stale. (Changes of the catalog folder are read by `vitrine run`.)"


def register(app: typer.Typer) -> None:
    """Add this file's commands to the application."""
    for command in (plan, run, report, demo, dev):
        app.command()(command)


def plan(categories: Categories = None, as_json: Json = False) -> None:
    """Say what is stale and why, and what making it would cost. Changes nothing."""
    from assets.own_models import unusable
    from assets.planning import known_cells
    from orchestration.lora_needs import lora_needs
    from orchestration.quoting import cell_usd, training_usd
    from orchestration.rates import rates_of
    from orchestration.stale import stale_cells

    project = _project()
    _check_categories(project, categories)
    rates = rates_of(project)
    cells = [
        {
            "category": need.category,
            "drop": need.drop,
            "products": need.products,
            "to_screen": need.to_screen,
            "to_cut_out": need.to_cut_out,
            "to_render": need.renders,
            "to_judge": need.judgments,
            "to_publish": need.to_publish,
            "renders_by_recipe": dict(need.to_render),
            "judgments_by_recipe": dict(need.to_judge),
            "usd": round(cell_usd(project, need, rates), 4),
            "why": dict(need.why),
        }
        for need in stale_cells(project, categories)
    ]
    due = {
        need.category: need.why
        for need in lora_needs(project, **_refresh_bar(project))
        if categories is None or need.category in categories
    }
    refused = {recipe.name: str(error) for recipe in project.recipes if (error := unusable(project, recipe))}
    training = list(due)
    per_lora = {category: training_usd(project, category, rates) for category in training}
    if as_json:
        training_sum = sum(per_lora.values())
        usd = {"training_usd": round(training_sum, 4), "usd": round(sum(c["usd"] for c in cells) + training_sum, 4)}
        typer.echo(json.dumps({"cells": cells, "recipes_refused": refused, "loras_to_train": training, "why_to_train": due, **usd}))
        return
    for recipe, why in refused.items():
        typer.echo(f"recipe {recipe} is not made, everything else is: {why}")
    for cell in cells:
        typer.echo(f"{cell['category']}|{cell['drop']}  {cell['products']} products, about {cell['usd']:.4f} USD")
        for reason, count in cell["why"].items():
            typer.echo(f"    {count:5}  {reason}")
    for category in training:
        typer.echo(f"{category}: LoRA to train, about {per_lora[category]:.4f} USD ({due[category]})")
    if not cells and not training:
        never = not known_cells(project)
        if never:
            refuse_lost_ledger(project.ledger, project.store)
        typer.echo("The catalog was not read yet: `vitrine run` reads it and makes everything." if never else NOTHING_STALE)


def _refresh_bar(project: Project) -> dict[str, Any]:
    """What the LoRA refresh waits for, where one is configured: `vitrine run` does not wait, but the reasons say so."""
    refresh = project.settings.lora_refresh
    return {} if refresh is None else {"min_new_looks": refresh.min_new_looks, "drift": refresh.drift}


def run(
    categories: Categories = None,
    workers: Workers = 2,
    train: Annotated[bool, typer.Option(help="Train LoRAs that are due.")] = True,
    as_json: Json = False,
) -> None:
    """Read the catalog, then make, judge and publish everything that is stale. Exit code 1 when a run failed."""
    project = _project()
    _check_categories(project, categories)
    raise typer.Exit(_run(project, categories, workers=workers, train=train, as_json=as_json))


def report(as_json: Json = False) -> None:
    """Write the catalog report again from what is there."""
    from assets.catalog_report import write_report

    project = _project()
    summary = write_report(project, rendered_now=0, seconds=0.0)
    _tell(project, summary, as_json)


def demo(workers: Workers = 2, as_json: Json = False) -> None:
    """Run the shipped demo: a real catalog through diffusion, LoRA training, gates and publication."""
    from orchestration.shipped import shipped_project

    raise typer.Exit(_run(open_project(shipped_project()), None, workers=workers, train=True, as_json=as_json))


def dev(
    port: Annotated[int, typer.Option(help="Port of the web UI.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on; the UI has no login, so keep it local.")] = "127.0.0.1",
) -> None:
    """Start Dagster's web UI and daemon on this project, with sensors and schedules on. Ctrl-C ends both."""
    from orchestration.dev_server import serve

    serve(_project().settings, host, port, tell=typer.echo)


def _project() -> Project:
    return open_project(project_from_environment())


def _check_categories(project: Project, categories: list[str] | None) -> None:
    """Refuse a category that neither brand kit nor catalog has: nothing would run, and it would look like success."""
    from assets.planning import known_cells

    known = {*project.brand_kit.categories, *(category for category, _ in known_cells(project))} if categories else set()
    for name in categories or ():
        if name not in known:
            raise SettingsError(f"There is no category {name!r}. Known: {', '.join(sorted(known))}. Nothing was run.")


def _run(project: Project, categories: list[str] | None, *, workers: int, train: bool, as_json: bool) -> int:
    from assets.catalog_report import write_report
    from orchestration.progress import RunProgress
    from orchestration.running import refresh, run_tasks, tasks_for

    start = time.perf_counter()
    as_lines = log_format(project.settings) == "json"
    configure_logging("json" if as_lines else "text")
    snapshot = refresh(project)
    tasks = tasks_for(project, categories, train=train)
    before = project.ledger_counts()
    with RunProgress(project, tasks, quiet=as_json or as_lines) as progress:
        failures = run_tasks(project, tasks, workers=workers, on_tick=progress.update)
    rendered_now = project.ledger_counts()["renders"] - before["renders"]
    summary = write_report(project, rendered_now=rendered_now, seconds=time.perf_counter() - start)
    if not tasks and not as_json:
        typer.echo("Nothing was stale; everything is as catalog, recipes and rules ask for it.")
    _tell(project, summary, as_json, extra={"failures": [f"{f.what}: {f.message}" for f in failures], "bad_rows": snapshot["bad_rows"]})
    return 1 if failures else 0


def _tell(project: Project, summary: Summary, as_json: bool, extra: dict[str, Any] | None = None) -> None:
    if as_json:
        typer.echo(json.dumps({**summary.as_dict(), **(extra or {})}))
        return
    from assets.kept_report import report_address

    told = extra or {}
    for failure in told.get("failures", []):
        typer.echo(f"FAILED  {failure}", err=True)
    if told.get("bad_rows"):
        typer.echo(f"{told['bad_rows']} rows of the product table cannot be used; `vitrine check` names them.", err=True)
    address = report_address(project)
    typer.echo(f"{summary.line()} -> {_short(address)}")


def _short(address: str) -> str:
    """An address as people take it into a browser: from here on where it lies below this folder, else in full."""
    below = not address.startswith("s3://") and Path(address).is_relative_to(Path.cwd())
    return str(Path(address).relative_to(Path.cwd())) if below else address
