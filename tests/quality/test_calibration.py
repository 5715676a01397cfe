"""A calibrated bound is near the best one, keeps the wished miss rate, and is never moved by what labels do not say."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from quality.calibration import RuleLabels, Wish, calibrate_rule
from quality.rules import read_rules
from quality.threshold import Population, Scores, choose, held_out, rates_of, round_between

RULES = {rule.column: rule for rule in read_rules("packshot_white").rules}
HALO, EDGE, SHADOW = RULES["halo_delta_e"], RULES["edge_gain"], RULES["contact_delta_l"]


def labels(good, bad, *, drawn=(), found=()):
    """Labels of values; `drawn` and `found` are values of approved renders that turned out bad."""
    value = np.concatenate([good, bad, drawn, found]).astype(float)
    count = [len(good), len(bad), len(drawn), len(found)]
    kind = np.repeat(np.arange(4), count)
    return RuleLabels(
        value=value, is_bad=kind > 0, is_drawn=kind == 2, is_found=kind == 3, is_alone=kind > 0,
        product=np.array([f"P{i}" for i in range(value.size)]),
    )  # fmt: skip


def scores(good, bad, present):
    one = labels(good, bad)
    return Scores(score=one.value, is_bad=one.is_bad, is_drawn=one.is_drawn, product=one.product, present=present)


def test_the_chosen_bound_recovers_the_one_that_misses_what_was_wished():
    """Bad renders measure 13 +- 1.3 by truth; a bound that misses 5 % of them lies at 10.86."""
    best = stats.norm(13, 1.3).ppf(0.05)
    chosen, missed = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        given = scores(rng.normal(10, 1.3, 300), rng.normal(13, 1.3, 200), 9.0)
        choice = choose(given, 0.05)
        chosen.append(choice.bound)
        missed.append(stats.norm(13, 1.3).cdf(choice.bound))
        assert rates_of(given, choice.bound).missed.value <= 0.05
    assert np.mean(chosen) == pytest.approx(best, abs=0.15)
    low, high = np.percentile(chosen, [2.5, 97.5])
    assert low < best < high
    assert np.mean(missed) == pytest.approx(0.05, abs=0.01)


def test_wrong_labels_move_the_bound_little():
    """One in fifty labels is wrong, both ways; the wish leaves room for them."""
    errors = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        good, bad = rng.normal(8, 1.3, 300), rng.normal(14, 1.3, 200)
        wrong_good, wrong_bad = rng.random(300) < 0.02, rng.random(200) < 0.02
        given = scores(np.concatenate([good[~wrong_good], bad[wrong_bad]]), np.concatenate([bad[~wrong_bad], good[wrong_good]]), 9.0)
        bound = choose(given, 0.06).bound
        errors.append(stats.norm(14, 1.3).cdf(bound) + stats.norm(8, 1.3).sf(bound))
    best = min(stats.norm(14, 1.3).cdf(b) + stats.norm(8, 1.3).sf(b) for b in np.linspace(8, 14, 100))
    assert np.median(errors) < best + 0.05


def test_a_confident_bound_keeps_the_upper_limit_and_misses_less():
    rng = np.random.default_rng(1)
    given = scores(rng.normal(9, 1.5, 400), rng.normal(13, 1.5, 500), 8.0)
    bold, careful = choose(given, 0.03), choose(given, 0.03, confident=True)
    assert careful.bound < bold.bound
    assert rates_of(given, careful.bound).missed.high <= 0.03 < rates_of(given, bold.bound).missed.high
    kept = []
    for seed in range(120):
        rng = np.random.default_rng(1000 + seed)
        bound = choose(scores(rng.normal(9, 1.5, 400), rng.normal(13, 1.5, 500), 8.0), 0.03, confident=True).bound
        kept.append(stats.norm(13, 1.5).cdf(bound) <= 0.03)
    assert np.mean(kept) >= 0.93, "the true miss rate is what was promised, not only that of the labels"


def test_held_out_rates_are_honest_where_the_labels_own_rates_flatter():
    truth, flattering, honest = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        given = scores(rng.normal(8, 1.5, 40), rng.normal(12, 1.5, 20), 9.0)
        bound = choose(given, 0.02).bound
        truth.append(stats.norm(12, 1.5).cdf(bound))
        flattering.append(rates_of(given, bound).missed.value)
        honest.append(held_out(given, 0.02).missed)
    assert np.mean(flattering) == 0.0
    assert np.mean(truth) > 0.03
    assert abs(np.mean(honest) - np.mean(truth)) < 0.02


def test_labels_of_one_product_are_held_out_together():
    """Every product is measured four times at its own level: held out one by one, each label would be known from its twins."""
    rng = np.random.default_rng(2)
    level, bad = rng.normal(10, 2, 30), rng.random(30) < 0.5
    product = np.repeat([f"P{i}" for i in range(30)], 4)
    given = Scores(
        score=np.repeat(level, 4) + rng.normal(0, 0.001, 120),
        is_bad=np.repeat(bad, 4),
        is_drawn=np.zeros(120, bool),
        product=product,
        present=10.0,
    )
    alone = replace(given, product=np.array([f"L{i}" for i in range(120)]))
    assert held_out(given, 0.0).missed > held_out(alone, 0.0).missed


def test_a_rule_without_bad_labels_is_left_alone_however_many_alarms_were_false():
    found = calibrate_rule(HALO, labels(np.linspace(9.1, 40, 200), []), Wish())
    assert found.proposal == {} and "200 good and 0 bad" in found.why_not
    nearly = calibrate_rule(HALO, labels(np.linspace(9.1, 40, 200), [50.0] * 9), Wish())
    assert nearly.proposal == {} and "200 good and 9 bad" in nearly.why_not


def test_no_bound_is_ever_put_above_the_bad_labels():
    found = calibrate_rule(HALO, labels(np.linspace(5, 30, 60), np.linspace(10, 20, 40)), Wish(max_missed=0.5))
    assert found.sides[0].proposed is None or found.sides[0].proposed < 20


def test_too_few_labels_say_how_many_there_are():
    assert calibrate_rule(HALO, labels([5.0] * 15, [12.0] * 8), Wish()).why_not == "not enough labels: 23 of 50"


def test_many_variants_of_few_products_are_not_many_labels():
    one = labels(np.linspace(5, 8, 60), np.linspace(10, 20, 40))
    few = replace(one, product=np.array([f"P{i % 9}" for i in range(100)]))
    assert calibrate_rule(HALO, few, Wish()).why_not == "its labels are of 9 products only, 10 are needed"


def test_a_measurement_that_tells_nothing_moves_nothing():
    rng = np.random.default_rng(4)
    found = calibrate_rule(HALO, labels(rng.normal(10, 2, 80), rng.normal(10, 2, 40)), Wish(max_missed=0.2))
    assert found.proposal == {} and "does not tell good from bad" in found.sides[0].why_not


def test_a_bound_that_already_parts_the_labels_stays():
    found = calibrate_rule(HALO, labels(np.linspace(2, 8.8, 50), np.linspace(9.2, 20, 40)), Wish())
    assert not found.is_changed and "present bound" in found.sides[0].why_not
    assert found.sides[0].now.missed.value == found.sides[0].now.false_alarms.value == 0


def test_between_bounds_that_stop_the_same_good_ones_the_tighter_is_taken():
    """The wish would allow to miss the three faintest bad ones; that would stop no good one less."""
    found = calibrate_rule(HALO, labels(np.linspace(9.5, 12, 40), np.linspace(13, 20, 60)), Wish(max_missed=0.05))
    assert 12 <= found.sides[0].proposed < 13
    assert found.proposal == {"max": found.sides[0].proposed}, "nothing is mixed, so nobody has to look"


def test_where_labels_are_mixed_a_person_looks():
    rng = np.random.default_rng(6)
    found = calibrate_rule(HALO, labels(rng.normal(11, 1.2, 150), rng.normal(14, 1.2, 150)), Wish(max_missed=0.02))
    inner, outer = found.proposal["review_max"], found.proposal["max"]
    assert 9 < inner < outer
    mixed = [inner < value <= outer for value in found.sides[0].scores.good]
    assert sum(mixed) > 5
    rejected = found.sides[0].scores.score > outer
    assert np.mean(~found.sides[0].scores.is_bad[rejected]) <= 0.05
    warned = calibrate_rule(
        replace_rule(SHADOW, when="always"), labels(-rng.normal(11, 1.2, 150), -rng.normal(14, 1.2, 150)), Wish(max_missed=0.02)
    )
    assert set(warned.proposal) == {"min"}, "a warning never rejects: it has one bound"


def replace_rule(rule, **changes):
    return rule.model_copy(update=changes)


def test_a_rule_of_two_sides_is_calibrated_side_by_side():
    """Edges may be too soft (below .83) or too crisp (above 1.3); here only soft ones are labeled."""
    good, soft = np.linspace(0.7, 1.4, 80), np.linspace(0.3, 0.68, 40)
    found = {side.side: side for side in calibrate_rule(EDGE, labels(good, soft), Wish()).sides}
    assert 0.68 <= found["min"].proposed < 0.71
    assert found["max"].proposed is None and "0 bad" in found["max"].why_not
    both = calibrate_rule(EDGE, labels(good, np.concatenate([soft, np.linspace(1.5, 2, 30)])), Wish())
    assert set(both.proposal) == {"min", "max"} and both.proposal["max"] >= 1.4


def test_drawn_labels_reveal_what_the_gate_lets_through():
    """Of 200 drawn approved renders 2 are bad: 90 of all 9,000. The labels of stopped renders alone know of none."""
    good_stopped, bad_stopped = np.linspace(9.1, 11, 60), np.linspace(10, 20, 140)
    drawn_good, drawn_bad = np.linspace(2, 8.5, 198), np.array([8.6, 8.7])
    one = labels(np.concatenate([good_stopped, drawn_good]), bad_stopped, drawn=drawn_bad)
    one.is_drawn[60:258] = True
    population = Population(stopped=1_000, stopped_seen=200, approved=9_000, approved_seen=200)
    told = calibrate_rule(HALO, one, Wish(max_missed=0.2), population).sides[0]
    assert told.of_population
    assert told.now.missed.value == pytest.approx(90 / (90 + 700))
    assert told.now.missed.low < 0.06 and told.now.missed.high > 0.25
    assert told.now.false_alarms.value == pytest.approx(300 / (300 + 198 * 45))
    alone = calibrate_rule(HALO, labels(good_stopped, bad_stopped), Wish(max_missed=0.2)).sides[0]
    assert not alone.of_population and alone.now.missed.value == 0 and alone.now.false_alarms.value == 1.0


def test_misses_found_by_chance_count_as_a_lower_bound_and_never_twice():
    one = labels(np.linspace(5, 10, 60), np.linspace(10, 20, 40), found=[8.0, 8.5, 7.9])
    told = calibrate_rule(HALO, one, Wish()).sides[0]
    assert (told.found, told.bad, told.now.missed.count) == (3, 43, 3)
    population = Population(stopped=100, stopped_seen=80, approved=900, approved_seen=60)
    weighed = calibrate_rule(HALO, one, Wish(), population).sides[0]
    assert (weighed.found, weighed.bad) == (3, 40)


@pytest.mark.parametrize(
    ("lower", "upper", "rounded"), [(9.81, 10.4, 10.0), (0.4612, 0.4634, 0.462), (-9, -7.2, -8.0), (3, 3.0000001, 3.0)]
)
def test_bounds_have_as_few_digits_as_they_need(lower, upper, rounded):
    assert round_between(lower, upper) == pytest.approx(rounded)
    assert lower <= round_between(lower, upper) < upper
