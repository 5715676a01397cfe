"""Sharpness of a corrected product: lost where edges are blurred, and not where noise was taken out of a smooth one."""

import cv2
import numpy as np
import pytest

from imaging.measure_enhancement import measure_enhancement
from imaging.noise import denoised

SIDE = 300
ROWS, COLUMNS = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
AWAY = np.hypot(ROWS, COLUMNS)
ALPHA = np.where(AWAY < 0.8, 255, 0).astype(np.uint8)


def smooth(form: str, noise: float) -> np.ndarray:
    """A brown ball lit from above, or a flat disc, on light paper."""
    height = np.sqrt(np.clip(1 - (AWAY / 0.8) ** 2, 0, 1))
    level = 60 + 130 * np.clip(0.6 * height - 0.3 * COLUMNS - 0.4 * ROWS, 0, 1) if form == "ball" else np.full_like(AWAY, 150)
    photo = np.where(ALPHA[..., None] > 0, np.stack([level, 0.8 * level, 0.6 * level], -1), 235)
    return np.clip(np.round(photo + np.random.default_rng(0).normal(0, noise, photo.shape)), 0, 255).astype(np.uint8)


def sharpness_gain(render, photo):
    return measure_enhancement(render, photo, ALPHA, (1, 1, 1))["sharpness_gain"]


@pytest.mark.parametrize("form", ["ball", "disc"])
@pytest.mark.parametrize("noise", [0, 3, 5])
def test_noise_taken_out_of_a_smooth_product_is_no_blur(form, noise):
    """Its steepest slopes are noise: a denoised ball was rejected as blurred (0.3), and a plain product as it was measured 0."""
    photo = smooth(form, noise)
    clean, before, after = denoised(photo)
    assert noise == 0 or after < before / 2
    assert 0.95 < sharpness_gain(clean, photo) < 1.05


@pytest.mark.parametrize("noise", [0, 5])
def test_edges_that_were_blurred_are_found_through_noise(noise):
    photo = smooth("ball", noise).astype(np.int16)
    photo[::10] += 60
    photo[1::10] += 60
    photo = np.clip(photo, 0, 255).astype(np.uint8)
    assert 0.85 < sharpness_gain(denoised(photo)[0], photo) < 1.15
    assert sharpness_gain(cv2.GaussianBlur(photo, (0, 0), 1.6), photo) < 0.7
