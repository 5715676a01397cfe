"""Measure where the product stands: fill, margins, offset, from its mask in the frame.

Leaves out whether the product is really where the mask says (measure_fidelity); `find_product` looks for it on a plain background.
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.measure_views import Mask, bounding_box

FOREGROUND_DELTA_E = 6.0
"""Distance to a plain background from which a pixel may be product; a soft shadow is darker but stays connected below this blur."""
LOOSE_SHARE = 0.04
"""A separate part smaller than this share of the largest one is loose; larger ones may be a product of several pieces."""
MIN_PRODUCT_SHARE = 0.002


def measure_geometry(product_HW: Mask | None) -> dict[str, float | None]:
    """Fill of the longer direction, smallest margin, offset of the box from the center and share of the border that is product, in percent.

    And `loose_parts_pct`: how much of the product is small pieces apart from it.
    """
    columns: dict[str, float | None] = dict.fromkeys(("fill_pct", "margin_min_pct", "offset_pct", "border_touch_pct", "loose_parts_pct"))
    if product_HW is None:
        return columns
    box = bounding_box(product_HW)
    if box is None:
        return columns | {"fill_pct": 0.0}
    height, width = product_HW.shape
    left, top, right, bottom = box
    border = np.concatenate([product_HW[0], product_HW[-1], product_HW[:, 0], product_HW[:, -1]])
    return {
        "fill_pct": 100 * max((right - left) / width, (bottom - top) / height),
        "margin_min_pct": 100 * min(left, width - right, top, height - bottom) / max(height, width),
        "offset_pct": 100 * max(abs((left + right) / 2 - width / 2) / width, abs((top + bottom) / 2 - height / 2) / height),
        "border_touch_pct": float(border.mean() * 100),
        "loose_parts_pct": _loose_parts(product_HW[top:bottom, left:right]),
    }


def _loose_parts(product_HW: Mask) -> float:
    """Small pieces apart from the product, percent of its area: a plug, a patch of studio floor, a handle's end that was cut out loosely."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(product_HW.astype(np.uint8), connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    loose = areas[(areas < LOOSE_SHARE * areas.max()) & (areas >= 12)]
    return float(100 * loose.sum() / areas.sum())


def find_product(lab_HW3: FloatImage) -> Mask | None:
    """The largest thing that differs from a plain background, shadow left out where it is neutral and soft; None if nothing does.

    lab_HW3: float32 Lab of the whole frame. The background is the median of the border ring, so a scene gives nonsense: ask only for
    plain backgrounds.
    """
    ring = np.concatenate(
        [lab_HW3[:6].reshape(-1, 3), lab_HW3[-6:].reshape(-1, 3), lab_HW3[:, :6].reshape(-1, 3), lab_HW3[:, -6:].reshape(-1, 3)]
    )
    offset = lab_HW3 - np.median(ring, axis=0).astype(np.float32)
    distance = cv2.GaussianBlur(np.linalg.norm(offset, axis=2), (0, 0), 1.0)
    lightness = lab_HW3[..., 0]
    steep = cv2.magnitude(cv2.Sobel(lightness, cv2.CV_32F, 1, 0), cv2.Sobel(lightness, cv2.CV_32F, 0, 1))
    soft = (cv2.blur(steep, (5, 5)) < 6) & (np.hypot(offset[..., 1], offset[..., 2]) < 4) & (offset[..., 0] < 0) & (offset[..., 0] > -45)
    core = (distance > FOREGROUND_DELTA_E) & ~soft
    core = cv2.morphologyEx(core.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    core = _filled(core)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core)
    keep = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= MIN_PRODUCT_SHARE * core.size]
    return np.isin(labels, keep) if keep else None


def _filled(core_HW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """With everything filled that the outside cannot reach: a pale label is product though it looks like the background."""
    _, labels = cv2.connectedComponents(1 - core_HW, connectivity=4)
    outside = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.asarray((core_HW > 0) | ~np.isin(labels, outside[outside > 0]), dtype=np.uint8)
