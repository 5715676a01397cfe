"""Measure the shadow that grounds a product: whether one is there, and whether one that was expected was lost."""

import cv2
import numpy as np

from imaging.color import FloatImage
from imaging.measure_views import Mask, Views

NEAR_SHARE, FAR_SHARE = 0.012, 0.09
"""How far below the foot contact darkness may lie, and where the open ground it is compared with is, as shares of the frame's height."""
MARGIN_PX = 4
"""The shadow is looked for from this far outside the product on, beyond its blended edge."""


def measure_shadow(views: Views) -> dict[str, float | None]:
    """`contact_delta_l`: how much darker the ground is right below the product than further away. `shadow_lost_delta_l`: how much lighter the
    zone around the product's foot is than expected, 95th percentile of smoothed lightness; None if the expected shadow is not known.
    """
    columns: dict[str, float | None] = {"contact_delta_l": None, "shadow_lost_delta_l": None}
    if views.product_HW is None:
        return columns
    box = views.product_box
    if box is None:
        return columns
    lightness = views.render_lab_HW3[..., 0]
    columns["contact_delta_l"] = _contact(lightness, views.product_HW, box)
    if views.complete and views.shadow_known and views.expected_lab_HW3 is not None:
        zone = _foot_zone(views.product_HW, box)
        if zone.any():
            lighter = cv2.blur(lightness - views.expected_lab_HW3[..., 0], (5, 5))[zone]
            columns["shadow_lost_delta_l"] = float(np.percentile(lighter, 95))
    return columns


def _foot_zone(product_HW: Mask, box: tuple[int, int, int, int]) -> Mask:
    left, top, right, bottom = box
    tall, wide = bottom - top, right - left
    zone = np.zeros_like(product_HW)
    zone[max(0, int(bottom - 0.3 * tall)) : int(bottom + 0.2 * tall), max(0, int(left - 0.15 * wide)) : int(right + 0.15 * wide)] = True
    size = 2 * (MARGIN_PX + 2) + 1
    return np.asarray(zone & (cv2.dilate(product_HW.astype(np.uint8), np.ones((size, size), np.uint8)) == 0))


def _contact(lightness: FloatImage, product_HW: Mask, box: tuple[int, int, int, int]) -> float | None:
    """Upper quartile, over the columns of the foot, of how much darker the ground is right below it than around; None without a foot.

    "Right below" is the darkest row from the product's edge on: the contact line of a flat plinth is a few pixels thin. "Around" is the
    ground further below (as far as the frame has room), or beside the product at the same height, whichever is lighter: a cast shadow may
    lie on one side, a table may end below.
    """
    left, top, right, bottom = box
    height, width = product_HW.shape
    tall = bottom - top
    columns = np.flatnonzero(product_HW.any(axis=0))
    lowest = height - 1 - np.argmax(product_HW[::-1, columns], axis=0)
    near, far = max(4, round(NEAR_SHARE * height)), max(16, round(FAR_SHARE * height))
    foot = (lowest > bottom - 1 - 0.06 * tall) & (lowest + near < height)
    columns, lowest = columns[foot], lowest[foot]
    if len(columns) < 5:
        return None
    smooth = cv2.blur(lightness, (5, 3))
    close = np.min([smooth[lowest + below, columns] for below in range(MARGIN_PX, near + 1)], axis=0)
    around = [smooth[lowest + min(far, height - 1 - int(lowest.max())), columns]]
    beside = max(8, round(0.25 * (right - left)))
    for start, stop in ((left - 2 * beside, left - beside), (right + beside, right + 2 * beside)):
        if start >= 0 and stop <= width:
            around.append(np.median(smooth[lowest + near][:, start:stop], axis=1))
    return float(np.percentile(np.max(around, axis=0) - close, 75))
