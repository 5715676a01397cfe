"""Champion against challenger: who is surely better in several scores wins, and luck, ties and one bad score do not."""

import json
from dataclasses import replace

import numpy as np
import pytest

from catalog.errors import ModelError
from imaging.color import lab_to_srgb
from training.contest import SURE, Score, _exchanged, _exchanges, _loss_score, decide, hold_contest
from training.entrants import PLATES, Entrant, FeatureMeasure, feature_measure, look_pixels
from training.look_distance import palette_distance
from training.texture_distance import energy_distance, texture_features
from training.training_set import LookPicture

MEASURE = feature_measure(None)


def picture(seed, *, lightness=60.0, hue=10.0, horizon=0.6, stripes=0, noise=2.0, size_px=48):
    """A wall over a table in Lab, perhaps striped: uint8 sRGB."""
    random = np.random.default_rng(seed)
    lab = np.zeros((size_px, size_px, 3), np.float32)
    lab[..., 0], lab[..., 1] = lightness, hue
    lab[int(horizon * size_px) :, :, 0] -= 25
    if stripes:
        lab[:, ::stripes, 0] += 12
    lab += random.normal(0, noise, lab.shape)
    return np.rint(lab_to_srgb(lab) * 255).astype(np.uint8)


SURELY_WORSE, UNSURE = np.r_[1.0, np.zeros(255)], np.zeros(256)
"""Differences of a score by pattern of exchanges: the measured one (the first) is the largest, or none is larger than another."""
LOOK = [picture(seed) for seed in range(4)]


def entrant(*, loss=0.1, seed=0, **how):
    """A LoRA that draws as told, with a held-out loss of about `loss`; another seed is another training of the same."""
    random = np.random.default_rng(seed)
    levels = np.linspace(0.3, 2.0, 8)
    losses = loss * levels[None] * (1 + random.normal(0, 0.02, (4, 8)))
    plates = tuple(picture(100 + number + 50 * seed, **how) for number in range(PLATES))
    return Entrant(losses_NK=losses, plates=plates, features_ND=MEASURE.of(plates), feature_name=MEASURE.name)


def contest(challenger, incumbent):
    return hold_contest(challenger, incumbent, LOOK, MEASURE.of(LOOK))


def verdicts(held):
    return {score.name: score.verdict for score in held.scores}


def test_a_lora_that_is_better_in_everything_is_promoted_and_the_reason_names_the_scores():
    held = contest(entrant(), entrant(loss=0.14, seed=1, lightness=45, hue=-20, horizon=0.3, stripes=4))
    assert held.won
    assert set(verdicts(held).values()) == {"better"}
    assert held.reason.startswith("promoted: surely better in held_out_loss 0.1") and "worse in none" in held.reason
    assert held.as_json()["scores"][0]["name"] == "held_out_loss" and held.plates == PLATES


def test_the_loser_of_that_contest_does_not_win_the_return_match():
    assert not contest(entrant(loss=0.14, seed=1, lightness=45, hue=-20, horizon=0.3, stripes=4), entrant()).won


def test_a_lora_never_beats_itself():
    held = contest(entrant(), entrant())
    assert not held.won
    assert [score.sure for score in held.scores] == [0.0] * 4
    assert held.reason == "not promoted: no score is surely better, 2 of 4 are needed, and a tie keeps the LoRA in use"


def test_twenty_trainings_of_the_same_look_do_not_promote_one_another():
    """What differs between them is luck; each promotion would draw a category's scenes anew."""
    assert sum(contest(entrant(seed=2 * n), entrant(seed=2 * n + 1)).won for n in range(20)) <= 1


def test_one_score_alone_is_not_enough():
    held = contest(entrant(loss=0.08), entrant(loss=0.1, seed=1))
    assert verdicts(held)["held_out_loss"] == "better"
    assert not held.won and "only held_out_loss" in held.reason


def test_whatever_is_won_a_score_that_falls_too_far_keeps_the_incumbent():
    """A LoRA with a far lower loss that draws another color is not what a brand wants."""
    held = contest(entrant(loss=0.05, hue=30), entrant(loss=0.1, seed=1, stripes=4))
    assert verdicts(held)["palette_delta_e"] == "worse"
    assert not held.won and held.reason.startswith("not promoted: palette_delta_e") and "; better: held_out_loss" in held.reason


def test_losses_are_paired_by_picture_so_that_one_lucky_picture_does_not_decide():
    lucky = entrant()
    losses = lucky.losses_NK.copy()
    losses[0] *= 0.4
    losses[1:] *= 1.01
    held = contest(replace(lucky, losses_NK=losses), lucky)
    score = held.scores[0]
    assert score.challenger < score.incumbent and score.sure < 0.95 and score.verdict == "alike"


@pytest.mark.parametrize(("pictures", "by_luck"), [(2, 0), (3, 0), (4, 1 / 16), (5, 1 / 32), (8, 0.05)])
def test_luck_wins_the_loss_as_seldom_as_it_is_written(pictures, by_luck):
    """Of equals whose losses differ by a fifth from picture to picture, in 600 contests; 3 standard errors are allowed."""
    random, won, plain = np.random.default_rng(pictures), 0, entrant()
    for _ in range(600):
        pair = (replace(plain, losses_NK=np.exp(random.normal(0, 0.2, (pictures, 8)).mean(1, keepdims=True) * np.ones(8))) for _ in "ab")
        won += _loss_score(*pair).verdict == "better"
    assert won / 600 <= by_luck + 3 * (by_luck * (1 - by_luck) / 600) ** 0.5
    assert (won > 0) == (by_luck > 0)


def test_luck_wins_a_score_of_plates_in_one_of_twenty_contests():
    random = np.random.default_rng(5)
    sure = []
    for _ in range(400):
        each = random.normal(10, 2, 16)
        sure.append(_exchanged("layout_delta_e", lambda chosen, each=each: each[chosen].mean(-1), 8).sure)
    assert 0.02 <= np.mean(np.asarray(sure) >= SURE) <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_four_pictures_win_the_loss_only_together_and_twelve_pairs_are_drawn_alike_each_time():
    plain = entrant()
    all_better, three_better = plain.losses_NK * 0.8, plain.losses_NK * np.array([[0.8], [0.8], [0.8], [1.001]])
    scores = [_loss_score(replace(plain, losses_NK=losses), plain) for losses in (all_better, three_better)]
    assert [(score.sure, score.verdict) for score in scores] == [(0.9375, "better"), (0.875, "alike")]
    assert np.array_equal(_exchanges(12), _exchanges(12)) and not _exchanges(12)[0].any() and len(_exchanges(8)) == 256


def test_with_two_held_out_pictures_plates_that_are_clearly_better_are_enough():
    pair = (entrant(), entrant(loss=0.14, seed=1, lightness=45, hue=-20, horizon=0.3, stripes=4))
    held = contest(*(replace(one, losses_NK=one.losses_NK[:2]) for one in pair))
    assert held.won and verdicts(held)["held_out_loss"] == "alike" and "held_out_loss" not in held.reason


def test_a_score_may_be_a_little_worse_in_its_own_unit():
    """Beyond its tolerance it is worse if luck is not likely to have done it, and grossly beyond it in any case."""
    from training.contest import _score

    def verdicts_of(name, incumbent, *challengers):
        return [[_score(name, value, incumbent, differences, 8).verdict for value in challengers] for differences in (SURELY_WORSE, UNSURE)]

    assert verdicts_of("palette_delta_e", 4.0, 4.9, 5.1, 7.1) == [["alike", "worse", "worse"], ["alike", "alike", "worse"]]
    assert verdicts_of("held_out_loss", 0.1, 0.1019, 0.1021, 0.1061) == [["alike", "worse", "worse"], ["alike", "alike", "worse"]]
    assert verdicts_of("gradient_energy", 1.0, 1.14, 1.16, 1.46) == [["alike", "worse", "worse"], ["alike", "alike", "worse"]]


def test_a_sure_gain_that_nobody_sees_wins_nothing():
    from training.contest import _score

    found = [_score(name, was - gain, was, -SURELY_WORSE, 8).verdict for name, was, gain in GAINS]
    assert found == ["alike", "better"] * 3


GAINS = [
    ("palette_delta_e", 4.0, 0.49), ("palette_delta_e", 4.0, 0.51),
    ("held_out_loss", 0.1, 0.0009), ("held_out_loss", 0.1, 0.0011),
    ("gradient_energy", 1.0, 0.074), ("gradient_energy", 1.0, 0.076),
]  # fmt: skip


def test_the_rule_reads_as_it_is_written():
    def score(name, verdict):
        return Score(name=name, challenger=1.0, incumbent=2.0, sure=0.99, verdict=verdict)

    better = [score(name, "better") for name in "ab"]
    assert decide([*better, score("c", "alike")])[0]
    assert not decide([*better, score("c", "worse")])[0]
    assert not decide([better[0], score("c", "alike")])[0]


def test_a_lora_without_a_finite_loss_loses_whatever_it_draws():
    """A NaN is not less than anything, so no exchange was as good as what was measured, and the loss did not count: it was promoted."""
    worse = entrant(loss=0.14, seed=1, lightness=45, hue=-20, horizon=0.3, stripes=4)
    for bad in (np.nan, np.inf, 0.0):
        losses = entrant().losses_NK.copy()
        losses[2, 3] = bad
        broken = replace(entrant(), losses_NK=losses)
        held = contest(broken, worse)
        assert not held.won and held.reason == "not promoted: its held-out loss is no positive number on every picture"
        assert contest(worse, broken).won, "what cannot be compared does not stay in use"
        assert not contest(broken, broken).won


def test_a_lora_whose_plates_have_no_finite_features_loses():
    worse = entrant(loss=0.14, seed=1, lightness=45, hue=-20, horizon=0.3, stripes=4)
    broken = replace(entrant(), features_ND=np.where(np.arange(PLATES)[:, None] == 3, np.nan, entrant().features_ND))
    held = contest(broken, worse)
    assert not held.won and held.reason == "not promoted: its plates have no finite features for gradient_energy"
    assert contest(worse, broken).won
    with pytest.raises(ModelError, match="held-out pictures have no finite features for gradient_energy"):
        hold_contest(entrant(), worse, LOOK, np.full_like(MEASURE.of(LOOK), np.nan))


def test_a_lora_with_a_plate_that_is_no_picture_loses_and_the_reason_says_what_is_wrong_with_it():
    blank = replace(entrant(), plates=entrant().plates[2:], features_ND=entrant().features_ND[2:], faults=("one color all over",) * 2)
    held = contest(blank, entrant(loss=0.14, seed=1, hue=-20))
    assert not held.won and held.reason == "not promoted: 2 of its 8 plates are no pictures (one color all over)"
    assert held.scores == () and held.plates == PLATES
    displaced = contest(entrant(loss=0.14, seed=1, hue=-20), blank)
    assert displaced.won and displaced.reason.endswith("of the other 2 of its 8 plates are no pictures (one color all over)")


@pytest.mark.parametrize("name", ["held_out_loss", "palette_delta_e", "layout_delta_e", "gradient_energy"])
@pytest.mark.parametrize("values", [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (np.nan, np.nan)])
def test_a_score_that_is_no_number_is_lost_and_is_told_as_none(name, values):
    from training.contest import Contest, _score

    score = _score(name, *values, np.full(256, np.nan), 8)
    assert (score.verdict, score.sure) == ("worse", 0.0) and not decide([score])[0]
    (told,) = Contest(scores=(score,), won=False, reason="", plates=8).as_json()["scores"]
    assert None in told.values() and json.dumps(told, allow_nan=False)


def test_the_same_contest_gives_the_same_numbers():
    pair = entrant(), entrant(seed=3, hue=14)
    assert contest(*pair) == contest(*pair)


def test_texture_features_see_stripes_that_palette_and_layout_hardly_do():
    plain, striped, look = ([picture(seed + start, **how) for seed in range(8)] for start, how in ((0, {}), (20, {"stripes": 4}), (40, {})))
    near, far = (energy_distance(texture_features(pictures), texture_features(look)) for pictures in (plain, striped))
    assert far > 4 * near


def test_an_energy_distance_of_a_set_from_itself_is_nothing_and_it_is_symmetric():
    a, b = np.random.default_rng(0).normal(0, 1, (6, 5)), np.random.default_rng(1).normal(2, 1, (9, 5))
    assert energy_distance(a, a) == 0
    assert energy_distance(a, b) == pytest.approx(energy_distance(b, a)) and energy_distance(a, b) > 1


def test_what_a_mask_leaves_out_of_a_look_picture_is_no_part_of_the_look():
    plain = picture(1)
    with_product, mask = plain.copy(), np.full(plain.shape[:2], 255, np.uint8)
    with_product[16:32, 16:32], mask[15:33, 15:33] = (255, 0, 0), 0
    seen = look_pixels(LookPicture(name="a", pixels_HW3=with_product, prompt="", mask_HW=mask))
    assert palette_distance([seen], [plain]) < 1 < 10 < palette_distance([with_product], [plain])
    assert look_pixels(LookPicture(name="a", pixels_HW3=plain, prompt="")) is plain


def test_without_installed_weights_the_score_says_that_nothing_learned_has_looked():
    assert isinstance(MEASURE, FeatureMeasure) and MEASURE.name == "gradient_energy"
