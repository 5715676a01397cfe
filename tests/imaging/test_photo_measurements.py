"""Measurements of a photo: relations that must hold between a good picture and the same picture spoiled."""

import cv2
import numpy as np
import pytest

from imaging.photo_measurements import COLUMNS, measure_photo
from imaging.sharpness import blur_effect, photo_sharpness
from tests.sample_photos import blurred, cluttered, moved, studio_photo

GOOD = measure_photo(studio_photo())


def test_every_column_is_documented_and_every_documented_column_is_measured():
    assert list(GOOD) == list(COLUMNS)
    assert all(column.says and column.unit and column.range and column.source for column in COLUMNS.values())
    assert all(isinstance(value, float) and np.isfinite(value) for value in GOOD.values())


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((64, 64, 3), np.uint8),
        np.full((64, 640, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 255, (100, 70, 3), np.uint8),
    ],
    ids=["black", "white strip", "noise"],
)
def test_degenerate_pictures_are_measured_too(photo: np.ndarray):
    measured = measure_photo(photo)
    assert list(measured) == list(COLUMNS)
    assert all(np.isfinite(value) for value in measured.values())


def test_more_blur_is_less_fine_detail():
    ratios = [measure_photo(blurred(studio_photo(), sigma))["edge_fine_ratio"] for sigma in (0.01, 1.2, 2.5, 5.0)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 0.35 > ratios[1] > 0.1


def test_sensor_noise_does_not_hide_blur():
    quiet, noisy = (measure_photo(blurred(studio_photo(noise=0), 2.0) + noise) for noise in (0, _noise(3.0)))
    for column in ("edge_fine_ratio", "step_ratio_worst"):
        assert noisy[column] < 1.1 * quiet[column]


def _noise(sigma: float) -> np.ndarray:
    return np.rint(np.random.default_rng(3).normal(4 * sigma, sigma, studio_photo().shape)).astype(np.uint8)


def test_movement_lowers_the_worst_direction_and_spares_the_best():
    measured = measure_photo(moved(studio_photo(striped=False), 15))
    assert measured["step_ratio_worst"] < 0.6 * GOOD["step_ratio_worst"]
    assert measured["step_ratio_best"] > 1.5 * measured["step_ratio_worst"]


@pytest.mark.parametrize("angle_deg", [0, 30, 45, 90, 135])
def test_movement_shows_in_whatever_direction_it_goes(angle_deg: int):
    size_px = 21
    line = np.zeros((size_px, size_px), np.float32)
    reach = 10 * np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    ends = [tuple(round(10 + sign * float(part)) for part in reach) for sign in (-1, 1)]
    cv2.line(line, ends[0], ends[1], 1.0)
    measured = measure_photo(cv2.filter2D(studio_photo(striped=False), -1, line / line.sum()))
    assert measured["step_ratio_worst"] < 0.5 * GOOD["step_ratio_worst"]


def test_an_ideal_step_has_a_step_ratio_of_one_and_a_ramp_a_quarter():
    step, ramp = (
        np.tile(row, (200, 1)).astype(np.float32) for row in (np.repeat([60, 200], 100), np.interp(range(200), [94, 106], [60, 200]))
    )
    assert photo_sharpness(step).step_ratio_best == pytest.approx(1.0, abs=0.02)
    assert photo_sharpness(ramp).step_ratio_worst == pytest.approx(0.25, abs=0.03)


def test_an_enlarged_copy_has_lost_the_finest_detail_and_keeps_its_steps():
    photo = studio_photo()
    enlarged = cv2.resize(cv2.resize(photo, (450, 450), interpolation=cv2.INTER_AREA), (1020, 1020), interpolation=cv2.INTER_CUBIC)
    sharp, soft = (measure_photo(picture) for picture in (photo, enlarged))
    assert soft["edge_finest_ratio"] < 0.6 * sharp["edge_finest_ratio"]
    assert soft["step_ratio_worst"] > 0.6 * sharp["step_ratio_worst"]


def test_noise_counts_as_detail_neither_on_paper_nor_where_paper_is_burnt():
    """A pale product on burnt paper: noise on the product alone looked like fine detail, and enlarged copies of white shoes passed."""
    paper = np.full((768, 768), 255, np.float32)
    paper[200:560, 200:560] = cv2.GaussianBlur(np.tile(np.linspace(225, 240, 360, dtype=np.float32), (360, 1)), (0, 0), 2)
    soft = cv2.GaussianBlur(paper, (0, 0), 2.0)
    noisy = np.clip(soft + np.random.default_rng(0).normal(0, 2.5, soft.shape), 0, 255).astype(np.float32)
    clean, spoiled = (photo_sharpness(picture).edge_finest_ratio for picture in (soft, noisy))
    assert spoiled < clean + 0.04


def test_sharpness_does_not_depend_on_contrast():
    faded = (studio_photo(noise=0).astype(np.float32) * 0.4 + 120).astype(np.uint8)
    assert measure_photo(faded)["edge_fine_ratio"] == pytest.approx(measure_photo(studio_photo(noise=0))["edge_fine_ratio"], rel=0.1)


def test_blur_effect_agrees_with_scikit_image():
    from skimage.measure import blur_effect as reference

    gray = cv2.cvtColor(studio_photo(400), cv2.COLOR_RGB2GRAY).astype(np.float32)
    for sigma in (0.01, 1.0, 3.0):
        soft = cv2.GaussianBlur(gray, (0, 0), sigma)
        assert blur_effect(soft) == pytest.approx(reference(soft / 255), abs=0.01)


def test_clutter_shows_at_the_border_and_a_plain_colored_background_does_not():
    messy, plain = measure_photo(cluttered(studio_photo())), measure_photo(studio_photo(paper=(40, 90, 60)))
    assert messy["border_edge_share"] > 0.15 > 0.02 > plain["border_edge_share"]
    assert messy["ring_off_share"] > 0.15 > 0.02 > plain["ring_off_share"]


@pytest.mark.parametrize("side", range(4))
def test_a_cut_off_product_touches_the_frame_and_is_not_clutter(side: int):
    part = np.ascontiguousarray(np.rot90(studio_photo()[:, 370:], side))
    measured = measure_photo(part)
    assert GOOD["frame_contact_share"] == 0.0
    assert measured["frame_contact_share"] > 0.2
    assert measured["border_edge_share"] < 0.05


def test_a_shadow_at_the_frame_is_not_the_product():
    photo = studio_photo().astype(np.float32)
    shade = 1 - 0.25 * np.clip(np.linspace(-2.5, 1, photo.shape[1]), 0, 1)[None, :, None]
    assert measure_photo((photo * shade).astype(np.uint8))["frame_contact_share"] < 0.01


def test_separate_things_are_counted():
    assert [measure_photo(studio_photo(mugs=mugs))["subjects"] for mugs in (1, 2, 3)] == [1, 2, 3]


def test_tones_follow_the_exposure():
    dark = measure_photo((studio_photo() * 0.2).astype(np.uint8))
    burnt = measure_photo(np.clip(studio_photo().astype(int) * 4, 0, 255).astype(np.uint8))
    assert dark["lightness_mean"] < 25 < GOOD["lightness_mean"]
    assert dark["black_share"] >= GOOD["black_share"]
    assert burnt["lightness_mean"] > GOOD["lightness_mean"]


def test_a_color_cast_leaves_nothing_gray():
    warm = np.clip(studio_photo() * np.array([1.05, 0.95, 0.7]), 0, 255).astype(np.uint8)
    assert measure_photo(warm)["neutral_floor_chroma"] > GOOD["neutral_floor_chroma"] + 5


def test_a_large_photo_gives_about_the_numbers_of_a_small_one():
    """All measurements are taken at one working size, so a camera's megapixels do not change the judgment."""
    large = measure_photo(studio_photo(2040))
    for column in ("edge_fine_ratio", "product_share", "border_edge_share", "lightness_mean"):
        assert large[column] == pytest.approx(GOOD[column], rel=0.15, abs=0.01), column
    assert large["min_side_px"] == 2040
