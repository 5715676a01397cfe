"""Measure whether something else is in the frame: the largest foreign thing beside the product, and a second copy of the product.

Leaves out what grew out of the product itself (measure_outline) and how sharp or noisy the background is (measure_background).
"""

import cv2
import numpy as np

from imaging.measure_outline import EDGE_PX
from imaging.measure_views import Mask
from imaging.unexpected import SmallViews


def measure_foreign(small: SmallViews | None, unexpected_HW: Mask | None) -> dict[str, float | None]:
    """`foreign_object_pct`: area of the largest thing apart from the product that should not be there, of the frame.

    unexpected_HW: see `unexpected.unexpected_map`. None in a scene without expected picture: anything may stand in it.
    """
    if small is None or unexpected_HW is None:
        return {"foreign_object_pct": None}
    count, labels, stats, _ = cv2.connectedComponentsWithStats(unexpected_HW.astype(np.uint8), connectivity=8)
    touching = np.bincount(labels[unexpected_HW & (small.outside_px_HW <= EDGE_PX + 1.5)], minlength=count) > 0
    apart = [int(stats[i, cv2.CC_STAT_AREA]) for i in range(1, count) if not touching[i]]
    return {"foreign_object_pct": 100 * max(apart, default=0) / unexpected_HW.size}
