"""What every catalog source offers, whatever it reads: a product table and pictures, each able to tell cheaply whether it changed.

A source is two halves, so that any table goes with any place of pictures. It knows states (fingerprints, versions), not history: the
rising revision is the ledger's, see `catalog_sync.py`. Which rows are good is `quality/catalog_suite.py`.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas

LOOK_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """A product table as it was read: every cell as text, empty cells as ''.

    `name` is what messages call it, `first_row` the number a reader of the source would give its first product (a CSV's header is row 1).
    """

    frame: "pandas.DataFrame"
    name: str
    first_row: int


@dataclass(frozen=True)
class ReadPhoto:
    """The bytes of a photo, and the version they belong to; None when they may have changed while they were read."""

    data: bytes
    version: str | None


class ProductTable(Protocol):
    """The products' half of a source. Everything raises CatalogError when the source cannot be reached or is no table."""

    @property
    def name(self) -> str:
        """What messages call the source of the rows."""

    def read(self) -> RawTable:
        """All rows."""

    @property
    def tells_cheaply(self) -> bool:
        """Whether the fingerprint is cheap enough to be asked every few seconds, however large the table is."""

    def fingerprint(self) -> str:
        """Changes when a row does."""


class Pictures(Protocol):
    """The pictures' half of a source. A picture that is not there is None; a place that cannot be reached is a CatalogError."""

    @property
    def name(self) -> str:
        """What messages call the place."""

    @property
    def parallel_reads(self) -> int:
        """How many photos are best read at once."""

    def photo_versions(self, names: Collection[str]) -> dict[str, str]:
        """For each photo that is there, a text that changes when its bytes do; made without reading any. Others are left out."""

    def as_listed(self) -> "Pictures":
        """The same pictures; where versions come from a listing, from the one made now: for who asks for the photos of many parts."""

    def photo(self, name: str) -> ReadPhoto | None:
        """One photo."""

    def looks(self, category: str) -> list[str]:
        """File names of a category's look pictures, sorted."""

    def look_file(self, category: str, name: str) -> bytes | None:
        """One file beside the look pictures: a picture, or `captions.csv`."""

    def fingerprint(self) -> str:
        """Changes when a photo or a look does; made without reading any."""


@dataclass(frozen=True)
class CatalogSource:
    """One project's catalog: a product table and pictures."""

    table: ProductTable
    pictures: Pictures

    def fingerprint(self) -> str:
        """Changes when the table, a photo or a look does."""
        return hashlib.sha256(f"{self.table.fingerprint()}\n{self.pictures.fingerprint()}".encode()).hexdigest()
