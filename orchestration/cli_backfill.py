"""`vitrine backfill`: begin a campaign, look at it, pause, resume and cancel it, or run it here without the daemon."""

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalog.errors import SettingsError
from orchestration.cli_choices import Categories, Recipes, TierOption, chosen_categories, chosen_recipes, money
from orchestration.cli_help import Sentences
from resources.project import Project, open_project
from resources.run_facts import known_tier
from resources.settings import project_from_environment, utc_now

if TYPE_CHECKING:
    from orchestration.campaigns import Campaign, Progress

Name = Annotated[str, typer.Argument(help="Name of the campaign.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Budget = Annotated[float | None, typer.Option("--budget-usd", min=0.0, help="Money it may spend, in US dollars.")]
Deadline = Annotated[
    str | None, typer.Option("--deadline", help="No cell starts after it: 2026-12-01T06:00 (UTC), or from now: 90min, 8h, 3d.")
]

SPAN = re.compile(r"(\d+)(min|h|d)")

backfill_app = typer.Typer(
    cls=Sentences, help="Campaigns: backfills with a name, a budget and a tier.", no_args_is_help=True, rich_markup_mode=None
)
CampaignName = Annotated[str, typer.Option("--campaign", help="Name: small letters, digits, hyphens.")]


def register(app: typer.Typer) -> None:
    """Add this file's commands to the application."""
    app.add_typer(backfill_app, name="backfill")


@backfill_app.callback(invoke_without_command=True)
def backfill(
    context: typer.Context,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Begin a campaign of this name, as `start` does.")] = None,
    recipes: Recipes = None,
    categories: Categories = None,
    budget_usd: Budget = None,
    tier: TierOption = "economy",
    deadline: Deadline = None,
    as_json: Json = False,
) -> None:
    """Campaigns: backfills with a name, a budget and a tier. With --campaign and no command, begins one."""
    if context.invoked_subcommand is None:
        if campaign is None:
            raise SettingsError("A campaign needs a name: vitrine backfill --campaign NAME. Nothing was begun.")
        start(campaign, recipes, categories, budget_usd, tier, deadline, as_json)
    elif campaign is not None:
        raise SettingsError(f"--campaign stands behind the command: vitrine backfill {context.invoked_subcommand} ... Nothing was done.")


@backfill_app.command()
def start(
    campaign: CampaignName,
    recipes: Recipes = None,
    categories: Categories = None,
    budget_usd: Budget = None,
    tier: TierOption = "economy",
    deadline: Deadline = None,
    as_json: Json = False,
) -> None:
    """Begin a campaign over everything that is stale now; the daemon's sensor hands it out, or `vitrine backfill run` does it here."""
    from orchestration.campaigns import start_campaign

    project = open_project(project_from_environment())
    only = chosen_recipes(project, recipes)
    begun = start_campaign(
        project,
        campaign,
        tier=known_tier(tier),
        recipes=only,
        categories=chosen_categories(project, categories),
        budget_usd=budget_usd,
        deadline=moment(deadline),
    )
    _tell(project, begun, as_json)
    if not as_json:
        for category in _without_lora(project, begun):
            typer.echo(f"{category} has no LoRA yet, so its scenes are left out. `vitrine run` trains it.", err=True)
        typer.echo(f"Handed out by the daemon (`vitrine dev`); without it: vitrine backfill run {campaign}")


@backfill_app.command("list")
def list_campaigns(as_json: Json = False) -> None:
    """All campaigns, the nightly ones too, newest last."""
    from orchestration.campaigns import campaigns, progress

    project = open_project(project_from_environment())
    found = campaigns(project)
    if as_json:
        typer.echo(json.dumps([_as_data(one, progress(project, one.name)) for one in found]))
        return
    if not found:
        typer.echo("There is no campaign yet. `vitrine backfill start --campaign NAME` begins one.")
        return
    typer.echo(f"{'campaign':<24}{'state':<10}{'tier':<10}{'cells done':>12}{'failed':>8}{'left':>7}{'images':>9}{'USD':>10}{'budget':>10}")
    for one in found:
        seen = progress(project, one.name)
        budget = "-" if one.budget_usd is None else money(one.budget_usd)
        cells = f"{seen.cells.get('done', 0):>7} / {seen.total:<3}{seen.cells.get('failed', 0):>7}{seen.left:>7}"
        held = "  stopped by " + one.stopped_by if one.stopped_by and one.state == "running" else ""
        typer.echo(f"{one.name:<24}{one.state:<10}{one.tier:<10}{cells}{seen.images_made:>9}{money(seen.usd_spent):>10}{budget:>10}{held}")


@backfill_app.command()
def status(name: Name, as_json: Json = False) -> None:
    """How far a campaign is: done, failed and left, with images and money; what holds it back; why cells failed."""
    from orchestration.campaigns import campaign_named

    project = open_project(project_from_environment())
    _look(project, name)
    _tell(project, campaign_named(project, name), as_json)


@backfill_app.command()
def pause(name: Name) -> None:
    """Hand out nothing more; cells that run are finished."""
    from orchestration.campaigns import campaign_named
    from orchestration.campaigns import pause as pause_campaign

    project = open_project(project_from_environment())
    pause_campaign(project, name)
    _tell(project, campaign_named(project, name), as_json=False)


@backfill_app.command()
def resume(name: Name, budget_usd: Budget = None, deadline: Deadline = None) -> None:
    """Go on with a campaign, with another budget or deadline if given; cells that failed are tried anew."""
    from orchestration.campaigns import campaign_named
    from orchestration.campaigns import resume as resume_campaign

    project = open_project(project_from_environment())
    resume_campaign(project, name, budget_usd=budget_usd, deadline=moment(deadline))
    _tell(project, campaign_named(project, name), as_json=False)


@backfill_app.command()
def cancel(name: Name) -> None:
    """End a campaign: what waits is given up, what runs is ended. What was made is kept."""
    from orchestration.campaigns import campaign_named
    from orchestration.campaigns import cancel as cancel_campaign
    from orchestration.following import end_runs
    from orchestration.handing_out import running_cells
    from orchestration.instance import present_instance

    project = open_project(project_from_environment())
    _look(project, name)
    cancel_campaign(project, name)
    with present_instance(project.settings) as instance:
        run_ids = [row["run_id"] for row, _ in running_cells(project, campaign_named(project, name)) if row["run_id"]]
        asked = end_runs(instance, run_ids, lambda line: typer.echo(line, err=True))
    _look(project, name)
    _tell(project, campaign_named(project, name), as_json=False)
    if len(run_ids) > asked:
        typer.echo(f"{len(run_ids) - asked} cells belong to a `vitrine backfill run` and are finished there; nothing more is begun.")


@backfill_app.command()
def run(
    name: Name,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes; each holds one model.")] = 2,
    as_json: Json = False,
) -> None:
    """Run a campaign here, without the daemon, until it is done or its budget is used up. Exit code 1 when a cell was given up."""
    from orchestration.backfill_command import run_campaign
    from orchestration.campaigns import campaign_named, progress

    project = open_project(project_from_environment())
    if campaign_named(project, name).state != "running":
        state = campaign_named(project, name).state
        then = (
            f"`vitrine backfill resume {name}` lets it go on. "
            if state == "paused"
            else "Begin another one with `vitrine backfill start`. "
        )
        raise SettingsError(f"Campaign {name!r} is {state}. {then}Nothing was run.")
    run_campaign(project, name, workers=workers, tell=(lambda _: None) if as_json else typer.echo)
    _tell(project, campaign_named(project, name), as_json)
    raise typer.Exit(1 if progress(project, name).failures else 0)


def moment(text: str | None, now: dt.datetime | None = None) -> dt.datetime | None:
    """A deadline from a date and time (UTC where it names no zone) or from a span such as `8h`. Raises SettingsError for anything else."""
    if text is None:
        return None
    span = SPAN.fullmatch(text.strip())
    if span:
        unit = {"min": "minutes", "h": "hours", "d": "days"}[span[2]]
        return (now or utc_now()) + dt.timedelta(**{unit: int(span[1])})
    try:
        given = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is no deadline. Write 2026-12-01T06:00 (UTC), or a span: 90min, 8h, 3d. Nothing was changed."
        ) from error
    return given if given.tzinfo else given.replace(tzinfo=dt.UTC)


def _look(project: Project, name: str) -> None:
    """Bring the ledger up to date with the campaign's runs, as far as this process may: what the sensor holds is the sensor's."""
    from orchestration.following import command_holder, follow
    from orchestration.instance import present_instance

    with present_instance(project.settings) as instance:
        follow(project, instance, holder=command_holder(project.settings), only=name)


def _without_lora(project: Project, one: "Campaign") -> list[str]:
    from assets.planning import known_cells, promoted_lora
    from generation.kinds import wears_lora

    if not any(wears_lora(r) and (one.recipes is None or r.name in one.recipes) for r in project.recipes):
        return []
    return [name for name in sorted({category for category, _ in known_cells(project)}) if promoted_lora(project, name) is None]


def _tell(project: Project, one: "Campaign", as_json: bool) -> None:
    from orchestration.campaigns import progress

    seen = progress(project, one.name)
    if as_json:
        typer.echo(json.dumps(_as_data(one, seen)))
        return
    scope = ", ".join(sorted(one.recipes)) if one.recipes is not None else "all recipes"
    typer.echo(f"{one.name}: {one.state}, tier {one.tier}, {scope}")
    typer.echo(f"  cells   {_counts(seen)}")
    typer.echo(f"  images  {seen.images_made:,} made, about {seen.images_left:,} left")
    typer.echo(f"  USD     {money(seen.usd_spent)} spent, about {money(seen.usd_left)} to come{_of_budget(one, seen)}")
    if one.deadline is not None:
        typer.echo(f"  until   {one.deadline:%Y-%m-%d %H:%M} UTC")
    if one.stopped_by and one.state == "running":
        typer.echo(f"  stopped by {one.stopped_by}. {seen.left} cells are left and kept.")
    for row in seen.failures[:10]:
        typer.echo(f"  FAILED  {row['category']}|{row['drop']} after {row['failures']} runs: {row['reason']}")
    if len(seen.failures) > 10:
        typer.echo(f"  ... and {len(seen.failures) - 10} more")


def _counts(seen: "Progress") -> str:
    order = ("done", "running", "waiting", "failed", "canceled")
    return ", ".join(f"{seen.cells[state]} {state}" for state in order if seen.cells.get(state)) or "none"


def _of_budget(one: "Campaign", seen: "Progress") -> str:
    if seen.budget_left_usd is None:
        return ", no budget of its own"
    given = "" if one.budget_usd is None else f" of {money(one.budget_usd)}"
    return f"; {money(seen.budget_left_usd)}{given} left in its budget"


def _as_data(one: "Campaign", seen: "Progress") -> dict[str, Any]:
    return {
        "campaign": one.name,
        "kind": one.kind,
        "state": one.state,
        "tier": one.tier,
        "recipes": sorted(one.recipes) if one.recipes is not None else None,
        "budget_usd": one.budget_usd,
        "budget_left_usd": seen.budget_left_usd,
        "deadline": one.deadline.isoformat() if one.deadline else None,
        "stopped_by": one.stopped_by,
        "cells": dict(seen.cells),
        "images_made": seen.images_made,
        "images_left": seen.images_left,
        "usd_spent": round(seen.usd_spent, 6),
        "usd_left": round(seen.usd_left, 6),
        "failures": [{"category": r["category"], "drop": r["drop"], "runs": r["failures"], "reason": r["reason"]} for r in seen.failures],
    }
