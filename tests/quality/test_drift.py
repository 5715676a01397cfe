"""Drift is seen when it is there, and hardly ever when it is not: over many made-up histories, at the rate that is promised."""

import numpy as np
import pytest
from scipy import stats

from quality.drift import DayCount, columns_with_false_discoveries, compare_columns, compare_shares, with_false_discoveries


def days(rng, share, of, count, *, scatter=0.0):
    """Made-up days of `of` renders each; `scatter` moves each day's own share about."""
    own = np.clip(share + scatter * rng.standard_normal(count), 0, 1)
    return [DayCount(hits=int(rng.binomial(of, one)), of=of) for one in own]


def moves(rng, groups, *, share=0.08, now=None, scatter=0.0, of=60):
    """Shares of many groups that did not move, but for the first one where `now` is given."""
    return [
        compare_shares(
            "category",
            f"c{n}",
            "rejected",
            days(rng, now if now and not n else share, of, 7, scatter=scatter),
            days(rng, share, of, 28, scatter=scatter),
        )
        for n in range(groups)
    ]


def test_where_nothing_moves_one_comparison_in_twenty_looks_as_if_at_most():
    rng = np.random.default_rng(1)
    p_values = np.array([move.p for move in moves(rng, 2_500)])
    assert 0.015 <= np.mean(p_values <= 0.05) <= 0.055


def test_where_nothing_moves_hardly_a_report_in_twenty_names_anything():
    rng, named = np.random.default_rng(2), []
    for _ in range(140):
        named.append(any(move.moved(0.0) for move in with_false_discoveries(moves(rng, 20))))
    assert np.mean(named) <= 0.08


def test_days_that_scatter_by_themselves_are_no_drift():
    """Each day has its own share, 8 +- 4 %: by chance alone, weeks would differ less than they do."""
    rng = np.random.default_rng(3)
    found = moves(rng, 800, scatter=0.04)
    p_values = np.array([move.p for move in found])
    assert np.mean(p_values <= 0.05) <= 0.09
    naive = [stats.norm.sf(abs(m.difference) / np.sqrt(0.08 * 0.92 * (1 / m.of + 1 / m.of_before))) * 2 for m in found]
    assert np.mean(np.array(naive) <= 0.05) > 0.12, "the plain test would cry wolf"


@pytest.mark.parametrize(("scatter", "seen"), [(0.0, 0.97), (0.03, 0.85)])
def test_a_jump_by_ten_points_is_seen_among_twenty_groups(scatter, seen):
    rng, found = np.random.default_rng(4), []
    for _ in range(100):
        report = with_false_discoveries(moves(rng, 20, now=0.18, scatter=scatter))
        found.append(any(move.name == "c0" and move.moved() for move in report))
    assert np.mean(found) >= seen


def test_limits_of_a_difference_hold_it():
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(600):
        move = compare_shares("lora", "x", "rejected", days(rng, 0.2, 40, 7), days(rng, 0.1, 40, 28))
        inside.append(move.low <= 0.1 <= move.high)
    assert np.mean(inside) >= 0.94


def test_a_small_sure_move_is_no_news():
    (move,) = with_false_discoveries(
        [compare_shares("recipe", "r", "review", [DayCount(hits=52_000, of=500_000)] * 4, [DayCount(hits=50_000, of=500_000)] * 4)]
    )
    assert move.q < 0.001 and not move.moved() and move.moved(0.001)


def test_a_few_renders_are_compared_exactly():
    move = compare_shares("recipe", "r", "rejected", [DayCount(hits=4, of=50)], [DayCount(hits=0, of=60)])
    assert move.p == pytest.approx(stats.fisher_exact([[4, 46], [0, 60]]).pvalue)
    assert compare_shares("recipe", "r", "rejected", [DayCount(hits=0, of=50)], [DayCount(hits=0, of=60)]).p == 1.0


def test_false_discoveries_are_controlled_as_benjamini_and_hochberg_do():
    rng = np.random.default_rng(6)
    found = moves(rng, 40, now=0.2)
    q = {move.name: move.q for move in with_false_discoveries(found)}
    expected = stats.false_discovery_control([move.p for move in found])
    assert [q[move.name] for move in found] == pytest.approx(list(expected))
    assert with_false_discoveries([]) == []


def test_a_column_that_shifts_is_named_first_and_one_that_does_not_is_not():
    rng, first, missed, false = np.random.default_rng(7), 0, 0, 0
    for _ in range(40):
        before = {f"c{i}": rng.lognormal(0, 0.5, 300) for i in range(30)}
        recent = {f"c{i}": rng.lognormal(0, 0.5, 120) for i in range(30)} | {"c7": rng.lognormal(0.4, 0.5, 120)}
        found = columns_with_false_discoveries(compare_columns("r", "c", recent, before, at_least=40))
        first += found[0].column == "c7"
        missed += not next(move for move in found if move.column == "c7").moved
        false += any(move.moved for move in found if move.column != "c7")
    assert first >= 38 and missed <= 2 and false <= 4


def test_distances_of_columns_are_those_of_the_textbooks():
    rng = np.random.default_rng(8)
    old, new = rng.normal(0, 1, 400), rng.normal(0.5, 1, 150)
    (move,) = compare_columns("r", "c", {"x": new}, {"x": old}, at_least=40)
    reference = stats.ks_2samp(new, old)
    assert move.ks == pytest.approx(reference.statistic)
    assert move.p == pytest.approx(reference.pvalue, rel=0.2)
    assert move.shift == pytest.approx((np.median(new) - np.median(old)) / stats.median_abs_deviation(old, scale="normal"), rel=1e-4)
    (same,) = compare_columns("r", "c", {"x": old}, {"x": old}, at_least=40)
    assert (same.ks, same.p, same.shift) == (0.0, 1.0, 0.0) and same.psi == pytest.approx(0, abs=1e-9)


def test_columns_that_hold_one_value_or_too_few_say_nothing():
    assert compare_columns("r", "c", {"x": np.zeros(90)}, {"x": np.zeros(90)}, at_least=40) == []
    assert compare_columns("r", "c", {"x": np.arange(39.0)}, {"x": np.arange(90.0)}, at_least=40) == []
    (appeared,) = compare_columns("r", "c", {"x": np.r_[np.zeros(30), np.ones(60)]}, {"x": np.zeros(90)}, at_least=40)
    assert appeared.p < 1e-6 and appeared.psi > 0.25
