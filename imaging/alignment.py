"""Find by how much a render's product is displaced against its expectation, and move a picture by it.

Sub-pixel, for displacements of up to about 3 px. Leaves out finding a product of unknown place and size (registration.py).
"""

from typing import Any, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.product_planes import ProductPlanes, dot

Shift = tuple[float, float]

ROUNDS = 4
ROBUST_DELTA_L = 4.0
"""Lightness difference from which a pixel loses weight: a stain or a highlight must not pull."""
SETTLED_PX = 0.01
STRIDE = 2

ImageT = TypeVar("ImageT", bound=npt.NDArray[Any])


def estimate_shift(near: ProductPlanes, weight_HW: FloatImage) -> Shift | None:
    """How far the render's content lies from the expected one, as (x, y) in pixels; None where there is nothing to hold on to.

    weight_HW: float32 0 or 1 over the planes' box. Lucas-Kanade on softened lightness with robust weights. A constant lightness offset does
    not matter.
    """
    # Every second pixel of every second row: tens of thousands of them tell the same to a hundredth of a pixel.
    expected, slope_x, slope_y, used = (
        np.ascontiguousarray(plane[::STRIDE, ::STRIDE]) for plane in (near.soft_expected_HW, *near.slopes, weight_HW)
    )
    few, enough = used[::2, ::2] > 0, 1e-3 * float(weight_HW.sum()) ** 0.5 / STRIDE**2
    shift = np.zeros(2)
    for _ in range(ROUNDS):
        error = _every_second(near.soft_render_HW, shift, used.shape) - expected
        error -= np.float32(np.median(error[::2, ::2][few])) if few.any() else np.float32(0)
        scaled = error * np.float32(1 / ROBUST_DELTA_L)
        weight = used / (1 + scaled * scaled)
        weighted_x, weighted_y = weight * slope_x, weight * slope_y
        cross = dot(weighted_x, slope_y)
        matrix = np.array([[dot(weighted_x, slope_x), cross], [cross, dot(weighted_y, slope_y)]])
        if np.linalg.eigvalsh(matrix)[0] < enough:
            return None
        step = -np.linalg.solve(matrix, [dot(weighted_x, error), dot(weighted_y, error)])
        shift = shift + np.clip(step, -2, 2)
        if np.abs(step).max() < SETTLED_PX:
            break
    return float(shift[0]), float(shift[1])


def _every_second(plane_HW: FloatImage, shift: npt.NDArray[np.float64], shape: tuple[int, ...]) -> FloatImage:
    """Every second pixel of a plane, seen from `shift` on; bilinear."""
    if not shift.any():
        return plane_HW[::STRIDE, ::STRIDE]
    matrix = np.array([[STRIDE, 0, shift[0]], [0, STRIDE, shift[1]]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane_HW, matrix, shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)


def shift_fits_better(near: ProductPlanes, shift: Shift, weight_HW: FloatImage) -> bool:
    """Whether the expectation, moved by `shift`, is nearer to the render than it was."""
    render, expected = near.render[0], near.expected[0]
    before, after = (dot(cv2.absdiff(render, plane), weight_HW) for plane in (expected, moved(expected, shift)))
    return after < before


def moved(image: ImageT, shift: Shift) -> ImageT:
    """The picture displaced by (x, y) pixels, bilinear; what moves in from outside repeats the edge."""
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = (image.shape[1], image.shape[0])
    return cast(ImageT, np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)))
