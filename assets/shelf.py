"""What stands published per product: a copy of the published manifest in the ledger that can be asked for one product.

The manifest is the truth. The copy names the version of the manifest it agrees with, part by part, and a part is copied anew when another
version of it stands there: a folder that was deleted, put back from a backup or changed by hand is seen. Delivering is `published_images.py`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assets.published_place import published_address, published_parts, published_versions
from resources.ledger import QUERY_CHUNK
from resources.ledger_tables import on_shelf, settled, shelf
from resources.project import Project

if TYPE_CHECKING:
    from publishing.manifest import Manifest, PublishedImage

PRODUCTS_PER_COMMIT = 5_000
"""When a part is copied anew: a second or less under the write lock."""


@dataclass(frozen=True, order=True, slots=True)
class ShelfImage:
    """One published picture, as far as a plan asks: where it stands, what it shows, and its publish key."""

    channel: str
    category: str
    recipe: str
    index: int
    render_digest: str
    publish_key: str
    sku: str


def shelf_images(images: "Iterable[PublishedImage]") -> list[ShelfImage]:
    """Pictures of a manifest as a plan asks for them."""
    return [ShelfImage(i.channel, i.category, i.recipe, i.index, i.render_digest, i.publish_key, i.sku) for i in images]


def images_of(project: Project, skus: Iterable[str]) -> list[ShelfImage]:
    """What stands of some products, as `check_shelf` or a delivery last saw it."""
    return [
        ShelfImage(*image, row["sku"])
        for chunk in _chunks(skus)
        for row in project.ledger.rows(sa.select(on_shelf).where(on_shelf.c.sku.in_(chunk)))
        for image in row["images"]
    ]


def check_shelf(project: Project) -> None:
    """Make the copy agree with what stands published now; parts that nobody else changed are not read.

    Products of which other pictures stand than was known are settled no more.
    """
    place, there = published_address(project), published_versions(project)
    rows = project.ledger.rows(sa.select(shelf))
    if all(row["place"] == place for row in rows) and (rows or there):
        known = {row["part"]: row["version"] for row in rows}
    else:  # another place was published to, or nothing tells what the copy agrees with
        known = {row["part"]: "" for row in project.ledger.rows(sa.select(on_shelf.c.part).distinct())}
        if rows:
            with project.ledger.writing("shelf") as connection:
                connection.execute(sa.delete(shelf))
    changed = [part for part in sorted(known.keys() | there.keys()) if known.get(part) != there.get(part)]
    for part, version, manifest in published_parts(project, changed):
        _correct(project, part, _by_sku(shelf_images(manifest.images.values())))
        # A delivery that came between left another version there: the next plan sees that and looks again.
        with project.ledger.writing("shelf") as connection:
            connection.execute(sa.delete(shelf).where(shelf.c.place == place, shelf.c.part == part))
            if version:
                connection.execute(sa.insert(shelf).values(place=place, part=part, version=version))


def restock(project: Project, skus: Collection[str], part: str, before: str, after: str, manifest: "Manifest") -> None:
    """Copy what a delivery wrote for some products into a part: its versions before and after ('': none), and what stands in it now.

    The copy agrees with the new version if it agreed with the old one.
    """
    place, standing = published_address(project), _by_sku(shelf_images(i for i in manifest.images.values() if i.sku in skus))
    with project.ledger.writing("shelf") as connection:
        agreed = _agreed_with(connection, place, part)
        for chunk in _chunks(sorted(skus)):
            _put(connection, part, {sku: standing.get(sku, ()) for sku in chunk})
        if agreed == before:
            connection.execute(sa.delete(shelf).where(shelf.c.place == place, shelf.c.part == part))
            if after:
                connection.execute(sa.insert(shelf).values(place=place, part=part, version=after))


def _agreed_with(connection: sa.Connection, place: str, part: str) -> str | None:
    """The version of a part that the copy agrees with: '' where neither has anything, None where nobody knows."""
    versions = {(row.place, row.part): row.version for row in connection.execute(sa.select(shelf))}
    if any(where != place for where, _ in versions):
        return None
    if (place, part) in versions:
        return versions[place, part]
    return "" if connection.execute(sa.select(on_shelf.c.sku).where(on_shelf.c.part == part).limit(1)).first() is None else None


def _correct(project: Project, part: str, standing: Mapping[str, Sequence[ShelfImage]]) -> None:
    """Write the products whose pictures in a part differ from the copy, and forget those that have none any more."""
    known: set[str] = set()
    differing: dict[str, Sequence[ShelfImage]] = {}
    for row in project.ledger.stream(sa.select(on_shelf).where(on_shelf.c.part == part)):
        known.add(row["sku"])
        if row["images"] != _stored(standing.get(row["sku"], ())):
            differing[row["sku"]] = standing.get(row["sku"], ())
    differing |= {sku: images for sku, images in standing.items() if sku not in known}
    skus = sorted(differing)
    for start in range(0, len(skus), PRODUCTS_PER_COMMIT):
        with project.ledger.writing("shelf") as connection:
            for chunk in _chunks(skus[start : start + PRODUCTS_PER_COMMIT]):
                _put(connection, part, {sku: differing[sku] for sku in chunk})
                connection.execute(sa.update(settled).where(settled.c.sku.in_(chunk)).values(revision=-1))


def _put(connection: sa.Connection, part: str, images: Mapping[str, Sequence[ShelfImage]]) -> None:
    connection.execute(sa.delete(on_shelf).where(on_shelf.c.sku.in_(list(images)), on_shelf.c.part == part))
    rows = [{"sku": sku, "part": part, "images": _stored(found)} for sku, found in images.items() if found]
    if rows:
        connection.execute(sa.insert(on_shelf), rows)


def _stored(images: Iterable[ShelfImage]) -> list[list[Any]]:
    return [list(astuple(image)[:-1]) for image in sorted(images)]


def _by_sku(images: Iterable[ShelfImage]) -> dict[str, list[ShelfImage]]:
    found: dict[str, list[ShelfImage]] = defaultdict(list)
    for image in images:
        found[image.sku].append(image)
    return found


def _chunks(skus: Iterable[str]) -> Iterable[list[str]]:
    ordered = list(skus)
    return (ordered[start : start + QUERY_CHUNK] for start in range(0, len(ordered), QUERY_CHUNK))
