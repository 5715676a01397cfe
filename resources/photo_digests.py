"""The digest of every photo, read only when its version changed since it was last read.

What a version is, each place of pictures says: times and inode of a file, ETag and size of an object. Knows no place itself.
"""

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from catalog.errors import CatalogError
from catalog.keys import digest_bytes
from resources.catalog_source import Pictures
from resources.ledger import Ledger, Row
from resources.ledger_tables import photo_file
from resources.table_files import UNCHANGED

FEWEST_TO_MISS = 10
"""When so many photos that were there before are all gone, it is taken for a disk that is not mounted or a prefix that was moved."""
PHOTOS_PER_COMMIT = 256
"""Digests are remembered after so many photos, so that a first reading of a large catalog that is cut short does not start anew."""


def photo_digests(ledger: Ledger, pictures: Pictures, names: Iterable[str]) -> dict[str, str | None]:
    """Sha256 of each named photo; None for one that is missing or cannot be read.

    Raises CatalogError when the place cannot be reached; what was read until then is remembered.
    """
    wanted = set(names)
    known = ledger.by_keys(photo_file, wanted)
    versions = pictures.photo_versions(wanted)
    digests = dict[str, str | None].fromkeys(sorted(wanted))
    unread = []
    for name in sorted(versions):
        if name in known and known[name]["state"] == versions[name]:
            digests[name] = known[name]["photo_digest"]
        else:
            unread.append(name)
    for start in range(0, len(unread), PHOTOS_PER_COMMIT):
        batch = unread[start : start + PHOTOS_PER_COMMIT]
        read = dict(zip(batch, _read(pictures, batch), strict=True))
        digests.update({name: photo_digest for name, (photo_digest, _) in read.items()})
        learned = [{"name": name, "state": version, "photo_digest": found} for name, (found, version) in read.items() if found and version]
        _remember(ledger, learned)
    return digests


def refuse_if_known(ledger: Ledger, place: str, names: Collection[str]) -> None:
    """Told all names of a catalog none of whose photos was found: raises CatalogError if they were there before.

    Asked of the whole catalog at once, never of a part: the last few rows may well have lost all their photos.
    """
    known = ledger.by_keys(photo_file, names)
    if len(known) >= FEWEST_TO_MISS:
        raise CatalogError(
            f"None of the {len(names)} photos is in {place}; {len(known)} of them were there before. Is a disk not mounted, or a folder "
            f"moved? To take products out of the shop, remove their rows. {UNCHANGED}"
        )


def _read(pictures: Pictures, names: Sequence[str]) -> list[tuple[str | None, str | None]]:
    def digest_and_version(name: str) -> tuple[str | None, str | None]:
        read = pictures.photo(name)
        return (None, None) if read is None else (digest_bytes(read.data), read.version)

    if pictures.parallel_reads == 1:
        return [digest_and_version(name) for name in names]
    with ThreadPoolExecutor(pictures.parallel_reads) as pool:
        return list(pool.map(digest_and_version, names))


def _remember(ledger: Ledger, learned: Sequence[Row]) -> None:
    if learned:
        with ledger.writing("photo files") as connection:
            for row in learned:
                connection.execute(sa.delete(photo_file).where(photo_file.c.name == row["name"]))
            connection.execute(sa.insert(photo_file), learned)


def forget_other_photos(ledger: Ledger, names: Collection[str]) -> None:
    """Forget the photos that no product names any more."""
    gone = [row["name"] for row in ledger.stream(sa.select(photo_file.c.name)) if row["name"] not in names]
    if gone:
        with ledger.writing("photo files") as connection:
            for name in sorted(gone):
                connection.execute(sa.delete(photo_file).where(photo_file.c.name == name))
