"""The `vitrine` command: gathers the command groups and turns errors into one clear message and an exit code.

Exit codes: 0 done, 1 the picture (or the run) was refused, 2 wrong use or wrong settings.
"""

import errno
import sys
from typing import NoReturn

import typer
from sqlalchemy.exc import DatabaseError

from catalog.errors import CatalogError, ModelError, SettingsError, VitrineError
from catalog.preemption import Preempted, end_process
from catalog.sentences import clause
from orchestration import (
    cli_backfill,
    cli_calibrate,
    cli_drift,
    cli_ledger,
    cli_lora,
    cli_measurements,
    cli_models,
    cli_operations,
    cli_pictures,
    cli_project,
    cli_quote,
    cli_recipes,
    cli_rejudge,
    cli_reproduce,
    cli_review,
    cli_rules,
    cli_runs,
    cli_train,
)
from orchestration.cli_help import Panels

app = typer.Typer(
    name="vitrine",
    cls=Panels,
    help="Turns a product catalog into approved, publishable product images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (
    cli_project,
    cli_runs,
    cli_quote,
    cli_backfill,
    cli_pictures,
    cli_recipes,
    cli_rules,
    cli_rejudge,
    cli_reproduce,
    cli_measurements,
    cli_review,
    cli_calibrate,
    cli_drift,
    cli_train,
    cli_lora,
    cli_ledger,
    cli_models,
    cli_operations,
):
    group.register(app)

WRONG_USE = (SettingsError, CatalogError, ModelError)


def main() -> None:
    """Run the command line; a user's mistake is a message on stderr, never a traceback."""
    try:
        app()
    except Preempted:
        end_process()
    except VitrineError as error:
        _tell(str(error), 2 if isinstance(error, WRONG_USE) else 1)
    except (OSError, DatabaseError) as error:  # a full disk, a read-only folder, a damaged ledger: the machine's state, not a bug
        if not (place := _place(error)):
            raise
        _tell(place, 1)


def _place(error: OSError | DatabaseError) -> str:
    """What a failure of the disk or of a database means for a user; '' for any other OSError, which is our mistake."""
    if isinstance(error, DatabaseError):
        what = str(error.orig or error).strip()
        return (
            f"The project's database cannot be used: {clause(what)}. Free space, fix permissions, or put back an undamaged copy of the ledger in the state "
            "folder, then run again: what was made before is kept."
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
        where = error.filename or "a file of the project"
        return f"Cannot write {where}: {error.strerror}. Free space or fix permissions, then run again: what was made before is kept."
    return ""


def _tell(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"vitrine: {message}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
