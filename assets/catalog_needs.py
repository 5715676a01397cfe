"""What every cell of a catalog needs: products that were settled alike are counted together, the others are planned one by one.

Costs one query over all products and a full plan of those that changed. Memory holds groups and one batch of products, never the catalog.
Without any marker it gives the same answer, slower.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from assets.expectation import Expectation, expectation_of, read_expectation
from assets.group_needs import ProductNeed, Tried, need_of_settled
from assets.needs import CellNeed, need_of
from assets.planning import NOT_PAUSED, lora_in_use, plan_products
from assets.published_images import publish_differences
from assets.settled import UNKNOWN, WITHDRAWN, settle
from assets.shelf import check_shelf, images_of
from resources.ledger import Row
from resources.ledger_tables import expectation, product, settled
from resources.project import Project

BATCH_PRODUCTS = 500
"""Products planned one by one at a time: some 4,000 renders, a few MB."""

MAX_CONDITIONS = 20
"""Groups of one cell that are asked for by one query; a database bounds how long a condition may be."""

SETTLED_NOW = sa.and_(settled.c.sku == product.c.sku, settled.c.revision == product.c.revision)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Products of one cell that were settled alike; `expectation` None: not settled in their present revision."""

    category: str
    drop: str
    active: bool
    expectation: str | None
    shape: str | None
    tried: str | None
    products: int


@dataclass(kw_only=True)
class _Sum:
    """A cell's need while it is added up."""

    products: int = 0
    to_screen: int = 0
    to_cut_out: int = 0
    to_render: Counter[str] = field(default_factory=Counter)
    to_judge: Counter[str] = field(default_factory=Counter)
    to_publish: int = 0
    why: Counter[str] = field(default_factory=Counter)

    def add_group(self, need: ProductNeed, count: int) -> None:
        for mine, theirs in ((self.to_render, need.to_render), (self.to_judge, need.to_judge), (self.why, need.why)):
            mine.update({name: number * count for name, number in theirs.items()})
        self.to_publish += need.to_publish * count

    def add_planned(self, need: CellNeed) -> None:
        self.to_screen += need.to_screen
        self.to_cut_out += need.to_cut_out
        self.to_publish += need.to_publish
        for mine, theirs in ((self.to_render, need.to_render), (self.to_judge, need.to_judge), (self.why, need.why)):
            mine.update(theirs)


def catalog_needs(project: Project, categories: Iterable[str] | None = None, *, drop: str | None = None) -> list[CellNeed]:
    """What each cell needs, cells without any need included, by category and drop. `drop`: of that drop only.

    Products that turn out to have nothing left to do are marked, so that the next plan passes over them.
    """
    check_shelf(project)
    planner = _Planner(project)
    sums: dict[tuple[str, str], _Sum] = defaultdict(_Sum)
    to_plan: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for group in _groups(project, categories, drop):
        cell = sums[group.category, group.drop]
        cell.products += group.products if group.active else 0
        need = planner.need_of(group)
        if need is None:
            to_plan[group.category, group.drop].append(group)
        else:
            cell.add_group(need, group.products)
    for cell_key, groups in sorted(to_plan.items()):
        for need in planner.plan(*cell_key, groups):
            sums[cell_key].add_planned(need)
    return [_need(category, drop, cell) for (category, drop), cell in sorted(sums.items())]


def _need(category: str, drop: str, cell: _Sum) -> CellNeed:
    counts = {"to_render": cell.to_render, "to_judge": cell.to_judge, "why": cell.why}
    plain = {name: {key: number for key, number in sorted(count.items()) if number} for name, count in counts.items()}
    whole = {name: getattr(cell, name) for name in ("products", "to_screen", "to_cut_out", "to_publish")}
    return CellNeed(category=category, drop=drop, **whole, **plain)


def _groups(project: Project, categories: Iterable[str] | None, drop: str | None) -> Iterator[Group]:
    columns = (product.c.category, product.c.drop, product.c.active, settled.c.expectation, settled.c.shape, settled.c.tried)
    query = sa.select(*columns, sa.func.count().label("products")).select_from(product.outerjoin(settled, SETTLED_NOW)).where(NOT_PAUSED)
    if categories is not None:
        query = query.where(product.c.category.in_(sorted(set(categories))))
    if drop is not None:
        query = query.where(product.c.drop == drop)
    for row in project.ledger.stream(query.group_by(*columns)):
        yield Group(**row)


class _Planner:
    """Looks up what groups were settled under, and plans what cannot be counted."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._now: dict[str, tuple[Expectation, str | None]] = {}
        self._then: dict[str, Expectation | None] = {}
        self._tried: dict[str, Tried] = {}
        self._answers: dict[tuple[Any, ...], ProductNeed | None] = {}

    def need_of(self, group: Group) -> ProductNeed | None:
        """What one product of a group needs; None when its products must be planned one by one."""
        if group.expectation is None:
            return None
        if not group.active:
            return ProductNeed() if group.shape == WITHDRAWN else None
        question = (group.category, group.expectation, group.shape, group.tried)
        if question not in self._answers:
            then = self._expectation(group.expectation)
            now, _ = self._expected(group.category)
            tried = self._tried_under(group.tried or UNKNOWN)
            self._answers[question] = then and need_of_settled(then, now, group.shape or "", tried, group.category)
        return self._answers[question]

    def plan(self, category: str, drop: str, groups: Sequence[Group]) -> Iterator[CellNeed]:
        """Plan the products of some groups of a cell one by one, in batches, and mark those with nothing left to do."""
        expected, lora_digest = self._expected(category)
        parts = [groups[start : start + MAX_CONDITIONS] for start in range(0, len(groups), MAX_CONDITIONS)]
        for rows in (rows for part in parts for rows in self._batches(category, drop, part)):
            active, withdrawn = ([row for row in rows if row["active"] is state] for state in (True, False))
            plan = plan_products(self._project, category, drop, active, lora_digest)
            shown = images_of(self._project, (row["sku"] for row in rows))
            differences = publish_differences(self._project, plan, shown)
            settle(self._project, expected, plan, differences, withdrawn)
            yield need_of(plan, sum(differences.values()))

    def _batches(self, category: str, drop: str, groups: Sequence[Group]) -> Iterator[list[Row]]:
        query = sa.select(product).select_from(product.outerjoin(settled, SETTLED_NOW)).where(NOT_PAUSED)
        query = query.where(product.c.category == category, product.c.drop == drop).order_by(product.c.sku).limit(BATCH_PRODUCTS)
        query = query.where(sa.or_(*(_members(group) for group in groups)))
        last = ""
        while rows := self._project.ledger.rows(query.where(product.c.sku > last)):
            last = rows[-1]["sku"]
            yield rows

    def _expected(self, category: str) -> tuple[Expectation, str | None]:
        if category not in self._now:
            lora_digest = lora_in_use(self._project, category)
            self._now[category] = expectation_of(self._project, category, lora_digest), lora_digest
        return self._now[category]

    def _expectation(self, key: str) -> Expectation | None:
        if key not in self._then:
            row = self._project.ledger.by_keys(expectation, [key]).get(key)
            self._then[key] = read_expectation(row) if row else None
        return self._then[key]

    def _tried_under(self, tried: str) -> Tried:
        if tried not in self._tried:
            keys = [key for key in tried.split(",") if key != UNKNOWN]
            found = [self._expectation(key) for key in keys]
            known = [one for one in found if one is not None]
            self._tried[tried] = Tried(
                variants={name for one in known for keys in one.variants.values() if isinstance(keys, list) for name in keys},
                gates={gate for one in known for gate in one.gates.values()},
                everything=tried == UNKNOWN or len(known) < len(keys),
            )
        return self._tried[tried]


def _members(group: Group) -> sa.ColumnElement[bool]:
    """The condition that picks a group's products out of their cell."""
    is_active = product.c.active if group.active else ~product.c.active
    if group.expectation is None:
        return sa.and_(is_active, settled.c.sku.is_(None))
    alike = (settled.c.expectation == group.expectation, settled.c.shape == group.shape, settled.c.tried == group.tried)
    return sa.and_(is_active, *alike)
