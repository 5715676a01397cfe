"""Take the old background out of a product's edge: its own color under the soft edge and a little beyond it.

Alpha is taken as given (matte.py).
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color_spread import carry_color
from imaging.matte import CHUNK_PX, EdgeColors, Photo, mix_of, resize_mask, sample

REACH_PX = (1.5, 4.0, 12.0)
"""Blurs that carry the product's color outward, in pixels of a 1024 px picture; together about 20 px."""
LEAST_SHARE = 0.3
"""Below this share of product, what a pixel shows of it is mostly noise."""


def product_color(photo_HW3: Photo, alpha_HW: npt.NDArray[np.uint8], small_HW3: Photo, colors: EdgeColors, unit_px: float) -> Photo:
    """The photo with the product's own color under its soft edge and about 20 px (of 1024) beyond it.

    Pixels inside the edge band keep their exact values. small_HW3: the reduced copy that `colors` was estimated on.
    """
    rows, columns = colors.background_HW3.shape[:2]
    box = np.s_[colors.top_px : colors.top_px + rows, colors.left_px : colors.left_px + columns]
    small_alpha = cv2.resize(alpha_HW, small_HW3.shape[1::-1], interpolation=cv2.INTER_AREA)[box]
    reaches = tuple(reach * unit_px for reach in REACH_PX)
    carried, reached = carry_color(small_HW3[box].astype(np.float32), small_alpha == 255, reaches)
    wanted = np.zeros(colors.band.shape, dtype=bool)
    wanted[box] = reached & ~colors.inside[box]
    result = photo_HW3.copy()
    y_all, x_all = np.nonzero(resize_mask(wanted, photo_HW3.shape[1], photo_HW3.shape[0]))
    for start in range(0, len(y_all), CHUNK_PX):
        y, x = y_all[start : start + CHUNK_PX], x_all[start : start + CHUNK_PX]
        at = colors.positions(y, x, photo_HW3)
        beyond = sample(carried, at)
        in_edge = np.nonzero(alpha_HW[y, x])[0]
        seen, behind = photo_HW3[y[in_edge], x[in_edge]].astype(np.float32), sample(colors.background_HW3, at[in_edge])
        share = np.clip(mix_of(seen, behind, beyond[in_edge]), 0, 1)[:, None]
        unmixed = behind + (seen - behind) / np.maximum(share, LEAST_SHARE)
        beyond[in_edge] += share**3 * (unmixed - beyond[in_edge])
        result[y, x] = np.clip(np.round(beyond), 0, 255).astype(np.uint8)
    return result
