"""Which products name a photo, kept as an index that follows the changes of the catalog. Looks at no photo.

Without it, each announced upload would have to read the photo names of every product.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from resources.ledger import QUERY_CHUNK, Ledger
from resources.ledger_tables import catalog_mark, change, paused, photo_use, product, upload

NEW, WAITING, SEEN = "new", "waiting", "seen"
"""States of an announced photo: to be looked at, named by no product of the pilot, looked at."""
UPLOADS = "uploads"
"""Concern of the ledger's lock: one consumer at a time notes announcements and follows the changes."""
MARK = "photo_use"
CHANGES_PER_COMMIT = 20_000
"""The first indexing of a large catalog is written in parts, so that other writers get their turn."""


def follow_changes(ledger: Ledger) -> None:
    """Bring the index up to the newest change, and wake the announced photos that waited for a product of these changes.

    Paused products are in the index, withdrawn ones are not.
    """
    while True:
        with ledger.writing(UPLOADS) as connection:
            done = connection.execute(sa.select(catalog_mark.c.value).where(catalog_mark.c.name == MARK)).scalar() or 0
            query = sa.select(change.c.id, change.c.sku).where(change.c.id > done).order_by(change.c.id).limit(CHANGES_PER_COMMIT)
            rows = connection.execute(query).all()
            if not rows:
                return
            for chunk in chunks(sorted(_index(connection, sorted({row.sku for row in rows})))):
                waits = sa.and_(upload.c.state == WAITING, upload.c.name.in_(chunk))
                connection.execute(sa.update(upload).where(waits).values(state=NEW))
            connection.execute(sa.delete(catalog_mark).where(catalog_mark.c.name == MARK))
            connection.execute(sa.insert(catalog_mark), [{"name": MARK, "value": rows[-1].id}])


def skus_naming(connection: sa.Connection, names: Iterable[str]) -> set[str]:
    """SKUs of the active products of the pilot that name any of these photos, as far as the index follows."""
    found = set[str]()
    for chunk in chunks(sorted(names)):
        query = sa.select(photo_use.c.sku).where(photo_use.c.name.in_(chunk), photo_use.c.sku.not_in(sa.select(paused.c.sku)))
        found.update(connection.execute(query).scalars())
    return found


def chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    """Parts of a list that fit into one IN clause."""
    return (items[start : start + QUERY_CHUNK] for start in range(0, len(items), QUERY_CHUNK))


def _index(connection: sa.Connection, skus: Sequence[str]) -> set[str]:
    """Write the uses of these products anew; return the photos they name now."""
    uses = set[tuple[str, str]]()
    for chunk in chunks(skus):
        connection.execute(sa.delete(photo_use).where(photo_use.c.sku.in_(chunk)))
        query = sa.select(product.c.sku, product.c.attributes).where(product.c.sku.in_(chunk), product.c.active)
        uses.update((name, row.sku) for row in connection.execute(query) for name in row.attributes["photos"])
    if uses:
        connection.execute(sa.insert(photo_use), [{"name": name, "sku": sku} for name, sku in sorted(uses)])
    return {name for name, _ in uses}
