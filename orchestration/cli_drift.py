"""`vitrine drift`: which categories, recipes and LoRAs are rejected, doubted or overruled more or less often than before, and what measures otherwise."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from resources.project import open_project
from resources.settings import project_from_environment

if TYPE_CHECKING:
    from assets.drift import Drift
    from quality.drift import ColumnMove, ShareMove

COLUMNS_SHOWN = 12
"""Lines of moving columns; all are in --json."""

WORDS = {"rejected": "rejected by the gate", "review": "sent to review", "overruled": "overruled by a person"}


def register(app: typer.Typer) -> None:
    """Add this file's command to the application."""
    app.command("drift")(drift)


def drift(
    since: Annotated[float, typer.Option(min=0.01, metavar="DAYS", help="The recent window: renders made in so many days.")] = 7,
    against: Annotated[float, typer.Option(min=0.01, metavar="DAYS", help="The reference window: so many days before it.")] = 28,
    min_points: Annotated[float, typer.Option(min=0, max=100, help="A share that moves by less is no news, in percentage points.")] = 5.0,
    columns: Annotated[bool, typer.Option(help="Also compare what was measured.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    fail_on_drift: Annotated[bool, typer.Option("--fail-on-drift", help="Exit code 1 when a share or a measurement moved.")] = False,
) -> None:
    """Say what moved between the last days and those before, by the rules in force now. Exit code 0, whatever it finds."""
    from assets.drift import find_drift, windows_until

    found = find_drift(
        open_project(project_from_environment()), windows_until(recent_days=since, reference_days=against), with_columns=columns
    )
    moved = found.moved(min_points / 100)
    typer.echo(json.dumps(_as_data(found, min_points / 100)) if as_json else "\n".join(_lines(found, since, against, min_points / 100)))
    if fail_on_drift and (moved or found.moved_columns):
        raise typer.Exit(1)


def _as_data(found: "Drift", min_points: float) -> dict[str, object]:
    windows = {name: getattr(found.windows, name).isoformat(timespec="seconds") + "Z" for name in ("start", "middle", "end")}
    return {
        "windows": windows,
        "renders": found.renders,
        "renders_before": found.renders_before,
        "not_judged_by_present_rules": found.unjudged,
        "min_points": min_points,
        "shares": [{**move.as_dict(), "moved": move.moved(min_points)} for move in found.shares],
        "columns": [move.as_dict() for move in found.columns],
    }


def _lines(found: "Drift", since: float, against: float, min_points: float) -> Iterator[str]:
    yield (
        f"Renders of the last {since:g} days ({found.renders:,}) against the {against:g} days before ({found.renders_before:,}), "
        "by the rules in force now."
    )
    if found.unjudged:
        yield f"{found.unjudged:,} of them are not judged by these rules and left out; `vitrine rejudge` judges them."
    moved = found.moved(min_points)
    yield f"\n{len(moved)} of {len(found.shares)} shares moved (by {100 * min_points:g} points or more; of such moves at most 1 in 20 is chance)"
    yield from (f"  {_share_line(move)}" for move in moved)
    columns = found.moved_columns
    if found.columns:
        yield f"\n{len(columns)} of {len(found.columns)} measurements moved, the farthest first"
        yield from (f"  {_column_line(move)}" for move in columns[:COLUMNS_SHOWN])
        if len(columns) > COLUMNS_SHOWN:
            yield f"  ... and {len(columns) - COLUMNS_SHOWN} more, in --json"
    if not found.shares and not found.columns:
        yield "Too few renders to compare: 50 of a category, recipe or LoRA are needed in each window."


def _share_line(move: "ShareMove") -> str:
    against = f" ({move.against})" if move.against else ""
    scatter = f"; days scatter {move.scatter:.1f} times as much as chance" if move.scatter > 1.5 else ""
    return (
        f"{move.kind} {move.name}: {WORDS[move.measure]} {100 * move.hits / move.of:.1f} % of {move.of:,}, before{against} "
        f"{100 * move.hits_before / move.of_before:.1f} % of {move.of_before:,}: {100 * move.difference:+.1f} points "
        f"({100 * move.low:+.1f} to {100 * move.high:+.1f}){scatter}"
    )


def _column_line(move: "ColumnMove") -> str:
    return (
        f"{move.recipe} {move.category} {move.column}: median {move.median:.4g}, before {move.median_before:.4g} ({move.shift:+.1f} robust standard "
        f"deviations), PSI {move.psi:.2f}, KS {move.ks:.2f}; {move.products:,} and {move.products_before:,} products"
    )
