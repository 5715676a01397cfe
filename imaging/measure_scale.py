"""Measure the picture's physical scale: pixels per centimeter of the product, and whether its silhouette has the catalog's proportions."""

import numpy as np

from imaging.measure_views import Views, bounding_box

CAMERA_ABOVE_DEG = 12.0
"""How far above the product a camera may look down on it: its depth then adds to the height it is seen at. 27 of the 32 demo photos are."""


def measure_scale(views: Views, size_cm: dict[str, float | None] | None) -> dict[str, float | None]:
    """`px_per_cm` at full size, `aspect_error_pct`, and `size_known` (1 when width and height are given). Needs the catalog's centimeters.

    size_cm: `width`, `height`, `depth`, each None where the catalog is silent. The silhouette is the one in the frame as placed, or found.
    A turned product is seen wider than it is, one seen from above higher, so the smaller of the two scales is taken. `aspect_error_pct` is
    how far the silhouette's width by height lies outside what the catalog's box can show: from front to corner, level to 12 degrees from
    above; without a depth only the front view. None where the size or the product is unknown.
    """
    given = {name: value for name, value in (size_cm or {}).items() if value is not None}
    width, height, depth = (given.get(name) for name in ("width", "height", "depth"))
    columns: dict[str, float | None] = {
        "size_known": float(width is not None and height is not None),
        "px_per_cm": None,
        "aspect_error_pct": None,
    }
    box = None if views.product_HW is None else bounding_box(views.product_HW)
    if box is None or not given:
        return columns
    seen_width, seen_height = (box[2] - box[0]) / views.scale, (box[3] - box[1]) / views.scale
    scales = [seen / real for seen, real in ((seen_width, width), (seen_height, height)) if real is not None]
    columns["px_per_cm"] = min(scales, default=None)
    if width is not None and height is not None:
        columns["aspect_error_pct"] = _outside(seen_width / seen_height, width, height, depth)
    return columns


def _outside(aspect: float, width: float, height: float, depth: float | None) -> float:
    """Percent by which an aspect lies outside what a box of this size can show."""
    lowest = highest = width / height
    if depth is not None:
        above = np.radians(CAMERA_ABOVE_DEG)
        # A shallow product is lower from above than from the front, a deep one higher.
        heights = (height, height * np.cos(above) + depth * np.sin(above))
        lowest, highest = width / max(heights), float(np.hypot(width, depth)) / min(heights)
    return float(100 * max(0.0, lowest / aspect - 1, aspect / highest - 1))
