"""Rows of measurements without pictures: every documented column, values about the bounds of a recipe's rules, a share of them outside.

As a gate sees them: most renders break nothing, a broken one breaks one rule, and what has no rule is some number.
"""

from typing import Any

import numpy as np

from quality.columns import COLUMNS, PALETTE_COLUMNS
from quality.rules import Rule, RuleSet


def made_up_rows(rules: RuleSet, count: int, *, seed: int = 0, broken_share: float = 0.1) -> list[dict[str, Any]]:
    """`count` rows as `measure_render` gives them; `broken_share` of them break one rule each, evenly among the rules."""
    rng, held = np.random.default_rng(seed), {rule.column: rule for rule in rules.rules}
    applying = [rule for rule in rules.rules if rule.condition is None or rule.condition == ("expected_known", 0.0)]
    bounded = [rule.column for rule in applying if rule.values is None and rule.column not in PALETTE_COLUMNS]
    breaks = np.where(rng.random(count) < broken_share, rng.integers(0, len(bounded), count), -1)
    columns: dict[str, list[Any]] = {}
    for name, column in COLUMNS.items():
        rule = held.get(name)
        if name == "surroundings_hex":
            columns[name] = _colors(rules, rng, count)
        elif column.unit == "name":
            columns[name] = [rule.values[0] if rule is not None and rule.values else "PNG"] * count
        elif column.unit == "0 or 1":
            columns[name] = [0.0] * count
        elif rule is None:
            columns[name] = rng.random(count).round(4).tolist()
        else:
            values = _inside(rule, rng, count)
            if name in bounded:
                values = np.where(breaks == bounded.index(name), _outside(rule, rng, count), values)
            columns[name] = values.tolist()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _colors(rules: RuleSet, rng: np.random.Generator, count: int) -> list[Any]:
    """Ten colors near those of the palette per row, as real scenes have; the distance to the palette is computed when rows are judged."""
    palette = rules.palette or ("#c4704c", "#e8c39a")
    base = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in palette])
    levels = np.clip(base[rng.integers(0, len(base), (count, 10))] + rng.integers(-9, 10, (count, 10, 3)), 0, 255)
    return [" ".join("#{:02x}{:02x}{:02x} 10.0".format(*color) for color in row) for row in levels.tolist()]


def _inside(rule: Rule, rng: np.random.Generator, count: int) -> np.ndarray:
    low = rule.review_min if rule.review_min is not None else rule.min
    high = rule.review_max if rule.review_max is not None else rule.max
    if low is None:
        assert high is not None
        low = high - abs(high) - 1
    if high is None:
        high = low + abs(low) + 1
    return low + (high - low) * rng.uniform(0.01, 0.99, count)


def _outside(rule: Rule, rng: np.random.Generator, count: int) -> np.ndarray:
    far = rng.uniform(0.01, 0.3, count)
    if rule.max is not None:
        return rule.max + (abs(rule.max) + 1) * far
    assert rule.min is not None
    return rule.min - (abs(rule.min) + 1) * far
