"""The `vitrine` command: gathers the command groups and turns errors into one clear message and an exit code.

Exit codes: 0 done, 1 the picture (or the run) was refused, 2 wrong use or wrong settings.
"""

import sys

import typer

from catalog.errors import CatalogError, ModelError, SettingsError, VitrineError
from orchestration import cli_pictures, cli_project, cli_runs

app = typer.Typer(
    name="vitrine",
    help="Turns a product catalog into approved, publishable product images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (cli_project, cli_runs, cli_pictures):
    group.register(app)

WRONG_USE = (SettingsError, CatalogError, ModelError)


def main() -> None:
    """Run the command line; a user's mistake is a message on stderr, never a traceback."""
    try:
        app()
    except VitrineError as error:
        sys.stderr.write(f"vitrine: {error}\n")
        raise SystemExit(2 if isinstance(error, WRONG_USE) else 1) from error


if __name__ == "__main__":
    main()
