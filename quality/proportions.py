"""A product's size in the picture beside its size in the catalog: compared when a render is judged, not when it is measured.

The measurement keeps how wide and high the silhouette is seen, and knows no catalog. So a corrected size judges again what was measured, and
no picture is decoded for it; the size is part of the gate key where a rule asks for it. Rejected: the size among what a measurement is
stored under (a render would be measured again, the pixels of which did not change).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.measure_scale import compare_card, compare_scale
from imaging.measure_views import bounding_box
from quality.columns import SILHOUETTE_COLUMNS, Measurements


def compare_with_size(row: Measurements, size_cm: Mapping[str, float | None] | None) -> None:
    """Fill in the size columns of a row of measurements, in place; whatever stood in them was by another size.

    size_cm: the catalog's `width`, `height` and `depth` in centimeters, None where it is silent.
    """
    width_px, height_px = (row.get(name) for name in SILHOUETTE_COLUMNS)
    assert not isinstance(width_px, str) and not isinstance(height_px, str), "a silhouette is measured in pixels"
    row.update(compare_scale(width_px, height_px, size_cm))
    row.update(compare_card(row, size_cm))


def asked_size(
    alpha_HW: npt.NDArray[np.uint8] | None, companion_HW: npt.NDArray[np.uint8] | None, resolved: Mapping[str, Any] | None
) -> dict[str, float | str | None]:
    """`asked_size_error_pct`: how far a staged product is from the height that was planned for its centimeters, in percent; and whether one was.

    resolved: the recipe as planned. A product or pair that would be too wide is as wide as allowed instead. Alphas are those of the placements, uint8 in the
    frame; that the product is there is measured elsewhere.
    """
    known = resolved is not None and "product_height_pct" in resolved
    columns: dict[str, float | str | None] = {"asked_size_known": float(known), "asked_size_error_pct": None}
    box = None if alpha_HW is None else bounding_box(alpha_HW >= 128)
    if not known or resolved is None or alpha_HW is None or box is None:
        return columns
    other = None if companion_HW is None else bounding_box(companion_HW >= 128)
    left, right = (box[0], box[2]) if other is None else (min(box[0], other[0]), max(box[2], other[2]))
    height_pct, width_pct = 100 * (box[3] - box[1]) / alpha_HW.shape[0], 100 * (right - left) / alpha_HW.shape[1]
    widest = resolved["product_width_max_pct"] if other is None else resolved.get("group_width_max_pct", 100)
    columns["asked_size_error_pct"] = 100 * abs(min(resolved["product_height_pct"] / height_pct, widest / width_pct) - 1)
    return columns
