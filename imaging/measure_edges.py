"""Measure the halo around the product: a light, dark or colored fringe just outside its edge."""

import cv2
import numpy as np

from imaging.measure_views import SHADOW_ROWS_SHARE, Views

CHROMA_WEIGHT = 0.5
"""Chroma counts half: JPEG's halved color resolution bleeds up to 8 Delta E of chroma across a saturated edge, and nobody sees it."""


def measure_halo(views: Views) -> dict[str, float | None]:
    """The fringe 1 to 4 px outside the product, in Delta E.

    `halo_delta_e`: 90th percentile against the expected picture, None if the background is not known; only above the zone of the contact
    shadow when the expected picture has none (`Views.shadow_known` False). `halo_step`: median step in
    lightness between the ring at 1-3 px and the ring at 6-10 px, without reference, above the zone of the contact shadow.
    """
    columns: dict[str, float | None] = {"halo_delta_e": None, "halo_step": None}
    if views.product_HW is None:
        return columns
    box = views.product_box
    if box is None:
        return columns
    left, top, right, bottom = box
    height, width = views.product_HW.shape
    crop = slice(max(0, top - 16), min(height, bottom + 16)), slice(max(0, left - 16), min(width, right + 16))
    solid = views.product_HW[crop].view(np.uint8)
    outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3)
    render = views.render_lab_HW3[crop]
    upper = np.zeros_like(solid, dtype=bool)
    upper[: max(0, int(bottom - SHADOW_ROWS_SHARE * (bottom - top)) - crop[0].start)] = True
    if views.complete and views.expected_lab_HW3 is not None:
        ring = (outside > 1.5) & (outside <= 4.5)
        if not views.shadow_known:
            ring &= upper
        if ring.any():
            difference = render[ring] - views.expected_lab_HW3[crop][ring]
            difference[:, 1:] *= CHROMA_WEIGHT
            columns["halo_delta_e"] = float(np.percentile(np.linalg.norm(difference, axis=1), 90))
    columns["halo_step"] = _step(cv2.extractChannel(render, 0), outside, upper)
    return columns


def _step(lightness: np.ndarray, outside: np.ndarray, upper: np.ndarray) -> float | None:
    near, far = (outside > 1.5) & (outside <= 3.5) & upper, (outside > 6) & (outside <= 10) & upper
    if near.sum() < 50 or far.sum() < 50:
        return None
    weight = far.astype(np.float32)
    share = cv2.blur(weight, (15, 15))
    local = cv2.blur(lightness * weight, (15, 15))
    known = near & (share > 0.02)
    return float(abs(np.median(lightness[known] - local[known] / share[known]))) if known.any() else None
