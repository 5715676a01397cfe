"""The ledger that a project's settings name."""

from catalog.errors import SettingsError
from resources.ledger import Ledger
from resources.settings import Settings, secret_from_environment

LEDGER_FILE = "ledger.sqlite"
"""The ledger's file in the state folder, where the settings name no database."""


def ledger_url(settings: Settings) -> tuple[str, str]:
    """The ledger's SQLAlchemy URL and what messages call it. Raises SettingsError when its variable is not set."""
    if settings.ledger is None:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{settings.state_dir / LEDGER_FILE}", "the ledger in the state folder"
    variable = settings.ledger.url_env
    url = secret_from_environment(variable)
    if url is None:
        raise SettingsError(
            f"The environment variable {variable}, which ledger.url_env names, is not set. Set it to a SQLAlchemy URL such as "
            "postgresql+psycopg2://user:password@host:5432/vitrine, or leave `ledger:` out for a SQLite file. Nothing was changed."
        )
    return url, variable


def open_ledger(settings: Settings) -> Ledger:
    """The ledger, made when missing. Raises SettingsError for a wrong address, StoreError when it cannot be reached or used."""
    return Ledger(*ledger_url(settings))
