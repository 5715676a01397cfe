"""`vitrine rules`: the rules of recipes and channels that ship with Vitrine, and the JSON Schema of their files."""

import datetime
import json
from typing import Annotated, Literal

import typer

from catalog.errors import SettingsError

On = Annotated[
    datetime.datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day a channel's rules are asked for; default: today.")
]


def register(app: typer.Typer) -> None:
    """Add the command group to the application."""
    rules = typer.Typer(name="rules", help="Rules that pictures are judged by, of recipes and of channels.", no_args_is_help=True)
    rules.command("list")(list_rules)
    rules.command("show")(show)
    rules.command("schema")(schema)
    rules.command("columns")(columns)
    app.add_typer(rules)


def day(given: datetime.datetime | None) -> datetime.date:
    """The day that was asked for, or today (UTC)."""
    from resources.settings import utc_now

    return (given or utc_now()).date()


def list_rules() -> None:
    """Name the recipes that have rules and the channels that have a pack."""
    from quality.channel_packs import read_channel_pack, shipped_channel_packs
    from quality.rules import read_pack, shipped_packs

    for name in shipped_packs():
        typer.echo(f"recipe   {name:18} {len(read_pack(name).rules):3} rules  {read_pack(name).title}")
    for name in shipped_channel_packs():
        typer.echo(f"channel  {name:18} {len(read_channel_pack(name).rules):3} rules  {read_channel_pack(name).title}")


def show(
    name: Annotated[str, typer.Argument(help="A recipe or a channel pack, as `vitrine rules list` names them.")], on: On = None
) -> None:
    """Print the rules of a recipe, or those of a channel that hold on a day, with their sources."""
    from quality.channel_packs import read_channel_pack, rules_of_pack, shipped_channel_packs
    from quality.rules import read_rules, shipped_packs

    if name in shipped_channel_packs():
        rules, not_judged = rules_of_pack(name, day(on)).rules, read_channel_pack(name).not_judged
    elif name in shipped_packs():
        if on is not None:
            raise SettingsError(f"{name} is a recipe, and the rules of recipes hold every day: leave --on out.")
        rules, not_judged = read_rules(name).rules, ()
    else:
        raise SettingsError(f"There are no rules {name!r}. There are: {', '.join((*shipped_packs(), *shipped_channel_packs()))}.")
    for rule in rules:
        typer.echo(f"{rule.severity:8}  {rule.column}: {rule.required}  ({rule.code})\n          {rule.source}, {rule.date}")
    for words in not_judged:
        typer.echo(f"not told  {words}")


def columns() -> None:
    """Print every column that a rule may name: unit, range, meaning, source, and the shipped rules on it (Markdown)."""
    from quality.column_page import columns_page

    typer.echo(columns_page(), nl=False)


def schema(kind: Annotated[str, typer.Argument(help="recipe or channel.")] = "channel") -> None:
    """Print the JSON Schema of a rule file, for an editor that checks YAML."""
    from quality.channel_packs import rule_file_schema

    if kind not in ("recipe", "channel"):
        raise SettingsError(f"There is no rule file of kind {kind!r}. Say recipe or channel.")
    chosen: Literal["recipe", "channel"] = "recipe" if kind == "recipe" else "channel"
    typer.echo(json.dumps(rule_file_schema(chosen), indent=2))
