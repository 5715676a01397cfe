"""Record what was made again because its file was lost or damaged, also where it came out otherwise than the first time.

The same key gives the same bytes on the same kind of machine. Another GPU or processor may round differently, and then the ledger would name
the lost file for ever and the thing be made in vain at each run.
"""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from resources.ledger import Row
from resources.ledger_tables import measurement, render, settled
from resources.project import Project


def record_made(project: Project, table: sa.Table, rows: Sequence[Row], *, file: str, skus: Collection[str]) -> None:
    """Record made things; `file` is the column that names their blobs, `skus` are the products they are of.

    What is recorded already stays, unless its file is gone: then the new one takes its place, and what was measured of the old one goes.
    """
    project.ledger.record(table, rows)
    (key,) = table.primary_key.columns
    standing = project.ledger.by_keys(table, (row[key.name] for row in rows))
    others = [row for row in rows if standing[row[key.name]][file] != row[file]]
    gone = project.store.missing(standing[row[key.name]][file] for row in others)
    lost = [row for row in others if standing[row[key.name]][file] in gone]
    if not lost:
        return

    def replace(connection: sa.Connection) -> None:
        for row in lost:
            connection.execute(sa.update(table).where(key == row[key.name]).values(**row))
        if table is render:
            connection.execute(sa.delete(measurement).where(measurement.c.render_key.in_([row[key.name] for row in lost])))
        connection.execute(sa.update(settled).where(settled.c.sku.in_(sorted(skus))).values(revision=-1))
        project.ledger.keep(table.name, lost)

    project.ledger.transact(replace, repeatable=True)
