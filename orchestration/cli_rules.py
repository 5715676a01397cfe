"""`vitrine rules`: the rules of recipes and channels that ship with Vitrine, and the JSON Schema of their files."""

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from catalog.errors import SettingsError
from orchestration.cli_help import Sentences
from resources.written_files import file_to_write

if TYPE_CHECKING:
    from quality.own_packs import PackBook
    from quality.rules import Rule, RuleSet
    from resources.project import Project

On = Annotated[
    datetime.datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day a channel's rules are asked for; default: today.")
]


def register(app: typer.Typer) -> None:
    """Add the command group to the application."""
    rules = typer.Typer(
        cls=Sentences, name="rules", help="Rules that pictures are judged by, of recipes and of channels.", no_args_is_help=True
    )
    rules.command("list")(list_rules)
    rules.command("show")(show)
    rules.command("schema")(schema)
    rules.command("columns")(columns)
    rules.command("suite")(suite)
    rules.command("guidelines")(guidelines)
    app.add_typer(rules)


def day(given: datetime.datetime | None) -> datetime.date:
    """The day that was asked for, or today (UTC)."""
    from resources.settings import utc_now

    return (given or utc_now()).date()


def list_rules() -> None:
    """Name the recipes that have rules and the channels that have a pack, the project's own packs last."""
    from quality.rules import read_pack, shipped_packs

    packs = packs_here()
    for name in shipped_packs():
        typer.echo(f"recipe   {name:18} {len(read_pack(name).rules):3} rules  {read_pack(name).title}")
    for name in packs.names:
        typer.echo(f"channel  {name:18} {len(packs.pack(name).rules):3} rules  {packs.pack(name).title}")


def show(
    name: Annotated[str, typer.Argument(help="A recipe or a channel pack, as `vitrine rules list` names them.")], on: On = None
) -> None:
    """Print the rules of a recipe with the brand's own bounds, or those of a channel that hold on a day, with their sources."""
    from quality.rules import read_rules, shipped_packs

    packs = packs_here()
    if name in packs.names:
        rules, not_judged = packs.rules(name, day(on)).rules, packs.pack(name).not_judged
    elif name in shipped_packs():
        if on is not None:
            raise SettingsError(f"{name} is a recipe, and the rules of recipes hold every day: leave --on out.")
        rules, not_judged = (_rules_in_project(name) or read_rules(name)).rules, ()
    else:
        raise SettingsError(f"There are no rules {name!r}. There are: {', '.join((*shipped_packs(), *packs.names))}.")
    for rule in rules:
        typer.echo(
            f"{rule.severity:8}  {rule.column}: {rule.required}{_without_a_look(rule)}  ({rule.code})\n          {rule.source}, {rule.date}{_address(rule)}"
        )
    for words in not_judged:
        typer.echo(f"not told  {words}")


def _without_a_look(rule: "Rule") -> str:
    """What is needed to pass without a person looking, where that is less than what is allowed."""
    return "" if rule.review_required == rule.required else f" (without a look {rule.review_required})"


def suite(
    recipe: Annotated[
        str | None, typer.Argument(help="The recipe whose rules are wanted, with the bounds of the project's brand kit.")
    ] = None,
    pack: Annotated[str | None, typer.Option(help="The channel whose rules are wanted, in place of a recipe's.")] = None,
    on: On = None,
    as_json: Annotated[bool, typer.Option("--json", help="The suite as Great Expectations reads it.")] = False,
) -> None:
    """Print the Great Expectations suite that rules are compiled to: for one's own context, or (without --json) as one line per expectation."""
    from quality.suite import suite_json

    found = suite_json(_wanted_rules(recipe, pack, on))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo(found["name"])
    for one in found["expectations"]:
        told = {key: value for key, value in one["kwargs"].items() if key != "column"}
        typer.echo(
            f"{one['severity']:8}  {one['kwargs']['column']:24} {one['type']}  {json.dumps(told) if told else ''}  ({one['meta']['code']})"
        )


def _wanted_rules(recipe: str | None, pack: str | None, on: datetime.datetime | None) -> "RuleSet":
    """The rules in force for a recipe in this project (outside one: as they ship), or for a channel on a day."""
    from quality.rules import read_rules

    if (recipe is None) == (pack is None):
        raise SettingsError("Give a recipe, or --pack with a channel; a channel's rules hold for every recipe. See `vitrine rules list`.")
    if pack is not None:
        return packs_here().rules(pack, day(on))
    assert recipe is not None
    if on is not None:
        raise SettingsError(f"{recipe} is a recipe, and the rules of recipes hold every day: leave --on out.")
    return _rules_in_project(recipe) or read_rules(recipe)


def project_here() -> "Project | None":
    """The project that the environment or the current folder names; None outside of one."""
    from resources.project import open_project
    from resources.settings import SETTINGS_FILE, project_from_environment

    folder = project_from_environment()
    return open_project(folder) if (folder / SETTINGS_FILE).is_file() else None


def packs_here() -> "PackBook":
    """The channel packs of the project here, or those that ship."""
    from quality.own_packs import PackBook

    project = project_here()
    return PackBook() if project is None else project.packs


def _rules_in_project(recipe: str) -> "RuleSet | None":
    """The rules of a recipe with the brand's bounds; None outside of a project."""
    from quality.rules import read_rules

    project = project_here()
    if project is None:
        return None
    known = project.recipe_book.get(recipe)
    return read_rules(recipe, project.brand_kit, kind=known.kind if known else None, gate=known.gate if known else None)


def columns() -> None:
    """Print every column that a rule may name: unit, range, meaning, source, and the shipped rules on it (Markdown)."""
    from quality.column_page import columns_page

    typer.echo(columns_page(), nl=False)


def _address(rule: "Rule") -> str:
    """Where a rule's source can be read, as a line of its own; nothing where it names none."""
    url = getattr(rule, "url", None)
    return f"\n          {url}" if url else ""


def schema(kind: Annotated[str, typer.Argument(help="recipe or channel.")] = "channel") -> None:
    """Print the JSON Schema of a rule file, for an editor that checks YAML."""
    from quality.channel_packs import rule_file_schema

    if kind not in ("recipe", "channel"):
        raise SettingsError(f"There is no rule file of kind {kind!r}. Say recipe or channel.")
    chosen: Literal["recipe", "channel"] = "recipe" if kind == "recipe" else "channel"
    typer.echo(json.dumps(rule_file_schema(chosen), indent=2))


def guidelines(
    out: Annotated[Path, typer.Option("--out", help="Where the page goes.")] = Path("photo-guidelines.html"),
    photo: Annotated[Path | None, typer.Option("--photo", help="A good photo for the examples; default: one of the catalog's.")] = None,
) -> None:
    """Write the page for photographers: what the project's photo rules ask, why, with examples. One file that needs nothing else."""
    from assets.photo_keys import screening_rules
    from orchestration.guideline_photo import example_photo
    from quality.guidelines_page import guidelines_page
    from resources.project import open_project
    from resources.settings import project_from_environment, utc_now

    if out.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(f"The page is HTML, and {out} is not named so. Give --out a name that ends in .html. Nothing was written.")
    file_to_write(out)
    project = open_project(project_from_environment())
    rules = screening_rules(project)
    example = example_photo(project, rules, photo)
    page = guidelines_page(rules, example, brand=project.brand_kit.title or project.brand_kit.brand, day=utc_now().date())
    out.write_text(page, encoding="utf-8")
    note = "" if example is not None else " It has no pictures: no photo of the catalog passes the rules; name one with --photo."
    typer.echo(f"Wrote {out} ({len(page) / 1000:.0f} KB).{note}")
