"""The verdicts that a cell stands by: those its last run committed, or the last ones given where it committed none.

Not the verdicts by the present rules, which may be others: the difference is what `rejudging.py` tells.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from resources.ledger import QUERY_CHUNK
from resources.ledger_tables import cell_manifest, judgment
from resources.project import Project


@dataclass(frozen=True)
class Standing:
    """A verdict and its reasons as they were recorded, each reason with code, measured, required and severity."""

    verdict: str
    reasons: list[dict[str, Any]]


def standing_verdicts(project: Project, category: str, drop: str, render_keys: Collection[str]) -> dict[str, Standing]:
    """By render key, the verdict that stands; renders that were never judged are left out."""
    wanted = set(render_keys)
    found = {
        row["render_key"]: Standing(row["verdict"], row["reasons"])
        for row in _committed(project, category, drop)
        if row["render_key"] in wanted
    }
    return {**_last_given(project, sorted(wanted - found.keys())), **found}


def _committed(project: Project, category: str, drop: str) -> list[dict[str, Any]]:
    """The judgments that the cell's manifest names. Not the newest rows: a rule that was put back found its old ones, and wrote none."""
    this = (cell_manifest.c.kind == "judgments", cell_manifest.c.category == category, cell_manifest.c.drop == drop)
    row = project.ledger.one(sa.select(cell_manifest.c.manifest_key).where(*this))
    content = project.store.get_manifest("judgments", row["manifest_key"]) if row else None
    return list(content["judgments"]) if content else []


def _last_given(project: Project, render_keys: list[str]) -> dict[str, Standing]:
    columns = (judgment.c.render_key, judgment.c.verdict, judgment.c.reasons)
    found = {}
    for start in range(0, len(render_keys), QUERY_CHUNK):
        mine = judgment.c.render_key.in_(render_keys[start : start + QUERY_CHUNK])
        for row in project.ledger.rows(sa.select(*columns).where(mine).order_by(judgment.c.judged_at, judgment.c.gate_key)):
            found[row["render_key"]] = Standing(row["verdict"], row["reasons"])
    return found
