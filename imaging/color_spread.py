"""Carry color from where it is known to where it is not: a background under a product, a product beyond its edge.

Leaves out texture: what arrives is a smooth mean of what is near.
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import Mask
from imaging.color import FloatImage

Values = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

DIRECT_SIGMA_PX = 1.2
"""Wider blurs run on a reduced copy, where they cost the same and look the same."""
MIN_WEIGHT = 0.01


def carry_color(color_HWC: FloatImage, known: Mask, sigmas_px: tuple[float, ...], wanted: Mask | None = None) -> tuple[FloatImage, Mask]:
    """Spread color from where it is known over its surroundings; the narrowest blur that reaches a pixel decides.

    sigmas_px: from narrow to wide. wanted: the only pixels that matter, everything when None. Returns the color, float32
    (H, W, C), 0 where nothing arrived, and where anything did.
    """
    mask = known.astype(np.uint8)
    weighted, weight = cv2.copyTo(color_HWC, mask), mask.astype(np.float32)
    result = np.zeros_like(color_HWC)
    reached = np.zeros(known.shape, dtype=bool)
    missing = np.flatnonzero(np.ones(known.shape, dtype=bool) if wanted is None else wanted)
    flat_result, flat_reached = result.reshape(-1, result.shape[-1]), reached.reshape(-1)
    for sigma in sigmas_px:
        if not len(missing):
            break
        y, x = np.divmod(missing, known.shape[1])
        near = _blurred_at(weight, sigma, y, x)
        enough = near > MIN_WEIGHT
        arrived = missing[enough]
        flat_result[arrived] = _blurred_at(weighted, sigma, y[enough], x[enough]) / near[enough, None]
        flat_reached[arrived] = True
        missing = missing[~enough]
    return result, reached


def sample(map_HW: FloatImage, at_N2: Values) -> Values:
    """Bilinear values of a map at (x, y) positions; float32 (N,) or (N, C)."""
    width = 4096  # cv2.remap takes pictures, and none wider than 32767
    rows = -(-len(at_N2) // width)
    if not rows:
        return np.zeros((0, *map_HW.shape[2:]), np.float32)
    grid = np.zeros((rows * width, 2), dtype=np.float32)
    grid[: len(at_N2)] = at_N2
    remapped = cv2.remap(map_HW, grid.reshape(rows, width, 2), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(remapped.reshape(rows * width, *map_HW.shape[2:])[: len(at_N2)], dtype=np.float32)


def _blurred_at(image: FloatImage, sigma_px: float, y: Places, x: Places) -> Values:
    """A Gaussian blur of the picture at some of its pixels."""
    factor = 1
    while sigma_px / factor > DIRECT_SIGMA_PX:
        factor *= 2
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px)[y, x], dtype=np.float32)
    height, width = image.shape[:2]
    columns, rows = (max(1, round(width / factor)), max(1, round(height / factor)))
    small = cv2.GaussianBlur(cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA), (0, 0), sigma_px / factor)
    at = np.empty((len(x), 2), np.float32)
    at[:, 0] = (x + np.float32(0.5)) * (columns / width) - 0.5
    at[:, 1] = (y + np.float32(0.5)) * (rows / height) - 0.5
    return sample(small, at)
