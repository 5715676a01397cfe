"""Measure how wide and high the product is seen, and what that says beside the catalog's centimeters: scale and proportions.

The silhouette is measured with the picture; the comparison needs no picture and is made when the catalog's size is known.
"""

import math
from collections.abc import Mapping

from imaging.measure_views import Views, bounding_box

CAMERA_ABOVE_DEG = 12.0
"""How far above the product a camera may look down on it: its depth then adds to the height it is seen at. 27 of the 32 demo photos are."""


def measure_silhouette(views: Views) -> dict[str, float | None]:
    """`product_width_px` and `product_height_px` at full size: the silhouette's box in the frame as placed, or found; None without a product."""
    box = None if views.product_HW is None else bounding_box(views.product_HW)
    if box is None:
        return {"product_width_px": None, "product_height_px": None}
    return {"product_width_px": (box[2] - box[0]) / views.scale, "product_height_px": (box[3] - box[1]) / views.scale}


def compare_scale(width_px: float | None, height_px: float | None, size_cm: Mapping[str, float | None] | None) -> dict[str, float | None]:
    """`px_per_cm` at full size, `aspect_error_pct`, and `size_known` (1 when width and height are given) of a silhouette of this size.

    size_cm: the catalog's `width`, `height`, `depth`, each None where it is silent.
    A turned product is seen wider than it is, one seen from above higher, so the smaller of the two scales is taken. `aspect_error_pct` is
    how far the silhouette's width by height lies outside what the catalog's box can show: from front to corner, level to 12 degrees from
    above; without a depth only the front view. None where the size or the product is unknown.
    """
    width, height, depth = ((size_cm or {}).get(name) for name in ("width", "height", "depth"))
    columns: dict[str, float | None] = {
        "size_known": float(width is not None and height is not None),
        "px_per_cm": None,
        "aspect_error_pct": None,
    }
    if not width_px or not height_px:
        return columns
    scales = [seen / real for seen, real in ((width_px, width), (height_px, height)) if real is not None]
    columns["px_per_cm"] = min(scales, default=None)
    if width is not None and height is not None:
        columns["aspect_error_pct"] = _outside(width_px / height_px, width, height, depth)
    return columns


def _outside(aspect: float, width: float, height: float, depth: float | None) -> float:
    """Percent by which an aspect lies outside what a box of this size can show."""
    lowest = highest = width / height
    if depth is not None:
        above = math.radians(CAMERA_ABOVE_DEG)
        # A shallow product is lower from above than from the front, a deep one higher.
        heights = (height, height * math.cos(above) + depth * math.sin(above))
        lowest, highest = width / max(heights), math.hypot(width, depth) / min(heights)
    return 100 * max(0.0, lowest / aspect - 1, aspect / highest - 1)


def compare_card(row: Mapping[str, float | str | None], size_cm: Mapping[str, float | None] | None) -> dict[str, float | None]:
    """`scale_mismatch_pct` and `dimension_error_pct` of a scale card's measurements, `px_per_cm` among them; None where something is missing.

    A line is right when it is as long as its label says at the drawn object's scale, however high a camera from above shows the product: somebody
    holds the line against the object. The error is that of the worse line.
    """
    columns: dict[str, float | None] = {"scale_mismatch_pct": None, "dimension_error_pct": None}
    scale, own = row.get("reference_px_per_cm"), row.get("px_per_cm")
    if not isinstance(scale, float) or not isinstance(own, float) or not scale:
        return columns
    columns["scale_mismatch_pct"] = 100 * abs(own / scale - 1)
    errors = []
    for direction in ("width", "height"):
        line, seen, told = row.get(f"dimension_{direction}_px"), row.get(f"product_{direction}_px"), (size_cm or {}).get(direction)
        if not isinstance(line, float) or not isinstance(seen, float):
            continue
        if not told or not seen:
            return columns
        errors.append(100 * abs(line / (told * scale) - 1))
    columns["dimension_error_pct"] = max(errors, default=None)
    return columns
