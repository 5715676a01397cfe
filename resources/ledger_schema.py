"""Which version a ledger's tables have, and how they get to the one this code knows.

A new ledger is made at the newest version at once; Alembic is imported only when an older one is brought up. See `migrations/`.
"""

from functools import cache
from pathlib import Path

import sqlalchemy as sa

import resources.observing_tables  # noqa: F401 - its tables belong to the same metadata
from catalog.errors import StoreError
from resources.ledger_tables import metadata, product

VERSION_TABLE = "vitrine_ledger_version"
"""Of our own: Dagster keeps an `alembic_version` in the same database, if it is given the same one."""

_stamps = sa.Table(VERSION_TABLE, sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))
MIGRATIONS = Path(__file__).parent / "migrations"


@cache
def known_versions() -> tuple[str, ...]:
    """Every version this code knows, oldest first: the numbers of the migrations' files."""
    return tuple(sorted(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py")))


def stored_version(connection: sa.Connection) -> str | None:
    """The version a ledger's tables have; None for a new ledger and for one made before there were versions."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.select(_stamps.c.version_num)).scalar()


def is_new(connection: sa.Connection) -> bool:
    """Whether there is no ledger in this database yet."""
    return stored_version(connection) is None and not sa.inspect(connection).has_table(product.name)


def refuse_unknown(version: str | None, address: str) -> None:
    """Raises StoreError for a version that only newer code knows."""
    if version is not None and version not in known_versions():
        raise StoreError(
            f"The ledger {address} has version {version}; this installation of Vitrine knows versions up to {known_versions()[-1]}. A newer "
            "one has been here. Upgrade this installation, or restore the backup made before the upgrade. Nothing was changed."
        )


def make_or_upgrade(connection: sa.Connection, address: str, *, upgrade_at_once: bool) -> None:
    """Bring a ledger to the newest version, inside a transaction that nobody else who does this can enter.

    A new one is made, one made before there were versions is adopted. An older one is brought up only with `upgrade_at_once`; otherwise
    StoreError says how. Raises StoreError for a newer one.
    """
    version = stored_version(connection)
    refuse_unknown(version, address)
    if version == known_versions()[-1]:
        return
    if is_new(connection):
        metadata.create_all(connection)
        _stamps.create(connection)
        connection.execute(sa.insert(_stamps).values(version_num=known_versions()[-1]))
    elif upgrade_at_once:
        upgrade(connection)
    else:
        raise StoreError(
            f"The ledger {address} has version {version or 'none'}; this code needs {known_versions()[-1]}. Make a backup, let the runs "
            "that are going on end, then run `vitrine ledger upgrade` once. Nothing was changed."
        )


def upgrade(connection: sa.Connection, to: str = "head") -> None:
    """Run the migrations that are missing, in the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
