"""Intervals hold what they promise: over many made-up samples, some 95 in 100 contain the truth."""

import numpy as np
import pytest
from scipy import stats

from quality.intervals import Stratum, difference, population_rate, share, wilson
from quality.roc import area_under_roc, roc_points

SAMPLES = 4_000


@pytest.mark.parametrize(("truth", "of"), [(0.02, 60), (0.1, 60), (0.3, 25), (0.02, 400)])
def test_wilsons_limits_contain_the_share_some_95_times_in_100(truth, of):
    counts = np.arange(of + 1)
    inside = [low <= truth <= high for low, high in (wilson(count, of) for count in counts)]
    coverage = float(stats.binom.pmf(counts, of, truth) @ np.array(inside, float))
    assert 0.92 <= coverage <= 0.99


def test_limits_of_nothing_seen_and_of_none_or_all_found():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 50)[0] == 0.0 and 0.05 < wilson(0, 50)[1] < 0.09
    assert wilson(50, 50)[1] == 1.0
    assert share(0, 0).value is None
    reference = stats.binomtest(7, 40).proportion_ci(method="wilson")
    assert wilson(7, 40) == pytest.approx((reference.low, reference.high))


def test_limits_of_a_difference_contain_it_some_95_times_in_100():
    rng, truth = np.random.default_rng(3), (0.12, 0.05)
    first, second = rng.binomial(150, truth[0], SAMPLES), rng.binomial(400, truth[1], SAMPLES)
    limits = [difference(int(a), 150, int(b), 400) for a, b in zip(first, second, strict=True)]
    coverage = np.mean([low <= truth[0] - truth[1] <= high for low, high in limits])
    assert 0.935 <= coverage <= 0.97


def covered(missed_of_approved):
    """How often limits contain the miss rate of all renders, and how often those of the labels alone do.

    9,000 approved renders, 300 of them drawn; 1,000 stopped ones, 400 decided, half of them really bad.
    """
    rng, approved, stopped = np.random.default_rng(5), 9_000, 1_000
    truth = approved * missed_of_approved / (approved * missed_of_approved + stopped * 0.5)
    inside, naive = [], []
    for missed, caught in zip(rng.binomial(300, missed_of_approved, 600), rng.binomial(400, 0.5, 600), strict=True):
        drawn = Stratum(total=approved, seen=300, hits=int(missed), others=0, may_other=False)
        decided = Stratum(total=stopped, seen=400, hits=0, others=int(caught))
        rate = population_rate([decided, drawn], draws=1_000)
        inside.append(rate.low <= truth <= rate.high)
        low, high = wilson(int(missed), int(missed + caught))
        naive.append(low <= truth <= high)
    return np.mean(inside), np.mean(naive)


def test_a_miss_rate_of_all_renders_is_covered_although_most_of_them_were_never_looked_at():
    """As with every interval of a count, coverage swings with the truth: some 95 in 100 on the whole, hardly ever below 91."""
    found, naive = zip(*(covered(share) for share in (0.002, 0.005, 0.01, 0.02, 0.05)), strict=True)
    assert np.mean(found) >= 0.94 and min(found) >= 0.91, found
    assert max(naive) < 0.5, "counting labels as if all were looked at is wrong"


def test_a_member_of_a_thinly_sampled_part_counts_for_many():
    drawn = Stratum(total=9_000, seen=300, hits=1, others=0, may_other=False)
    decided = Stratum(total=1_000, seen=1_000, hits=0, others=270)
    rate = population_rate([decided, drawn])
    assert rate.value == pytest.approx(30 / 300)
    assert rate.low < 0.03 and rate.high > 0.3
    nothing = population_rate([Stratum(total=10, seen=0, hits=0, others=0)])
    assert nothing.value is None and (nothing.low, nothing.high) == (0.0, 1.0)


def test_the_area_is_the_chance_that_a_bad_one_scores_worse_and_its_limits_hold_it():
    rng, truth = np.random.default_rng(11), stats.norm.cdf(1.5 / np.sqrt(2))
    inside = []
    for _ in range(1_500):
        area = area_under_roc(rng.normal(0, 1, 40), rng.normal(1.5, 1, 20))
        inside.append(area.low <= truth <= area.high)
    assert 0.92 <= np.mean(inside) <= 0.98
    good, bad = rng.normal(0, 1, 30).round(1), rng.normal(1, 1, 20).round(1)
    expected = stats.mannwhitneyu(bad, good).statistic / (30 * 20)
    assert area_under_roc(good, bad).value == pytest.approx(expected)
    assert area_under_roc(good, bad, np.ones(30), np.ones(20)).value == pytest.approx(expected)


def test_labels_that_do_not_overlap_leave_the_area_uncertain_all_the_same():
    area = area_under_roc(np.arange(12.0), np.arange(20.0, 31.0))
    assert area.value == area.high == 1.0
    assert 0.7 < area.low < 0.97
    backwards = area_under_roc(np.arange(20.0, 32.0), np.arange(11.0))
    assert backwards.value == 0.0 and 0.03 < backwards.high < 0.3


def test_the_curve_runs_from_stopping_nothing_to_stopping_everything():
    points = roc_points(np.array([1.0, 2.0, 3.0]), np.array([2.5, 4.0]))
    assert points[0].tolist() == [0.0, 0.0, 4.0]
    assert points[-1][:2].tolist() == [1.0, 1.0]
    assert np.all(np.diff(points[:, :2], axis=0) >= 0)
    assert [row[:2].tolist() for row in points if row[2] == 2.0] == [[1 / 3, 1.0]], "2 passes: one good of three is stopped, both bad ones"
