"""Lightness and color of a render and its expectation around the product, as separate planes: what measurements share is computed once.

Covers the product's box with some room, not the frame. Masks are weights 0 or 1, so that a mean inside is a dot product: picking pixels by
a mask costs more than a filter. Measures nothing itself; see the `measure_*` files beside it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage

Mask = npt.NDArray[np.bool_]
Box = tuple[slice, slice]

ROOM_PX = 10
"""Around the product's box: filters look this far beyond its edge."""
TILES_PER_HEIGHT = 28
MIN_TILE_PX = 20
SOFT_SIGMA_PX = 1.2
"""Blur before gradients and displacements: below it, noise and resampling decide."""
LEVELS_PER_L = 2.55
"""8-bit levels per unit of lightness."""
REDUCTION = 4
"""Colors are compared at a quarter of the working size: averages of 16 pixels, which JPEG's halved color resolution leaves alone."""


@dataclass(frozen=True, kw_only=True)
class ProductPlanes:
    """Planes over `box` of the frame, float32 (h, w): Lab of both pictures, and the weight of pixels that are product alone."""

    box: Box
    tile_px: int
    render: tuple[FloatImage, FloatImage, FloatImage]
    """L 0..100, a, b."""
    expected: tuple[FloatImage, FloatImage, FloatImage]
    inner_HW: Mask

    @cached_property
    def weight_HW(self) -> FloatImage:
        """1 where pixels are product alone, else 0."""
        return self.inner_HW.astype(np.float32)

    @cached_property
    def count(self) -> float:
        """Pixels that are product alone."""
        return float(cv2.countNonZero(self.inner_HW.view(np.uint8)))

    @cached_property
    def soft_render_HW(self) -> FloatImage:
        """Slightly blurred lightness of the render."""
        return soften(self.render[0])

    @cached_property
    def soft_expected_HW(self) -> FloatImage:
        """Slightly blurred lightness of the expectation."""
        return soften(self.expected[0])

    @cached_property
    def slopes(self) -> tuple[FloatImage, FloatImage]:
        """Lightness per pixel of the softened expectation, across and down."""
        return slopes_of(self.soft_expected_HW)

    @cached_property
    def reduced_cover_HW(self) -> FloatImage:
        """Share of each reduced pixel that is product alone."""
        return reduced(self.weight_HW)

    @cached_property
    def reduced_colors(self) -> tuple[FloatImage, FloatImage]:
        """Mean Lab of render and expectation over each reduced pixel's product alone, float32 (h / 4, w / 4, 3); 0 where there is none."""
        cover = np.maximum(self.reduced_cover_HW, np.float32(1e-3))
        first, second = (
            cv2.merge([cv2.divide(reduced(cv2.multiply(plane, self.weight_HW)), cover) for plane in planes])
            for planes in (self.render, self.expected)
        )
        return _float(first), _float(second)

    def mean(self, plane_HW: FloatImage) -> float:
        """The mean of a plane over the product alone."""
        return dot(plane_HW, self.weight_HW) / max(1.0, self.count)

    def deviation(self, plane_HW: FloatImage) -> float:
        """The standard deviation of a plane over the product alone."""
        rest = cv2.multiply(plane_HW - np.float32(self.mean(plane_HW)), self.weight_HW)
        return float(np.sqrt(dot(rest, rest) / max(1.0, self.count)))


def box_around(product_HW: Mask, tile_px: int) -> Box | None:
    """Rows and columns of the product with room, whole tiles of them where the frame has room; None without a product."""
    left, top, width, height = cv2.boundingRect(product_HW.view(np.uint8))
    if width == 0:
        return None
    ends = []
    for start, length, frame in ((top, height, product_HW.shape[0]), (left, width, product_HW.shape[1])):
        first = max(0, start - ROOM_PX)
        tiles = -(-(min(frame, start + length + ROOM_PX) - first) // tile_px)
        ends.append(slice(max(0, min(first, frame - tiles * tile_px)), min(frame, first + tiles * tile_px)))
    return ends[0], ends[1]


def tile_side_px(frame_height_px: int) -> int:
    """Side of the tiles in which bending is looked for."""
    return max(MIN_TILE_PX, frame_height_px // TILES_PER_HEIGHT)


def planes_of(lab_HW3: FloatImage, box: Box) -> tuple[FloatImage, FloatImage, FloatImage]:
    """L, a and b of a part of a Lab picture, each contiguous."""
    lightness, a, b = cv2.split(lab_HW3[box])
    return _float(lightness), _float(a), _float(b)


def soften(plane_HW: FloatImage) -> FloatImage:
    """A slight Gaussian blur, cut off at three sigma."""
    return _float(cv2.GaussianBlur(plane_HW, (7, 7), SOFT_SIGMA_PX))


def slopes_of(plane_HW: FloatImage) -> tuple[FloatImage, FloatImage]:
    """Change per pixel across and down (Scharr)."""
    return _float(cv2.Scharr(plane_HW, cv2.CV_32F, 1, 0, scale=1 / 32)), _float(cv2.Scharr(plane_HW, cv2.CV_32F, 0, 1, scale=1 / 32))


def reduced(plane_HW: FloatImage, factor: int = REDUCTION) -> FloatImage:
    """Means of squares of `factor` pixels; what is left over at the end is dropped."""
    height, width = (max(1, side // factor) for side in plane_HW.shape)
    whole = plane_HW[: height * factor, : width * factor]
    return _float(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def tile_means(plane_HW: FloatImage, tile_px: int) -> FloatImage:
    """Means of whole tiles, from the top left corner on; float32 (rows, columns), empty if no tile fits."""
    rows, columns = (side // tile_px for side in plane_HW.shape)
    whole = np.ascontiguousarray(plane_HW[: rows * tile_px, : columns * tile_px]).reshape(-1, tile_px)
    across = whole @ np.full(tile_px, 1 / tile_px, np.float32)
    return _float(across.reshape(rows, tile_px, columns).mean(axis=1))


def dot(left: FloatImage, right: FloatImage) -> float:
    """The sum of products of two planes of one shape."""
    return float(np.dot(left.ravel(), right.ravel()))


def _float(values: Any) -> FloatImage:
    return np.asarray(values, dtype=np.float32)
