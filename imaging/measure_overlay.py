"""Measure whether text or a watermark lies on the product: thin strokes that all lighten, or all darken, what is beneath.

Against the expected product. A patch, a stain or a moved edge changes lightness both ways or in broad areas; those are measure_fidelity's.
"""

import cv2
import numpy as np

from imaging.color import FloatImage
from imaging.measure_views import Mask, Views, bounding_box

STROKE_SHARE = 1 / 40
"""Widest stroke that counts as thin, of the frame's longer side; a watermark's letters are thinner, a patch is wider."""
STROKE_DELTA_L = 2.5
"""Lightness by which a stroke stands out from the change around it; noise of 10 levels and JPEG 40 stay below it once smoothed."""
SMOOTH_SIGMA_PX = 1.0
ONE_WAY = 0.75
"""Share of the strokes that must go the same way. Moved edges and mirrored texture go both ways by halves."""


def measure_overlay(views: Views) -> dict[str, float | None]:
    """`overlay_pct`: share of the product under thin strokes of one sign; 0 where they go both ways. None without an expected product."""
    if not views.comparable:
        return {"overlay_pct": None}
    assert views.expected_lab_HW3 is not None and views.inner_HW is not None
    box = bounding_box(views.inner_HW)
    assert box is not None
    crop = slice(box[1], box[3]), slice(box[0], box[2])
    inner = views.inner_HW[crop]
    render, expected = (cv2.extractChannel(lab[crop], 0) for lab in (views.render_lab_HW3, views.expected_lab_HW3))
    width = max(5, round(STROKE_SHARE * max(views.inner_HW.shape))) | 1
    lighter, darker = _strokes(_beyond_tone(render, expected, inner), inner, width)
    more, less = max(lighter, darker), min(lighter, darker)
    one_way = more / max(1e-9, more + less)
    return {"overlay_pct": 100 * more * float(one_way >= ONE_WAY)}


def _beyond_tone(render: FloatImage, expected: FloatImage, inner: Mask) -> FloatImage:
    """The difference in lightness that a straight tone change over the whole product does not explain."""
    difference = render - expected
    x, y = expected[inner][::5], difference[inner][::5]
    centered = x - x.mean()
    slope = float(np.clip((centered * y).sum() / max(1.0, float((centered**2).sum())), -0.5, 0.5))
    return np.asarray(difference - float(np.median(y)) - slope * (expected - float(x.mean())), dtype=np.float32)


def _strokes(difference: FloatImage, inner: Mask, width_px: int) -> tuple[float, float]:
    """Shares of the product that thin strokes make lighter and darker: what is off, and what an opening of that width takes away (top-hat).

    Both, because the gaps between letters are thin, too, but not off.
    """
    weight = inner.astype(np.float32)
    cover = cv2.GaussianBlur(weight, (0, 0), SMOOTH_SIGMA_PX)
    smooth = cv2.GaussianBlur(difference * weight, (0, 0), SMOOTH_SIGMA_PX) / np.maximum(cover, 0.25) * weight
    kernel = np.ones((width_px, width_px), np.uint8)
    area = float(inner.sum())
    shares = []
    for plane in (smooth, -smooth):
        off = plane > STROKE_DELTA_L
        strokes = off & (cv2.morphologyEx(plane, cv2.MORPH_TOPHAT, kernel) > STROKE_DELTA_L) if off.any() else off
        shares.append(float((strokes & inner).sum()) / area)
    return shares[0], shares[1]
