"""The digest of every photo file, read only when the file changed since it was last read.

A file counts as unchanged when size, both times, inode and device are as they were. The change time cannot be set back by copying or
unpacking, so a photo swapped for another of the same size and date is still noticed.
"""

import time
from collections.abc import Iterable

import sqlalchemy as sa

from catalog.keys import digest_bytes
from resources.catalog_source import FolderSource
from resources.ledger import Ledger, Row
from resources.ledger_tables import photo_file

SETTLED_AFTER_S = 2.0
"""A file younger than this is not remembered: it may change again within one tick of a coarse file-system clock (FAT: 2 s) and look the same."""


def photo_digests(ledger: Ledger, source: FolderSource, names: Iterable[str]) -> dict[str, str | None]:
    """Sha256 of each named photo file; None for one that is missing or cannot be read. `names` are all the catalog has."""
    wanted = set(names)
    known = {row["name"]: row for row in ledger.rows(sa.select(photo_file))}
    digests, learned = dict[str, str | None](), list[Row]()
    for name in sorted(wanted):
        state = _state(source, name)
        if state is not None and name in known and known[name]["state"] == state:
            digests[name] = known[name]["photo_digest"]
            continue
        data = source.photo(name)
        digests[name] = None if data is None else digest_bytes(data)
        if state is not None and data is not None and state == _state(source, name) and _is_settled(state):
            learned.append({"name": name, "state": state, "photo_digest": digests[name]})
    forgotten = (known.keys() - wanted) | (known.keys() & {row["name"] for row in learned})
    if learned or forgotten:
        with ledger.writing() as connection:
            for gone in forgotten:
                connection.execute(sa.delete(photo_file).where(photo_file.c.name == gone))
            if learned:
                connection.execute(sa.insert(photo_file), learned)
    return digests


def _state(source: FolderSource, name: str) -> str | None:
    file = source.photo_file(name)
    try:
        stat = None if file is None else file.stat()
    except OSError:
        return None
    return None if stat is None else f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_size} {stat.st_ino} {stat.st_dev}"


def _is_settled(state: str) -> bool:
    newest_ns = max(int(part) for part in state.split()[:2])
    return time.time_ns() - newest_ns > SETTLED_AFTER_S * 1e9
