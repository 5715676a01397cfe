"""Take the old background out of a product's edge: its own color under the soft edge and a little beyond it.

Alpha is taken as given (matte.py).
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color_spread import carry_color, sample
from imaging.linear_light import light_of_fine_levels, to_levels, to_light
from imaging.matte import CHUNK_PX, EdgeColors, Photo, mix_of

REACH_PX = (1.5, 4.0, 12.0)
"""Blurs that carry the product's color outward, in pixels of a 1024 px picture; together about 20 px."""
FARTHEST_PX = 28.0
"""Farther from the product than this, in pixels of a 1024 px picture, nothing is carried: the widest blur has faded to a hundredth there."""
LEAST_SQUARED_LIGHT = 1e-8
"""Squared distance in light of product and background below which their mix cannot be told."""
LEAST_SHARE = 0.3
"""Below this share of product, what a pixel shows of it is mostly noise."""


def product_color(photo_HW3: Photo, alpha_HW: npt.NDArray[np.uint8], small_HW3: Photo, colors: EdgeColors, unit_px: float) -> Photo:
    """The photo with the product's own color under its soft edge and about 20 px (of 1024) beyond it.

    Pixels inside the edge band keep their exact values. small_HW3: the reduced copy that `colors` was estimated on.
    """
    rows, columns = colors.background_HW3.shape[:2]
    box = np.s_[colors.top_px : colors.top_px + rows, colors.left_px : colors.left_px + columns]
    height, width = photo_HW3.shape[:2]
    small_alpha = cv2.resize(alpha_HW, small_HW3.shape[1::-1], interpolation=cv2.INTER_AREA)[box]
    solid, inside = small_alpha == 255, colors.inside[box]
    size = 2 * round(FARTHEST_PX * unit_px) + 1
    near = cv2.dilate(solid.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
    reaches = tuple(reach * unit_px for reach in REACH_PX)
    carried, reached = carry_color(small_HW3[box].astype(np.float32), solid, reaches, np.asarray(near & ~inside, dtype=bool))
    canvas, wanted = small_HW3.copy(), np.zeros(colors.band.shape, np.uint8)
    cv2.copyTo(np.round(carried).astype(np.uint8), reached.astype(np.uint8), canvas[box])
    wanted[box] = reached
    if photo_HW3 is not small_HW3:
        canvas = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_LINEAR)
        wanted = cv2.resize(wanted, (width, height), interpolation=cv2.INTER_NEAREST)
    result = photo_HW3.copy()
    cv2.copyTo(canvas, wanted, result)
    at_all = np.flatnonzero((wanted > 0) & (alpha_HW > 0))
    for start in range(0, len(at_all), CHUNK_PX):
        y, x = np.divmod(at_all[start : start + CHUNK_PX], width)
        beyond, seen = to_light(canvas[y, x]), to_light(photo_HW3[y, x])
        behind = light_of_fine_levels(sample(colors.background_HW3, colors.positions(y, x, photo_HW3)))
        share = np.clip(mix_of(seen, behind, beyond, least_squared=LEAST_SQUARED_LIGHT), 0, 1)[:, None]
        unmixed = np.clip(behind + (seen - behind) / np.maximum(share, LEAST_SHARE), 0, 1)
        result[y, x] = to_levels(np.asarray(beyond + share**3 * (unmixed - beyond), np.float32))
    return result
