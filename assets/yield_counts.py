"""How the catalog's numbers are counted: the database adds up what the gate said, and people's decisions are put in place of it.

What each number means is `catalog/yield_numbers.py`. Memory grows with decisions of one chunk and with categories, recipes and days, never
with products.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from assets.decisions import NEW_SEED, VERDICT_OF, Standing, decided, decisions_on
from assets.planning import lora_in_use
from assets.standing_choices import standing_choices
from assets.yield_orders import chosen, orders, standing_renders
from catalog.verdict import Verdict
from catalog.yield_numbers import (
    CatalogNumbers,
    Decided,
    LoraYield,
    Outcome,
    ReasonShare,
    Yield,
    ranked_reasons,
    review_times,
)
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import decision, judgment, lora, product, render, spend
from resources.project import Project

SKUS_PER_LOOK = 2_000
"""Products with decisions looked at together; their renders are in memory for that long."""

GROUPED = ("category", "recipe", "lora_digest", "day")
"""What counts are kept by while they are added up."""


def catalog_numbers(project: Project) -> CatalogNumbers:
    """All numbers of the catalog as the ledger has them now."""
    choices = chosen(project, standing_choices(project))
    cells, by_lora = _standing_yields(project, choices), _by_lora()
    days, category_days, recipe_days = (defaultdict[Any, Yield](Yield) for _ in range(3))
    for (category, recipe, lora_digest, day), outcome, count in outcomes(project, partial(orders, choices=choices)):
        on = dt.date.fromisoformat(str(day))
        for one in (days[on], category_days[category, on], recipe_days[recipe, on], by_lora[category, lora_digest]):
            one.add(outcome, count)
    category_usd = _book(project, cells)
    whole = Yield()
    for one in cells.values():
        whole += one
    whole.usd = sum(category_usd.values())
    reasons, recipe_reasons = standing_reasons(project, choices)
    review, by_category, by_day = review_times(_decisions(project))
    return CatalogNumbers(
        whole=whole,
        cells=cells,
        category_usd=category_usd,
        days=dict(sorted(days.items())),
        category_days=dict(sorted(category_days.items())),
        recipe_days=dict(sorted(recipe_days.items())),
        loras=tuple(_lora_yields(project, by_lora)),
        reasons=reasons,
        recipe_reasons=recipe_reasons,
        review=review,
        review_by_category=by_category,
        review_by_day=by_day,
    )


def standing_yields(project: Project) -> dict[tuple[str, str], Yield]:
    """How the renders that stand came out, by category and recipe; without money."""
    return _standing_yields(project, chosen(project, standing_choices(project)))


def _standing_yields(project: Project, choices: sa.CTE | None) -> dict[tuple[str, str], Yield]:
    cells: dict[tuple[str, str], Yield] = defaultdict(Yield)
    for (category, recipe, _, _), outcome, count in outcomes(project, partial(standing_renders, project, choices=choices)):
        cells[category, recipe].add(outcome, count)
    return dict(sorted(cells.items()))


def outcomes(project: Project, of: Any) -> Iterator[tuple[tuple[str, str, str, str], Outcome, int]]:
    """Outcomes by category, recipe, LoRA and day, with how many there are; some may be taken out again by a negative count.

    `of` gives the query of rows, of all products or of some: `orders`, or `standing_renders` of this project.
    """
    rows = of().subquery("rows")
    right_at_once = sa.func.coalesce(rows.c.first_verdict == str(Verdict.APPROVED), sa.false()).label("first_pass")
    by = [rows.c[name] for name in GROUPED]
    query = sa.select(*by, rows.c.gate_verdict, right_at_once, sa.func.count().label("count")).group_by(
        *by, rows.c.gate_verdict, sa.text("first_pass")
    )
    for row in project.ledger.stream(query):
        verdict = Verdict(row["gate_verdict"])
        outcome = Outcome(gate_verdict=verdict, verdict=verdict, first_pass=bool(row["first_pass"]))
        yield (row["category"], row["recipe"], row["lora_digest"], row["day"]), outcome, row["count"]
    for skus, first, last in _decided_products(project):
        people = decisions_on(project, skus)
        theirs = sa.select(decision.c.sku).where(decision.c.sku >= first, decision.c.sku <= last)
        yield from _corrections(project, project.ledger.rows(of(theirs)), people, refused_by_people(project, skus, people))


def _decided_products(project: Project) -> Iterator[tuple[list[str], str, str]]:
    after = ""
    while True:
        query = sa.select(decision.c.sku).where(decision.c.sku > after).distinct().order_by(decision.c.sku).limit(SKUS_PER_LOOK)
        skus = [row["sku"] for row in project.ledger.rows(query)]
        if not skus:
            return
        yield skus, skus[0], skus[-1]
        after = skus[-1]


def _corrections(
    project: Project, rows: list[Row], people: Standing, refused: set[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str, str, str], Outcome, int]]:
    """What people changed: each decided render taken out as the gate had it, and put in as it holds."""
    touched = people.keys() | refused
    rows = [row for row in rows if (row["sku"], row["render_digest"]) in touched or (row["sku"], row["first_digest"]) in touched]
    judged = project.ledger.by_keys(judgment, (row["gate_key"] for row in rows))
    for row in rows:
        key = (row["category"], row["recipe"], row["lora_digest"], row["day"])
        gate, at_once = Verdict(row["gate_verdict"]), row["first_verdict"] == Verdict.APPROVED
        held = decided(judged[row["gate_key"]], people, row) or {}
        yield key, Outcome(gate_verdict=gate, verdict=gate, first_pass=at_once), -1
        yield (
            key,
            Outcome(
                gate_verdict=gate,
                verdict=Verdict(held["verdict"]),
                first_pass=at_once and (row["sku"], row["first_digest"]) not in refused,
                decided="decision" in held,
            ),
            1,
        )


def refused_by_people(project: Project, skus: Sequence[str], people: Standing) -> set[tuple[str, str]]:
    """Pictures, by SKU and digest, that a person rejected and that still stand so, or asked to be drawn again with another seed."""
    pictures = {picture for picture, by in people.items() if VERDICT_OF.get(by["action"]) is not Verdict.APPROVED}
    taken_back = sa.select(decision.c.undoes).where(decision.c.undoes.is_not(None))
    for start in range(0, len(skus), QUERY_CHUNK):
        asked = (decision.c.action == NEW_SEED, decision.c.sku.in_(skus[start : start + QUERY_CHUNK]), decision.c.id.not_in(taken_back))
        rows = project.ledger.rows(sa.select(decision.c.sku, decision.c.render_digest).where(*asked))
        pictures |= {(row["sku"], row["render_digest"]) for row in rows}
    return pictures


def cell_yields(project: Project, rows: Iterable[Row]) -> dict[str, Yield]:
    """Yields by recipe of one cell's renders, given as `judge_cell` returns them: with the verdict that holds, and the gate's where another."""
    rows = list(rows)
    skus, first = sorted({row["sku"] for row in rows}), dict[tuple[Any, ...], Row]()
    for start in range(0, len(skus), QUERY_CHUNK):
        some = sa.select(product.c.sku).where(product.c.sku.in_(skus[start : start + QUERY_CHUNK]))
        for row in project.ledger.rows(orders(some, own_judgments=True)):
            first[_order_of(row)] = row
    refused, yields = refused_by_people(project, skus, decisions_on(project, skus)), defaultdict[str, Yield](Yield)
    for row in rows:
        order = first.get(_order_of(row))
        at_once = order is not None and order["first_verdict"] == Verdict.APPROVED
        yields[row["recipe"]].add(
            Outcome(
                gate_verdict=Verdict(row.get("gate_verdict", row["verdict"])),
                verdict=Verdict(row["verdict"]),
                first_pass=at_once and order is not None and (row["sku"], order["first_digest"]) not in refused,
                decided="decision" in row,
            )
        )
    return dict(sorted(yields.items()))


def _order_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["sku"], row["recipe"], row["idx"], row["cutout_digest"], row["lora_digest"] or "")


def standing_reasons(project: Project, choices: sa.CTE | None) -> tuple[tuple[ReasonShare, ...], dict[str, tuple[ReasonShare, ...]]]:
    """The gate's reasons against renders that stand, ranked: of all, and by recipe. What people decided about them changes nothing here."""
    rows = standing_renders(project, choices=choices).subquery("rows")
    held = sa.select(rows.c.sku, rows.c.recipe, rows.c.idx, judgment.c.reasons, judgment.c.gate_key)
    held = held.join(judgment, judgment.c.gate_key == rows.c.gate_key).where(rows.c.gate_verdict != str(Verdict.APPROVED))
    listed = held.subquery("held")
    each, code, message = _reasons_of(project, listed.c.reasons)
    renders = sa.func.count(sa.distinct(listed.c.sku + "|" + sa.cast(listed.c.idx, sa.String)))
    query = sa.select(listed.c.recipe, code.label("code"), sa.func.min(message).label("message"), renders.label("count"))
    counted = project.ledger.rows(query.select_from(listed.join(each, sa.true())).group_by(listed.c.recipe, code))
    held_back = {row["recipe"]: row["count"] for row in project.ledger.rows(
        sa.select(listed.c.recipe, sa.func.count().label("count")).group_by(listed.c.recipe)
    )}  # fmt: skip
    words = {row["code"]: row["message"] for row in counted}
    by_recipe: dict[str, Counter[str]] = defaultdict(Counter)
    for row in counted:
        by_recipe[row["recipe"]][row["code"]] += row["count"]
    whole = sum(by_recipe.values(), Counter[str]())
    ranked = {recipe: ranked_reasons(counts, words, held_back[recipe]) for recipe, counts in sorted(by_recipe.items())}
    return ranked_reasons(whole, words, sum(held_back.values())), ranked


def _reasons_of(project: Project, reasons: sa.ColumnElement[Any]) -> tuple[Any, sa.ColumnElement[str], sa.ColumnElement[str]]:
    """The reasons of a row as rows of their own, and their code and message, in the words of this database."""
    if project.ledger.on_postgres:
        each = sa.func.json_array_elements(reasons).table_valued("value", joins_implicitly=True).alias("each")
        value = sa.type_coerce(each.c.value, sa.JSON)
        return each, value["code"].as_string(), value["message"].as_string()
    each = sa.func.json_each(reasons).table_valued("value", joins_implicitly=True).alias("each")
    return each, sa.func.json_extract(each.c.value, "$.code"), sa.func.json_extract(each.c.value, "$.message")


def _decisions(project: Project) -> Iterator[Decided]:
    query = sa.select(decision.c.reviewer, decision.c.at, decision.c.category).order_by(decision.c.at, decision.c.id)
    return (Decided(**row) for row in project.ledger.stream(query))


def _book(project: Project, cells: dict[tuple[str, str], Yield]) -> dict[str, float]:
    """Put what was booked to recipes into the cells; return all money by category."""
    category_usd: dict[str, float] = defaultdict(float)
    query = sa.select(spend.c.category, spend.c.recipe, sa.func.sum(spend.c.usd).label("usd")).group_by(spend.c.category, spend.c.recipe)
    for row in project.ledger.rows(query):
        category_usd[row["category"]] += row["usd"]
        if row["recipe"] is not None:
            cells.setdefault((row["category"], row["recipe"]), Yield()).usd += row["usd"]
    return dict(category_usd)


def lora_yields_of(project: Project, category: str) -> list[LoraYield]:
    """How the scenes of each version of one category's LoRA came out, oldest first."""

    ours = sa.select(render.c.sku).where(render.c.category == category)
    choices = chosen(project, standing_choices(project, ours))

    def theirs(skus: sa.Select[Any] | None = None) -> sa.Select[Any]:
        return orders(ours if skus is None else skus, choices=choices)

    found = _by_lora()
    for (owner, _, lora_digest, _), outcome, count in outcomes(project, theirs):
        found[owner, lora_digest].add(outcome, count)
    return [one for one in _lora_yields(project, found) if one.category == category]


def cell_usd(project: Project, category: str, drop: str) -> float:
    """What a cell has cost so far, failed and rejected work included; training is its category's, and not in it."""
    this = (spend.c.category == category, spend.c.drop == drop)
    row = project.ledger.one(sa.select(sa.func.sum(spend.c.usd).label("usd")).where(*this))
    return float(row["usd"] or 0.0) if row else 0.0


def _by_lora() -> dict[tuple[str, str], Yield]:
    return defaultdict(Yield)


def _lora_yields(project: Project, found: Mapping[tuple[str, str], Yield]) -> Iterator[LoraYield]:
    versions: Counter[str] = Counter()
    in_use: dict[str, str | None] = {}
    query = sa.select(lora.c.category, lora.c.lora_digest, lora.c.made_at).order_by(lora.c.category, lora.c.made_at, lora.c.key)
    for row in project.ledger.rows(query):
        category, name = row["category"], row["lora_digest"]
        versions[category] += 1
        if category not in in_use:
            in_use[category] = lora_in_use(project, category)
        yields = found.get((category, name), Yield())
        yield LoraYield(
            category=category,
            version=versions[category],
            lora_digest=name,
            made_at=row["made_at"],
            in_use=name == in_use[category],
            outcomes=yields,
        )
