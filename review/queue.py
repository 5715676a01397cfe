"""What is to be reviewed: renders of which the gate, by the present rules, does not approve, and what people decided about them.

Products are asked about once and again when something about them changed: a decision, a judgment, a recipe, a LoRA. Many new ones are looked
at in portions, so that no page waits for all of them. What one render is, `items.py`; approved ones, of which there are too many to keep,
`approved.py`.
"""

import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from assets.expectation import expectation_of
from assets.planning import NOT_PAUSED, lora_in_use, rules_in_force
from catalog.errors import SettingsError
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import NOT_APPROVED, decision, judgment, product, render
from resources.project import Project, open_project
from review.items import Filter, Item, Order, items_of, to_review

LOOKED_UP_EVERY_S: Final = 20.0
"""How old what was judged may be on a page; decisions are never old."""

PORTION: Final = 500
"""Products planned by one page at most, some 2 CPU-ms each; the next page goes on."""

Marker = tuple[Any, ...]
"""What a product's renders depend on: its revision, its doubtful judgments, what is expected of its category."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Everything to review, in the order it is shown; `left` products have not been looked at yet."""

    items: Sequence[Item]
    left: int = 0

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


def after(items: Sequence[Item], place: Order) -> Sequence[Item]:
    """What comes behind a place in the queue, whether something stands there or not."""
    return items[bisect_right(items, place, key=lambda item: item.order) :]


def before(items: Sequence[Item], place: Order) -> Sequence[Item]:
    """What comes ahead of a place in the queue."""
    return items[: bisect_left(items, place, key=lambda item: item.order)]


@dataclass
class _Looked:
    """What was found about products when they were last looked at."""

    markers: dict[str, Marker] = field(default_factory=dict)
    items: dict[str, list[Item]] = field(default_factory=dict)

    def found(self, left: int) -> Found:
        flat = [item for items in self.items.values() for item in items]
        return Found(items=sorted(flat, key=lambda item: item.order), left=left)


class ReviewQueue:
    """The renders of one project that are to be reviewed, kept between pages; may be asked by many threads."""

    def __init__(self, project_dir: Path) -> None:
        self._dir = project_dir
        self._lock = threading.Lock()
        self._project = open_project(project_dir)
        self._files = self._seen_files()
        self._looked = _Looked()
        self._found = Found(items=())
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
            if old or newest != self._last_decision or self._found.left:
                left = look_again(self._project, self._looked)
                self._found, self._last_decision, self._looked_at_s = self._looked.found(left), newest, time.monotonic()
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
        looked.markers.pop(sku)
        looked.items.pop(sku, None)
    changed = [sku for sku, marker in sorted(present.items()) if looked.markers.get(sku) != marker]
    for cell, rows in _by_cell(project, changed[:portion]):
        found: dict[str, list[Item]] = {row["sku"]: [] for row in rows}
        for item in filter(to_review, items_of(project, cell, rows)):
            found[item.made["sku"]].append(item)
        looked.items |= found
    looked.markers |= {sku: present[sku] for sku in changed[:portion]}
    return len(changed[portion:])


def _doubtful_products(project: Project) -> dict[str, Marker]:
    """Active products of which some render is in doubt, or was decided about, with what tells whether anything about them changed."""
    digests = sorted({rules_in_force(project, recipe).digest for recipe in project.recipes})
    pictures = judgment.join(render, render.c.render_digest == judgment.c.render_digest)
    columns = (render.c.sku, sa.func.count().label("n"), sa.func.max(judgment.c.judged_at).label("last"))
    query = sa.select(*columns).select_from(pictures).where(NOT_APPROVED, judgment.c.rules_digest.in_(digests)).group_by(render.c.sku)
    doubts: dict[str, Marker] = {row["sku"]: (row["n"], row["last"]) for row in project.ledger.rows(query)}
    decided = {row["sku"] for row in project.ledger.rows(sa.select(decision.c.sku).distinct())}
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
