"""Which render and which judgment stand where a product has several that could: asked of the plan, for the few products where that is not plain.

The newest render of a variant is the one that stands, unless a new seed was taken back, or a recipe, a scene or a size went back to a former
state: then an older one stands again, and nothing was written that would say so. Of judgments by the same rules the same holds. Whatever
has one render and one verdict is not looked at.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from assets.planning import NOT_PAUSED, gate_inputs, lora_in_use, plan_products
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import OF_RENDERS, judgment, product, render
from resources.project import Project

PLANNED_AT_ONCE = 500
"""Products planned together: some 4,000 renders, a few MB."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A render that stands, and its judgment by the present rules (None: not judged by them)."""

    render_key: str
    gate_key: str | None


def standing_choices(project: Project, skus: "sa.Select[tuple[str]] | None" = None) -> list[Choice]:
    """The renders and judgments that stand, of active products that have several to choose from; memory and time grow with those.

    `skus`: a query of SKUs, to look only at these.
    """
    found: list[Choice] = []
    for (category, drop), rows in _by_cell(project, sorted(_doubtful(project, skus))).items():
        lora_digest = lora_in_use(project, category)
        for start in range(0, len(rows), PLANNED_AT_ONCE):
            plan = plan_products(project, category, drop, rows[start : start + PLANNED_AT_ONCE], lora_digest)
            for render_key, (_, judged) in plan.judged.items():
                found.append(Choice(render_key=render_key, gate_key=judged["gate_key"] if judged else None))
    return found


def _doubtful(project: Project, skus: "sa.Select[tuple[str]] | None") -> set[str]:
    """Products with several renders of one variant, or with a picture of which the rules in force gave several verdicts."""
    rules = {gate_inputs(project, recipe)["rules_digest"] for recipe in project.recipes}
    several = sa.select(render.c.sku).group_by(render.c.sku, render.c.recipe, render.c.idx).having(sa.func.count() > 1)
    verdicts = sa.func.count(sa.distinct(judgment.c.verdict))
    pictures = sa.select(judgment.c.render_digest).where(OF_RENDERS, judgment.c.rules_digest.in_(rules))
    pictures = pictures.group_by(judgment.c.render_digest, judgment.c.rules_digest).having(verdicts > 1)
    judged = sa.select(render.c.sku).where(render.c.render_digest.in_(pictures))
    found: set[str] = set()
    for query in (several, judged):
        limited = query if skus is None else query.where(render.c.sku.in_(skus))
        found |= {row["sku"] for row in project.ledger.rows(limited)}
    return found


def _by_cell(project: Project, skus: Sequence[str]) -> Mapping[tuple[str, str], list[Row]]:
    cells: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for start in range(0, len(skus), QUERY_CHUNK):
        mine = product.c.sku.in_(skus[start : start + QUERY_CHUNK])
        for row in project.ledger.rows(sa.select(product).where(mine, product.c.active, NOT_PAUSED).order_by(product.c.sku)):
            cells[row["category"], row["drop"]].append(row)
    return cells
