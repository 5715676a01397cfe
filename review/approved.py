"""Approved renders and neighbors, walked through product by product: a catalog has millions of them, and none is kept here.

A page begins behind the last SKU of the page before and ends with a whole product, so that nothing is counted or sorted for it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from assets.decisions import decisions_on
from assets.planning import NOT_PAUSED
from assets.review_samples import drawn_samples
from resources.ledger import Row
from resources.ledger_tables import product, render
from resources.project import Project
from review.items import Filter, Item, items_of

PRODUCTS_AT_ONCE: Final = 25
MOST_PRODUCTS: Final = 1_000
"""Looked at for one page: two seconds of planning. A filter that finds little ends its page there, and the next one goes on."""

NEIGHBORS: Final = 3
"""Products before and after one, in the order of their SKU, whose same picture is shown beside it."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some approved renders in the order of their SKU; the next page begins behind `last_sku`, '' where there is none."""

    items: list[Item]
    last_sku: str = ""


def approved_page(project: Project, wanted: Filter, after_sku: str, size: int) -> Page:
    """Renders that count as approved and that a filter takes, of products behind a SKU."""
    items: list[Item] = []
    looked = 0
    for batch in _batches(project, wanted, product.c.sku > after_sku):
        for row in batch:
            items += _approved_of(project, wanted, row)
            looked += 1
            if len(items) >= size or looked >= MOST_PRODUCTS:
                return Page(items=items, last_sku=row["sku"])
    return Page(items=items)


def approved_beside(project: Project, wanted: Filter, item: Item) -> tuple[str, str]:
    """The render keys of the approved renders before and after one; '' where there is none."""
    sku, here = item.made["sku"], _place(item)
    ahead = (one.render_key for one in _walk(project, wanted, product.c.sku >= sku) if _place(one) > here)
    behind = (one.render_key for one in _walk(project, wanted, product.c.sku <= sku, backwards=True) if _place(one) < here)
    return next(behind, ""), next(ahead, "")


def drawn_keys(project: Project, wanted: Filter) -> list[str]:
    """Render keys of what was drawn to be looked at (`vitrine calibrate --sample`) and nobody decided about, in the order of their SKU."""
    keys = {key for drawn in drawn_samples(project).values() for key in drawn.render_keys}
    rows = list(project.ledger.by_keys(render, sorted(keys)).values())
    people = decisions_on(project, (row["sku"] for row in rows))
    rows = [row for row in rows if (row["sku"], row["render_digest"]) not in people and _is_wanted(wanted, row)]
    return [row["render_key"] for row in sorted(rows, key=lambda row: (row["sku"], row["recipe"], row["idx"]))]


def _is_wanted(wanted: Filter, row: Row) -> bool:
    if (wanted.category and wanted.category != row["category"]) or (wanted.recipe and wanted.recipe != row["recipe"]):
        return False
    return bool(row["sku"].lower().startswith(wanted.sku.lower()))


def _place(item: Item) -> tuple[str, str, int]:
    return item.made["sku"], item.made["recipe"], item.made["idx"]


def _walk(project: Project, wanted: Filter, where: sa.ColumnElement[bool], *, backwards: bool = False) -> Iterator[Item]:
    looked = 0
    for batch in _batches(project, wanted, where, backwards=backwards):
        for row in batch:
            yield from reversed(_approved_of(project, wanted, row)) if backwards else _approved_of(project, wanted, row)
            looked += 1
            if looked >= MOST_PRODUCTS:
                return


def _approved_of(project: Project, wanted: Filter, row: Row) -> list[Item]:
    found = (item for item in items_of(project, (row["category"], row["drop"]), [row]) if wanted.takes(item))
    return sorted(found, key=_place)


def _batches(project: Project, wanted: Filter, where: sa.ColumnElement[bool], *, backwards: bool = False) -> Iterator[list[Row]]:
    """Products in the order of their SKU, some at a time.

    The beginning of a SKU is compared in lower case, which no index holds: a beginning that few have is looked for through the whole key,
    0.2 CPU-s of a million products (SQLite).
    """
    query = sa.select(product).where(product.c.active, NOT_PAUSED).limit(PRODUCTS_AT_ONCE)
    query = query.order_by(product.c.sku.desc() if backwards else product.c.sku)
    if wanted.category:
        query = query.where(product.c.category == wanted.category)
    if begins := wanted.sku.lower():
        spelled = sa.func.lower(product.c.sku)
        query = query.where(spelled >= begins, spelled < begins + "\U0010ffff")
    while rows := project.ledger.rows(query.where(where)):
        yield rows
        last = rows[-1]["sku"]
        where = product.c.sku < last if backwards else product.c.sku > last


@dataclass(frozen=True, kw_only=True)
class Neighbors:
    """What stands around a render in its cell: the same picture of other products, and other pictures of its own product."""

    of_others: list[Item]
    of_same: list[Item]


def neighbors(project: Project, item: Item) -> Neighbors:
    """Renders of the same cell to compare with: same recipe and number of the products around it, and everything else of its own product."""
    category, drop, sku = item.made["category"], item.drop, item.made["sku"]
    cell = sa.select(product).where(product.c.category == category, product.c.drop == drop, product.c.active, NOT_PAUSED)
    lower = project.ledger.rows(cell.where(product.c.sku < sku).order_by(product.c.sku.desc()).limit(NEIGHBORS))
    upper = project.ledger.rows(cell.where(product.c.sku > sku).order_by(product.c.sku).limit(NEIGHBORS))
    own = project.ledger.rows(cell.where(product.c.sku == sku))
    found: dict[bool, list[Item]] = defaultdict(list)
    for one in items_of(project, (category, drop), [*reversed(lower), *own, *upper]):
        mine = one.made["sku"] == sku
        if one.render_key != item.render_key and (mine or _same_picture(one, item)):
            found[mine].append(one)
    return Neighbors(of_others=sorted(found[False], key=_place), of_same=sorted(found[True], key=_place))


def _same_picture(one: Item, other: Item) -> bool:
    return (one.made["recipe"], one.made["idx"]) == (other.made["recipe"], other.made["idx"])
