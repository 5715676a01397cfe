"""What a cell lacks because workers died over it, and asking for it again: by a person, who gave the workers more memory or mended a driver.

How an item comes to be set aside is `attempts.py`. Begins nothing itself: the cell's next run does.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from assets.attempts import CRASHES, DIED_EACH_TIME
from assets.photo_keys import cutout_key, second_cutout_key
from assets.planning import CellPlan, plan_cell
from resources.ledger import QUERY_CHUNK
from resources.ledger_tables import cutout, judgment, refused_render, settled
from resources.project import Project


def ask_again(project: Project, category: str, drop: str) -> int:
    """Let everything that is set aside in a cell be begun again, as if nobody had tried; how many pictures and photos that is.

    What was refused or rejected for any other reason stays so.
    """
    plan = plan_cell(project, category, drop)
    found = {refused_render: _renders(project, plan), cutout: _cutouts(project, plan), judgment: _judgments(plan)}
    skus = sorted({sku for skus in found.values() for sku in skus.values()})
    if skus:
        with project.ledger.writing("settled") as connection:
            for table, keys in found.items():
                (key,) = table.primary_key.columns
                for chunk in _chunks(sorted(keys)):
                    connection.execute(sa.delete(table).where(key.in_(chunk)))
            for chunk in _chunks(skus):
                connection.execute(sa.update(settled).where(settled.c.sku.in_(chunk)).values(revision=-1))
    return sum(map(len, found.values()))


def _renders(project: Project, plan: CellPlan) -> dict[str, str]:
    """SKUs by the keys of refusals."""
    rows = project.ledger.by_keys(refused_render, (w.render_key for w in plan.wanted if w.render_key not in plan.judged))
    return {key: row["sku"] for key, row in rows.items() if DIED_EACH_TIME in row["message"]}


def _cutouts(project: Project, plan: CellPlan) -> dict[str, str]:
    """SKUs by the keys of empty cut-outs."""
    refused = [(row["photo_digests"][0], row["sku"]) for row in plan.refused if row["why"] == "cutout"]
    skus = {key: sku for photo, sku in refused for key in (cutout_key(photo), second_cutout_key(project, photo)) if key}
    return {key: skus[key] for key, row in project.ledger.by_keys(cutout, skus).items() if CRASHES in row["reasons"]}


def _judgments(plan: CellPlan) -> dict[str, str]:
    """SKUs by the keys of verdicts."""
    judged = [(made, verdict) for made, verdict in plan.judged.values() if verdict is not None]
    return {verdict["gate_key"]: made["sku"] for made, verdict in judged if any(reason["code"] == CRASHES for reason in verdict["reasons"])}


def _chunks(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + QUERY_CHUNK] for start in range(0, len(keys), QUERY_CHUNK))
