"""What stands for a cell: a manifest of its things, written first, and a row of the ledger that makes it hold."""

from typing import Any

import sqlalchemy as sa

from catalog.failpoint import failpoint
from catalog.keys import digest
from resources.ledger_tables import cell_manifest
from resources.project import Project
from resources.settings import utc_now


def commit_cell(project: Project, kind: str, category: str, drop: str, content: dict[str, Any]) -> str:
    """Write a manifest of a cell and let it stand; its key, the digest of its content.

    Raises LeaseRefused when another run took the cell over: the manifest then lies there, and nothing says that it holds.
    """
    content = {"cell": [category, drop], **content}
    key = digest(content)
    project.store.put_manifest(kind, key, content)
    failpoint("cell_manifest.written")
    row = {"kind": kind, "category": category, "drop": drop, "manifest_key": key, "committed_at": utc_now().replace(tzinfo=None)}
    changed = cell_manifest.c.manifest_key != key
    insert = project.ledger.insert(cell_manifest).values(**row)
    statement = insert.on_conflict_do_update(
        index_elements=list(cell_manifest.primary_key), set_={name: row[name] for name in ("manifest_key", "committed_at")}, where=changed
    )

    def stand(connection: sa.Connection) -> None:
        if connection.execute(statement).rowcount:
            project.ledger.keep(cell_manifest.name, [row])

    project.ledger.transact(stand, repeatable=True)
    return key
