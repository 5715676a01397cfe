"""Carried color against the plain Gaussian that it stands for."""

import cv2
import numpy as np
import pytest

from imaging.color_spread import carry_color


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("sigma_px", [1.0, 1.5, 5.0, 12.0])
def test_a_blur_on_a_reduced_copy_carries_what_the_plain_blur_would(channels, sigma_px):
    y, x = np.mgrid[0:121, 0:157].astype(np.float32)
    color = np.stack([40 + x, 200 - y, 0.5 * (x + y), 90 + 0.2 * x][:channels], axis=-1)
    known = x < 70 + 8 * np.sin(y / 9)
    weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma_px)
    expected = cv2.GaussianBlur(color * known[..., None], (0, 0), sigma_px) / np.maximum(weight, 1e-6)[..., None]
    carried, reached = carry_color(color, known, (sigma_px,), ~known)
    clear = ~known & (weight > 0.03)
    assert reached[clear].all()
    far = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 3) > 4 * sigma_px + 2
    assert not reached[far].any() and not reached[known].any()
    assert np.abs(carried - expected)[clear].max() < 0.75 * sigma_px + 0.5, "of gradients of 1 per pixel"


def test_nothing_arrives_where_nothing_is_known():
    carried, reached = carry_color(np.full((20, 30, 3), 9, np.float32), np.zeros((20, 30), bool), (1.5, 6.0))
    assert not reached.any() and not carried.any()
