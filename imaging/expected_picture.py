"""Lay a placed cut-out over a plain color, or over the render itself, as sRGB and Lab: what a render should look like. Knows no shadows."""

from typing import Any, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, srgb_to_lab
from imaging.composite import composite
from imaging.product_planes import Box

ByteImage = npt.NDArray[np.uint8]
ImageT = TypeVar("ImageT", bound=npt.NDArray[Any])


def lay_over(
    product: ByteImage, alpha: ByteImage, box: Box | None, background_rgb: tuple[int, int, int] | None, render: tuple[ByteImage, FloatImage]
) -> tuple[ByteImage, FloatImage]:
    """The product over a plain color, or over the render itself where the background is not known; sRGB and Lab."""
    if background_rgb is None:
        expected, lab = render[0].copy(), render[1].copy()
    else:
        color = np.array([[background_rgb]], np.uint8)
        expected, lab = _plain(alpha.shape, color), _plain(alpha.shape, srgb_to_lab(color))
    if box is not None:
        expected[box] = blend(product[box], alpha[box], expected[box])
        lab[box] = srgb_to_lab(expected[box])
    return expected, lab


def _plain(shape: tuple[int, ...], color_113: ImageT) -> ImageT:
    """A picture of one color; by rows, for numpy fills a last axis of three slowly."""
    row = np.tile(color_113[0, 0], shape[1])
    return cast(ImageT, np.repeat(row[None], shape[0], axis=0).reshape(*shape, 3))


def blend(over_HW3: ByteImage, alpha_HW: ByteImage, beneath_HW3: ByteImage) -> ByteImage:
    """One picture over another: alpha 0..255, all of one size; adds light as composite.py does, whose pictures are compared with it."""
    return composite(over_HW3, alpha_HW, beneath_HW3)


def blend_levels(over_HW3: ByteImage, alpha_HW: ByteImage, beneath_HW3: ByteImage) -> ByteImage:
    """The same by levels, as image editors do: for looking for features and for learned measures, which were tuned on such pictures."""
    weight = alpha_HW.astype(np.float32) / np.float32(255)
    return np.asarray(
        cv2.blendLinear(np.ascontiguousarray(over_HW3), np.ascontiguousarray(beneath_HW3), weight, 1 - weight), dtype=np.uint8
    )
