"""The queries behind the yield: one row per order or per standing render, with the gate's first and its present verdict.

Everything here is SQL that the database adds up; what the numbers mean is `catalog/yield_numbers.py`, who asks is `yield_counts.py`. A judgment
belongs to a picture's bytes, so that pictures that are equal byte for byte share theirs, whatever render it was recorded for.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from assets.planning import NOT_PAUSED, gate_inputs, lora_in_use
from assets.standing_choices import Choice
from resources.ledger_tables import OF_RENDERS, judgment, product, render
from resources.project import Project

Skus = sa.Select[Any]
"""A query of SKUs: what an answer is limited to."""

_ORDER = (render.c.sku, render.c.recipe, render.c.idx, render.c.cutout_digest, sa.func.coalesce(render.c.lora_digest, ""))
"""What makes an order; another seed or a changed recipe draws it again."""

_FIRST = (render.c.made_at, render.c.render_key)
_LAST = (render.c.made_at.desc(), render.c.render_key.desc())


def orders(skus: Skus | None = None, *, own_judgments: bool = False, choices: sa.CTE | None = None) -> sa.Select[Any]:
    """Every order that was ever judged: its newest render with the last verdict the gate gave it, and how its first render fared.

    `choices`: renders and judgments that stand although others are newer, see `chosen`. `own_judgments`: look only for judgments recorded for
    renders of these products, which an index finds; pictures that are equal to another product's are then left out if they were judged for
    that one.
    """
    newest = _numbered(render.c.category, _ORDER, choices)
    if skus is not None:
        newest = newest.where(render.c.sku.in_(skus))
    gate = _last_of(judgments_of(skus, own=own_judgments))
    return _with_verdicts(newest.subquery("newest"), gate, skus, own_judgments)


def standing_renders(project: Project, skus: Skus | None = None, *, choices: sa.CTE | None = None) -> sa.Select[Any]:
    """The render that stands for each variant of the active products, with its verdict by the rules in force; others are left out.

    It is the newest one drawn with the LoRA in use, or the one among `choices` (see `chosen`). A variant that no recipe asks for any more (a scene taken out of the brand kit) counts
    until its product is drawn anew; the plan, which knows better, looks at each product for that.
    """
    rules = {recipe.name: gate_inputs(project, recipe)["rules_digest"] for recipe in project.recipes}
    newest = (
        _numbered(product.c.category, _ORDER[:3], choices)
        .join(product, product.c.sku == render.c.sku)
        .where(product.c.active, NOT_PAUSED, render.c.recipe.in_(rules))
        .where(sa.or_(render.c.lora_digest.is_(None), render.c.lora_digest.in_(_loras_in_use(project))))
    )
    if skus is not None:
        newest = newest.where(render.c.sku.in_(skus))
    rows = newest.subquery("newest")
    gate = _last_of(judgments_of(skus, own=False).where(judgment.c.rules_digest.in_(set(rules.values()))), per_rules=True)
    in_force = sa.or_(sa.false(), *(sa.and_(rows.c.recipe == name, gate.c.rules_digest == digest) for name, digest in rules.items()))
    return _with_verdicts(rows, gate, skus, False).where(in_force)


def chosen(project: Project, found: Sequence[Choice]) -> sa.CTE | None:
    """Choices as a table that a query can look into, whatever their number; None without any."""
    if not found:
        return None
    pairs = [[one.render_key, one.gate_key] for one in found]
    if project.ledger.on_postgres:
        each = (
            sa.func.json_array_elements(sa.cast(sa.literal(pairs, sa.JSON), sa.JSON))
            .table_valued(sa.column("value", sa.JSON))
            .alias("each")
        )
        columns = [each.c.value[number].as_string() for number in (0, 1)]
    else:
        each = sa.func.json_each(json.dumps(pairs)).table_valued("value").alias("each")
        columns = [sa.cast(sa.func.json_extract(each.c.value, f"$[{number}]"), sa.Text) for number in (0, 1)]
    # Distinct and cast, so that SQLite keeps it as a table with an index, instead of reading all of it for each render.
    return sa.select(columns[0].label("render_key"), columns[1].label("gate_key")).distinct().cte("chosen")


def _numbered(category: sa.Column[Any], each: Sequence[sa.ColumnElement[Any]], choices: sa.CTE | None) -> sa.Select[Any]:
    """Renders numbered within each group (`back`): what was chosen first, then the newest."""
    gate = sa.null() if choices is None else choices.c.gate_key
    last = _LAST if choices is None else (sa.case((choices.c.render_key.is_not(None), 0), else_=1), *_LAST)
    query = sa.select(
        *_RENDER_COLUMNS,
        category,
        sa.func.row_number().over(partition_by=each, order_by=last).label("back"),
        sa.func.first_value(render.c.render_digest).over(partition_by=_ORDER, order_by=_FIRST).label("first_digest"),
        gate.label("chosen_gate"),
    ).select_from(render)
    return query if choices is None else query.outerjoin(choices, choices.c.render_key == render.c.render_key)


_RENDER_COLUMNS = (
    render.c.sku,
    render.c.recipe,
    render.c.idx,
    render.c.cutout_digest,
    sa.func.coalesce(render.c.lora_digest, "").label("lora_digest"),
    render.c.render_digest,
)


def judgments_of(skus: Skus | None, *, own: bool) -> sa.Select[Any]:
    """Judgments of renders, of some products' pictures or of all, without their reasons, which are wide."""
    columns = (judgment.c.render_digest, judgment.c.rules_digest, judgment.c.verdict, judgment.c.judged_at, judgment.c.gate_key)
    query = sa.select(*columns).where(OF_RENDERS)
    if skus is None:
        return query
    name, theirs = (judgment.c.render_key, render.c.render_key) if own else (judgment.c.render_digest, render.c.render_digest)
    return query.where(name.in_(sa.select(theirs).where(render.c.sku.in_(skus))))


def _first_of(found: sa.Select[Any]) -> sa.Subquery:
    order = (judgment.c.judged_at, judgment.c.gate_key)
    return _only_first(_numbered_judgments(found, (judgment.c.render_digest,), order, "first_gate"))


def _last_of(found: sa.Select[Any], *, per_rules: bool = False) -> sa.Subquery:
    each: Sequence[sa.ColumnElement[Any]] = (
        (judgment.c.render_digest, judgment.c.rules_digest) if per_rules else (judgment.c.render_digest,)
    )
    return _numbered_judgments(found, each, (judgment.c.judged_at.desc(), judgment.c.gate_key.desc()), "gate")


def _numbered_judgments(
    found: sa.Select[Any], each: Sequence[sa.ColumnElement[Any]], order: Sequence[sa.ColumnElement[Any]], name: str
) -> sa.Subquery:
    return found.add_columns(sa.func.row_number().over(partition_by=each, order_by=order).label("place")).subquery(f"{name}_numbered")


def _only_first(numbered: sa.Subquery) -> sa.Subquery:
    columns = [column for column in numbered.c if column.name != "place"]
    return sa.select(*columns).where(numbered.c.place == 1).subquery()


def _with_verdicts(rows: sa.Subquery, gate: sa.Subquery, skus: Skus | None, own: bool) -> sa.Select[Any]:
    first = _first_of(judgments_of(skus, own=own))
    columns = [column for column in rows.c if column.name not in ("back", "chosen_gate")]
    holds = sa.case((rows.c.chosen_gate.is_(None), gate.c.place == 1), else_=gate.c.gate_key == rows.c.chosen_gate)
    return (
        sa.select(
            *columns,
            gate.c.gate_key,
            gate.c.verdict.label("gate_verdict"),
            first.c.verdict.label("first_verdict"),
            sa.func.date(sa.func.coalesce(first.c.judged_at, gate.c.judged_at)).label("day"),
        )
        .join(gate, sa.and_(gate.c.render_digest == rows.c.render_digest, holds))
        .outerjoin(first, first.c.render_digest == rows.c.first_digest)
        .where(rows.c.back == 1)
    )


def _loras_in_use(project: Project) -> list[str]:
    found = project.ledger.rows(sa.select(product.c.category).where(product.c.active).distinct())
    digests = (lora_in_use(project, row["category"]) for row in found)
    return [digest for digest in digests if digest is not None]
