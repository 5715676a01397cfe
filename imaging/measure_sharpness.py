"""Measure whether detail was lost or noise added inside the product, against the expected product."""

import cv2
import numpy as np

from imaging.measure_background import immerkaer_noise
from imaging.measure_views import Views
from imaging.product_planes import LEVELS_PER_L, dot

STRONG_EDGE_SHARE = 0.08
"""The share of product pixels with the steepest expected gradient, on which sharpness is judged."""
FLAT_SHARE = 0.30
"""The share with the smallest gradient, on which noise is judged."""

CODEC_GAIN = 1.03
"""JPEG 92 raises the apparent noise of coarse fabric by up to this factor (measured on knitted caps); that is no added noise."""

RESAMPLED_GAIN = 1.4
"""The same where the expected product was searched for and resampled from its photo: the finest threads of a cloth come out of two ways of
resampling with contrasts that differ by up to 1.36 (drawn canvas of 5 to 12 px a thread, and six real products)."""


def measure_sharpness(views: Views, *, resampled: bool = False) -> dict[str, float | None]:
    """Steepness of edges and fine detail as ratios (1 = as expected), and added noise in 8-bit levels; None without an expected product.

    resampled: the expected product was not resampled as the render's was, so the contrast of its finest texture is not known well.
    """
    columns: dict[str, float | None] = dict.fromkeys(("edge_gain", "fine_detail_ratio", "noise_added"))
    if not views.comparable:
        return columns
    assert views.near is not None
    near, render, expected = views.near, views.near.render[0], views.near.expected[0]
    fine_r, fine_e = (near.deviation(plane - cv2.GaussianBlur(plane, (7, 7), 1.0)) * LEVELS_PER_L for plane in (render, expected))
    columns["fine_detail_ratio"] = fine_r / max(0.6, fine_e)
    slope = cv2.magnitude(*near.slopes)
    inside = slope[::3, ::3][near.inner_HW[::3, ::3]]
    low, high = np.quantile(inside, (FLAT_SHARE, 1 - STRONG_EDGE_SHARE))
    flat, steep = (slope <= low) * near.weight_HW, (slope >= high) * near.weight_HW
    noise_r, noise_e = (immerkaer_noise(plane, flat) * LEVELS_PER_L for plane in (render, expected))
    grown = noise_r**2 - (noise_e * (RESAMPLED_GAIN if resampled else CODEC_GAIN)) ** 2
    columns["noise_added"] = float(np.sign(grown) * np.sqrt(abs(grown)))
    # A regression of gradients: noise in the render does not raise it, blur lowers it.
    product = energy = 0.0
    for dx in (1, 0):
        gradient_e = cv2.Sobel(expected, cv2.CV_32F, dx, 1 - dx) * steep
        product += dot(gradient_e, np.asarray(cv2.Sobel(render, cv2.CV_32F, dx, 1 - dx)))
        energy += dot(gradient_e, gradient_e)
    columns["edge_gain"] = product / max(1.0, energy)
    return columns
