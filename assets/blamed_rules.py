"""Which rules a rejection speaks about: those whose reasons the reviewer saw or, where a fault was named, the one that should have shown it.

A rejection says nothing about other rules. Labels made of it are `labels.py`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from quality.columns import COLUMNS
from quality.rules import Rule
from resources.ledger import Row

Goodness = Mapping[str, Sequence[float]]
"""Measured values of renders that people approved, by column."""

ColumnsOfFault = Callable[[str], frozenset[str]]
"""The columns of which one should have shown what a reviewer named."""


def named_column(fault: str) -> frozenset[str]:
    """A fault that is named by its column; no column where it is said in other words."""
    return frozenset({fault}) & COLUMNS.keys()


def blamed_columns(
    by: Row,
    columns: Mapping[str, Any],
    rules: Sequence[Rule],
    good: Goodness,
    columns_of: ColumnsOfFault = named_column,
    in_words: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """The columns of the rules that a rejection is a bad label for; none where it says nothing that a rule measures.

    `by`: the decision; `columns`: what was measured of its picture. Where what was named shows in several columns, it is the rules among them that
    spoke and were seen; where none of them spoke, the one in which the picture lies farthest out among the approved ones. All of them would be too
    many: each would then learn to catch a fault that another one measures. No rule that was not seen is blamed while one was that is not among
    `in_words`, the columns that words stand for: the reviewer may have meant that one, and chosen the word that is nearest to it.
    """
    seen = frozenset(rule.column for rule in rules if rule.code in by["codes"])
    fault = by.get("fault")
    if not fault:
        return seen
    named = columns_of(fault)  # none: the reviewer says that it is something else than what the gate said
    if len(named) <= 1:
        return named
    if named & seen:
        return named & seen
    if any(not _is_in_words(code, rules, in_words) for code in by["codes"]):
        return frozenset()
    measured = [rule for rule in rules if rule.column in named and rule.applies_to(columns) and _is_number(columns.get(rule.column))]
    if len(measured) == 1:
        return frozenset({measured[0].column})
    far_out = {rule.column: _farther_out_than(rule, columns[rule.column], good) for rule in measured}
    return frozenset({max(far_out, key=lambda column: far_out[column])} if any(far_out.values()) else ())


def _is_in_words(code: str, rules: Sequence[Rule], in_words: frozenset[str]) -> bool:
    """Whether a word stands for what a reason speaks of; not for one whose rule is gone."""
    return any(rule.code == code and rule.column in in_words for rule in rules)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _farther_out_than(rule: Rule, value: float, good: Goodness) -> float:
    """The share of approved pictures that lie less far out on the worse side of a rule; 0 where nobody approved any."""
    others = np.array(good.get(rule.column, ()), dtype=np.float64)
    if not others.size:
        return 0.0
    above = float(np.mean(others < value)) if rule.max is not None else 0.0
    below = float(np.mean(others > value)) if rule.min is not None else 0.0
    return max(above, below)
