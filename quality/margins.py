"""How near a measured render is to the bounds of its rules: computed from the stored measurements, kept nowhere.

Decides nothing; verdicts are `gate.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from quality.rules import Rule, RuleSet


@dataclass(frozen=True, kw_only=True)
class Margin:
    """How far one measured value is inside (positive) or outside (negative) the bound it is nearest to breaking, or broke.

    `margin` is relative to that bound: 0.02 is 2 % of it. None where no number can say so: words, and what was not measured.
    """

    code: str
    column: str
    measured: float | str | None
    required: str
    margin: float | None
    is_broken: bool
    is_critical: bool
    """Of a broken rule: whether it rejects; otherwise a person looks."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def margins_of(columns: Mapping[str, Any], rules: RuleSet) -> list[Margin]:
    """The margin of every rule that applies to a render, from its row of measurements, in the rules' order."""
    return [_margin(rule, columns.get(rule.column)) for rule in rules.rules if rule.applies_to(columns)]


def deciding_margin(margins: Sequence[Margin]) -> Margin | None:
    """The margin that says how barely a verdict was reached; None where a word or something unmeasured decided.

    Of an approved render the smallest. Of another one the largest violation among the rules that decided, since all of those would have to
    give way for a milder verdict.
    """
    broken = [one for one in margins if one.is_broken]
    deciding = [one for one in broken if one.is_critical] or broken
    if any(one.margin is None for one in deciding):
        return None
    numbered = [one for one in deciding or margins if one.margin is not None]
    return min(numbered, key=lambda one: one.margin or 0.0, default=None)


def _margin(rule: Rule, value: float | str | None) -> Margin:
    named: dict[str, Any] = {"code": rule.code, "column": rule.column, "measured": value}
    critical = rule.severity == "critical"
    if value is None:
        return Margin(**named, required=rule.required, margin=None, is_broken=True, is_critical=rule.severity_unmeasured == "critical")
    if rule.values is not None or isinstance(value, str):
        is_broken = rule.values is None or value not in rule.values
        return Margin(**named, required=rule.required, margin=None, is_broken=is_broken, is_critical=critical)
    outer = _nearest(value, rule.min, rule.max)
    if outer < 0:
        return Margin(**named, required=rule.required, margin=outer, is_broken=True, is_critical=critical)
    low = rule.min if rule.review_min is None else rule.review_min
    high = rule.max if rule.review_max is None else rule.review_max
    inner = _nearest(value, low, high)
    return Margin(**named, required=rule.review_required, margin=inner, is_broken=inner < 0, is_critical=False)


def _nearest(value: float, low: float | None, high: float | None) -> float:
    """The smaller of the distances to both bounds, each relative to its bound. A bound of zero has no size: the distance itself counts."""
    above = [] if low is None else [(value - low) / (abs(low) or 1.0)]
    below = [] if high is None else [(high - value) / (abs(high) or 1.0)]
    return min(above + below)
