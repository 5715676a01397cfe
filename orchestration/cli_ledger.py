"""The commands that look after the ledger: `vitrine ledger check`, `upgrade`, `keep`, `rebuild`."""

from typing import TYPE_CHECKING

import typer

from orchestration.cli_help import Sentences

if TYPE_CHECKING:
    from resources.project import Project


def register(app: typer.Typer) -> None:
    """Add this file's commands to the application."""
    group = typer.Typer(cls=Sentences, help="Look after the ledger: its version, its tables.", no_args_is_help=True, rich_markup_mode=None)
    for command in (check, upgrade, keep, rebuild):
        group.command()(command)
    app.add_typer(group, name="ledger")


def check() -> None:
    """Say where the ledger is, which version it has and what it holds. Exit code 1 when it must be upgraded. Changes nothing."""
    import sqlalchemy as sa

    from resources.ledger_connection import address_of, in_our_words, make_engine
    from resources.ledger_schema import is_new, known_versions, refuse_unknown, stored_version
    from resources.ledger_tables import metadata

    engine = make_engine(*_address())
    with in_our_words(engine), engine.connect() as connection:
        version, newest = stored_version(connection), known_versions()[-1]
        refuse_unknown(version, address_of(engine))
        if is_new(connection):
            typer.echo(f"{address_of(engine)}: empty; the tables are made when first used.")
            return
        typer.echo(f"{address_of(engine)}: version {version or 'none (made before there were versions)'}; this code has {newest}.")
        if version != newest:
            typer.echo("Run `vitrine ledger upgrade`.")
            raise typer.Exit(1)
        for table in metadata.sorted_tables:
            typer.echo(f"{connection.execute(sa.select(sa.func.count()).select_from(table)).scalar():12,}  {table.name}")


def upgrade() -> None:
    """Bring the ledger to the version of this code. Make a backup and let runs end first; a second call changes nothing."""
    from resources.ledger import Ledger
    from resources.ledger_connection import address_of
    from resources.ledger_schema import known_versions

    ledger = Ledger(*_address(), upgrade=True)
    typer.echo(f"{address_of(ledger.engine)}: version {known_versions()[-1]}.")


def keep() -> None:
    """Write records of everything that is in the ledger beside the blobs: once, for a ledger that is older than its records."""
    from resources.ledger_records import keep_everything

    project = _project()
    typer.echo(f"Kept {keep_everything(project.ledger, project.store):,} rows in {project.store.name}.")


def rebuild() -> None:
    """Make the ledger again from the records beside the blobs, into an empty one. Exit code 1 when records were altered and left out."""
    from resources.ledger_rebuild import rebuild as rebuilt

    project = _project()
    result = rebuilt(project.ledger, project.store)
    for table, count in result.rows.items():
        typer.echo(f"{count:12,}  {table}")
    typer.echo(f"Read {result.records:,} records in {project.store.name}. Now let `vitrine plan` say what is missing.")
    if result.altered:
        typer.echo(f"{len(result.altered)} of them were altered and left out: {', '.join(result.altered[:5])}.", err=True)
        raise typer.Exit(1)


def _project() -> "Project":
    from resources.project import open_project
    from resources.settings import project_from_environment

    return open_project(project_from_environment())


def _address() -> tuple[str, str]:
    from resources.open_ledger import ledger_url
    from resources.settings import project_from_environment, read_settings

    return ledger_url(read_settings(project_from_environment()))
