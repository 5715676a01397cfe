"""Markers on products for which nothing was left to do: which revision, under which expectation, with how many renders.

A cache over rows that are written once and never change. What a marker does not name it does not vouch for: another revision, another
expectation or another published folder, and the product is looked at again. What follows from a marker is `group_needs.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa

from assets.expectation import Expectation, remember_expectation
from assets.own_models import unusable
from assets.planning import NO_PICTURE_FROM, CellPlan, variants_of
from catalog.product import Product
from catalog.verdict import Verdict
from generation.kinds import wears_lora
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import judgment, refused_render, render, settled
from resources.project import Project

REFUSED = "refused"
"""Shape of a product without a usable photo."""

WITHDRAWN = "withdrawn"
"""Shape of a product that left the catalog and of which nothing stands in the published folder."""

UNKNOWN = "?"
"""In place of the expectations a product was ever worked on under: there may have been others."""

MAX_TRIED_CHARACTERS = 400
"""Some two dozen expectations; a product that saw more is looked at one by one when another comes."""

NEVER = -1
"""Revision of a product that was worked on, but never settled."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """Renders of one recipe that a settled product has: wanted, made (the others were refused by the recipe), and approved of these."""

    wanted: int
    made: int
    approved: int


@lru_cache(maxsize=100_000)
def read_shape(shape: str) -> Mapping[str, Made]:
    """The counts by recipe in a shape such as `packshot_white:1/1/1,staged_scene:2/2/1`; none for a product without renders."""
    if shape in (REFUSED, WITHDRAWN, ""):
        return {}
    counts = {}
    for part in shape.split(","):
        recipe, numbers = part.split(":")
        wanted, made, approved = (int(number) for number in numbers.split("/"))
        counts[recipe] = Made(wanted=wanted, made=made, approved=approved)
    return counts


def announce(project: Project, expected: Expectation, skus: Collection[str]) -> None:
    """Say which expectation products are about to be rendered or judged under, before anything is recorded.

    Whoever plans later knows that things made under it may exist, also when the worker is killed.
    """
    remember_expectation(project, expected)
    ordered = sorted(skus)
    for start in range(0, len(ordered), QUERY_CHUNK):
        chunk = ordered[start : start + QUERY_CHUNK]
        known = project.ledger.by_keys(settled, chunk)
        if all(expected.key in row["tried"] or row["tried"] == UNKNOWN for row in known.values()) and len(known) == len(chunk):
            continue
        has_past = _with_renders(project, [sku for sku in chunk if sku not in known])
        rows = [_row(sku, tried=UNKNOWN if sku in has_past else expected.key) for sku in chunk if sku not in known]
        with project.ledger.writing("settled") as connection:
            if rows:
                connection.execute(project.ledger.insert(settled).on_conflict_do_nothing(), rows)
            connection.execute(_append(expected.key, chunk))


def settle(
    project: Project, expected: Expectation, plan: CellPlan, differences: Mapping[str, int], withdrawn: Iterable[Row] = ()
) -> frozenset[str]:
    """Mark the products of a plan, and of its withdrawn rows, for which nothing is left to do; return their SKUs.

    `differences` counts published pictures that would change, by SKU. The plan must have been made under `expected`.
    """
    shapes = _shapes(project, plan, differences)
    revisions = {row["sku"]: row["revision"] for row in plan.rows}
    for row in withdrawn:
        if not differences.get(row["sku"]):
            shapes[row["sku"]], revisions[row["sku"]] = WITHDRAWN, row["revision"]
    skus = sorted(shapes)
    if skus:
        remember_expectation(project, expected)
    for start in range(0, len(skus), QUERY_CHUNK):
        chunk = skus[start : start + QUERY_CHUNK]
        known = project.ledger.by_keys(settled, chunk)
        fresh = [sku for sku in chunk if sku not in known]
        whole_past = _without_other_past(project, plan, fresh)
        values = {sku: {"revision": revisions[sku], "expectation": expected.key, "shape": shapes[sku]} for sku in chunk}
        rows = [_row(sku, tried=expected.key if sku in whole_past else UNKNOWN) for sku in fresh]
        with project.ledger.writing("settled") as connection:
            if rows:
                connection.execute(project.ledger.insert(settled).on_conflict_do_nothing(), rows)
            connection.execute(_append(expected.key, chunk))
            named = {name: sa.bindparam(f"new_{name}") for name in ("revision", "expectation", "shape")}
            update = sa.update(settled).where(settled.c.sku == sa.bindparam("of_sku")).values(**named)
            connection.execute(update, [{"of_sku": sku, **{f"new_{k}": v for k, v in values[sku].items()}} for sku in chunk])
    return frozenset(skus)


def _row(sku: str, *, tried: str) -> Row:
    return {"sku": sku, "revision": NEVER, "expectation": "", "shape": "", "tried": tried}


def _append(key: str, skus: list[str]) -> sa.Update:
    """Add an expectation to those products were worked on under. In one statement, so that two workers lose nothing of each other's."""
    longer = settled.c.tried + sa.literal("," + key)
    full = sa.func.length(settled.c.tried) + len(key) + 1 > MAX_TRIED_CHARACTERS
    added = sa.case((full, sa.literal(UNKNOWN)), else_=longer)
    lacking = sa.and_(settled.c.tried != UNKNOWN, settled.c.tried.not_like(f"%{key}%"))
    return sa.update(settled).where(settled.c.sku.in_(skus), lacking).values(tried=added)


def _shapes(project: Project, plan: CellPlan, differences: Mapping[str, int]) -> dict[str, str]:
    """The shape of each product of a plan that has nothing left to do."""
    at_work = {row["sku"] for row in (*plan.photos_to_screen, *plan.cutouts_to_make)}
    at_work |= {w.variant.sku for w in (*plan.to_render, *plan.to_judge)}
    refused = {row["sku"] for row in plan.refused if row["why"] in NO_PICTURE_FROM}
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for wanted in plan.wanted:
        mine = counts[wanted.variant.sku][wanted.variant.recipe]
        _, judged = plan.judged.get(wanted.render_key, (None, None))
        approved = judged is not None and judged["verdict"] == Verdict.APPROVED
        mine.update(wanted=1, made=int(wanted.render_key in plan.judged), approved=int(approved))
    without_lora = [recipe for recipe in project.recipes if wears_lora(recipe) and plan.lora_digest is None]
    waiting = [*without_lora, *(recipe for recipe in project.recipes if unusable(project, recipe))]
    shapes = {}
    for row in plan.rows:
        sku = row["sku"]
        if sku in at_work or differences.get(sku):
            continue
        for recipe in waiting if sku not in refused else ():
            counts[sku][recipe.name]["wanted"] = variants_of(project, recipe, Product.model_validate(row["attributes"]))
        parts = [f"{name}:{n['wanted']}/{n['made']}/{n['approved']}" for name, n in sorted(counts[sku].items())]
        shapes[sku] = REFUSED if sku in refused else ",".join(parts)
    return shapes


def _with_renders(project: Project, skus: list[str]) -> set[str]:
    found: set[str] = set()
    for table in (render, refused_render):
        if skus:
            query = sa.select(table.c.sku).where(table.c.sku.in_(skus)).distinct()
            found |= {row["sku"] for row in project.ledger.rows(query)}
    return found


def _without_other_past(project: Project, plan: CellPlan, skus: list[str]) -> set[str]:
    """Products whose renders, refusals and judgments in the ledger are all among those the plan wants."""
    if not skus:
        return set()
    wanted = Counter(w.variant.sku for w in plan.wanted)
    judged = Counter(w.variant.sku for w in plan.wanted if plan.judged.get(w.render_key, (None, None))[1] is not None)
    made, verdicts = Counter[str](), Counter[str]()
    for table in (render, refused_render):
        query = sa.select(table.c.sku, sa.func.count().label("n")).where(table.c.sku.in_(skus)).group_by(table.c.sku)
        made.update({row["sku"]: row["n"] for row in project.ledger.rows(query)})
    query = sa.select(render.c.sku, sa.func.count().label("n")).join(judgment, judgment.c.render_key == render.c.render_key)
    verdicts.update({row["sku"]: row["n"] for row in project.ledger.rows(query.where(render.c.sku.in_(skus)).group_by(render.c.sku))})
    return {sku for sku in skus if made[sku] == wanted[sku] and verdicts[sku] == judged[sku]}
