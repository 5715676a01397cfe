"""Measure whether detail was lost or noise added inside the product, against the expected product."""

import cv2
import numpy as np

from imaging.measure_views import Views

STRONG_EDGE_SHARE = 0.08
"""The share of product pixels with the steepest expected gradient, on which sharpness is judged."""
FLAT_SHARE = 0.30
"""The share with the smallest gradient, on which noise is judged."""

CODEC_GAIN = 1.03
"""JPEG 92 raises the apparent noise of coarse fabric by up to this factor (measured on knitted caps); that is no added noise."""


def measure_sharpness(views: Views) -> dict[str, float | None]:
    """Steepness of edges and fine detail as ratios (1 = as expected), and added noise in 8-bit levels; None without an expected product."""
    columns: dict[str, float | None] = dict.fromkeys(("edge_gain", "fine_detail_ratio", "noise_added"))
    if not views.comparable:
        return columns
    assert views.expected_lab_HW3 is not None and views.inner_HW is not None
    inner = views.inner_HW
    render, expected = views.render_lab_HW3[..., 0] * 2.55, views.expected_lab_HW3[..., 0] * 2.55
    fine_r, fine_e = render - cv2.GaussianBlur(render, (0, 0), 1.0), expected - cv2.GaussianBlur(expected, (0, 0), 1.0)
    columns["fine_detail_ratio"] = float(fine_r[inner].std()) / max(0.6, float(fine_e[inner].std()))
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    smooth = cv2.GaussianBlur(expected, (0, 0), 1.5)
    slope = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    inside = slope[inner]
    flat = inner & (slope <= np.quantile(inside[::7], FLAT_SHARE))
    noise_r, noise_e = (float(np.abs(cv2.filter2D(p, -1, kernel))[flat].mean()) * np.sqrt(np.pi / 2) / 6 for p in (render, expected))
    grown = noise_r**2 - (noise_e * CODEC_GAIN) ** 2
    columns["noise_added"] = float(np.sign(grown) * np.sqrt(abs(grown)))
    steep = inner & (slope >= np.quantile(inside[::7], 1 - STRONG_EDGE_SHARE))
    # A regression of gradients: noise in the render does not raise it, blur lowers it.
    product = energy = 0.0
    for dx in (1, 0):
        gradient_e = cv2.Sobel(expected, cv2.CV_32F, dx, 1 - dx)[steep]
        gradient_r = cv2.Sobel(render, cv2.CV_32F, dx, 1 - dx)[steep]
        product, energy = product + float(gradient_e @ gradient_r), energy + float(gradient_e @ gradient_e)
    columns["edge_gain"] = product / max(1.0, energy)
    return columns
