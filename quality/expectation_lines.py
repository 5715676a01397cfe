"""What Data Docs tell of a suite, from stored measurements: per expectation how many rows it was for, how many did not meet it, and the worst.

The counts are those Great Expectations gives for the same rows (a test holds them equal); no suite runs. How it looks is `gate_page.py`.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quality.rules import Rule, RuleSet, format_measured

WORST_SHOWN = 3
"""Values shown per expectation, the farthest out first."""


@dataclass(frozen=True, kw_only=True)
class ExpectationLine:
    """One rule with what was found: rows it applies to, rows without a value, rows outside its bounds, rows a person looks at."""

    rule: Rule
    evaluated: int
    missing: int
    unexpected: int
    doubtful: int
    """Inside the bounds and outside of what needs no review."""
    worst: tuple[tuple[str, str], ...]
    """Value in words and label of the row, the farthest out first."""
    observed: tuple[str, str, str] | None
    """Least, middle and largest value in words; None for words and for columns without values."""

    @property
    def unexpected_pct(self) -> float:
        """Share of the measured rows that is outside, as Great Expectations counts it; 0 when none was measured."""
        measured = self.evaluated - self.missing
        return 100 * self.unexpected / measured if measured else 0.0

    @property
    def is_met(self) -> bool:
        """Whether every row was measured and lies inside the bounds; rows for review do not count."""
        return not self.missing and not self.unexpected


def expectation_lines(rows: Sequence[Mapping[str, Any]], rules: RuleSet) -> list[ExpectationLine]:
    """A line per rule, in the rules' order; rows have measured columns and `label`. A column that a row lacks counts as not measured."""
    return [_line(rule, rows) for rule in rules.rules]


def _line(rule: Rule, rows: Sequence[Mapping[str, Any]]) -> ExpectationLine:
    mine = [row for row in rows if rule.applies_to(row)]
    values = [(row[rule.column], str(row["label"])) for row in mine if row.get(rule.column) is not None]
    inside, outside = list[tuple[Any, str]](), list[tuple[Any, str]]()
    for one in values:
        (inside if _within(one[0], rule.min, rule.max, rule) else outside).append(one)
    doubtful = [one for one in inside if not _within(one[0], rule.review_min, rule.review_max, rule)]
    worst = sorted(outside or doubtful, key=lambda one: _distance(one[0], rule), reverse=True)[:WORST_SHOWN]
    return ExpectationLine(
        rule=rule,
        evaluated=len(mine),
        missing=len(mine) - len(values),
        unexpected=len(outside),
        doubtful=len(doubtful),
        worst=tuple((format_measured(value, rule.documented, bounds=rule.bounds), label) for value, label in worst),
        observed=_observed(rule, [value for value, _ in values]),
    )


def _within(value: Any, low: float | None, high: float | None, rule: Rule) -> bool:
    if rule.values is not None:
        return value in rule.values
    return (low is None or value >= low) and (high is None or value <= high)


def _distance(value: Any, rule: Rule) -> float:
    """How far a number is from the nearest bound; words are all as far."""
    if isinstance(value, str):
        return 0.0
    return min((abs(value - bound) for bound in rule.bounds if bound is not None), default=0.0)


def _observed(rule: Rule, values: Sequence[Any]) -> tuple[str, str, str] | None:
    if rule.values is not None or not values:
        return None
    low, middle, high = (format_measured(one, rule.documented) for one in (min(values), statistics.median(values), max(values)))
    return low, middle, high
