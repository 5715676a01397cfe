"""Tell contact and cast shadows from the product in a first foreground mask.

A shadow darkens the background without changing its hue and has no texture. Leaves out shadows on textured floors.
"""

import cv2
import numpy as np

from imaging.background_model import Mask
from imaging.color import FloatImage


def remove_shadows(foreground: Mask, offset_HW3: FloatImage, lightness_HW: FloatImage) -> Mask:
    """The foreground without loose or attached shadow.

    offset_HW3: Lab minus the background surface. lightness_HW: L of the photo, 0..100.
    """
    chroma_off = np.hypot(offset_HW3[..., 1], offset_HW3[..., 2])
    gradient = _smooth_gradient(lightness_HW)
    kept = _without_loose_shadows(foreground, chroma_off, offset_HW3[..., 0], gradient)
    if not kept.any():
        return kept
    shade = kept & (chroma_off < 3.0) & (offset_HW3[..., 0] < -0.5) & (offset_HW3[..., 0] > -60) & (gradient < 3.0)
    kept = kept & ~_attached_below(shade, kept)
    kept = cv2.morphologyEx(kept.astype(np.uint8), cv2.MORPH_OPEN, _disk(5)) > 0
    return without_specks(kept, share_of_biggest=0.01)


def without_specks(foreground: Mask, *, share_of_biggest: float) -> Mask:
    """Drop components smaller than a share of the biggest one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(foreground.astype(np.uint8))
    if count < 2:
        return foreground
    area = stats[:, cv2.CC_STAT_AREA].copy()
    area[0] = 0
    return np.asarray((area >= share_of_biggest * area.max())[labels] & foreground, dtype=bool)


def _smooth_gradient(lightness_HW: FloatImage) -> FloatImage:
    gray = lightness_HW * np.float32(2.55)
    gradient = np.hypot(cv2.Sobel(gray, -1, 1, 0), cv2.Sobel(gray, -1, 0, 1)) / 4
    return np.asarray(cv2.GaussianBlur(gradient, (0, 0), 1.5), dtype=np.float32)


def _without_loose_shadows(
    foreground: Mask, chroma_off: FloatImage, lightness_off: FloatImage, gradient: FloatImage
) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(foreground.astype(np.uint8))
    kept = np.zeros_like(foreground)
    if count < 2:
        return kept
    biggest = stats[1:, cv2.CC_STAT_AREA].max()
    for index in range(1, count):
        x, y, width, height, area = stats[index]
        if area < max(0.01 * biggest, 0.0008 * foreground.size):
            continue
        box = np.s_[y : y + height, x : x + width]
        inside = labels[box] == index
        neutral = np.median(chroma_off[box][inside]) < 4 and np.percentile(lightness_off[box][inside], 90) < 1
        smooth = np.percentile(gradient[box][inside], 95) < 6
        if neutral and smooth and area < 0.6 * biggest:
            continue
        kept[box] |= inside
    return kept


def _attached_below(shade: Mask, foreground: Mask) -> Mask:
    """Shade that touches the background and starts in the lower 45 % of the product."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(shade.astype(np.uint8))
    beside_background = cv2.dilate((~foreground).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    rows = np.nonzero(foreground.any(axis=1))[0]
    lowest_start = rows[0] + 0.55 * (rows[-1] - rows[0])
    attached = np.zeros(count, dtype=bool)
    attached[np.unique(labels[beside_background & shade])] = True
    attached &= stats[:, cv2.CC_STAT_TOP] > lowest_start
    attached[0] = False
    return np.asarray(attached[labels], dtype=bool)


def _disk(size_px: int) -> np.ndarray:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size_px, size_px)))
