"""What a cell of the cluster's project holds, in words that tests compare."""

import time
from typing import Any

import sqlalchemy as sa

from resources.ledger_tables import product, publication, render, spend
from resources.project import Project

TODAY = time.strftime("%Y-%m-%d", time.gmtime())


def cell(category: str) -> str:
    """The partition of a category's only cell."""
    return f"{category}|{TODAY}"


def renders(project: Project, category: str) -> dict[str, str]:
    """Render key to the digest of its picture, for one category."""
    rows = project.ledger.rows(sa.select(render).where(render.c.category == category))
    return {row["render_key"]: row["render_digest"] for row in rows}


def drawn(project: Project, category: str) -> int:
    """How many pictures of a category were drawn and paid for; more than there are renders means that one was drawn twice."""
    booked = sa.select(spend.c.item_count).where(spend.c.category == category, spend.c.activity == "render")
    return sum(row["item_count"] for row in project.ledger.rows(booked))


def rendered_at(project: Project, category: str) -> dict[str, Any]:
    """Render key to when it was made."""
    rows = project.ledger.rows(sa.select(render).where(render.c.category == category))
    return {row["render_key"]: row["made_at"] for row in rows}


def pictures(project: Project, category: str) -> list[bytes]:
    """The bytes of a category's renders, each read from the store and checked there."""
    return [project.store.get(digest) for _, digest in sorted(renders(project, category).items())]


def publications(project: Project, category: str) -> dict[str, dict[str, Any]]:
    """What is out of a category, by publish key, without the time."""
    mine = {row["sku"] for row in project.ledger.rows(sa.select(product.c.sku).where(product.c.category == category))}
    rows = project.ledger.rows(sa.select(publication))
    return {row["publish_key"]: {k: v for k, v in row.items() if k != "published_at"} for row in rows if row["sku"] in mine}


def take_in(project: Project, category: str) -> None:
    """Screen a cell's photos and cut them out, here, so that a test of rendering launches no pods for it."""
    from assets.cutouts import cut_out_cell
    from assets.source_photos import screen_cell

    screen_cell(project, category, TODAY)
    cut_out_cell(project, category, TODAY)
