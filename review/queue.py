"""What is to be reviewed: renders of which the gate, by the present rules, does not approve, and what people decided about them.

Which renders those are is asked of the plan, so that the page shows what a run would publish; looked up anew every few seconds. Decisions are
looked up with every page. How it looks is `pages.py`.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import sqlalchemy as sa

from assets.decisions import decided, decisions_on
from assets.planning import NOT_PAUSED, lora_in_use, plan_products, rules_in_force
from catalog.verdict import Reason, Verdict
from resources.ledger import Row
from resources.ledger_tables import decision, judgment, product, render
from resources.project import Project, open_project

LOOKED_UP_EVERY_S: Final = 20.0
"""How old what was judged may be on a page; decisions are never old."""

MAX_PRODUCTS: Final = 2_000
"""Products that are looked up at a time, in the order of their SKU: a day's work of several people, and a second of planning."""

BATCH_PRODUCTS: Final = 500

State = Literal["open", "decided", "all"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One render to review: its rows, and its judgment as it counts now (with `gate_verdict` and `decision` where a person decided)."""

    title: str
    drop: str
    made: Row
    gate: Row
    judged: Row
    photo_digest: str
    changes_product: bool

    @property
    def render_key(self) -> str:
        """Its name in addresses."""
        return str(self.made["render_key"])

    @property
    def by(self) -> Row | None:
        """The decision that holds."""
        return self.judged.get("decision")

    @property
    def verdict(self) -> str:
        """What counts now."""
        return str(self.judged["verdict"])

    @cached_property
    def reasons(self) -> tuple[Reason, ...]:
        """What the gate found, critical first."""
        found = (Reason(**reason) for reason in self.gate["reasons"])
        return tuple(sorted(found, key=lambda reason: (reason.severity != "critical", reason.code)))


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which renders to show; '' everything."""

    category: str = ""
    recipe: str = ""
    reason: str = ""
    state: State = "open"

    def takes(self, item: Item) -> bool:
        """Whether a render is shown."""
        wanted = ((self.category, item.made["category"]), (self.recipe, item.made["recipe"]))
        if any(value and value != mine for value, mine in wanted):
            return False
        if self.reason and self.reason not in {reason.code for reason in item.reasons}:
            return False
        return self.state == "all" or (item.by is None) == (self.state == "open")

    @property
    def query(self) -> dict[str, str]:
        """As parts of an address; what is not asked for is left out."""
        given = {"category": self.category, "recipe": self.recipe, "reason": self.reason, "state": self.state}
        return {name: value for name, value in given.items() if value and (name, value) != ("state", "open")}


@dataclass(frozen=True, kw_only=True)
class Found:
    """Everything to review, in the order it is shown; `products_left_out` are more than are looked up at a time."""

    items: Sequence[Item]
    products_left_out: int = 0

    def shown(self, wanted: Filter) -> list[Item]:
        """What a filter takes."""
        return [item for item in self.items if wanted.takes(item)]

    def counts(self, wanted: Filter) -> dict[str, Counter[str]]:
        """How many renders each choice of a filter would show, the others left as they are."""
        found: dict[str, Counter[str]] = {"category": Counter(), "recipe": Counter(), "reason": Counter(), "state": Counter()}
        for item in self.items:
            if replace(wanted, category="").takes(item):
                found["category"][item.made["category"]] += 1
            if replace(wanted, recipe="").takes(item):
                found["recipe"][item.made["recipe"]] += 1
            if replace(wanted, reason="").takes(item):
                found["reason"].update({reason.code for reason in item.reasons})
            if replace(wanted, state="all").takes(item):
                found["state"].update(["all", "open" if item.by is None else "decided"])
        return found


class ReviewQueue:
    """The renders of one project that are to be reviewed, kept between pages; may be asked by many threads."""

    def __init__(self, project_dir: Path) -> None:
        self._dir = project_dir
        self._lock = threading.Lock()
        self._project = open_project(project_dir)
        self._files = self._seen_files()
        self._found = Found(items=())
        self._looked_at_s = float("-inf")
        self._last_decision = -1

    @property
    def project(self) -> Project:
        """The project as it was last looked at."""
        return self._project

    def found(self) -> Found:
        """What is to be reviewed now."""
        with self._lock:
            if time.monotonic() - self._looked_at_s > LOOKED_UP_EVERY_S:
                self._open_anew_if_changed()
                self._last_decision = _newest_decision(self._project)
                self._found = look_up(self._project)
                self._looked_at_s = time.monotonic()
            elif (newest := _newest_decision(self._project)) != self._last_decision:
                self._found = replace(self._found, items=_with_decisions(self._project, self._found.items, since=self._last_decision))
                self._last_decision = newest
            return self._found

    def item(self, render_key: str) -> Item | None:
        """One render to review."""
        return next((item for item in self.found().items if item.render_key == render_key), None)

    def _open_anew_if_changed(self) -> None:
        files = self._seen_files()
        if files != self._files:  # rules or recipes were edited
            self._project.ledger.engine.dispose()
            self._project, self._files = open_project(self._dir), files

    def _seen_files(self) -> list[tuple[str, int]]:
        settings = self._project.settings
        folder = settings.path(settings.recipes) if settings.recipes else None
        paths = [self._dir / "vitrine.yaml", settings.path(settings.brand_kit), *(sorted(folder.glob("*.yaml")) if folder else ())]
        return [(str(path), path.stat().st_mtime_ns) for path in paths]


def look_up(project: Project) -> Found:
    """Ask the plan for every product of which some render is in doubt, or was decided about."""
    skus, left_out = _doubtful_products(project)
    items = [item for cell, rows in _by_cell(project, skus) for item in _items(project, cell, rows)]
    order = {Verdict.REVIEW: 0, Verdict.REJECTED: 1, Verdict.APPROVED: 2}
    made = ("category", "sku", "recipe", "idx")
    items.sort(key=lambda item: (order[Verdict(item.gate["verdict"])], *(item.made[name] for name in made)))
    return Found(items=items, products_left_out=left_out)


def _doubtful_products(project: Project) -> tuple[list[str], int]:
    digests = {rules_in_force(project, recipe).digest for recipe in project.recipes}
    doubtful = sa.select(render.c.sku).join(judgment, judgment.c.render_digest == render.c.render_digest)
    doubtful = doubtful.where(judgment.c.verdict != str(Verdict.APPROVED), judgment.c.rules_digest.in_(sorted(digests)))
    asked = sa.union(doubtful, sa.select(decision.c.sku)).subquery()
    query = sa.select(product.c.sku).where(product.c.sku.in_(sa.select(asked.c.sku)), product.c.active, NOT_PAUSED)
    skus = [row["sku"] for row in project.ledger.rows(query.order_by(product.c.sku))]
    return skus[:MAX_PRODUCTS], max(0, len(skus) - MAX_PRODUCTS)


def _by_cell(project: Project, skus: Sequence[str]) -> Iterator[tuple[tuple[str, str], list[Row]]]:
    cells: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in project.ledger.by_keys(product, skus).values():
        cells[row["category"], row["drop"]].append(row)
    for cell, rows in sorted(cells.items()):
        for start in range(0, len(rows), BATCH_PRODUCTS):
            yield cell, rows[start : start + BATCH_PRODUCTS]


def _items(project: Project, cell: tuple[str, str], rows: list[Row]) -> Iterator[Item]:
    category, drop = cell
    plan = plan_products(project, category, drop, rows, lora_in_use(project, category))
    for wanted in plan.wanted:
        made, judged = plan.judged.get(wanted.render_key, (None, None))
        if made is None or judged is None:
            continue
        gate = {**judged, "verdict": judged.get("gate_verdict", judged["verdict"])}
        if gate["verdict"] == Verdict.APPROVED and "decision" not in judged:
            continue
        yield Item(
            title=wanted.product.title,
            drop=drop,
            made=made,
            gate={name: value for name, value in gate.items() if name not in ("decision", "gate_verdict")},
            judged=judged,
            photo_digest=wanted.photo_digest,
            changes_product=wanted.recipe.changes_product,
        )


def _newest_decision(project: Project) -> int:
    row = project.ledger.one(sa.select(sa.func.max(decision.c.id).label("id")))
    return int(row["id"] or 0) if row else 0


def _with_decisions(project: Project, items: Iterable[Item], *, since: int) -> list[Item]:
    """The same renders with what was decided after a decision."""
    skus = {row["sku"] for row in project.ledger.rows(sa.select(decision.c.sku).where(decision.c.id > since).distinct())}
    people = decisions_on(project, skus)
    return [replace(i, judged=decided(i.gate, people, i.made) or i.gate) if i.made["sku"] in skus else i for i in items]
