"""Measure how far around the product a fringe runs: the share of its outline along which a line stands out from both sides' colors.

Needs no expected picture. `halo_step` (measure_edges) is the median step, which cancels where a gray fringe is lighter than one part of a
scene and darker than the other, and misses a fringe on one side.
"""

import cv2
import numpy as np

from imaging.color import FloatImage
from imaging.measure_views import SHADOW_ROWS_SHARE, Mask, Views, bounding_box

NEAR_PX, FAR_PX = (1.0, 4.0), (6.0, 11.0)
"""Rings outside the product between which a fringe is a step, in working pixels."""
FRINGE_DELTA_E = 6.0
"""Distance, chroma halved, from which a piece of the near ring stands out; see measure_edges.CHROMA_WEIGHT."""
SECTOR_PX = 9
"""Pieces of the outline are judged by their mean over about this side: grain and texture average out, a fringe does not."""


def measure_fringe(views: Views) -> dict[str, float | None]:
    """`halo_share_pct`: share of the outline above the contact shadow with a fringe. None without a product or with too little outline."""
    if views.product_HW is None:
        return {"halo_share_pct": None}
    box = bounding_box(views.product_HW)
    if box is None:
        return {"halo_share_pct": None}
    left, top, right, bottom = box
    height, width = views.product_HW.shape
    pad = 24
    stop = int(bottom - SHADOW_ROWS_SHARE * (bottom - top))
    crop = slice(max(0, top - pad), max(1, min(height, stop))), slice(max(0, left - pad), min(width, right + pad))
    render = views.render_lab_HW3[crop].copy()
    render[..., 1:] *= 0.5
    outside = cv2.distanceTransform(1 - views.product_HW[crop].astype(np.uint8), cv2.DIST_L2, 3)
    near, far = ((outside > low) & (outside <= high) for low, high in (NEAR_PX, FAR_PX))
    if near.sum() < 100 or far.sum() < 100:
        return {"halo_share_pct": None}
    known = near & (cv2.blur(far.astype(np.float32), (2 * SECTOR_PX + 1,) * 2) > 0.05)
    if known.sum() < 100:
        return {"halo_share_pct": None}
    step = np.linalg.norm(_mean(render, near, SECTOR_PX, known) - _mean(render, far, 2 * SECTOR_PX + 1, known), axis=1)
    return {"halo_share_pct": float((step > FRINGE_DELTA_E).mean() * 100)}


def _mean(lab_HW3: FloatImage, zone_HW: Mask, side_px: int, where_HW: Mask) -> FloatImage:
    """For each true pixel of `where_HW` the mean color of the zone within a square around it, (N, 3)."""
    weight = zone_HW.astype(np.float32)
    cover = np.maximum(cv2.blur(weight, (side_px, side_px))[where_HW], 1e-4)
    # An "and" of a picture with itself keeps it where the mask is and is zero elsewhere, without a product of three planes.
    total = cv2.blur(cv2.bitwise_and(lab_HW3, lab_HW3, mask=zone_HW.astype(np.uint8)), (side_px, side_px))[where_HW]
    return np.asarray(total / cover[:, None], dtype=np.float32)
