"""Confidence intervals of shares, of their differences and of rates in a population of which only parts were looked at. Plain numbers.

All are two-sided at 95 %.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Z_95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""

DRAWS = 4_000
"""Draws of a population's rate. Its limits then move by some hundredths of their distance from one seed to another; the seed is fixed."""

DRAW_SEED = 20_261_121


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A share (0..1) with its 95 % limits. `count` of `of` were seen; `value` is None where none could be."""

    value: float | None
    low: float
    high: float
    count: int
    of: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def wilson(count: float, of: float) -> tuple[float, float]:
    """Limits of a share by Wilson's score interval (Wilson 1927); 0..1 when nothing was seen.

    Chosen over Clopper-Pearson, which is wider than it says, and over the normal interval, which is empty at a share of 0.
    """
    if of <= 0:
        return 0.0, 1.0
    share, z2 = count / of, Z_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_95 * ((share * (1 - share) + z2 / (4 * of)) / of) ** 0.5 / (1 + z2 / of)
    return (0.0 if count <= 0 else max(0.0, middle - half)), (1.0 if count >= of else min(1.0, middle + half))


def share(count: int, of: int) -> Estimate:
    """The share of what was seen, with Wilson's limits."""
    low, high = wilson(count, of)
    return Estimate(value=count / of if of else None, low=low, high=high, count=count, of=of)


def difference(count: float, of: float, count_before: float, of_before: float) -> tuple[float, float]:
    """Limits of the difference of two independent shares, first minus second (-1..1): Newcombe 1998, method 10."""
    if not of or not of_before:
        return -1.0, 1.0
    first, second = count / of, count_before / of_before
    low, high = wilson(count, of)
    low_before, high_before = wilson(count_before, of_before)
    down = ((first - low) ** 2 + (high_before - second) ** 2) ** 0.5
    up = ((high - first) ** 2 + (second - low_before) ** 2) ** 0.5
    return first - second - down, first - second + up


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """One part of a population of which `seen` of `total` members were looked at, at random.

    Among them `hits` and `others` make up the rate hits / (hits + others); the rest has no part in it. `may_hit` and `may_other` tell whether
    such members can exist although none was seen: what the gate approved by a bound cannot break that very bound.
    """

    total: int
    seen: int
    hits: int
    others: int
    may_hit: bool = True
    may_other: bool = True

    @property
    def weight(self) -> float:
        """Members that one seen member stands for: the inverse of the probability that it was looked at."""
        return self.total / self.seen if self.seen else 0.0


def population_rate(strata: Sequence[Stratum], *, draws: int = DRAWS) -> Estimate:
    """The rate hits / (hits + others) in a population, with the limits that the seen parts leave open.

    The value weighs each seen member by the inverse of its sampling probability (Horvitz & Thompson 1952). The limits are percentiles of draws
    from the strata's Jeffreys posteriors, whose coverage `tests/quality/test_intervals.py` measures: unlike limits from an effective sample size,
    they stay wide where a large part of the population was sampled and none of its members was a hit.
    """
    hits, others = (sum(s.weight * getattr(s, name) for s in strata) for name in ("hits", "others"))
    count, of = sum(s.hits for s in strata), sum(s.hits + s.others for s in strata)
    if hits + others == 0:
        return Estimate(value=None, low=0.0, high=1.0, count=count, of=of)
    rng = np.random.default_rng(DRAW_SEED)
    drawn = np.zeros((2, draws))
    for s in strata:
        if s.seen:
            shapes = [s.hits + 0.5 * (s.may_hit or s.hits > 0), s.others + 0.5 * (s.may_other or s.others > 0)]
            parts = np.stack(
                [rng.gamma(shape, size=draws) if shape else np.zeros(draws) for shape in (*shapes, s.seen - s.hits - s.others + 0.5)]
            )
            drawn += s.total * parts[:2] / parts.sum(axis=0)
    low, high = np.percentile(drawn[0] / np.maximum(drawn.sum(axis=0), 1e-300), [2.5, 97.5])
    return Estimate(value=hits / (hits + others), low=float(low) if hits else 0.0, high=float(high) if others else 1.0, count=count, of=of)
