"""Carry color from where it is known to where it is not: a background under a product, a product beyond its edge.

Leaves out texture: what arrives is a smooth mean of what is near.
"""

import cv2
import numpy as np

from imaging.background_model import Mask
from imaging.color import FloatImage

DIRECT_SIGMA_PX = 3.0
"""Wider blurs run on a reduced copy, where they cost the same and look the same."""
MIN_WEIGHT = 0.01


def carry_color(color_HW3: FloatImage, known: Mask, sigmas_px: tuple[float, ...], wanted: Mask | None = None) -> tuple[FloatImage, Mask]:
    """Spread color from where it is known over its surroundings; the narrowest blur that reaches a pixel decides.

    sigmas_px: from narrow to wide. wanted: the only pixels that matter, everything when None. Returns the color, float32
    (H, W, 3), 0 where nothing arrived, and where anything did.
    """
    weight = known.astype(np.float32)
    weighted = cv2.merge([*cv2.split(color_HW3 * weight[..., None]), weight])
    result = np.zeros_like(color_HW3)
    reached = np.zeros(known.shape, dtype=bool)
    missing = np.ones(known.shape, dtype=bool) if wanted is None else wanted.copy()
    for sigma in sigmas_px:
        y, x = np.nonzero(missing)
        if not len(y):
            break
        spread = _wide_blur(weighted, sigma)[y, x]
        enough = spread[:, 3] > MIN_WEIGHT
        y, x, spread = y[enough], x[enough], spread[enough]
        result[y, x] = spread[:, :3] / spread[:, 3:]
        reached[y, x] = True
        missing[y, x] = False
    return result, reached


def _wide_blur(image: FloatImage, sigma_px: float) -> FloatImage:
    """Gaussian blur."""
    factor = 1
    while sigma_px / factor > DIRECT_SIGMA_PX:
        factor *= 2
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.float32)
    height, width = image.shape[:2]
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    small = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (0, 0), sigma_px / factor)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
