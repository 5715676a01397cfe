"""`vitrine quote`: images, worker-hours and money of what is stale, by category, recipe and tier, with an interval. Changes nothing."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli_choices import Categories, Recipes, TierOption, chosen_categories, chosen_recipes, money
from resources.project import Project, open_project
from resources.run_facts import TierName, known_tier
from resources.settings import project_from_environment

if TYPE_CHECKING:
    from orchestration.quoting import Amount, Quote
    from orchestration.rates import Rates


def register(app: typer.Typer) -> None:
    """Add this file's command to the application."""
    app.command("quote")(quote_command)


def quote_command(
    categories: Categories = None,
    recipes: Recipes = None,
    tier: TierOption = "standard",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes that share the work.")] = 2,
    train: Annotated[bool, typer.Option(help="Count training of LoRAs that are due.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Say what bringing everything up to date will take: images, worker-hours, money, each with an interval. Starts nothing."""
    from orchestration.first_look import as_if_read
    from orchestration.quoting import quote
    from orchestration.rates import rates_of
    from orchestration.stale import categories_to_train, stale_cells

    known = open_project(project_from_environment())
    with as_if_read(known) as (project, first):
        chosen = chosen_categories(project, categories)
        only = chosen_recipes(project, recipes)
        due = [c for c in categories_to_train(project) if chosen is None or c in chosen] if train and _draws(project, only) else []
        needs, rates = stale_cells(project, chosen), rates_of(known)
        quotes = {
            name: quote(project, needs, rates, tier=name, train=due, recipes=only, workers=workers)
            for name in ("express", "standard", "economy")
        }
        wanted = quotes[known_tier(tier)]
        told = (
            _as_data(project, wanted, quotes, rates, first)
            if as_json
            else "\n".join(_lines(project, wanted, quotes, rates, first, workers))
        )
    typer.echo(json.dumps(told) if as_json else told)


def _draws(project: Project, only: frozenset[str] | None) -> bool:
    from generation.kinds import wears_lora

    return any(wears_lora(recipe) and (only is None or recipe.name in only) for recipe in project.recipes)


def _as_data(project: Project, wanted: "Quote", quotes: "Mapping[TierName, Quote]", rates: "Rates", first: bool) -> dict[str, Any]:
    from orchestration.quoting import part_of

    return {
        "tier": wanted.tier,
        **_numbers(wanted),
        "categories": {name: _numbers(part) for name, part in wanted.grouped(lambda line: line.category).items()},
        "parts": {name: _numbers(part) for name, part in wanted.grouped(part_of).items()},
        "tiers": {name: {"usd": each.usd.as_dict(6), "usd_per_hour": each.hourly_usd("render")} for name, each in quotes.items()},
        "lines": [
            {
                "category": x.category,
                "activity": x.activity,
                "recipe": x.recipe,
                "items": round(x.items, 1),
                "seconds": x.seconds.as_dict(2),
            }
            for x in wanted.lines
        ],
        "device": project.settings.generation.device,
        "measured_here": rates.is_measured,
        "catalog_read_for_this": first,
    }


def _numbers(part: "Quote") -> dict[str, Any]:
    return {
        "images": round(part.images),
        "worker_hours": part.seconds.times(1 / 3600).as_dict(5),
        "gpu_hours": part.gpu_seconds.times(1 / 3600).as_dict(5),
        "usd": part.usd.as_dict(6),
    }


def _lines(
    project: Project, wanted: "Quote", quotes: "Mapping[TierName, Quote]", rates: "Rates", first: bool, workers: int
) -> Iterable[str]:
    from orchestration.quoting import part_of

    if not wanted.lines:
        yield "Nothing is stale: nothing to pay for. (Changes of the catalog folder are read by `vitrine run`.)"
        return
    gpu = project.settings.generation.device == "cuda"
    yield f"Dry run, tier {wanted.tier}. Nothing was started" + ("; the catalog was read to look at it, and forgotten." if first else ".")
    for title, parts in (
        ("category", wanted.grouped(lambda line: line.category)),
        ("recipe", wanted.grouped(part_of)),
        ("", {"total": wanted}),
    ):
        if title:
            yield (
                f"\n{title:<18}{'images':>9}   {'worker time':<30}{'GPU time':<30}USD".rstrip()
                if gpu
                else (f"\n{title:<18}{'images':>9}   {'worker time':<30}USD".rstrip())
            )
        for name, part in parts.items():
            images = f"{part.images:,.0f}" if part.images else ""
            gpu_time = f"{_time(part.gpu_seconds):<30}" if gpu else ""
            yield f"{name:<18}{images:>9}   {_time(part.seconds):<30}{gpu_time}{_money(part.usd)}".rstrip()
    yield f"\n{'tier':<18}{'per hour':>9}   USD"
    for name, each in quotes.items():
        mark = "  <- this quote" if name == wanted.tier else ""
        yield f"{name:<18}{each.hourly_usd('render'):>9.2f}   {_money(each.usd)}{mark}"
    yield ""
    yield f"With {workers} workers about {_one_time(wanted.seconds.expected / workers)} of wall time. In brackets: four of five times it lies in between."
    yield _basis(rates)


def _basis(rates: "Rates") -> str:
    passing = f"{rates.shares['photo']:.0%} of photos not looked at yet are taken for good"
    if rates.is_measured:
        return f"Rests on what this installation measured itself; {passing}."
    return f"Nothing was rendered here yet, so this rests on shipped numbers of another machine, hence the wide interval; {passing}."


def _time(seconds: "Amount") -> str:
    return f"{_one_time(seconds.expected)} ({_one_time(seconds.low)} - {_one_time(seconds.high)})"


def _one_time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def _money(usd: "Amount") -> str:
    return f"{money(usd.expected)} ({money(usd.low)} - {money(usd.high)})"
