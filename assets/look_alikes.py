"""Which other products use a photo, or a copy of it: what a screening of one photo cannot know.

Of two copies the one whose photo entered the catalog first is the original, whichever is screened first. Prints of the photos of active
products are read from the ledger once per cell, and only when it has photos to screen: 64 bits each, searched whole, so that no index has
to be kept. A copy is remarked on in the row of its screening, also by the screening of its original where that one comes later; the same
file under two products is a fact of the catalog and is told anew with every run of the cell, on both sides.
"""

from array import array
from collections import defaultdict
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from assets.photo_keys import screening_key
from catalog.verdict import Reason
from quality.screening import ScreeningRules
from quality.screening_reasons import in_force
from resources.ledger import QUERY_CHUNK, Ledger, Row
from resources.ledger_tables import change, product, settled, source_photo
from resources.project import Project

MAX_COMPARED = 12
"""Nearest prints whose thumbnails are laid over the photo's; each costs about 40 CPU-ms."""
MAX_NAMED = 3
"""SKUs that a sentence names; it tells how many more there are."""


MAIN_PHOTO = product.c.photo_digests[0].as_string()

PHOTO_CAME = ("new", "photo", "returned")
"""Changes with which a product's photo enters the catalog. The last of them says since when; words and categories do not count."""

Age = tuple[int, str]
"""When a product's photo came, as a revision, and its SKU: the order of originals and copies."""


class LookAlikes:
    """The photos of active products that were screened before, for one cell's run; read from the ledger when first asked."""

    def __init__(self, project: Project, rules: ScreeningRules, category: str, drop: str) -> None:
        self._project, self._rules, self._cell = project, rules, (category, drop)
        self._read_yet = False
        self._prints, self._since = array("Q"), array("q")
        self._keys, self._photos = bytearray(), bytearray()
        self._skus: list[str] = []
        self._ages: dict[str, int] = {}
        self.told_later: dict[str, Row] = {}
        """By key: rows of former screenings that were found to be copies since, as they stand now."""

    def remarks(self, row: Row, sku: str, shown_HW3: npt.NDArray[np.uint8]) -> tuple[Reason, ...]:
        """What is to be said about copies among the photos of other products, by the rules' action.

        row: the screening's row, with its measurements. shown_HW3: its thumbnail, uint8 sRGB. Remembers the photo for the next ones, and
        tells those that were screened before and are copies of this one.
        """
        if self._rules.actions.near_duplicate == "off" or "look_print_high" not in row["measurements"]:
            return ()
        if not self._read_yet:
            self._read()
        mine = _print(row["measurements"]["look_print_high"], row["measurements"]["look_print_low"])
        alike, users = self._alike(mine, row["photo_digest"], shown_HW3)
        own = {(self._ages.get(sku, 0), sku), *users.pop(row["photo_digest"], ())}
        self._remember(row["key"], row["photo_digest"], mine, min(own))
        own_skus = {user for _, user in own}
        others = {photo: users[photo] for photo in alike if not own_skus & {user for _, user in users[photo]}}
        self._tell({photo: ages for photo, ages in others.items() if min(ages) > min(own)}, sorted(own_skus))
        return self._copy_of(sorted({user for ages in others.values() if min(ages) < min(own) for _, user in ages}))

    def _copy_of(self, others: list[str]) -> tuple[Reason, ...]:
        if not others:
            return ()
        message = (
            f"The photo is a copy of the photo of {_named(others)}: resized, trimmed or compressed anew. Photograph this product itself."
        )
        found = Reason(code="near_duplicate", message=message, measured=_named(others), required="a photo of its own")
        return in_force([found], self._rules)

    def _alike(self, mine: int, photo_digest: str, shown: npt.NDArray[np.uint8]) -> tuple[list[str], dict[str, set[Age]]]:
        """Digests of other photos that show the same picture; and who uses each photo whose print is near, by digest."""
        from imaging.look_alike import MAX_PRINT_DISTANCE, print_distances, same_picture
        from imaging.storage_format import decode_rgb

        distances = print_distances(mine, np.frombuffer(self._prints, np.uint64)) if self._prints else np.zeros(0, np.uint8)
        near = np.flatnonzero(distances <= MAX_PRINT_DISTANCE)
        users: dict[str, set[Age]] = {}
        key_of: dict[str, str] = {}
        for place in map(int, near[np.argsort(distances[near], kind="stable")]):
            photo = self._photos[32 * place : 32 * place + 32].hex()
            users.setdefault(photo, set()).add((self._since[place], self._skus[place]))
            if photo != photo_digest and len(key_of) < MAX_COMPARED:
                key_of.setdefault(photo, self._keys[32 * place : 32 * place + 32].hex())
        rows = self._project.ledger.by_keys(source_photo, key_of.values()).values()
        gone = self._project.store.missing(row["thumbnail_digest"] for row in rows)
        small = {row["photo_digest"]: row["thumbnail_digest"] for row in rows if row["thumbnail_digest"] not in gone}
        return [photo for photo, name in small.items() if same_picture(shown, decode_rgb(self._project.store.get(name)))], users

    def _tell(self, copies: dict[str, set[Age]], originals: list[str]) -> None:
        """Remark on copies in the rows of their screenings by the present rules, where those stand already and say nothing of it."""
        products = self._project.ledger.by_keys(product, (sku for ages in copies.values() for _, sku in ages)).values()
        users = [row for row in products if row["active"] and row["photo_digests"][0] in copies]
        keys = {row["sku"]: screening_key(row["photo_digests"][0], row["attributes"]["photos"][0], self._rules) for row in users}
        standing = self._project.ledger.by_keys(source_photo, keys.values()).values()
        found = self._copy_of(originals)
        told = [
            {
                **row,
                "reasons": [*row["reasons"], *(reason.as_dict() for reason in found)],
                "accepted": row["accepted"] and not any(reason.severity == "critical" for reason in found),
            }
            for row in standing
            if not any(reason["code"] == "near_duplicate" for reason in row["reasons"])
        ]
        if not told:
            return
        skus = sorted(sku for sku, key in keys.items() if key in {row["key"] for row in told})

        def replace(connection: sa.Connection) -> None:
            for row in told:
                connection.execute(sa.update(source_photo).where(source_photo.c.key == row["key"]).values(**row))
            connection.execute(sa.update(settled).where(settled.c.sku.in_(skus)).values(revision=-1))
            self._project.ledger.keep(source_photo.name, told)

        self._project.ledger.transact(replace, repeatable=True)
        self.told_later |= {row["key"]: row for row in told}

    def _read(self) -> None:
        """Read prints, users and ages, in one pass over the products: a main photo stands in a JSON column, which no index knows."""
        came = sa.select(change.c.sku, sa.func.max(change.c.id).label("since")).where(change.c.kind.in_(PHOTO_CAME))
        ages = came.group_by(change.c.sku).subquery()
        high, low = (source_photo.c.measurements[name].as_float() for name in ("look_print_high", "look_print_low"))
        columns = (source_photo.c.key, source_photo.c.photo_digest, high.label("high"), low.label("low"), product.c.sku, ages.c.since)
        used = product.join(source_photo, source_photo.c.photo_digest == MAIN_PHOTO).outerjoin(ages, ages.c.sku == product.c.sku)
        query = sa.select(*columns).select_from(used).where(product.c.active, source_photo.c.thumbnail_digest.is_not(None))
        for row in self._project.ledger.stream(query):
            if row["high"] is not None:
                age = (row["since"] or 0, row["sku"])
                self._remember(row["key"], row["photo_digest"], _print(row["high"], row["low"]), age)
        category, drop = self._cell
        here = sa.select(product.c.sku).where(product.c.category == category, product.c.drop == drop, product.c.active)
        mine = came.where(change.c.sku.in_(here)).group_by(change.c.sku)
        self._ages = {row["sku"]: row["since"] for row in self._project.ledger.rows(mine)}
        self._read_yet = True

    def _remember(self, key: str, photo_digest: str, mine: int, age: Age) -> None:
        self._prints.append(mine)
        self._keys += bytes.fromhex(key)
        self._photos += bytes.fromhex(photo_digest)
        self._since.append(age[0])
        self._skus.append(age[1])


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
    found: defaultdict[str, set[str]] = defaultdict(set)
    wanted = sorted(photo_digests)
    for start in range(0, len(wanted), QUERY_CHUNK):
        theirs = MAIN_PHOTO.in_(wanted[start : start + QUERY_CHUNK])
        for row in ledger.rows(sa.select(product.c.sku, MAIN_PHOTO.label("photo")).where(product.c.active, theirs)):
            found[row["photo"]].add(row["sku"])
    return found


def _print(high: float, low: float) -> int:
    return int(high) << 32 | int(low)


def _named(skus: list[str]) -> str:
    more = len(skus) - MAX_NAMED
    return ", ".join(skus[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
