"""A cut-out placed into its render's frame anew, once or as a pair, as the gate expects to find it there. Believes a renderer's geometry as far as a correction goes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.placement import Placement
from imaging.placing import place, product_box
from imaging.upright import matrix_from, motion_of, place_upright

Uint8 = npt.NDArray[np.uint8]


def placed_product(foreground_HW3: Uint8, alpha_HW: Uint8, placement: Placement, facts: Mapping[str, Any]) -> tuple[Uint8, Uint8]:
    """Color and alpha in the frame: by the placement, or by the correction of lean and perspective that facts name.

    A matrix that mirrors, stretches, or turns the product by more than a photo can lean is no correction: the product is placed as if there
    were none, and a render that follows the matrix is found bent.
    """
    told = facts.get("enhanced", {}).get("geometry", {})
    matrix = matrix_from(told.get("matrix", ()))
    is_moved = told.get("tilt_deg", 0) != 0 or told.get("keystone_deg", 0) != 0
    if matrix is None or not is_moved or not motion_of(matrix, product_box(alpha_HW)).is_correction():
        return place(foreground_HW3, alpha_HW, placement)
    return place_upright(foreground_HW3, alpha_HW, matrix, (placement.frame_width_px, placement.frame_height_px))


def placed_companion(foreground_HW3: Uint8, alpha_HW: Uint8, facts: Mapping[str, Any]) -> tuple[Uint8, Uint8] | None:
    """The cut-out where facts say that the second product of a pair stands, as photographed; None where there is no second one."""
    told = facts.get("companion")
    return None if told is None else place(foreground_HW3, alpha_HW, Placement(**told["placement"]))
