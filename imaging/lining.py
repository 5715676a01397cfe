"""The cloth of a garment carried into its openings: its color, darker where less light comes, and its grain. No photo shows what this draws."""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage

ByteImage = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def lining(rgb_HW3: ByteImage, garment: Mask, drawn: Mask, width_px: float) -> FloatImage:
    """The garment's color carried into its openings, with the grain of the cloth beside them; float32 0..255."""
    sigma = max(2.0, 0.10 * width_px)
    sure = cv2.erode(garment.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    colors = rgb_HW3.astype(np.float32)
    step = max(1, int(sigma // 4))  # so wide a blur needs no pixel of its own
    small, weight = colors[::step, ::step] * sure[::step, ::step, None], sure[::step, ::step]
    total, count = np.zeros_like(small), np.zeros_like(weight)
    for wide, says in ((1, 1.0), (3, 0.03), (9, 0.001)):  # what is near says most, and far from all cloth something is said, too
        blurred, there = (cv2.GaussianBlur(one, (0, 0), wide * sigma / step) for one in (small, weight))
        total, count = total + says * blurred, count + says * there
    total /= np.maximum(count, 1e-9)[..., None]
    base = cv2.resize(total, (garment.shape[1], garment.shape[0]), interpolation=cv2.INTER_LINEAR)
    grain = (colors - cv2.GaussianBlur(colors, (0, 0), 2.5)).mean(axis=2)
    return np.asarray(base + _carried_grain(grain, sure > 0, drawn)[..., None], np.float32)


def _carried_grain(grain: FloatImage, sure: Mask, drawn: Mask) -> FloatImage:
    """The grain of a patch of cloth laid like tiles, mirrored at every seam; nothing where no patch is cloth alone."""
    side = max(8, min(grain.shape) // 16)
    whole = cv2.erode(sure.astype(np.uint8), np.ones((2 * side + 1, 2 * side + 1), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    rows, columns = np.nonzero(whole)
    if not len(rows):
        return np.zeros_like(grain)
    # The calmest of some places: a patch with a print or a seam in it would repeat it.
    spots = range(0, len(rows), max(1, len(rows) // 24))
    patches = [grain[rows[n] - side : rows[n] + side, columns[n] - side : columns[n] + side] for n in spots]
    patch = sorted(patches, key=lambda one: float(one.std()))[len(patches) // 4]
    tile = np.block([[patch, patch[:, ::-1]], [patch[::-1], patch[::-1, ::-1]]])
    times = [-(-size // have) for size, have in zip(grain.shape, tile.shape, strict=True)]
    return np.asarray(np.tile(tile, times)[: grain.shape[0], : grain.shape[1]] * drawn, np.float32)
