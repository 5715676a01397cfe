"""`vitrine review`: the page on which people look at doubtful pictures and decide; `vitrine review add-user`: who may."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from catalog.errors import SettingsError
from orchestration.cli_help import Sentences
from resources.settings import project_from_environment, read_settings

HOST = "127.0.0.1"
"""One machine: the page is for a browser on it, or behind a proxy that brings its own encryption."""

SHUTDOWN_S = 3
"""How long Ctrl-C waits for pages under way; browsers keep connections open for longer."""

AccountsFile = Annotated[Path | None, typer.Option("--accounts", help="File of reviewers; left out: reviewers.json in the state folder.")]


def register(app: typer.Typer) -> None:
    """Add this file's commands to the application."""
    group = typer.Typer(
        cls=Sentences, help="Serve the page on which people approve, reject and waive.", invoke_without_command=True, rich_markup_mode=None
    )
    group.callback()(serve)
    group.command("add-user")(add_user)
    app.add_typer(group, name="review")


def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8100,
    host: Annotated[str, typer.Option(help="Address to listen on. Another one than this machine's own needs --name and --tls.")] = HOST,
    name: Annotated[list[str] | None, typer.Option(help="Name the page is reached by, as in review.example.com; may be repeated.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="A proxy in front speaks TLS: cookies are for TLS only.")] = False,
    accounts: AccountsFile = None,
) -> None:
    """Serve the review page until Ctrl-C, on this machine only unless told otherwise."""
    if context.invoked_subcommand is not None:
        return
    from review.accounts import ACCOUNTS_FILE, read_accounts

    if host != HOST and not (name and tls):
        raise SettingsError(
            f"--host {host} opens the page to other machines: passwords would cross the network in the clear. Put a proxy with TLS in front "
            "of it and give --tls and the --name that browsers use. Nothing was started."
        )
    if tls and not name:
        raise SettingsError(
            "--tls needs --name: the name by which browsers reach the proxy, as in review.example.com. Nothing was started."
        )
    folder = project_from_environment()
    if not read_accounts(accounts or read_settings(folder).state_dir / ACCOUNTS_FILE).reviewers:
        raise SettingsError("Nobody may review yet. Add the first reviewer with: vitrine review add-user NAME")
    try:
        import uvicorn

        from review.desk import Door
        from review.web import build_app
    except ImportError as error:
        raise SettingsError(f"The review page needs the extra `review`: pip install 'vitrine[review]' ({error}).") from error

    _refuse_taken_port(host, port)
    door = Door(hosts=(*(name or ()), *(() if tls else Door().hosts)), tls=tls, accounts=accounts)
    typer.echo(f"Review at {'https' if tls else 'http'}://{door.hosts[0] if tls else f'{HOST}:{port}'}/ (Ctrl-C ends it)")
    uvicorn.run(
        build_app(folder, door),
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # nothing here asks who called or how: names and TLS are told on the command line
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} of {host} cannot be used: {error.strerror}. Give another one with --port. Nothing was started."
            ) from error


def add_user(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits, `.`, `-`, `_`.")],
    password: Annotated[
        str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="At least 12 characters; asked for when left out.")
    ],
    accounts: AccountsFile = None,
) -> None:
    """Let somebody review, or give them another password, which ends their sessions. Takes effect at once."""
    from review.accounts import ACCOUNTS_FILE, add_account

    new = add_account(accounts or read_settings(project_from_environment()).state_dir / ACCOUNTS_FILE, name, password)
    typer.echo(f"{name} may review." if new else f"{name} has another password.")
