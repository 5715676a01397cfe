"""What people's decisions say about one rule: how well its measurement tells good from bad, what its bounds do, which bounds would do better.

Values in, values out. Where labels come from is `assets/labels.py`; the arithmetic of one bound is `threshold.py`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from quality.roc import Area
from quality.rules import Rule
from quality.threshold import HeldOut, Population, Rates, Scores, choose, held_out, outer_bound, rates_of

Side = Literal["min", "max"]

MIN_LABELS = 50
"""Labeled renders below which a rule is left alone."""

MIN_OF_EACH = 10
"""Good and bad ones among them, each. With ten bad ones and none missed, the miss rate may still be 28 %."""

MIN_PRODUCTS = 10
"""Products that the labels must be of: variants of one product share its photo and its faults."""

MIN_DRAWN = 50
"""Approved renders, drawn by chance and looked at, from which on the miss rate is one of all renders and not of those that were stopped."""


@dataclass(frozen=True, kw_only=True)
class RuleLabels:
    """Labels of one rule, one entry per render in each array; how they come about is told in `assets/labels.py`."""

    value: npt.NDArray[np.float64]
    is_bad: npt.NDArray[np.bool_]
    is_drawn: npt.NDArray[np.bool_]
    """Approved by the gate and drawn by chance to be looked at."""
    is_found: npt.NDArray[np.bool_]
    """Approved by the gate and decided about without having been drawn: known, but nobody knows how many others there are."""
    is_alone: npt.NDArray[np.bool_]
    """Of bad ones: no other rule spoke, so that the fault is surely this rule's."""
    product: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return int(self.value.size)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked of a bound: at most so many bad renders missed (0..1), by the estimate or, `confident`, by its upper 95 % limit."""

    max_missed: float = 0.02
    confident: bool = False


@dataclass(frozen=True, kw_only=True)
class SideCalibration:
    """One side of a rule: labels, ROC, and what the present and the proposed bounds do. Bounds are measured values."""

    side: Side
    good: int
    bad: int
    bad_alone: int
    found: int
    of_population: bool
    """Whether rates are those of all renders; otherwise misses are a lower bound, false alarms an upper one."""
    area: Area | None = None
    present: float | None = None
    """What passes without a person looking."""
    now: Rates | None = None
    proposed: float | None = None
    then: Rates | None = None
    held_out: HeldOut | None = None
    outer: float | None = None
    """Beyond it the render is rejected; between both a person looks. None: no such band."""
    why_not: str = ""
    """Why nothing is proposed, in words."""
    scores: Scores | None = None

    @property
    def is_changed(self) -> bool:
        """Whether something is proposed."""
        return self.proposed is not None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(replace(self, scores=None)) | {"is_changed": self.is_changed}


@dataclass(frozen=True, kw_only=True)
class RuleCalibration:
    """One rule of one recipe: its labels and what follows for each side it bounds."""

    rule: Rule
    labels: int
    products: int
    why_not: str = ""
    sides: tuple[SideCalibration, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Whether something is proposed."""
        return any(side.is_changed for side in self.sides)

    @property
    def proposal(self) -> dict[str, float]:
        """The proposed bounds by name (`min`, `review_min`, `review_max`, `max`); of a side that changes, all of them."""
        bounds: dict[str, float] = {}
        for side in self.sides:
            if side.proposed is not None:
                inner = {f"review_{side.side}": side.proposed} if side.outer is not None else {}
                bounds |= {side.side: side.proposed if side.outer is None else side.outer, **inner}
        return bounds

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        bounds = {name: getattr(self.rule, name) for name in ("min", "review_min", "review_max", "max")}
        return {
            **{"column": self.rule.column, "code": self.rule.code, "severity": self.rule.severity, "present": bounds},
            **{"labels": self.labels, "products": self.products, "why_not": self.why_not, "proposal": self.proposal},
            "sides": [side.as_dict() for side in self.sides],
        }


def calibrate_rule(rule: Rule, labels: RuleLabels, wish: Wish, population: Population | None = None) -> RuleCalibration:
    """What the labels of one rule say. `population`: how many renders they were drawn from; None where nobody drew approved ones.

    A rule without enough labels, or on words, is left alone and says why.
    """
    found = RuleCalibration(rule=rule, labels=len(labels), products=len(np.unique(labels.product)))
    if rule.values is not None:
        return replace(found, why_not="holds words, not numbers: it has no bound to move")
    if len(labels) < MIN_LABELS:
        return replace(found, why_not=f"not enough labels: {len(labels)} of {MIN_LABELS}")
    if found.products < MIN_PRODUCTS:
        return replace(found, why_not=f"its labels are of {found.products} products only, {MIN_PRODUCTS} are needed")
    sides: Sequence[Side] = [side for side in ("min", "max") if getattr(rule, side) is not None]
    told = tuple(_side(rule, side, labels, wish, population) for side in sides)
    if all(side.area is None for side in told):
        good, bad = told[0].good, sum(side.bad for side in told)
        return replace(found, why_not=f"not enough labels of a kind: {good} good and {bad} bad, {MIN_OF_EACH} of each are needed")
    return replace(found, sides=told)


def inner_bound(rule: Rule, side: Side) -> float:
    """What a value may be on one side without a person looking."""
    inner = getattr(rule, f"review_{side}")
    return float(getattr(rule, side) if inner is None else inner)


def _side(rule: Rule, side: Side, labels: RuleLabels, wish: Wish, population: Population | None) -> SideCalibration:
    scores, found = _scores(rule, side, labels, population)
    good, bad = int((~scores.is_bad).sum()), int(scores.is_bad.sum())
    alone = int((labels.is_alone & labels.is_bad & _on_side(rule, side, labels.value)).sum())
    told = SideCalibration(
        side=side, good=good, bad=bad, bad_alone=alone, found=found, of_population=scores.population is not None,
        present=inner_bound(rule, side), scores=scores,
    )  # fmt: skip
    if min(good, bad) < MIN_OF_EACH:
        few = [f"{n} {name}" for n, name in ((good, "good"), (bad, "bad")) if n < MIN_OF_EACH]
        return replace(told, why_not=f"not enough labels of a kind: {' and '.join(few)}, {MIN_OF_EACH} are needed")
    told = replace(told, area=scores.area(), now=rates_of(scores, scores.present))
    assert told.area is not None
    if told.area.low <= 0.5:
        return replace(told, why_not="the measurement does not tell good from bad: moving its bound would be guessing")
    return _with_proposal(rule, told, scores, wish)


def _with_proposal(rule: Rule, told: SideCalibration, scores: Scores, wish: Wish) -> SideCalibration:
    sign = 1.0 if told.side == "max" else -1.0
    choice = choose(scores, wish.max_missed, confident=wish.confident)
    if choice is None:
        return replace(told, why_not=_unreachable(scores, wish))
    keeps = choice.lower <= scores.present < choice.upper
    inner = scores.present if keeps else choice.bound
    # A warning never rejects: it has one bound, and the person always looks.
    outer = outer_bound(scores, inner) if rule.severity == "critical" else inner
    if outer is None:
        outer = max(inner, sign * float(getattr(rule, told.side)))
    in_band = (scores.score > inner) & (scores.score <= outer) & ~scores.is_bad
    outer_now = sign * float(getattr(rule, told.side))
    band_now = (scores.score > scores.present) & (scores.score <= outer_now) & ~scores.is_bad
    if keeps and (not in_band.any() or band_now.any()):
        return replace(told, why_not="the present bound is the one these labels ask for")
    has_band = bool(in_band.any())
    return replace(
        told,
        proposed=sign * inner,
        outer=sign * outer if has_band else None,
        then=rates_of(scores, inner),
        held_out=held_out(scores, wish.max_missed, confident=wish.confident),
    )


def _unreachable(scores: Scores, wish: Wish) -> str:
    wished = f"{wish.max_missed:.3g}".rstrip("0").rstrip(".") if wish.max_missed < 0.001 else f"{100 * wish.max_missed:g} %"
    if wish.confident and scores.population is None:
        needed = int(np.ceil(3.841458820694124 * (1 - wish.max_missed) / max(wish.max_missed, 1e-9)))
        if scores.bad.size < needed:
            return (
                f"{scores.bad.size} bad labels cannot show a miss rate of {wished} with confidence, even with none missed; {needed:,} could"
            )
    return f"no bound misses at most {wished}{' with confidence' if wish.confident else ''} without stopping every labeled render"


def _on_side(rule: Rule, side: Side, value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which values belong to a side: of a rule with two, the half of its range that they lie in."""
    if rule.min is None or rule.max is None:
        return np.ones(value.shape, dtype=bool)
    middle = (rule.min + rule.max) / 2
    return np.asarray(value >= middle if side == "max" else value < middle)


def _scores(rule: Rule, side: Side, labels: RuleLabels, population: Population | None) -> tuple[Scores, int]:
    """The labels of one side as scores, and how many of its bad ones were found without being drawn.

    Those are known misses of the rule and count where no rate of all renders can be told; among rates of all renders they would count twice.
    """
    mine = ~labels.is_bad | _on_side(rule, side, labels.value)
    found = int((mine & labels.is_found & labels.is_bad).sum())
    if population is not None and population.approved_seen < MIN_DRAWN:
        population = None
    if population is not None:
        mine &= ~labels.is_found
    sign = 1.0 if side == "max" else -1.0
    parts = {name: getattr(labels, name)[mine] for name in ("is_bad", "is_drawn", "product")}
    return Scores(score=sign * labels.value[mine], present=sign * inner_bound(rule, side), population=population, **parts), found
