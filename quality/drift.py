"""Whether shares and measurements moved between two windows of time: tests, limits, and which of many moves are more than chance.

Values in, values out. What is counted is `assets/drift.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quality.intervals import difference

Floats = npt.NDArray[np.float64]

FALSE_DISCOVERIES = 0.05
"""Share of false alarms among what is called a move (Benjamini & Hochberg 1995), over everything that was compared."""

MIN_POINTS = 0.05
"""A share that moves by less (0..1) is no news, however sure it is: with a million renders, everything moves."""

MIN_SHIFT = 0.5
"""Robust standard deviations by which a median must shift, or"""
MIN_PSI = 0.25
"""the population stability index from which on credit scoring calls a change major (Siddiqi 2006)."""

MIN_DAYS = 6
"""Days with renders, both windows together, below which their scatter says nothing."""

PSI_BINS = 10


@dataclass(frozen=True, kw_only=True)
class DayCount:
    """What came out on one day: `hits` of `of`."""

    hits: int
    of: int


@dataclass(frozen=True, kw_only=True)
class ShareMove:
    """How a share differs between the recent and the reference window. `low` and `high`: 95 % limits of the difference (-1..1)."""

    kind: str
    """category, recipe or lora."""
    name: str
    measure: str
    """rejected, review or overruled."""
    hits: int
    of: int
    hits_before: int
    of_before: int
    low: float
    high: float
    scatter: float
    """How much more the days differ than chance alone makes them: 1 is chance alone. Limits and p are widened by it."""
    p: float
    against: str = ""
    """What the reference window holds, where it is not the same thing earlier."""
    q: float = 1.0
    """Smallest share of false discoveries at which this would be called a move."""

    @property
    def difference(self) -> float:
        """Recent share minus reference share."""
        return self.hits / self.of - self.hits_before / self.of_before

    def moved(self, min_points: float = MIN_POINTS) -> bool:
        """Whether the share moved: by more than chance, and by enough to matter."""
        return self.q <= FALSE_DISCOVERIES and abs(self.difference) >= min_points

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            **asdict(self),
            "share": self.hits / self.of,
            "share_before": self.hits_before / self.of_before,
            "difference": self.difference,
        }


def compare_shares(
    kind: str, name: str, measure: str, recent: Sequence[DayCount], before: Sequence[DayCount], *, against: str = ""
) -> ShareMove:
    """Compare a share between two windows, each given by day.

    Two-proportion z test, Fisher's exact test where a cell expects fewer than five. Days that scatter more than chance alone (another photographer,
    a bad batch: renders of one day are alike) widen the test as a quasi-binomial model does (McCullagh & Nelder 1989, 4.5).
    """
    hits, of = sum(day.hits for day in recent), sum(day.of for day in recent)
    hits_before, of_before = sum(day.hits for day in before), sum(day.of for day in before)
    scatter, freedom = _scatter([recent, before])
    low, high = difference(hits / scatter, of / scatter, hits_before / scatter, of_before / scatter)
    return ShareMove(
        kind=kind, name=name, measure=measure, hits=hits, of=of, hits_before=hits_before, of_before=of_before, low=low, high=high,
        scatter=scatter, p=_p_value(hits, of, hits_before, of_before, scatter, freedom), against=against,
    )  # fmt: skip


def _scatter(windows: Sequence[Sequence[DayCount]]) -> tuple[float, int]:
    """Pearson's dispersion of the days about their window's share, at least 1, and its degrees of freedom."""
    squares, freedom = 0.0, -len(windows)
    for days in windows:
        of, hits = sum(day.of for day in days), sum(day.hits for day in days)
        share = hits / of if of else 0.0
        if not 0 < share < 1:
            continue
        for day in days:
            if day.of:
                squares += (day.hits - day.of * share) ** 2 / (day.of * share * (1 - share))
                freedom += 1
    return (max(1.0, squares / freedom), freedom) if freedom + len(windows) >= MIN_DAYS else (1.0, 0)


def _p_value(hits: int, of: int, hits_before: int, of_before: int, scatter: float, freedom: int) -> float:
    from scipy import stats

    pooled = (hits + hits_before) / (of + of_before)
    if pooled in (0.0, 1.0):
        return 1.0
    if min(of, of_before) * min(pooled, 1 - pooled) < 5 and scatter == 1.0:
        return float(stats.fisher_exact([[hits, of - hits], [hits_before, of_before - hits_before]]).pvalue)
    error = (pooled * (1 - pooled) * (1 / of + 1 / of_before) * scatter) ** 0.5
    z = abs(hits / of - hits_before / of_before) / error
    return float(2 * (stats.t.sf(z, freedom) if scatter > 1.0 else stats.norm.sf(z)))


def with_false_discoveries(moves: Sequence[ShareMove]) -> list[ShareMove]:
    """The moves with their q values (Benjamini & Hochberg 1995), the surest first."""
    found = [replace(move, q=q) for move, q in zip(moves, _q_values([move.p for move in moves]), strict=True)]
    return sorted(found, key=lambda move: (move.q, -abs(move.difference), move.kind, move.name, move.measure))


def _q_values(p_values: Sequence[float]) -> list[float]:
    count, order = len(p_values), np.argsort(p_values, kind="stable")
    scaled = np.array([p_values[i] * count / (rank + 1) for rank, i in enumerate(order)])
    least = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0) if count else scaled
    q = np.empty(count)
    q[order] = least
    return [float(value) for value in q]


@dataclass(frozen=True, kw_only=True)
class ColumnMove:
    """How the values of one measured column differ between both windows, within one recipe and category."""

    recipe: str
    category: str
    column: str
    median: float
    median_before: float
    shift: float
    """Of the median, in robust standard deviations of the reference (1.4826 x median absolute deviation)."""
    psi: float
    """Population stability index over tenths of the reference."""
    ks: float
    """Largest distance of the cumulative shares (Kolmogorov-Smirnov)."""
    products: int
    products_before: int
    p: float
    q: float = 1.0

    @property
    def moved(self) -> bool:
        """Whether the column moved: by more than chance, and by enough to matter."""
        return self.q <= FALSE_DISCOVERIES and (abs(self.shift) >= MIN_SHIFT or self.psi >= MIN_PSI)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"moved": self.moved}


def compare_columns(
    recipe: str, category: str, recent: Mapping[str, Floats], before: Mapping[str, Floats], *, at_least: int
) -> list[ColumnMove]:
    """The moves of every column that both windows measured often enough; constant columns have none."""
    moves = []
    for column in sorted(recent.keys() & before.keys()):
        new, old = np.sort(recent[column]), np.sort(before[column])
        if min(new.size, old.size) < at_least or (new[0] == new[-1] == old[0] == old[-1]):
            continue
        ks = _ks(new, old)
        moves.append(
            ColumnMove(
                recipe=recipe,
                category=category,
                column=column,
                median=float(np.median(new)),
                median_before=float(np.median(old)),
                shift=_shift(new, old),
                psi=_psi(new, old),
                ks=ks,
                products=new.size,
                products_before=old.size,
                p=_ks_p(ks, new.size, old.size),
            )
        )
    return moves


def columns_with_false_discoveries(moves: Sequence[ColumnMove]) -> list[ColumnMove]:
    """The moves with their q values, the largest first."""
    found = [replace(move, q=q) for move, q in zip(moves, _q_values([move.p for move in moves]), strict=True)]
    return sorted(found, key=lambda move: (not move.moved, -move.ks, move.recipe, move.category, move.column))


def _shift(new: Floats, old: Floats) -> float:
    middle = float(np.median(old))
    spread = 1.4826 * float(np.median(np.abs(old - middle))) or float(old.std()) or float(new.std())
    return (float(np.median(new)) - middle) / spread if spread else 0.0


def _psi(new: Floats, old: Floats) -> float:
    """Tenths of the reference, ties kept together; a half is added to each count so that an empty tenth is not infinitely far."""
    edges = np.unique(np.quantile(old, np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    shares = []
    for values in (new, old):
        counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=edges.size + 1) + 0.5
        shares.append(counts / counts.sum())
    return float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())


def _ks(new: Floats, old: Floats) -> float:
    points = np.concatenate([new, old])
    return float(
        np.abs(np.searchsorted(new, points, side="right") / new.size - np.searchsorted(old, points, side="right") / old.size).max()
    )


def _ks_p(ks: float, new: int, old: int) -> float:
    """Asymptotic, with Stephens's (1970) correction for small samples."""
    size = (new * old / (new + old)) ** 0.5
    reach = (size + 0.12 + 0.11 / size) * ks
    if reach < 0.2:  # the series below needs many terms there, and its sum is 1
        return 1.0
    terms = np.arange(1, 101)
    return float(np.clip(2 * ((-1.0) ** (terms - 1) * np.exp(-2 * terms**2 * reach**2)).sum(), 0.0, 1.0))
