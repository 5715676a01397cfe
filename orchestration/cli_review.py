"""`vitrine review`: the page on which people look at doubtful pictures and decide; `vitrine review add-user`: who may."""

from typing import Annotated

import typer

from catalog.errors import SettingsError
from resources.settings import project_from_environment

HOST = "127.0.0.1"
"""One machine: the page is for a browser on it, or behind a proxy that brings its own encryption."""

SHUTDOWN_S = 3
"""How long Ctrl-C waits for pages under way; browsers keep connections open for longer."""


def register(app: typer.Typer) -> None:
    """Add this file's commands to the application."""
    group = typer.Typer(
        help="Serve the page on which people approve, reject and waive.", invoke_without_command=True, rich_markup_mode=None
    )
    group.callback()(serve)
    group.command("add-user")(add_user)
    app.add_typer(group, name="review")


def serve(context: typer.Context, port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8100) -> None:
    """Serve the review page on 127.0.0.1 until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    from resources.settings import read_settings
    from review.accounts import read_accounts

    folder = project_from_environment()
    settings = read_settings(folder)
    if not read_accounts(settings.path(settings.state)).reviewers:
        raise SettingsError("Nobody may review yet. Add the first reviewer with: vitrine review add-user NAME")
    try:
        import uvicorn

        from review.web import build_app
    except ImportError as error:
        raise SettingsError(f"The review page needs the extra `review`: pip install 'vitrine[review]' ({error}).") from error

    typer.echo(f"Review at http://{HOST}:{port}/ (Ctrl-C ends it)")
    uvicorn.run(
        build_app(folder),
        host=HOST,
        port=port,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


def add_user(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits, `.`, `-`, `_`.")],
    password: Annotated[
        str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="At least 12 characters; asked for when left out.")
    ],
) -> None:
    """Let somebody review, or give them another password. Takes effect at once."""
    from resources.settings import read_settings
    from review.accounts import add_account

    settings = read_settings(project_from_environment())
    new = add_account(settings.path(settings.state), name, password)
    typer.echo(f"{name} may review." if new else f"{name} has another password.")
