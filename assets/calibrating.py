"""Calibrate every rule from what people decided: evidence per rule, the edits it asks for, and what channels and verdicts make of them.

Changes nothing; writing is the command's. Statistics are `quality/calibration.py`.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from assets.channel_packs import pack_in_force
from assets.labels import gather_labels
from assets.planning import rules_in_force
from catalog.brand_kit import BrandKit
from quality.calibration import RuleCalibration, SideCalibration, Wish, calibrate_rule
from quality.intervals import Estimate
from quality.rule_edits import BoundEdit
from quality.threshold import Population
from resources.project import Project


@dataclass(frozen=True, kw_only=True)
class RecipeCalibration:
    """All rules of one recipe."""

    recipe: str
    rules: tuple[RuleCalibration, ...]
    population: Population | None
    """The renders its labels were drawn from, where approved ones were drawn."""

    @property
    def of_population(self) -> bool:
        """Whether rates are those of all renders."""
        return any(side.of_population for rule in self.rules for side in rule.sides)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What decisions say about the rules of a project."""

    on: dt.date
    wish: Wish
    recipes: tuple[RecipeCalibration, ...]
    counts: Counter[str]
    """Decisions that hold, by what they say."""
    edits: tuple[BoundEdit, ...]
    warnings: tuple[str, ...]
    """What the proposal loosens beyond a channel's own rule, in words."""

    @property
    def rules(self) -> list[tuple[str, RuleCalibration]]:
        """Every rule with its recipe."""
        return [(one.recipe, rule) for one in self.recipes for rule in one.rules]


def calibrate(project: Project, wish: Wish, *, on: dt.date, recipes: Collection[str] | None = None) -> Calibration:
    """Evidence and proposals for every rule of the brand kit's recipes (or some of them), from all decisions that hold."""
    labels = gather_labels(project, recipes)
    by_name = {recipe.name: recipe for recipe in project.recipes}
    found, edits, warnings = [], [], []
    for name, mine in labels.by_recipe.items():
        population = mine.population()
        rules = tuple(calibrate_rule(rule, mine.of_rule(rule), wish, population) for rule in rules_in_force(project, by_name[name]).rules)
        found.append(RecipeCalibration(recipe=name, rules=rules, population=population))
        for rule in rules:
            if rule.is_changed:
                spoken = list(beyond_channels(project, name, rule))
                warnings += spoken
                edits.append(_edit(project.brand_kit, name, rule, on, spoken))
    return Calibration(on=on, wish=wish, recipes=tuple(found), counts=labels.counts, edits=tuple(edits), warnings=tuple(warnings))


def _edit(kit: BrandKit, recipe: str, rule: RuleCalibration, on: dt.date, spoken: list[str]) -> BoundEdit:
    """The brand's entry for a rule with the proposed bounds in it; of the side that stays, what the brand says today."""
    own = kit.rules_of(recipe).get(rule.rule.column)
    entry: dict[str, float | str] = {}
    for side in ("min", "max"):
        changed = any(one.side == side and one.is_changed for one in rule.sides)
        for name in (side, f"review_{side}"):
            value = rule.proposal.get(name) if changed else getattr(own, name, None)
            if value is not None:
                entry[name] = value
    if own is not None and own.severity is not None:
        entry["severity"] = own.severity
    order = ("min", "review_min", "review_max", "max", "severity")
    lines = [line for side in rule.sides if side.is_changed for line in evidence_lines(rule, side, on)]
    return BoundEdit(
        recipe=recipe,
        column=rule.rule.column,
        bounds={name: entry[name] for name in order if name in entry},
        evidence=[*lines, *spoken],
    )


def evidence_lines(rule: RuleCalibration, side: SideCalibration, on: dt.date) -> list[str]:
    """Why a bound is proposed, for the comment above it."""
    assert side.area is not None and side.now is not None and side.then is not None and side.held_out is not None
    before = _band(side.side, getattr(rule.rule, side.side), getattr(rule.rule, f"review_{side.side}"))
    after = _band(side.side, *((side.proposed, None) if side.outer is None else (side.outer, side.proposed)))
    return [
        f"{on}, {before} -> {after}; {side.good} good and {side.bad} bad labels, AUC {side.area.value:.3f} "
        f"({side.area.low:.3f} to {side.area.high:.3f})",
        f"missed {percent(side.now.missed)} -> {percent(side.then.missed)}, held out {100 * side.held_out.missed:.1f} %"
        + ("" if side.of_population else "; of stopped renders only, so at least so many"),
        f"false alarms {percent(side.now.false_alarms)} -> {percent(side.then.false_alarms)}, held out "
        f"{100 * side.held_out.false_alarms:.1f} %" + ("" if side.of_population else "; of stopped renders only, so at most so many"),
    ]


def percent(rate: Estimate) -> str:
    """A rate with its limits."""
    return "unknown" if rate.value is None else f"{100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _band(side: str, outer: float | None, inner: float | None) -> str:
    return f"{side} {outer:g}" + ("" if inner is None else f" (review_{side} {inner:g})")


def beyond_channels(project: Project, recipe: str, rule: RuleCalibration) -> list[str]:
    """Sentences about bounds that would let through what a channel of this recipe refuses, where the present bound did not."""
    told = []
    for channel in project.brand_kit.channels:
        pack = pack_in_force(project, channel)
        if pack is None or recipe not in channel.recipes:
            continue
        for asked in pack.rules:
            if asked.column != rule.rule.column:
                continue
            for side in rule.sides:
                bound = getattr(asked, side.side)
                if bound is None or side.proposed is None or side.present is None:
                    continue
                sign = 1.0 if side.side == "max" else -1.0
                if sign * side.proposed > sign * bound >= sign * side.present:
                    told.append(
                        f"looser than channel {channel.name}: {channel.pack} asks for {asked.required} ({asked.code}), so what this rule then "
                        "passes is refused there"
                    )
    return told


def summary_of(calibration: Calibration) -> Mapping[str, Any]:
    """Plain data for JSON."""
    return {
        "on": calibration.on.isoformat(),
        "max_missed": calibration.wish.max_missed,
        "confident": calibration.wish.confident,
        "decisions": dict(calibration.counts),
        "recipes": [
            {"recipe": one.recipe, "of_population": one.of_population, "rules": [rule.as_dict() for rule in one.rules]}
            for one in calibration.recipes
        ],
        "edits": [
            {"recipe": e.recipe, "column": e.column, "bounds": dict(e.bounds), "evidence": list(e.evidence)} for e in calibration.edits
        ],
        "warnings": list(calibration.warnings),
    }
