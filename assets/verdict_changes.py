"""What judging again changes: verdicts that flip, the rules that do it, how barely, and the published pictures it adds or takes back.

Adds up cells from `rejudging.py`; writes nothing.
"""

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from assets.planning import WantedRender, rules_in_force, skus_of_cell
from assets.published_images import published_keys
from assets.published_place import Shown
from assets.rejudging import RejudgedCell
from assets.shelf import shelf_images
from assets.standing_verdicts import Standing
from catalog.verdict import Verdict
from quality.gate import UNMEASURED
from quality.margins import Margin, deciding_margin, margins_of
from resources.ledger import Row
from resources.project import Project

EXAMPLES = 3
"""Renders named per recipe and kind of flip: the barest ones."""

NEW = "not judged"
"""In place of the verdict that stood, where there was none."""

_ORDER = {Verdict.APPROVED: 0, Verdict.REVIEW: 1, Verdict.REJECTED: 2}

Flip = tuple[str, str, str, str]
"""Recipe, category, verdict that stood, verdict by the present rules."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One render whose verdict flips, with the rule that decided and how near to its bound the render is."""

    sku: str
    variant: str
    render_key: str
    recipe: str
    category: str
    before: str
    after: str
    decided_by: Margin | None
    reasons: tuple[str, ...]
    """By the present rules, in words."""

    @property
    def nearness(self) -> float:
        """How far from its bound, whichever side; infinite where no number says so."""
        return abs(self.decided_by.margin) if self.decided_by and self.decided_by.margin is not None else float("inf")

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(kw_only=True)
class Cause:
    """One rule that makes verdicts milder or harder: of how many renders, what they measured, what was and is required."""

    recipe: str
    code: str
    harder: bool
    renders: int = 0
    was_required: str | None = None
    required: str | None = None
    measured: list[float] = field(default_factory=list)
    """Least and largest value among the renders; empty where none is a number."""

    def add(self, reason: Mapping[str, Any]) -> None:
        """Count a render with the reason it got or lost."""
        self.renders += 1
        value = reason.get("measured")
        if isinstance(value, (int, float)):
            self.measured = [min([*self.measured, value]), max([*self.measured, value])]


@dataclass(kw_only=True)
class Publication:
    """Published files that the next run would change; of cells whose brand gate passes."""

    added: int = 0
    withdrawn: int = 0
    replaced: int = 0
    held_cells: list[str] = field(default_factory=list)
    """Cells whose brand gate would fail: nothing of them is published or taken back."""


@dataclass(kw_only=True)
class VerdictChanges:
    """Everything that judging again changes, added up over cells."""

    project: Project
    cells: int = 0
    judged: int = 0
    found: int = 0
    flips: Counter[Flip] = field(default_factory=Counter)
    unchanged: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By recipe and verdict."""
    causes: dict[tuple[str, str, bool], Cause] = field(default_factory=dict)
    examples: dict[tuple[str, str, str], list[tuple[float, str, Example]]] = field(default_factory=dict)
    not_measured: Counter[str] = field(default_factory=Counter)
    not_measured_names: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    publication: Publication = field(default_factory=Publication)

    def __post_init__(self) -> None:
        self._shown = Shown(self.project)

    def add(self, cell: RejudgedCell) -> None:
        """Count one cell."""
        self.cells += 1
        for wanted in cell.not_measured:
            self.not_measured[wanted.variant.recipe] += 1
            if len(self.not_measured_names) < EXAMPLES:
                self.not_measured_names.append(wanted.variant.name)
        if cell.refused:
            self.refused[cell.name] = cell.refused
            return
        self.judged += len(cell.todo)
        self.found += len(cell.found)
        for wanted in (*cell.todo, *cell.found):
            row = cell.verdict_row(wanted.render_key)
            assert row is not None, "it was judged before or just now"
            self._compare(cell, wanted, row)
        self._publication_of(cell)

    def _compare(self, cell: RejudgedCell, wanted: WantedRender, row: Row) -> None:
        old, recipe = cell.standing.get(wanted.render_key), wanted.variant.recipe
        before, after = old.verdict if old else NEW, str(row["verdict"])
        if before == after:
            self.unchanged[recipe, after] += 1
            return
        self.flips[recipe, wanted.category, before, after] += 1
        if old is not None:
            self._note_causes(wanted, old, row)
        self._note_example(cell, wanted, before, row)

    def _note_causes(self, wanted: WantedRender, old: Standing, row: Row) -> None:
        """The reasons that came, where the verdict is harder now; those that went, where it is milder."""
        harder = _ORDER[Verdict(row["verdict"])] > _ORDER[Verdict(old.verdict)]
        got, other = (row["reasons"], old.reasons) if harder else (old.reasons, row["reasons"])
        shared = {(reason["code"], reason["severity"]) for reason in other}
        rules = {rule.code: rule for rule in rules_in_force(self.project, wanted.recipe).rules}
        for reason in got:
            if (reason["code"], reason["severity"]) in shared:
                continue
            key = wanted.variant.recipe, reason["code"], harder
            cause = self.causes.setdefault(key, Cause(recipe=key[0], code=key[1], harder=harder))
            cause.add(reason)
            if harder:
                cause.required = reason["required"]
            else:
                rule = rules.get(str(reason["code"]).removesuffix(UNMEASURED))
                cause.was_required, cause.required = reason["required"], rule.review_required if rule else None

    def _note_example(self, cell: RejudgedCell, wanted: WantedRender, before: str, row: Row) -> None:
        columns = cell.measured.get(wanted.render_key)
        margin = deciding_margin(margins_of(columns, rules_in_force(self.project, wanted.recipe))) if columns else None
        named = {"sku": wanted.variant.sku, "variant": wanted.variant.name, "render_key": wanted.render_key}
        where = {"recipe": wanted.variant.recipe, "category": wanted.category, "before": before, "after": str(row["verdict"])}
        words = tuple(reason["message"] for reason in row["reasons"])
        example = Example(**named, **where, decided_by=margin, reasons=words)
        heap = self.examples.setdefault((example.recipe, before, example.after), [])
        heapq.heappush(heap, (-example.nearness, example.variant, example))
        if len(heap) > EXAMPLES:
            heapq.heappop(heap)

    def _publication_of(self, cell: RejudgedCell) -> None:
        project, plan = self.project, cell.plan_after()
        judged = [row for _, row in plan.judged.values() if row is not None]
        approved = sum(row["verdict"] == Verdict.APPROVED for row in judged)
        if judged and approved / len(judged) < project.settings.gate.min_approved_share:
            self.publication.held_cells.append(cell.name)
            return
        skus = set(skus_of_cell(project, plan.category, plan.drop))
        shown = shelf_images(image for image in self._shown.of_cell(plan.category, plan.drop).images.values() if image.sku in skus)
        wanted, standing = (
            {place: key for place, key in keys.items() if project.run.covers(place[2].recipe)}
            for keys in published_keys(project, plan, shown)
        )
        self.publication.added += len(wanted.keys() - standing.keys())
        self.publication.withdrawn += len(standing.keys() - wanted.keys())
        self.publication.replaced += sum(standing.get(place, key) != key for place, key in wanted.items())

    def barest(self) -> list[Example]:
        """The examples, grouped by recipe and flip, the barest first."""
        return [entry[2] for _, heap in sorted(self.examples.items()) for entry in sorted(heap, key=lambda entry: (-entry[0], entry[1]))]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        flips = [
            dict(zip(("recipe", "category", "before", "after"), key, strict=True)) | {"renders": n} for key, n in sorted(self.flips.items())
        ]
        return {
            "cells": self.cells,
            "judged": self.judged,
            "judged_before": self.found,
            "flipped": self.flips.total(),
            "flips": flips,
            "unchanged": [{"recipe": r, "verdict": v, "renders": n} for (r, v), n in sorted(self.unchanged.items())],
            "rules": [asdict(cause) for cause in sorted(self.causes.values(), key=lambda one: (-one.renders, one.recipe, one.code))],
            "examples": [example.as_dict() for example in self.barest()],
            "publication": asdict(self.publication),
            "not_measured": {"renders": self.not_measured.total(), "by_recipe": dict(self.not_measured), "names": self.not_measured_names},
            "at_work": self.refused,
        }
