"""What `vitrine --help` shows: commands by what one is up to, in the order in which a newcomer meets them, each told in one line.

Options and details of a command are in its own `--help`.
"""

from typing import Final

from click import Command, Context, HelpFormatter
from typer.core import TyperGroup

from catalog.sentences import sentence

PANELS: Final[dict[str, dict[str, str]]] = {
    "A project": {
        "init": "Make a project folder for your own photos.",
        "check": "Find everything that is wrong with a project, at once.",
        "demo": "Run the shipped demo: a whole shop, start to end.",
        "dev": "Serve Dagster's web UI and daemon on this project.",
    },
    "Make and publish": {
        "plan": "Say what is stale and why. Changes nothing.",
        "quote": "Say what it would take: images, time and money.",
        "run": "Make, judge and publish everything that is stale.",
        "backfill": "Campaigns: backfills with a name and a budget.",
        "retry": "Start failed cells again.",
        "report": "Write the catalog report anew.",
    },
    "One picture": {
        "screen": "Say whether photos can be used, and why not.",
        "cutout": "Tell a product from its background.",
        "render": "Make one picture of one photo with one recipe.",
        "recipes": "Recipes there are, their parameters and schema.",
        "judge": "Judge one picture by a recipe or a channel.",
        "reproduce": "Make a render again and say how equal it is.",
    },
    "Rules and people": {
        "review": "Serve the page on which people decide.",
        "rules": "Show the rules of recipes, channels and photos.",
        "rejudge": "Judge all renders by changed rules, drawing none.",
        "calibrate": "Learn better bounds from people's decisions.",
        "drift": "Say what is refused more or less often than before.",
        "measurements": "Write what was measured as a Parquet table.",
    },
    "Models and looks": {
        "models": "Base models: licenses, downloads, pins.",
        "train": "Train one category's LoRA, or go on with it.",
        "lora": "LoRAs: which is in use and why, files in and out.",
    },
    "Operation": {
        "ledger": "The ledger: check, upgrade, rebuild.",
        "notices": "What people were told, and what came of it.",
        "resources": "Compare what steps ask for with what they use.",
        "metrics": "Serve metrics for Prometheus.",
    },
}
"""Commands and what is said of each, by panel; a line fits a terminal of 80 columns."""


class Sentences(TyperGroup):
    """A group whose commands are each told by the whole first sentence of their help, over as many lines as it takes."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the commands in the order of their registration."""
        told = [(name, first_sentence(command)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(told)


def first_sentence(command: Command) -> str:
    """What a command does, in one sentence."""
    words = " ".join((command.help or "").split("\n\n", 1)[0].split())
    return sentence(words.split(". ", 1)[0])


class Panels(TyperGroup):
    """The group of all commands, shown in `PANELS`; a command that no panel names comes last, told by its own first sentence."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the panels."""
        known = {name for commands in PANELS.values() for name in commands}
        others = {name: first_sentence(command) for name, command in sorted(self.commands.items()) if name not in known}
        width = max(len(name) for name in self.commands)
        for title, commands in {**PANELS, "Others": others}.items():
            if here := [(name.ljust(width), words) for name, words in commands.items() if name in self.commands]:
                with formatter.section(title):
                    formatter.write_dl(here)
