"""Gallery pages in a published bucket: one per product, one per cell, and lists of cells and categories above them.

    index.html                                          categories
    products/<category>/index.html                      cells of a category, newest first
    products/<category>/<sku>/index.html, gallery.json  every published picture of a product
    cells/<category>/<drop>.html                        products of a cell

A page is written from what its own cell knows or from the manifest's index, never from all products: a catalog may have a million. They
show what the manifest publishes and nothing else; delivering files is `bucket_channel.py`.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from catalog.errors import StoreBusy
from publishing.bucket import SHORTLY, Bucket, Uploads
from publishing.bucket_manifest import JSON, Index, part_name, read_index
from publishing.gallery import GALLERY_NAME, Gallery
from publishing.page_template import fill_template
from publishing.product_page import PRODUCTS, PagesReport, index_html, product_page_html

CELLS: Final = "cells"
HTML: Final = "text/html; charset=utf-8"

_TURNS = 30
"""Tries to write a page that others write too; each takes well under a second."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One line of a list: where it leads, what it is called, and how many products and files are there."""

    href: str
    title: str
    products: int
    images: int


def write_cell_pages(
    bucket: Bucket,
    category: str,
    drop: str,
    galleries: Iterable[Gallery],
    *,
    complete_for: Collection[str],
    former_categories: Collection[str] = (),
    brand_title: str,
) -> PagesReport:
    """Write the pages of one cell and of its products that have pictures; remove those of products in `complete_for` that have none.

    Products leave their pages under `former_categories` too. A page that would say the same stays untouched.
    """
    shown = sorted((gallery for gallery in galleries if gallery.pictures), key=lambda gallery: gallery.sku)
    wanted: dict[str, tuple[bytes, str]] = {}
    for gallery in shown:
        home = f"{PRODUCTS}/{gallery.category}/{gallery.sku}"
        wanted[f"{home}/index.html"] = product_page_html(gallery, brand_title).encode(), HTML
        wanted[f"{home}/{GALLERY_NAME}"] = gallery.model_dump_json(indent=1).encode(), JSON
    cell_page = f"{CELLS}/{category}/{drop}.html"
    if shown:
        above = {"title": shown[0].category_title, "href": f"../../{PRODUCTS}/{category}/index.html"}
        heading = f"{shown[0].category_title}, {drop}"
        wanted[cell_page] = index_html([shown], brand_title, to_root="../../", heading=heading, above=above).encode(), HTML
    written = _write_changed(bucket, wanted)
    places = {category, *former_categories}
    homes = [f"{PRODUCTS}/{place}/{sku}" for sku in complete_for for place in places]
    candidates = {cell_page, *(f"{home}/{name}" for home in homes for name in ("index.html", GALLERY_NAME))} - wanted.keys()
    gone = sorted(bucket.sizes(candidates))
    if gone:
        bucket.remove(gone)
    removed = sum(path.endswith("/index.html") for path in gone)
    return PagesReport(products=len(shown), files_written=written, pages_removed=removed)


def write_lists(bucket: Bucket, categories: Collection[str], *, titles: Mapping[str, str], brand_title: str) -> int:
    """Write the lists of some categories' cells and the list of categories, from the index as it stands; how many pages were written.

    `titles` are the categories' names for people. Of several writers at once, the last one's page holds what all of them published.
    """
    written = 0
    for category in sorted(categories):
        heading, path = titles.get(category) or category, f"{PRODUCTS}/{category}/index.html"
        written += _write_from_index(bucket, path, partial(_category_html, category=category, heading=heading, brand_title=brand_title))
    return written + _write_from_index(bucket, "index.html", partial(_catalog_html, titles=titles, brand_title=brand_title))


def _write_changed(bucket: Bucket, wanted: Mapping[str, tuple[bytes, str]]) -> int:
    """Write the files that are not there with exactly these bytes; how many."""
    paths = sorted(wanted)
    stale = [path for path, data in zip(paths, bucket.read_many(paths), strict=True) if data != wanted[path][0]]
    with Uploads() as uploads:
        for path in stale:
            data, media_type = wanted[path]
            uploads.start(partial(bucket.write, path, data, media_type, SHORTLY))
    return len(stale)


def _write_from_index(bucket: Bucket, path: str, page_of: Callable[[Index], str]) -> int:
    """Write a page that the index alone decides; 1 if it was written, 0 if it says so already.

    The index is read after the page's version: whoever published since then writes the page too, and only one of both succeeds.
    """
    for turn in range(_TURNS):
        standing = bucket.read_version(path)
        html = page_of(read_index(bucket)[0]).encode()
        if standing is not None and standing[0] == html:
            return 0
        if bucket.replace(path, html, None if standing is None else standing[1], HTML, SHORTLY):
            return 1
        time.sleep(random.uniform(0.0, min(1.0, 0.05 * 2**turn)))
    raise StoreBusy(f"{bucket.name}/{path} was written by others {_TURNS} times in a row. Pictures and manifest are in place; run again.")


def _category_html(index: Index, *, category: str, heading: str, brand_title: str) -> str:
    drops = sorted((name.rsplit("/", 1)[1] for name in index.parts if name.rsplit("/", 1)[0] == category), reverse=True)
    parts = [(drop, index.parts[part_name(category, drop)]) for drop in drops]
    lines = [
        _Line(href=f"../../{CELLS}/{category}/{drop}.html", title=drop, products=part.products, images=part.images)
        for drop, part in parts
        if part.images
    ]
    return _list_html(lines, heading, brand_title, to_root="../../")


def _catalog_html(index: Index, *, titles: Mapping[str, str], brand_title: str) -> str:
    products, images = Counter[str](), Counter[str]()
    for name, part in index.parts.items():
        category = name.rsplit("/", 1)[0]
        products[category] += part.products
        images[category] += part.images
    lines = [
        _Line(
            href=f"{PRODUCTS}/{category}/index.html",
            title=titles.get(category) or category,
            products=products[category],
            images=images[category],
        )
        for category in sorted(images, key=lambda name: titles.get(name) or name)
        if images[category]
    ]
    return _list_html(lines, brand_title, brand_title, to_root="")


def _list_html(lines: list[_Line], heading: str, brand_title: str, *, to_root: str) -> str:
    return fill_template(
        "cells.html.j2",
        styles=("tokens.css", "gallery.css"),
        title=f"{heading} · {brand_title}" if to_root else f"{brand_title} galleries",
        brand_title=brand_title,
        heading=heading,
        lines=lines,
        to_root=to_root,
        products=sum(line.products for line in lines),
        images=sum(line.images for line in lines),
    )
