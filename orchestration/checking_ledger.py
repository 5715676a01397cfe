"""What is wrong with the ledger that the settings name: it cannot be reached, has another version, or was lost. Makes no tables.

The other parts of a project are checked in `checking.py`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from catalog.errors import StoreError
from resources.bucket_files import BucketFiles
from resources.object_store import ObjectStore
from resources.project import Project
from resources.store_settings import S3Store

if TYPE_CHECKING:
    from orchestration.checking import Finding


def check_ledger(project: Project) -> "Iterator[Finding]":
    """Findings about the ledger. Raises SettingsError and StoreError, whose words say what is wrong."""
    from orchestration.checking import Finding
    from resources.ledger_connection import address_of, in_our_words, make_engine
    from resources.ledger_schema import is_new, known_versions, refuse_unknown, stored_version
    from resources.ledger_tables import product
    from resources.lost_ledger import SIGNS_OF_READING, what_is_lost
    from resources.open_ledger import LEDGER_FILE, ledger_url

    empty, version, may_create, on_postgres = True, None, True, project.settings.ledger is not None
    engine = make_engine(*ledger_url(project.settings)) if on_postgres or (project.settings.state_dir / LEDGER_FILE).exists() else None
    if engine is not None:
        on_postgres = engine.dialect.name == "postgresql"
        with in_our_words(engine), engine.connect() as connection:
            version, new = stored_version(connection), is_new(connection)
            refuse_unknown(version, address_of(engine))
            empty = new or all(connection.execute(sign).first() is None for sign in SIGNS_OF_READING)
            if new and on_postgres:
                may_create = bool(connection.execute(sa.text("SELECT has_schema_privilege(current_schema(), 'CREATE')")).scalar())
    if not may_create:
        message = "The ledger's tables are not made yet, and its user may not make any. Give the user CREATE on the schema."
        yield Finding(severity="error", where="ledger", message=message)
    elif engine is not None and on_postgres and not new and version != known_versions()[-1]:
        message = f"version {version or 'none'}; this code has {known_versions()[-1]}. Make a backup, let runs end, then `vitrine ledger upgrade`."
        yield Finding(severity="error", where="ledger", message=message)
    if empty and _has_records(project, product.name):
        address = address_of(engine) if engine is not None else str(project.settings.state_dir / LEDGER_FILE)
        yield Finding(severity="error", where="ledger", message=what_is_lost(address, project.store))


def _has_records(project: Project, table: str) -> bool:
    try:
        return store_in_a_hurry(project).has_records(table)
    except StoreError:
        if isinstance(project.settings.store, S3Store):  # told as a finding about the store
            return False
        raise


def store_in_a_hurry(project: Project) -> ObjectStore:
    """The project's store for a check, which says within seconds that a bucket does not answer; work waits for minutes."""
    files = project.store.files
    return ObjectStore(files.in_a_hurry()) if isinstance(files, BucketFiles) else project.store
