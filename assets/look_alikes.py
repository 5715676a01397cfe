"""Which other products use a photo, or a copy of it: what a screening of one photo cannot know.

Prints of all screened photos are read from the ledger once per cell, and only when it has photos to screen: 64 bits each, searched
whole, so that no index has to be kept. A copy is remarked on when its photo is screened, in the row of that screening; the same file
under two products is a fact of the catalog and is told anew with every run of the cell, on both sides.
"""

from array import array
from collections import defaultdict
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from catalog.verdict import Reason
from quality.screening import ScreeningRules
from quality.screening_reasons import in_force
from resources.ledger import QUERY_CHUNK, Ledger, Row
from resources.ledger_tables import product, source_photo
from resources.project import Project

MAX_COMPARED = 12
"""Nearest prints whose thumbnails are laid over the photo's; each costs about 40 CPU-ms."""
MAX_NAMED = 3
"""SKUs that a sentence names; it tells how many more there are."""


class LookAlikes:
    """The prints of the photos that were screened before, for one cell's run; read from the ledger when first asked."""

    def __init__(self, project: Project, rules: ScreeningRules) -> None:
        self._project, self._rules = project, rules
        self._keys = bytearray()
        self._prints: array[int] | None = None

    def remarks(self, row: Row, sku: str, shown_HW3: npt.NDArray[np.uint8]) -> tuple[Reason, ...]:
        """What is to be said about copies among the photos of other products, by the rules' action.

        row: the screening's row, with its measurements. shown_HW3: its thumbnail, uint8 sRGB. Remembers the photo for the next ones.
        """
        if self._rules.actions.near_duplicate == "off" or "look_print_high" not in row["measurements"]:
            return ()
        mine = _print(row["measurements"]["look_print_high"], row["measurements"]["look_print_low"])
        alike = self._alike(mine, row["photo_digest"], shown_HW3)
        self._remember(row["key"], mine)
        users = products_with_photo(self._project.ledger, alike) if alike else {}
        others = sorted({other for skus in users.values() for other in skus} - {sku})
        if not others:
            return ()
        message = (
            f"The photo is a copy of the photo of {_named(others)}: resized, trimmed or compressed anew. Photograph this product itself."
        )
        found = Reason(code="near_duplicate", message=message, measured=_named(others), required="a photo of its own")
        return in_force([found], self._rules)

    def _alike(self, mine: int, photo_digest: str, shown: npt.NDArray[np.uint8]) -> set[str]:
        """Digests of other photos that show the same picture."""
        from imaging.look_alike import MAX_PRINT_DISTANCE, print_distances, same_picture
        from imaging.storage_format import decode_rgb

        if self._prints is None:
            self._prints = self._read()
        distances = print_distances(mine, np.frombuffer(self._prints, np.uint64)) if self._prints else np.zeros(0, np.uint8)
        nearest = np.argsort(distances, kind="stable")[:MAX_COMPARED]
        keys = [self._keys[32 * place : 32 * place + 32].hex() for place in nearest if distances[place] <= MAX_PRINT_DISTANCE]
        rows = [row for row in self._project.ledger.by_keys(source_photo, keys).values() if row["photo_digest"] != photo_digest]
        gone = self._project.store.missing(row["thumbnail_digest"] for row in rows)
        return {
            row["photo_digest"]
            for row in rows
            if row["thumbnail_digest"] not in gone and same_picture(shown, decode_rgb(self._project.store.get(row["thumbnail_digest"])))
        }

    def _read(self) -> "array[int]":
        columns = [source_photo.c.measurements[name].as_float() for name in ("look_print_high", "look_print_low")]
        query = sa.select(source_photo.c.key, *(column.label(name) for column, name in zip(columns, ("high", "low"), strict=True)))
        prints = array("Q")
        for row in self._project.ledger.stream(query.where(source_photo.c.thumbnail_digest.is_not(None))):
            if row["high"] is not None:
                prints.append(_print(row["high"], row["low"]))
                self._keys += bytes.fromhex(row["key"])
        return prints

    def _remember(self, key: str, mine: int) -> None:
        if self._prints is not None:
            self._prints.append(mine)
            self._keys += bytes.fromhex(key)


def same_photo_remarks(project: Project, rules: ScreeningRules, photos: dict[str, str]) -> dict[str, tuple[Reason, ...]]:
    """For each SKU whose main photo is exactly another product's, what is to be said; `photos` is digest by SKU."""
    if rules.actions.same_photo == "off":
        return {}
    users = products_with_photo(project.ledger, set(photos.values()))
    found = {}
    for sku, photo in photos.items():
        if others := sorted(users[photo] - {sku}):
            message = (
                f"The same photo is used for {_named(others)}. Unless they look exactly alike, as sizes of one product do, each needs a "
                "photo of its own."
            )
            reason = Reason(code="same_photo", message=message, measured=_named(others), required="a photo of its own")
            found[sku] = in_force([reason], rules)
    return found


def products_with_photo(ledger: Ledger, photo_digests: Collection[str]) -> defaultdict[str, set[str]]:
    """SKUs of the active products whose main photo has one of these digests, by digest. One pass over the products per 500 digests."""
    main = product.c.photo_digests[0].as_string()
    found: defaultdict[str, set[str]] = defaultdict(set)
    wanted = sorted(photo_digests)
    for start in range(0, len(wanted), QUERY_CHUNK):
        query = sa.select(product.c.sku, main.label("photo")).where(product.c.active, main.in_(wanted[start : start + QUERY_CHUNK]))
        for row in ledger.rows(query):
            found[row["photo"]].add(row["sku"])
    return found


def _print(high: float, low: float) -> int:
    return int(high) << 32 | int(low)


def _named(skus: list[str]) -> str:
    more = len(skus) - MAX_NAMED
    return ", ".join(skus[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
