"""A slight blur of a photo: how wide it is, and a sharpening that takes back what it took, and never draws a halo.

Richardson-Lucy with a Gaussian, in linear luminance, where light was blurred; no pixel may become much brighter or darker than its neighbors were.
Leaves out shaken photos: movement is no Gaussian, and the photo must be taken again.
"""

import cv2
import numpy as np

from imaging.linear_light import FloatImage, luminance

REBLUR_PX = 1.2
"""Sigma of the second blur that the first is told by (Zhuo & Sim 2011): the less it changes an edge, the wider the edge was."""
STRONGEST_SHARE = 0.015
SHARPEST_PERCENTILE = 25.0
"""Products have soft edges of their own; the sharpest quarter of the strong edges tells the lens."""
SHARP_PX = 0.75
"""Sigma of a photo in focus, after demosaicing and resampling. Measured on the demo: 0.5 to 0.75."""
WORTH_PX, MOST_PX = 0.95, 3.0
"""Blurs between these are taken back: less is not seen, and what a wider one took is lost."""
ROUNDS = 10
SLACK = np.float32(0.04)
"""How much a pixel may pass its neighbors: texture gets its contrast back, and a step of 4 % (1.5 L*) beside an edge is no halo."""
LOWEST = np.float32(1e-4)


def blur_sigma_px(gray_HW: FloatImage) -> float:
    """Sigma of the blur at the sharpest edges of a photo, in pixels; 0 for a photo without edges.

    gray_HW: float32, any scale, at the photo's own size.
    """
    plane = np.asarray(gray_HW, np.float32)
    again = cv2.GaussianBlur(plane, (0, 0), REBLUR_PX)
    soft = cv2.GaussianBlur(plane, (0, 0), 0.7)  # noise would look like sharp edges
    first, second = (_steepness(one) for one in (soft, cv2.GaussianBlur(again, (0, 0), 0.7)))
    ridge = first >= cv2.dilate(first, np.ones((3, 3), np.uint8))
    strong = ridge & (first > max(float(np.quantile(first[::2, ::2], 1 - STRONGEST_SHARE)), 1e-4))
    ratio = first[strong] / np.maximum(second[strong], 1e-6)
    ratio = ratio[ratio > 1.01]
    if ratio.size < 50:
        return 0.0
    sharp = float(np.percentile(ratio, 100 - SHARPEST_PERCENTILE))
    total = REBLUR_PX**2 / (sharp**2 - 1)  # of the blur and of the 0.7 against noise
    return float(np.sqrt(max(total - 0.49, 0.0)))


def deblurred(linear_HW3: FloatImage, sigma_px: float, *, strength: float = 1.0) -> FloatImage:
    """The photo as sharp as one in focus, in linear light. strength: 0 leaves it as it is, 1 takes the whole blur back."""
    level = np.maximum(luminance(linear_HW3), LOWEST)
    width = float(np.sqrt(max(sigma_px**2 - SHARP_PX**2, 0.01)))
    reach = 2 * max(1, round(1.5 * width)) + 1
    around = np.ones((reach, reach), np.uint8)
    lowest, highest = cv2.erode(level, around), cv2.dilate(level, around)
    found = level
    for _ in range(ROUNDS):
        told = cv2.GaussianBlur(found, (0, 0), width, borderType=cv2.BORDER_REFLECT)
        found = found * cv2.GaussianBlur(level / np.maximum(told, LOWEST), (0, 0), width, borderType=cv2.BORDER_REFLECT)
    found = np.clip(found, lowest * (1 - SLACK), highest * (1 + SLACK))
    ratio = 1 + np.float32(strength) * (found / level - 1)
    return np.asarray(linear_HW3 * ratio[..., None], np.float32)


def _steepness(plane: FloatImage) -> FloatImage:
    return np.asarray(cv2.magnitude(cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)), np.float32)
