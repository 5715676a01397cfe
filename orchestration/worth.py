"""In which order stale cells are brought up to date: what they are worth to the shop times how long they have waited.

    worth of a cell = weight of its category x mean price of its products x pictures it lacks x days since its drop (1 at least)

Dear products come first, and cheap ones are not forgotten, because their days rise. The same catalog on the same day gives the same order.
Prices are taken as they are: a catalog in several currencies needs `category_weights` to put that right.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from assets.needs import CellNeed
from assets.planning import NOT_PAUSED
from resources.ledger_tables import product
from resources.project import Project

NO_PRICE = 1.0
"""Price of a product in a catalog that gives none: all are worth the same then."""


def ranked(project: Project, needs: Sequence[CellNeed], today: dt.date, weights: Mapping[str, float] | None = None) -> list[CellNeed]:
    """Needs with the worthiest first; of equals the older drop, then the category by name."""
    prices, given = mean_prices(project), weights or {}

    def worth(need: CellNeed) -> float:
        missing = need.renders + need.judgments + need.to_publish
        days = max(1, (today - dt.date.fromisoformat(need.drop)).days)
        return given.get(need.category, 1.0) * prices.get((need.category, need.drop), NO_PRICE) * missing * days

    return sorted(needs, key=lambda need: (-worth(need), need.drop, need.category))


def mean_prices(project: Project) -> dict[tuple[str, str], float]:
    """Mean price of the active products of each cell; products without a price take their catalog's mean."""
    price = sa.cast(product.c.attributes["price"].as_string(), sa.Float)
    query = sa.select(product.c.category, product.c.drop, sa.func.avg(price).label("price")).where(product.c.active, NOT_PAUSED)
    rows = project.ledger.rows(query.group_by(product.c.category, product.c.drop))
    known = [row["price"] for row in rows if row["price"] is not None]
    mean = sum(known) / len(known) if known else NO_PRICE
    return {(row["category"], row["drop"]): mean if row["price"] is None else float(row["price"]) for row in rows}
