"""Labels for the rules, gathered from what people decided: which render is good or bad for which rule, and what nobody said.

* An approval says that the gate's reasons are none: the picture is good for every rule that measured it, whether it spoke or not.
* A rejection is bad for the rules whose reasons the reviewer saw or, where a fault was named, for the rule that measures it; it says nothing
  about the others, which nobody asked about. Each bad label knows whether another rule might have been meant.
* A waiver says that the reason is right and set aside for this picture: neither a false alarm nor a fault to catch. It labels nothing.
* Asking for another picture labels nothing, and what was taken back does not count.

Only measurements of the present version count. The arithmetic is `quality/calibration.py`.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa

from assets.decisions import standing
from assets.planning import rules_in_force
from assets.review_samples import Drawn, drawn_samples
from assets.stored_measurements import known_measurements
from catalog.verdict import Verdict
from quality.calibration import RuleLabels
from quality.columns import COLUMNS
from quality.rules import Rule
from quality.threshold import Population
from resources.ledger import Row
from resources.ledger_tables import decision
from resources.project import Project

LABELING = ("approve", "reject")
"""Decisions that say good or bad."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A decision that holds, with what was measured of its picture."""

    by: Row
    columns: Mapping[str, Any]
    is_drawn: bool

    @property
    def was_approved(self) -> bool:
        """Whether the gate had approved the picture."""
        return bool(self.by["gate_verdict"] == Verdict.APPROVED)

    def is_bad_for(self, rule: Rule) -> bool | None:
        """Whether the picture is bad for a rule; None where the decision does not say."""
        if self.by["action"] == "approve":
            return False
        if self.by["action"] != "reject":
            return None
        if self.fault in COLUMNS:
            return True if self.fault == rule.column else None
        return True if rule.code in self.by["codes"] else None

    @property
    def fault(self) -> str:
        """What the reviewer said is wrong: the column that should have spoken, or a word; '' where nothing was said."""
        return str(self.by.get("fault") or "")

    @property
    def names_one(self) -> bool:
        """Whether no other rule can have been meant."""
        return self.fault in COLUMNS or len(self.by["codes"]) == 1


@dataclass(kw_only=True)
class RecipeLabels:
    """What people decided about one recipe's renders."""

    recipe: str
    decided: list[Decided] = field(default_factory=list)
    drawn: Drawn | None = None
    """The newest sample of approved renders that was drawn for review; None: there was none."""

    def of_rule(self, rule: Rule) -> RuleLabels:
        """The labels of one rule: of pictures it applies to and measured."""
        rows = []
        for one in self.decided:
            bad, value = one.is_bad_for(rule), one.columns.get(rule.column)
            if bad is None or not isinstance(value, (int, float)) or not math.isfinite(value) or not rule.applies_to(one.columns):
                continue
            rows.append((float(value), bad, one.is_drawn, one.was_approved and not one.is_drawn, one.names_one, one.by["sku"]))
        value, bad, drawn, found, alone, product = zip(*rows, strict=True) if rows else ((),) * 6
        return RuleLabels(
            value=np.array(value, dtype=np.float64), is_bad=np.array(bad, dtype=bool), is_drawn=np.array(drawn, dtype=bool),
            is_found=np.array(found, dtype=bool), is_alone=np.array(alone, dtype=bool), product=np.array(product, dtype=np.str_),
        )  # fmt: skip

    def population(self) -> Population | None:
        """How many renders the labels were drawn from; None where no approved ones were drawn."""
        if self.drawn is None:
            return None
        drawn = sum(one.is_drawn for one in self.decided)
        stopped = sum(not one.was_approved for one in self.decided)
        return Population(
            stopped=max(self.drawn.stopped, stopped), stopped_seen=stopped, approved=max(self.drawn.approved, drawn), approved_seen=drawn
        )


@dataclass(frozen=True, kw_only=True)
class Labels:
    """All labels by recipe, and how many decisions say nothing, by why."""

    by_recipe: Mapping[str, RecipeLabels]
    counts: Counter[str]


def gather_labels(project: Project, recipes: Collection[str] | None = None) -> Labels:
    """Every decision that holds, with the measurements of its picture; `recipes`: only those (None: all the brand kit asks for)."""
    names = [recipe.name for recipe in project.recipes if recipes is None or recipe.name in recipes]
    held = standing(project.ledger.rows(sa.select(decision).order_by(decision.c.id)))
    measured = known_measurements(project, sorted({by["render_key"] for by in held.values()}))
    drawn = drawn_samples(project)
    labels = {name: RecipeLabels(recipe=name, drawn=drawn.get(name)) for name in names}
    counts: Counter[str] = Counter()
    for by in _in_order(held.values()):
        if by["recipe"] not in labels:
            counts["of another recipe"] += 1
        elif by["render_key"] not in measured:
            counts["not measured by the present version"] += 1
        else:
            counts[_kind(by, project)] += 1
            mine = labels[by["recipe"]]
            is_drawn = mine.drawn is not None and by["render_key"] in mine.drawn.render_keys and by["gate_verdict"] == Verdict.APPROVED
            mine.decided.append(Decided(by=by, columns=measured[by["render_key"]], is_drawn=is_drawn))
    return Labels(by_recipe=labels, counts=counts)


def _in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: int(row["id"]))


def _kind(by: Row, project: Project) -> str:
    if by["action"] == "approve":
        return "good"
    if by["action"] == "waive":
        return "waived"
    if by["action"] not in LABELING:
        return "another picture asked for"
    recipe = next(recipe for recipe in project.recipes if recipe.name == by["recipe"])
    rules = rules_in_force(project, recipe).rules
    one = Decided(by=by, columns={}, is_drawn=False)
    return "bad" if any(one.is_bad_for(rule) for rule in rules) else "bad, of no rule there is"
