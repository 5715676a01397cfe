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


def motion_matrix(way: str, width_px: int, height_px: int) -> npt.NDArray[np.float64]:
    """Where a fault moves the photo's points, 3x3: the turn of one that leans clockwise by LEAN_DEG, the upper corners of a keystone; else nothing."""
    if way == "lean":
        return np.vstack([cv2.getRotationMatrix2D((width_px / 2, height_px / 2), -LEAN_DEG, 1.0), [0.0, 0.0, 1.0]])
    if way == "keystone":
        inset = KEYSTONE_SHARE * width_px
        before = np.array([[0, 0], [width_px, 0], [width_px, height_px], [0, height_px]], np.float32)
        after = np.array([[inset, 0], [width_px - inset, 0], [width_px, height_px], [0, height_px]], np.float32)
        return np.asarray(cv2.getPerspectiveTransform(before, after), np.float64)
    return np.eye(3)


def _moved(way: str, photo: Uint8) -> Uint8:
    height, width = photo.shape[:2]
    matrix = motion_matrix(way, width, height)
    return np.asarray(cv2.warpPerspective(photo, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _noisy(photo: Uint8) -> Uint8:
    return np.clip(photo + np.random.default_rng(3).normal(0, 4, photo.shape), 0, 255).astype(np.uint8)


SPOILED: Mapping[str, Callable[[Uint8], Uint8]] = {
    "dark": lambda photo: to_levels(to_light(photo) * np.float32(0.4)),
    "yellow": lambda photo: to_levels(to_light(photo) * WARM),
    "noise": _noisy,
    "blur": lambda photo: to_levels(np.asarray(cv2.GaussianBlur(to_light(photo), (0, 0), 1.5), np.float32)),
    "lean": lambda photo: _moved("lean", photo),
    "keystone": lambda photo: _moved("keystone", photo),
}
"""What can be wrong with a photo, by name: 1.3 stops too dark, under a lamp, noise of 4 levels, a blur of 1.5 px, 4 degrees off, converging verticals."""
