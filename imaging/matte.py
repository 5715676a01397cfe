"""From a hard product mask to a soft one: edge alpha, and the product's own color under the soft edge.

Leaves out hair and glass: a plain background and a solid product are assumed.
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import Mask
from imaging.color import FloatImage

EDGE_SIGMA_PX = 0.5
"""Anti-aliasing of a hard edge: SAD .472 against .725 hard and 1.556 guided filter, on a perfect mask."""


def edge_alpha(foreground: Mask) -> npt.NDArray[np.uint8]:
    """Anti-aliased alpha of a hard mask; uint8 0..255."""
    soft = cv2.GaussianBlur(foreground.astype(np.float32), (0, 0), EDGE_SIGMA_PX)
    return np.asarray(np.round(soft * 255), dtype=np.uint8)


def continue_product_color(
    photo_HW3: npt.NDArray[np.uint8], foreground: Mask, *, margin_px: int = 2, reach_px: int = 8
) -> npt.NDArray[np.uint8]:
    """The photo with the product's color continued outward from just inside its edge.

    margin_px: how far inside the edge a pixel is trusted to be pure product. reach_px: how far outside the color goes.
    """
    size = 2 * margin_px + 1
    kernel = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    core = cv2.erode(foreground.astype(np.uint8), kernel)
    weight = core.astype(np.float32)
    color: FloatImage = photo_HW3.astype(np.float32) * weight[..., None]
    filled, known = photo_HW3.astype(np.float32), weight > 0
    for sigma in (1.0, 2.0, float(reach_px) / 2):
        spread = cv2.GaussianBlur(weight, (0, 0), sigma)
        mean = cv2.GaussianBlur(color, (0, 0), sigma) / np.maximum(spread, 1e-6)[..., None]
        new = ~known & (spread > 0.02)
        filled[new] = mean[new]
        known |= new
    return np.asarray(np.clip(np.round(filled), 0, 255), dtype=np.uint8)
