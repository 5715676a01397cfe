"""The commands of somebody who runs it: retry, notices, resources, metrics. What they show is gathered elsewhere."""

import json
from typing import Annotated

import typer

from catalog.errors import SettingsError
from orchestration.cli_help import Sentences
from resources.project import Project, open_project
from resources.settings import project_from_environment

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]

metrics_app = typer.Typer(cls=Sentences, help="Metrics for Prometheus.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this file's commands to the application."""
    for command in (retry, notices, resources):
        app.command()(command)
    app.add_typer(metrics_app, name="metrics")


def retry(
    cells: Annotated[list[str] | None, typer.Argument(metavar="[CELL]...", help="category|drop, as `vitrine plan` writes it.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every cell whose newest run failed.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Run in this process, also where a daemon would.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes, with --here.")] = 1,
) -> None:
    """Start cells again, by name or all that failed. Makes what is missing, also what was set aside because workers died over it; nothing that
    exists is made twice."""
    from assets.set_aside import ask_again
    from orchestration.failed_cells import check_cells, daemon_is_alive, failed_now, queue_cells
    from orchestration.instance import present_instance

    if bool(cells) == failed:
        raise SettingsError("Name cells, or give --failed for all whose newest run failed. Nothing was started.")
    project = _project()
    with present_instance(project.settings) as instance:
        names = list(cells) if cells else [run.partition for run in failed_now(instance)]
        by_daemon = not here and daemon_is_alive(instance)
    if not names:
        typer.echo("No cell's newest run failed.")
        return
    wanted = [_cell(name) for name in dict.fromkeys(names) if cells or "|" in name]
    check_cells(project, wanted)
    again = sum(ask_again(project, *cell) for cell in wanted)
    if again:
        typer.echo(f"{again} pictures and photos over which workers had died are tried again.")
    trainings = sorted({name for name in names if "|" not in name})
    if by_daemon:
        queue_cells(project, wanted)
        typer.echo(f"{len(wanted)} cells queued; the daemon starts them within a minute.")
        if trainings:
            typer.echo(f"LoRAs are trained with: vitrine run {' '.join(f'--category {name}' for name in trainings)}", err=True)
        return
    raise typer.Exit(_run_here(project, wanted, trainings, workers))


def _run_here(project: Project, cells: list[tuple[str, str]], trainings: list[str], workers: int) -> int:
    from assets.partitions import CATEGORY
    from orchestration.instance import present_instance
    from orchestration.running import CategoryTask, run_tasks
    from resources.logs import configure_logging
    from resources.settings import log_format

    configure_logging(log_format(project.settings))
    by_category: dict[str, list[str]] = {name: [] for name in trainings}
    for category, drop in cells:
        by_category.setdefault(category, []).append(drop)
    with present_instance(project.settings) as instance:  # a category that no run has touched yet is unknown to Dagster
        instance.add_dynamic_partitions(CATEGORY, list(by_category))
    tasks = [CategoryTask(category=c, train=c in trainings, drops=tuple(sorted(drops))) for c, drops in by_category.items()]
    failures = run_tasks(project, tasks, workers=workers)
    for failure in failures:
        typer.echo(f"FAILED  {failure.what}: {failure.message}", err=True)
    typer.echo(f"{len(cells)} cells and {len(trainings)} LoRAs run again, {len(failures)} failed.")
    return 1 if failures else 0


def _cell(name: str) -> tuple[str, str]:
    category, bar, drop = name.partition("|")
    if not (category and bar and drop):
        raise SettingsError(f"{name!r} is no cell; write category|drop, in quotes because of the bar. Nothing was started.")
    return category, drop


def notices(
    enable: Annotated[str | None, typer.Option(help="Turn a receiver on again that answered 410 Gone.")] = None,
    send_again: Annotated[bool, typer.Option("--send-again", help="Deliver once more what failed or was dropped.")] = False,
    as_json: Json = False,
) -> None:
    """Show the newest notices and what became of each, or deliver again what failed."""
    from resources import outbox
    from resources.receivers import receivers_of

    project = _project()
    if enable is not None:
        names = sorted(one.name for one in receivers_of(project.settings))
        if enable not in names:
            known = f"It has: {', '.join(names)}" if names else "It has none"
            raise SettingsError(f"`notifications:` has no receiver {enable!r}. {known}. Nothing was changed.")
        typer.echo(f"{enable} is on again." if outbox.enable(project, enable) else f"{enable} was not off.")
        return
    if send_again:
        typer.echo(f"{outbox.send_again(project)} deliveries will be tried again.")
        return
    rows = outbox.recent(project)
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        typer.echo(
            f"{row['at']:%Y-%m-%d %H:%M}  {row['type']:17}  {row['receiver']:16}  {row['state']:9} ({row['attempts']})  {row['subject']}"
        )
        if row["state"] in ("waiting", "failed") and row["said"]:
            typer.echo(f"{'':18}{row['said']}")
    if not rows:
        typer.echo("Nobody was told anything yet.")


def resources(as_json: Json = False) -> None:
    """Compare what steps ask for with what they used, and recommend numbers."""
    from orchestration.resource_report import resource_report, table_of

    rows = resource_report(_project())
    typer.echo(json.dumps([row.as_dict() for row in rows]) if as_json else table_of(rows))


@metrics_app.command("serve")
def serve_metrics(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 9464,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 in a pod.")] = "127.0.0.1",
) -> None:
    """Serve what the ledger and the Dagster instance know as Prometheus metrics, until interrupted."""
    from orchestration.metrics_server import serve

    serve(_project(), host, port, tell=lambda line: typer.echo(line, err=True))


def _project() -> Project:
    return open_project(project_from_environment())
