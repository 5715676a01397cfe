"""Measure the shadow that grounds a product: whether one is there, and whether one that was expected was lost."""

import cv2
import numpy as np

from imaging.measure_views import Mask, Views, bounding_box

MARGIN_PX = 4
"""The shadow is looked for this far outside the product, beyond its blended edge."""


def measure_shadow(views: Views) -> dict[str, float | None]:
    """`contact_delta_l`: how much darker the ground is right below the product than further away. `shadow_lost_delta_l`: how much lighter the
    zone around the product's foot is than expected, 95th percentile of smoothed lightness; None if the expected shadow is not known.
    """
    columns: dict[str, float | None] = {"contact_delta_l": None, "shadow_lost_delta_l": None}
    if views.product_HW is None:
        return columns
    box = bounding_box(views.product_HW)
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


def _contact(lightness: np.ndarray, product_HW: Mask, box: tuple[int, int, int, int]) -> float | None:
    """Median over the foot's columns of lightness further below minus lightness right below it; None if the foot leaves the frame."""
    _, top, _, bottom = box
    height = product_HW.shape[0]
    tall = bottom - top
    columns = np.flatnonzero(product_HW.any(axis=0))
    lowest = height - 1 - np.argmax(product_HW[::-1, columns], axis=0)
    foot = lowest > bottom - 1 - 0.06 * tall
    columns, lowest = columns[foot], lowest[foot]
    near, far = max(4, round(0.012 * height)), max(16, round(0.09 * height))
    inside = lowest + far < height
    if inside.sum() < 5:
        return None
    smooth = cv2.blur(lightness, (5, 3))
    close = smooth[lowest[inside] + near, columns[inside]]
    return float(np.percentile(smooth[lowest[inside] + far, columns[inside]] - close, 75))
