"""What is to be reviewed: renders of which the gate, by the present rules, does not approve, and what people decided about them.

Products are asked about once and again when something about them changed: a decision, a judgment, a recipe, a LoRA. After a decision only its
product is, and the list is mended, not made anew. Many new ones are looked at in portions, so that no page waits for all of them. What one
render is, `items.py`; the list, `found.py`; approved ones, of which there are too many to keep, `approved.py`.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from assets.expectation import expectation_of
from assets.planning import NOT_PAUSED, lora_in_use, rules_in_force
from catalog.errors import SettingsError
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import NOT_APPROVED, decision, judgment, product, render
from resources.project import Project, open_project
from review.found import Found
from review.items import Item, items_of, to_review

LOOKED_UP_EVERY_S: Final = 20.0
"""How old what was judged may be on a page; decisions are never old."""

PORTION: Final = 500
"""Products planned by one page at most, some 2 CPU-ms each; the next page goes on."""

Marker = tuple[Any, ...]
"""What a product's renders depend on: its revision, its doubtful judgments, what is expected of its category."""


@dataclass
class _Looked:
    """What was found about products when they were last looked at, and what changed since it was last listed."""

    markers: dict[str, Marker] = field(default_factory=dict)
    items: dict[str, list[Item]] = field(default_factory=dict)
    _gone: list[Item] = field(default_factory=list)
    _came: list[Item] = field(default_factory=list)
    _listed: Found = field(default_factory=Found)

    def put(self, sku: str, marker: Marker | None, items: list[Item]) -> None:
        """Take down what a product has now; without a marker it has nothing any more."""
        self._gone += self.items.pop(sku, [])
        self.markers.pop(sku, None)
        if marker is not None:
            self.markers[sku], self.items[sku] = marker, items
            self._came += items

    def found(self, left: int) -> Found:
        """Everything, in order; made of what was listed before and of what changed."""
        self._listed = self._listed.changed(self._gone, self._came, left)
        self._gone, self._came = [], []
        return self._listed


class ReviewQueue:
    """The renders of one project that are to be reviewed, kept between pages; may be asked by many threads."""

    def __init__(self, project_dir: Path) -> None:
        self._dir = project_dir
        self._lock = threading.Lock()
        self._project = open_project(project_dir)
        self._files = self._seen_files()
        self._looked = _Looked()
        self._found = Found()
        self._looked_at_s = float("-inf")
        self._last_decision = -1

    @property
    def project(self) -> Project:
        """The project as it was last looked at."""
        return self._project

    def found(self) -> Found:
        """What is to be reviewed now. Raises SettingsError while an edited settings file is wrong."""
        with self._lock:
            old = time.monotonic() - self._looked_at_s > LOOKED_UP_EVERY_S
            newest = _newest_decision(self._project)
            if old:
                self._open_anew_if_changed()
            if old or self._found.left:
                left = look_again(self._project, self._looked)
                self._found, self._last_decision, self._looked_at_s = self._looked.found(left), newest, time.monotonic()
            elif newest != self._last_decision:
                look_at(self._project, self._looked, _decided_since(self._project, self._last_decision))
                self._found, self._last_decision = self._looked.found(0), newest
            return self._found

    def item(self, render_key: str) -> Item | None:
        """One judged render that a run would publish, or withhold, as the ledger has it at this moment."""
        rows = self._project.ledger.by_keys(render, [render_key])
        rows = self._project.ledger.by_keys(product, (row["sku"] for row in rows.values()))
        for row in rows.values():
            if row["active"]:
                found = items_of(self._project, (row["category"], row["drop"]), [row])
                return next((item for item in found if item.render_key == render_key), None)
        return None

    def _open_anew_if_changed(self) -> None:
        files = self._seen_files()
        if files == self._files:
            return
        opened = open_project(self._dir)
        _ = [rules_in_force(opened, recipe) for recipe in opened.recipes]  # raises for what is wrong, before the one in use is let go
        self._project.ledger.engine.dispose()
        self._project, self._files, self._looked = opened, files, _Looked()

    def _seen_files(self) -> list[tuple[str, int]]:
        settings = self._project.settings
        folder = settings.path(settings.recipes) if settings.recipes else None
        paths = [self._dir / "vitrine.yaml", settings.path(settings.brand_kit), *(sorted(folder.glob("*.yaml")) if folder else ())]
        try:
            return [(str(path), path.stat().st_mtime_ns) for path in paths]
        except FileNotFoundError as error:
            raise SettingsError(f"{error.filename} is gone, or is being replaced. Put it back; decisions wait for it.") from error


def look_up(project: Project) -> Found:
    """Everything to review of a project, asked about anew."""
    looked = _Looked()
    while left := look_again(project, looked):
        assert left > 0
    return looked.found(0)


def look_again(project: Project, looked: _Looked, *, portion: int = PORTION) -> int:
    """Ask the plan about products that changed since, at most a portion of them; how many are left."""
    present = _doubtful_products(project)
    for sku in looked.markers.keys() - present.keys():
        looked.put(sku, None, [])
    changed = [sku for sku, marker in sorted(present.items()) if looked.markers.get(sku) != marker]
    _plan_again(project, looked, {sku: present[sku] for sku in changed[:portion]})
    return len(changed[portion:])


def look_at(project: Project, looked: _Looked, skus: Sequence[str]) -> None:
    """Ask the plan about these products alone: somebody decided about them."""
    present = _doubtful_products(project, skus)
    for sku in set(skus) - present.keys():
        looked.put(sku, None, [])
    _plan_again(project, looked, present)


def _plan_again(project: Project, looked: _Looked, present: Mapping[str, Marker]) -> None:
    for cell, rows in _by_cell(project, sorted(present)):
        found: dict[str, list[Item]] = {row["sku"]: [] for row in rows}
        for item in filter(to_review, items_of(project, cell, rows)):
            found[item.made["sku"]].append(item)
        for sku, items in found.items():
            looked.put(sku, present[sku], items)


def _decided_since(project: Project, last: int) -> list[str]:
    """Products about which anything was decided after an entry. Entries get their numbers under one lock, so none comes in behind a later one."""
    return [row["sku"] for row in project.ledger.rows(sa.select(decision.c.sku).where(decision.c.id > last).distinct())]


def _doubtful_products(project: Project, skus: Sequence[str] | None = None) -> dict[str, Marker]:
    """Active products of which some render is in doubt, or was decided about, with what tells whether anything about them changed.

    `skus`: of these only.
    """
    digests = sorted({rules_in_force(project, recipe).digest for recipe in project.recipes})
    pictures = judgment.join(render, render.c.render_digest == judgment.c.render_digest)
    columns = (render.c.sku, sa.func.count().label("n"), sa.func.max(judgment.c.judged_at).label("last"))
    doubtful = sa.select(*columns).select_from(pictures).where(NOT_APPROVED, judgment.c.rules_digest.in_(digests)).group_by(render.c.sku)
    people = sa.select(decision.c.sku).distinct()
    doubts: dict[str, Marker] = {}
    decided: set[str] = set()
    for start in range(0, 1 if skus is None else len(skus), QUERY_CHUNK):
        some = None if skus is None else skus[start : start + QUERY_CHUNK]
        of_renders, of_people = (
            query if some is None else query.where(sku.in_(some)) for query, sku in ((doubtful, render.c.sku), (people, decision.c.sku))
        )
        doubts |= {row["sku"]: (row["n"], row["last"]) for row in project.ledger.rows(of_renders)}
        decided |= {row["sku"] for row in project.ledger.rows(of_people)}
    expected = _kept(lambda category: expectation_of(project, category, lora_in_use(project, category)).key)
    found = {}
    for row in _narrow(project, sorted(doubts.keys() | decided)):
        found[row["sku"]] = (row["revision"], row["drop"], expected(row["category"]), doubts.get(row["sku"]))
    return found


def _kept(ask: Callable[[str], str]) -> Callable[[str], str]:
    known: dict[str, str] = {}

    def answer(category: str) -> str:
        if category not in known:
            known[category] = ask(category)
        return known[category]

    return answer


def _narrow(project: Project, skus: Sequence[str]) -> Iterator[Row]:
    columns = (product.c.sku, product.c.category, product.c.drop, product.c.revision)
    for start in range(0, len(skus), QUERY_CHUNK):
        query = sa.select(*columns).where(product.c.sku.in_(skus[start : start + QUERY_CHUNK]), product.c.active, NOT_PAUSED)
        yield from project.ledger.rows(query)


def _by_cell(project: Project, skus: Sequence[str]) -> Iterator[tuple[tuple[str, str], list[Row]]]:
    cells: Mapping[tuple[str, str], list[Row]] = defaultdict(list)
    for row in project.ledger.by_keys(product, skus).values():
        cells[row["category"], row["drop"]].append(row)
    yield from sorted(cells.items())


def _newest_decision(project: Project) -> int:
    row = project.ledger.one(sa.select(sa.func.max(decision.c.id).label("id")))
    return int(row["id"] or 0) if row else 0
