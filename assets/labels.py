"""Labels for the rules, gathered from what people decided: which render is good or bad for which rule, and what nobody said.

* An approval says that the gate's reasons are none: the picture is good for every rule that measured it, whether it spoke or not.
* A rejection is bad for the rules whose reasons the reviewer saw or, where a fault was named, for the rule that measures it; it says nothing
  about the others, which nobody asked about (`blamed_rules.py`). Each bad label knows whether another rule might have been meant.
* A waiver says that the reason is right and set aside for this picture: neither a false alarm nor a fault to catch. It labels nothing.
* Asking for another picture labels nothing, and what was taken back does not count.

Only measurements of the present version count. The arithmetic is `quality/calibration.py`.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa

from assets.blamed_rules import blamed_columns
from assets.decisions import standing
from assets.faults import IN_WORDS, columns_of_fault
from assets.planning import rules_in_force
from assets.review_samples import Drawn, drawn_samples
from assets.stored_measurements import known_measurements
from catalog.verdict import Verdict
from quality.calibration import RuleLabels
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

    @property
    def is_good(self) -> bool:
        """Whether a person approved the picture."""
        return bool(self.by["action"] == "approve")


@dataclass(kw_only=True)
class RecipeLabels:
    """What people decided about one recipe's renders."""

    recipe: str
    rules: tuple[Rule, ...]
    decided: list[Decided] = field(default_factory=list)
    drawn: Drawn | None = None
    """The newest sample of approved renders that was drawn for review; None: there was none."""

    def of_rule(self, rule: Rule) -> RuleLabels:
        """The labels of one rule: of pictures it applies to and measured."""
        rows = []
        for one in self.decided:
            blamed, value = self.blamed(one), one.columns.get(rule.column)
            bad = rule.column in blamed
            if (
                not (bad or one.is_good)
                or not isinstance(value, (int, float))
                or not math.isfinite(value)
                or not rule.applies_to(one.columns)
            ):
                continue
            rows.append((float(value), bad, one.is_drawn, one.was_approved and not one.is_drawn, len(blamed) == 1, one.by["sku"]))
        value, bad, drawn, found, alone, product = zip(*rows, strict=True) if rows else ((),) * 6
        return RuleLabels(
            value=np.array(value, dtype=np.float64), is_bad=np.array(bad, dtype=bool), is_drawn=np.array(drawn, dtype=bool),
            is_found=np.array(found, dtype=bool), is_alone=np.array(alone, dtype=bool), product=np.array(product, dtype=np.str_),
        )  # fmt: skip

    def blamed(self, one: Decided) -> frozenset[str]:
        """The columns of the rules that a picture is bad for; none for one that was not rejected."""
        if one.by["action"] != "reject":
            return frozenset()
        return blamed_columns(one.by, one.columns, self.rules, self._good, columns_of_fault, IN_WORDS)

    @cached_property
    def _good(self) -> dict[str, list[float]]:
        values: dict[str, list[float]] = defaultdict(list)
        for one in self.decided:
            for name, value in one.columns.items() if one.is_good else ():
                if isinstance(value, (int, float)) and math.isfinite(value):
                    values[name].append(value)
        return values

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
    rules = {recipe.name: rules_in_force(project, recipe).rules for recipe in project.recipes}
    labels = {name: RecipeLabels(recipe=name, rules=rules[name], drawn=drawn.get(name)) for name in names}
    counts: Counter[str] = Counter()
    for by in _in_order(held.values()):
        if by["recipe"] not in labels:
            counts["of another recipe"] += 1
        elif by["render_key"] not in measured:
            counts["not measured by the present version"] += 1
        else:
            mine = labels[by["recipe"]]
            is_drawn = mine.drawn is not None and by["render_key"] in mine.drawn.render_keys and by["gate_verdict"] == Verdict.APPROVED
            mine.decided.append(Decided(by=by, columns=measured[by["render_key"]], is_drawn=is_drawn))
    counts.update(_kind(mine, one) for mine in labels.values() for one in mine.decided)
    return Labels(by_recipe=labels, counts=counts)


def _in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: int(row["id"]))


def _kind(mine: RecipeLabels, one: Decided) -> str:
    action = one.by["action"]
    if action not in LABELING:
        return "waived" if action == "waive" else "another picture asked for"
    if one.is_good:
        return "good"
    return "bad" if mine.blamed(one) & {rule.column for rule in mine.rules} else "bad, of no rule there is"
