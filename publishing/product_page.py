"""Gallery pages in a published folder: one per product, one per category, one for the whole catalog.

    <folder>/index.html                                 categories and their products
    <folder>/products/<category>/index.html             products of a category
    <folder>/products/<category>/<sku>/index.html       every published picture of a product, beside gallery.json

Pages link relatively and need no server. They show what the manifest publishes and nothing else; delivering files is `folder_channel.py`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from catalog.errors import StoreError
from catalog.failpoint import failpoint
from catalog.sentences import clause
from publishing.atomic_file import write_if_changed
from publishing.folder_lock import alone_in
from publishing.gallery import GALLERY_NAME, GALLERY_VERSION, Gallery
from publishing.page_template import fill_template

PRODUCTS: Final = "products"


@dataclass(frozen=True, kw_only=True)
class PagesReport:
    """What writing pages did: product pages that stand, files written new or again, product pages removed."""

    products: int
    files_written: int
    pages_removed: int


def write_product_pages(folder: Path, galleries: Iterable[Gallery], *, complete_for: Collection[str], brand_title: str) -> PagesReport:
    """Write the gallery page and gallery.json of each product that has pictures; remove those of products in `complete_for` that have none.

    A page that would say the same stays untouched. A product that changed its category leaves its former page. Call `write_index_pages`
    afterwards, once for all.
    """
    with alone_in(folder):
        return _write_product_pages(folder, galleries, complete_for, brand_title)


def _write_product_pages(folder: Path, galleries: Iterable[Gallery], complete_for: Collection[str], brand_title: str) -> PagesReport:
    written = products = 0
    kept: set[Path] = set()
    for gallery in galleries:
        if not gallery.pictures:
            continue
        products += 1
        home = folder / PRODUCTS / gallery.category / gallery.sku
        kept.add(home)
        written += write_if_changed(home / "index.html", product_page_html(gallery, brand_title).encode())
        failpoint("pages.page_written")
        written += write_if_changed(home / GALLERY_NAME, gallery.model_dump_json(indent=1).encode())
        failpoint("pages.gallery_written")
    former = [home for sku in complete_for for home in (folder / PRODUCTS).glob(f"*/{sku}") if home not in kept]
    for home in former:
        _remove_page(home)
    return PagesReport(products=products, files_written=written, pages_removed=len(former))


def write_index_pages(folder: Path, *, brand_title: str) -> int:
    """Write the catalog's and each category's index from the gallery.json files that are there; how many pages were written.

    A category without products loses its page. Of several writers at once the last one sees what all of them wrote.
    """
    with alone_in(folder):
        return _write_index_pages(folder, brand_title)


def _write_index_pages(folder: Path, brand_title: str) -> int:
    by_category: dict[str, list[Gallery]] = {}
    for path in sorted((folder / PRODUCTS).glob(f"*/*/{GALLERY_NAME}")):
        gallery = _read_gallery(path)
        by_category.setdefault(gallery.category, []).append(gallery)
    groups = sorted(by_category.values(), key=lambda group: group[0].category_title)
    written = sum(
        write_if_changed(folder / PRODUCTS / group[0].category / "index.html", index_html([group], brand_title, to_root="../../").encode())
        for group in groups
    )
    for page in (folder / PRODUCTS).glob("*/index.html"):
        if page.parent.name not in by_category:
            page.unlink()
            failpoint("pages.index_removed")
    failpoint("pages.category_indexes_written")
    return written + write_if_changed(folder / "index.html", index_html(groups, brand_title, to_root="").encode())


def _read_gallery(path: Path) -> Gallery:
    try:
        return Gallery.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StoreError(
            f"{path} is not a gallery of version {GALLERY_VERSION}: {clause(error.errors()[0]['msg'])}. The index pages are as they were. Remove the "
            "file and publish its product again."
        ) from error


def product_page_html(gallery: Gallery, brand_title: str) -> str:
    """A product's gallery page, as it stands at `products/<category>/<sku>/index.html`: its pictures, the facts, the disclosures."""
    return fill_template(
        "product.html.j2",
        styles=("tokens.css", "gallery.css"),
        title=f"{gallery.title} · {brand_title}",
        brand_title=brand_title,
        gallery=gallery,
        per_recipe=Counter(picture.recipe for picture in gallery.pictures),
        to_root="../../../",
        files=sum(len(picture.files) for picture in gallery.pictures),
    )


def index_html(
    groups: list[list[Gallery]], brand_title: str, *, to_root: str, heading: str | None = None, above: Mapping[str, str] | None = None
) -> str:
    """The page of one category (`to_root` "../../") or of the whole catalog (`to_root` ""). `above`: `title` and `href` of the page between."""
    heading = heading or (groups[0][0].category_title if to_root else brand_title)
    return fill_template(
        "galleries.html.j2",
        styles=("tokens.css", "gallery.css"),
        title=f"{heading} · {brand_title}" if to_root else f"{brand_title} galleries",
        brand_title=brand_title,
        heading=heading,
        groups=groups,
        to_root=to_root,
        above=above,
        to_products=f"{to_root}{PRODUCTS}/",
        pictures=sum(len(gallery.pictures) for group in groups for gallery in group),
        products=sum(len(group) for group in groups),
    )


def _remove_page(home: Path) -> None:
    """Remove a product's page and, when it is empty then, its folder; nothing else that somebody may have put there."""
    for name in ("index.html", GALLERY_NAME):
        (home / name).unlink(missing_ok=True)
        failpoint("pages.page_removed")
    if not any(home.iterdir()):
        home.rmdir()
