"""Where to put one bound, given labeled scores: what a bound lets through and stops wrongly, the loosest one within a wished miss rate, held-out rates.

A score is larger the worse a render is; a bound stops the scores above it. Which measurement is scored, and which side, is `calibration.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from quality.intervals import Estimate, Stratum, population_rate, share
from quality.roc import Area, area_under_roc

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FOLDS, REPEATS = 5, 10
"""Cross-validation: each label is held out once per repeat, together with all labels of its product."""

GOOD_AMONG_REJECTED = 0.05
"""Share of good renders among what an outer bound rejects without asking; above it a person should look first."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """Of how many renders the labels are: what the gate stopped, and what it approved and was drawn by chance to be looked at."""

    stopped: int
    stopped_seen: int
    approved: int
    approved_seen: int


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Labeled scores of one rule's side; all arrays have one entry per label."""

    score: Floats
    is_bad: Flags
    is_drawn: Flags
    """Approved by the gate and drawn by chance; the others were stopped by the gate."""
    product: npt.NDArray[np.str_]
    """Labels of one product are held out together: they share photo, cut-out and faults."""
    present: float
    """The bound in force, as a score."""
    population: Population | None = None
    """None: rates are those of the labels at hand."""

    def __len__(self) -> int:
        return int(self.score.size)

    @property
    def good(self) -> Floats:
        """Scores of the good ones."""
        return self.score[~self.is_bad]

    @property
    def bad(self) -> Floats:
        """Scores of the bad ones."""
        return self.score[self.is_bad]

    @property
    def weight(self) -> Floats:
        """Renders that each label stands for."""
        p = self.population
        if p is None:
            return np.ones(len(self))
        stopped, approved = (n / seen if seen else 0.0 for n, seen in ((p.stopped, p.stopped_seen), (p.approved, p.approved_seen)))
        return np.where(self.is_drawn, approved, stopped)

    def some(self, chosen: Flags) -> "Scores":
        """Only the chosen labels."""
        parts = {name: getattr(self, name)[chosen] for name in ("score", "is_bad", "is_drawn", "product")}
        return replace(self, **parts)

    def area(self) -> Area:
        """Area under the ROC curve."""
        if self.population is None:
            return area_under_roc(self.good, self.bad)
        return area_under_roc(self.good, self.bad, self.weight[~self.is_bad], self.weight[self.is_bad])


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What a bound does: bad renders it lets through, of the bad ones; good ones it stops, of the good ones."""

    missed: Estimate
    false_alarms: Estimate


def rates_of(scores: Scores, bound: float) -> Rates:
    """The rates of one bound."""
    stops = scores.score > bound
    if scores.population is None:
        bad, good = scores.is_bad, ~scores.is_bad
        return Rates(
            missed=share(int((bad & ~stops).sum()), int(bad.sum())), false_alarms=share(int((good & stops).sum()), int(good.sum()))
        )
    missed = _in_population(scores, bound, ~stops, scores.is_bad, stopping_hits=False)
    return Rates(missed=missed, false_alarms=_in_population(scores, bound, stops, ~scores.is_bad, stopping_hits=True))


def _in_population(scores: Scores, bound: float, hit: Flags, among: Flags, *, stopping_hits: bool) -> Estimate:
    """The share of hits among some labels, in all renders; a hit is a stopped render or, for misses, one let through."""
    p, tighter = scores.population, bound < scores.present
    assert p is not None
    strata = []
    for drawn, total, seen in ((False, p.stopped, p.stopped_seen), (True, p.approved, p.approved_seen)):
        mine = among & (scores.is_drawn == drawn)
        hits, others = int((mine & hit).sum()), int((mine & ~hit).sum())
        # What was approved cannot lie beyond the present bound: only a tighter one stops some of it.
        can_be_stopped = not drawn or tighter
        may_hit, may_other = (can_be_stopped, True) if stopping_hits else (True, can_be_stopped)
        strata.append(Stratum(total=total, seen=seen, hits=hits, others=others, may_hit=may_hit, may_other=may_other))
    return population_rate(strata)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A bound between two neighboring labels: `bound` lets the lower one through and stops the upper one."""

    bound: float
    lower: float
    upper: float


def choose(scores: Scores, max_missed: float, *, confident: bool = False) -> Choice | None:
    """The bound with the fewest false alarms that misses at most so many (0..1); among those the tightest. None when there is none.

    `confident`: the upper confidence limit of the miss rate is held, not its estimate. Nothing is ever placed above all bad labels.
    """
    levels, missed, alarms = _steps(scores)
    allowed = np.flatnonzero(missed <= max_missed + 1e-12)
    last = int(allowed[-1]) if allowed.size else -1
    if confident:
        last = _last_confident(scores, levels, last, max_missed)
    last = min(last, len(levels) - 2)
    if last < 0:
        return None
    # Between two bounds with the same false alarms the tighter one misses less.
    first = int(np.flatnonzero(alarms <= alarms[last] + 1e-12)[0])
    lower, upper = float(levels[first]), float(levels[first + 1])
    return Choice(bound=round_between(lower, upper), lower=lower, upper=upper)


def _steps(scores: Scores) -> tuple[Floats, Floats, Floats]:
    """Every distinct score (rising), and the weighted rates of the bound that just lets it through."""
    levels = np.unique(scores.score)
    w_bad, w_good = (np.where(flag, scores.weight, 0.0) for flag in (scores.is_bad, ~scores.is_bad))
    order = np.argsort(scores.score, kind="stable")
    ends = np.searchsorted(scores.score[order], levels, side="right") - 1
    missed = np.cumsum(w_bad[order])[ends] / max(w_bad.sum(), 1e-300)
    passed = np.cumsum(w_good[order])[ends] / max(w_good.sum(), 1e-300)
    return levels, missed, 1 - passed


def _last_confident(scores: Scores, levels: Floats, last: int, max_missed: float) -> int:
    """The loosest step whose upper limit holds; limits rise with the bound, so that halving finds it."""
    held, broken = -1, last + 1
    while broken - held > 1:
        middle = (held + broken) // 2
        held, broken = (middle, broken) if rates_of(scores, float(levels[middle])).missed.high <= max_missed else (held, middle)
    return held


def outer_bound(scores: Scores, inner: float) -> float | None:
    """The tightest bound not below `inner` that stops good renders only now and then, GOOD_AMONG_REJECTED of all it stops.

    Between both a person looks. None where no bound does, as where good and bad are mixed up to the largest scores.
    """
    levels = np.unique(scores.score)
    lower_ends = np.concatenate([[inner], levels[(levels >= inner)]])
    for lower in lower_ends[:-1]:
        beyond = scores.score > lower
        stopped = float(scores.weight[beyond].sum())
        if stopped and float(scores.weight[beyond & ~scores.is_bad].sum()) <= GOOD_AMONG_REJECTED * stopped:
            upper = float(levels[levels > lower][0])
            return float(lower) if lower == inner else round_between(float(lower), upper)
    return None


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Rates on labels that the bound was not chosen from (0..1), averaged over repeats."""

    missed: float
    false_alarms: float


def held_out(scores: Scores, max_missed: float, *, confident: bool = False, seed: int = 0) -> HeldOut:
    """Cross-validated rates of `choose`: what to expect of the proposed bound on renders nobody has labeled yet.

    Where the labels of a round allow no bound, the present one is held instead, as it would be.
    """
    sums = np.zeros(4)
    for test in _folds(scores, seed):
        choice = choose(scores.some(~test), max_missed, confident=confident)
        bound = scores.present if choice is None else choice.bound
        stops, weight = scores.score[test] > bound, scores.weight[test]
        bad = scores.is_bad[test]
        sums += [weight[bad & ~stops].sum(), weight[bad].sum(), weight[~bad & stops].sum(), weight[~bad].sum()]
    return HeldOut(missed=float(sums[0] / sums[1]), false_alarms=float(sums[2] / sums[3]))


def _folds(scores: Scores, seed: int) -> Iterator[Flags]:
    rng = np.random.default_rng(seed)
    names, number = np.unique(scores.product, return_inverse=True)
    for _ in range(REPEATS):
        fold = (rng.permutation(names.size) % FOLDS)[number]
        yield from (test for test in (fold == turn for turn in range(FOLDS)) if test.any() and not test.all())


def round_between(lower: float, upper: float) -> float:
    """The number with the fewest digits that lets `lower` through and stops `upper`, as near to their middle as those digits allow."""
    middle = (lower + upper) / 2
    for digits in range(1, 17):
        rounded = float(f"{middle:.{digits}g}")
        if lower <= rounded < upper:
            return rounded
    return lower
