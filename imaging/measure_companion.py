"""Measure the second product of a pair: the same product in another color, at the same scale, whole, and on the ground. And take it out of a scene.

Where it stands is the renderer's word; whether it is there, as photographed but for its color, is measured against the cut-out placed there anew.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.measure_change import measure_form, measure_kept, measure_target, part_of
from imaging.measure_geometry import measure_geometry
from imaging.measure_shadow import measure_shadow
from imaging.measure_views import bounding_box, prepare_views

ByteImage = npt.NDArray[np.uint8]

COVERED_PX = 5
"""Beside the front product's alpha the companion is not compared: its pixels are mixed there."""
AROUND_PX = 13
"""Side of the square by which a companion is grown before it is taken out of a scene: soft edge and light that wraps around it."""
COLUMNS = (
    *("companion_hidden_pct", "companion_scale_error_pct", "companion_margin_pct", "companion_contact_delta_l"),
    *("companion_kept_delta_e", "companion_target_delta_e", "companion_structure_ssim"),
)


def measure_companion(
    render_HW3: ByteImage,
    product_alpha_HW: ByteImage,
    companion_rgb_HW3: ByteImage,
    companion_alpha_HW: ByteImage,
    told: Mapping[str, Any],
) -> dict[str, float | None]:
    """The `companion_*` columns; all arrays uint8 at full size. told: `part_map` and `target_hex` of what was changed in it.

    companion_rgb_HW3 is the product as photographed: form and everything but the changed part are compared with it.
    """
    columns: dict[str, float | None] = dict.fromkeys(COLUMNS)
    own = companion_alpha_HW >= 128
    boxes = [bounding_box(product_alpha_HW >= 128), bounding_box(own)]
    if boxes[0] is None or boxes[1] is None:
        return columns
    front, behind = boxes[0], boxes[1]
    columns["companion_hidden_pct"] = 100 * float((own & (product_alpha_HW >= 128)).sum() / own.sum())
    columns["companion_scale_error_pct"] = 100 * abs((behind[3] - behind[1]) / (front[3] - front[1]) - 1)
    columns["companion_margin_pct"] = measure_geometry(np.asarray(own))["margin_min_pct"]
    near_front = cv2.dilate((product_alpha_HW > 0).view(np.uint8), np.ones((2 * COVERED_PX + 1,) * 2, np.uint8)) > 0
    seen = np.where(near_front, np.uint8(0), companion_alpha_HW)
    if not (seen >= 128).any():
        return columns
    views = prepare_views(render_HW3=render_HW3, product_rgb_HW3=companion_rgb_HW3, product_alpha_HW=seen)
    part = part_of(views, dict(told))
    columns["companion_contact_delta_l"] = measure_shadow(views)["contact_delta_l"]
    columns["companion_kept_delta_e"] = measure_kept(views, part)["kept_delta_e"]
    columns["companion_target_delta_e"] = measure_target(views, part, told.get("target_hex"))["target_mean_delta_e"]
    columns["companion_structure_ssim"] = measure_form(views, part)["structure_ssim"]
    return columns


def without_companion(render_HW3: ByteImage, companion_alpha_HW: ByteImage, product_alpha_HW: ByteImage) -> ByteImage:
    """The picture with what lies beside the companion drawn straight across it, row by row; the front product's pixels stay.

    What surrounds the front product can then be measured as if it stood alone. Rows keep the line between wall and table.
    """
    away = cv2.dilate((companion_alpha_HW > 0).view(np.uint8), np.ones((AROUND_PX, AROUND_PX), np.uint8)) > 0
    away &= product_alpha_HW == 0
    beside = ~away & (cv2.dilate((product_alpha_HW > 0).view(np.uint8), np.ones((AROUND_PX, AROUND_PX), np.uint8)) == 0)
    result, columns = render_HW3.copy(), np.arange(render_HW3.shape[1])
    for row in np.flatnonzero(away.any(axis=1)):
        known = columns[beside[row]]
        if known.size:
            gone = columns[away[row]]
            for channel in range(3):
                result[row, gone, channel] = np.round(np.interp(gone, known, render_HW3[row, known, channel])).astype(np.uint8)
    return result
