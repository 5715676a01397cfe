"""Photos spoiled on purpose, so that what a correction should bring back is known: for the page and the benchmark of `enhance`."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt

from imaging.linear_light import to_levels, to_light

Uint8 = npt.NDArray[np.uint8]

LEAN_DEG = 4.0
KEYSTONE_SHARE = 0.03
"""How far the upper corners move in, of the width."""
WARM = np.array([1.0, 0.88, 0.66], np.float32)
"""A lamp of about 3,900 K on a sensor balanced for daylight."""


def lean_matrix(width_px: int, height_px: int) -> npt.NDArray[np.float64]:
    """The turn of a photo that leans clockwise by LEAN_DEG."""
    return np.asarray(cv2.getRotationMatrix2D((width_px / 2, height_px / 2), -LEAN_DEG, 1.0), np.float64)


def _leaning(photo: Uint8) -> Uint8:
    height, width = photo.shape[:2]
    moved = cv2.warpAffine(photo, lean_matrix(width, height), (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _keystone(photo: Uint8) -> Uint8:
    height, width = photo.shape[:2]
    inset = KEYSTONE_SHARE * width
    before = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    after = np.array([[inset, 0], [width - inset, 0], [width, height], [0, height]], np.float32)
    moved = cv2.warpPerspective(
        photo, cv2.getPerspectiveTransform(before, after), (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def _noisy(photo: Uint8) -> Uint8:
    return np.clip(photo + np.random.default_rng(3).normal(0, 4, photo.shape), 0, 255).astype(np.uint8)


SPOILED: Mapping[str, Callable[[Uint8], Uint8]] = {
    "dark": lambda photo: to_levels(to_light(photo) * np.float32(0.4)),
    "yellow": lambda photo: to_levels(to_light(photo) * WARM),
    "noise": _noisy,
    "blur": lambda photo: to_levels(np.asarray(cv2.GaussianBlur(to_light(photo), (0, 0), 1.5), np.float32)),
    "lean": _leaning,
    "keystone": _keystone,
}
"""What can be wrong with a photo, by name: 1.3 stops too dark, under a lamp, noise of 4 levels, a blur of 1.5 px, 4 degrees off, converging verticals."""
