"""Color: Lab and Delta E agree with an independent implementation."""

import numpy as np
import pytest

from imaging.color import delta_e76, delta_e2000, lab_to_srgb, srgb_to_lab


@pytest.fixture
def colors() -> np.ndarray:
    rng = np.random.default_rng(7)
    image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    image[:8] = image[:8, :, :1]  # grays: hue is undefined there, the usual trap of CIEDE2000
    return image


def test_lab_agrees_with_skimage_and_comes_back(colors):
    from skimage.color import rgb2lab

    lab = srgb_to_lab(colors)
    assert lab.dtype == np.float32
    assert np.abs(lab - rgb2lab(colors)).max() < 0.1
    assert np.abs(srgb_to_lab(colors.astype(np.float32) / 255) - lab).max() < 1e-3
    assert np.abs(lab_to_srgb(lab) * 255 - colors).max() < 0.5


def test_ciede2000_agrees_with_skimage_on_near_far_and_gray_colors(colors):
    from skimage.color import deltaE_ciede2000

    lab = srgb_to_lab(colors)
    near = lab + np.random.default_rng(8).normal(0, 1.5, lab.shape).astype(np.float32)
    for other in (near, lab[::-1], lab[:, ::-1], lab):
        expected = deltaE_ciede2000(lab.astype(np.float64), other.astype(np.float64))
        assert np.abs(delta_e2000(lab, other) - expected).max() < 0.01


def test_delta_e76_is_the_distance_in_lab():
    assert delta_e76(np.float32([[50, 3, 4]]), np.float32([50, 0, 0])) == pytest.approx([5.0])
