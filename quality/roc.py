"""How well one measurement tells bad renders from good ones, whatever the bound: the ROC curve and the area under it. Plain arrays.

A score is larger the worse a render is. Weights are the inverse of the probability that a label was looked at.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quality.intervals import Z_95

Floats = npt.NDArray[np.float64]

RESAMPLES = 400
"""Bootstrap samples for the area under a weighted curve."""

SEED = 20_261_121


@dataclass(frozen=True, kw_only=True)
class Area:
    """Area under the ROC curve with its 95 % limits: the chance that a bad render scores worse than a good one; 0.5 tells nothing."""

    value: float
    low: float
    high: float


def roc_points(good: Floats, bad: Floats, good_weights: Floats | None = None, bad_weights: Floats | None = None) -> Floats:
    """The curve as (points, 3): false-alarm rate, detection rate, and the score that is just let through; from (0, 0) to (1, 1)."""
    w_good, w_bad = _weights(good, good_weights), _weights(bad, bad_weights)
    scores = np.unique(np.concatenate([good, bad]))[::-1]
    falls = _above(good, w_good, scores) / w_good.sum()
    hits = _above(bad, w_bad, scores) / w_bad.sum()
    return np.vstack([np.column_stack([falls, hits, scores]), [1.0, 1.0, -np.inf]])


def _above(values: Floats, weights: Floats, bounds: Floats) -> Floats:
    """For each bound, the weight of the values that lie above it."""
    order = np.argsort(values)
    summed = np.concatenate([[0.0], np.cumsum(weights[order])])
    return np.asarray(summed[-1] - summed[np.searchsorted(values[order], bounds, side="right")])


def area_under_roc(good: Floats, bad: Floats, good_weights: Floats | None = None, bad_weights: Floats | None = None) -> Area:
    """The area with limits: DeLong (1988) on the logit scale, Newcombe's (2006) method 5 where no labels overlap, bootstrap under weights."""
    if good_weights is None and bad_weights is None:
        return _unweighted(good, bad)
    w_good, w_bad = _weights(good, good_weights), _weights(bad, bad_weights)
    rng, areas = np.random.default_rng(SEED), np.empty(RESAMPLES)
    for turn in range(RESAMPLES):
        g, b = rng.integers(0, good.size, good.size), rng.integers(0, bad.size, bad.size)
        areas[turn] = _area(good[g], bad[b], w_good[g], w_bad[b])
    value = _area(good, bad, w_good, w_bad)
    if value in (0.0, 1.0):  # resampling labels that do not overlap gives nothing else
        return _unweighted(good, bad)
    low, high = np.percentile(areas, [2.5, 97.5])
    return Area(value=value, low=float(low), high=float(high))


def _area(good: Floats, bad: Floats, w_good: Floats, w_bad: Floats) -> float:
    order = np.argsort(good)
    summed = np.concatenate([[0.0], np.cumsum(w_good[order])])
    below = summed[np.searchsorted(good[order], bad, side="left")]
    not_above = summed[np.searchsorted(good[order], bad, side="right")]
    return float(((below + not_above) / 2 * w_bad).sum() / (w_good.sum() * w_bad.sum()))


def _unweighted(good: Floats, bad: Floats) -> Area:
    m, n = bad.size, good.size
    sorted_good, sorted_bad = np.sort(good), np.sort(bad)
    of_bad = (np.searchsorted(sorted_good, bad, "left") + np.searchsorted(sorted_good, bad, "right")) / (2 * n)
    of_good = 1 - (np.searchsorted(sorted_bad, good, "left") + np.searchsorted(sorted_bad, good, "right")) / (2 * m)
    value = float(of_bad.mean())
    variance = float(np.var(of_bad, ddof=1) / m + np.var(of_good, ddof=1) / n) if m > 1 and n > 1 else 0.0
    if value in (0.0, 1.0) or variance == 0.0:
        return Area(value=value, low=_newcombe(value, m, n, upper=False), high=_newcombe(value, m, n, upper=True))
    logit, error = np.log(value / (1 - value)), variance**0.5 / (value * (1 - value))
    low, high = (1 / (1 + np.exp(-(logit + sign * Z_95 * error))) for sign in (-1, 1))
    return Area(value=value, low=float(low), high=float(high))


def _newcombe(value: float, m: int, n: int, *, upper: bool) -> float:
    """The area at whose own standard error (Hanley & McNeil 1982, sizes evened out) the observed one lies on the 95 % limit; by bisection."""
    inner, outer = value, 1.0 if upper else 0.0
    half = (m + n) / 2
    for _ in range(60):
        guess = (inner + outer) / 2
        spread = 1 + (half - 1) * ((1 - guess) / (2 - guess) + guess / (1 + guess))
        if abs(value - guess) <= Z_95 * (guess * (1 - guess) * spread / (m * n)) ** 0.5:
            inner = guess
        else:
            outer = guess
    return inner


def _weights(values: Floats, weights: Floats | None) -> Floats:
    return np.ones(values.size) if weights is None else weights
