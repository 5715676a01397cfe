"""Measure how the product's hue and chroma moved, where CIEDE2000 says too little: saturated blue, and white that cannot get whiter.

Colors are compared at a quarter of the working size, as in measure_color. Leaves out lightness and local changes.
"""

from typing import cast

import cv2
import numpy as np

from imaging.color import FloatImage
from imaging.measure_views import ByteImage, ImageT, Mask, Views, highest_channel, lowest_channel
from imaging.product_planes import REDUCTION

CHROMATIC = 15.0
"""CIELAB chroma from which a color has a hue worth speaking of; below, a harmless tint of 1.5 turns it by more than 5 degrees."""
MIN_CHROMATIC_SHARE = 0.03
"""A product with a smaller share of chromatic pixels is gray: its hue cannot turn."""
LOWEST_FREE, HIGHEST_FREE = 4, 249
"""Levels between which a channel can move either way; a tint laid over pure white or black is cut off and looks smaller than it is."""
MIN_FREE_SHARE = 0.05
MIN_COLORS = 50


def measure_tint(views: Views) -> dict[str, float | None]:
    """`tint_delta_ab`: length of the mean shift in a* and b* where no channel is at its end. `chroma_shift`: mean change of chroma, signed.

    `hue_shift_deg`: turn of hue in degrees, 0 up to 180, pixels weighted by the chroma they have in both pictures; 0 for a product without
    chromatic colors. All None without an expected product.
    """
    columns: dict[str, float | None] = dict.fromkeys(("tint_delta_ab", "hue_shift_deg", "chroma_shift"))
    if not views.comparable:
        return columns
    render, expected = _free_colors(views)
    columns["tint_delta_ab"] = float(np.linalg.norm((render - expected).mean(axis=0)))
    chroma_r, chroma_e = np.hypot(render[:, 0], render[:, 1]), np.hypot(expected[:, 0], expected[:, 1])
    columns["chroma_shift"] = float((chroma_r - chroma_e).mean())
    chromatic = chroma_e >= CHROMATIC
    columns["hue_shift_deg"] = 0.0
    if chromatic.mean() >= MIN_CHROMATIC_SHARE:
        r, e = render[chromatic], expected[chromatic]
        across, along = float((e[:, 0] * r[:, 1] - e[:, 1] * r[:, 0]).sum()), float((e * r).sum())
        columns["hue_shift_deg"] = float(np.degrees(abs(np.arctan2(across, along))))
    return columns


def _free_colors(views: Views) -> tuple[FloatImage, FloatImage]:
    """a* and b* of render and expectation, (N, 2) each, means of 4x4 product pixels that can move in either picture."""
    assert views.expected_lab_HW3 is not None and views.expected_HW3 is not None and views.inner_HW is not None
    inner = _quarter(views.inner_HW.astype(np.uint8) * 255) >= 254
    if int(inner.sum()) < MIN_COLORS:
        inner = _quarter(views.inner_HW.astype(np.uint8) * 255) > 0
    free = inner & _free(_quarter(views.render_HW3)) & _free(_quarter(views.expected_HW3))
    used = free if free.sum() >= max(MIN_COLORS, MIN_FREE_SHARE * inner.sum()) else inner
    render, expected = (_quarter(lab)[used][:, 1:] for lab in (views.render_lab_HW3, views.expected_lab_HW3))
    return render, expected


def _quarter(image: ImageT) -> ImageT:
    height, width = image.shape[:2]
    size = (max(1, width // REDUCTION), max(1, height // REDUCTION))
    return cast(ImageT, np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)))


def _free(picture_HW3: ByteImage) -> Mask:
    return np.asarray((lowest_channel(picture_HW3) >= LOWEST_FREE) & (highest_channel(picture_HW3) <= HIGHEST_FREE))
