"""One render beside what it should look like, at working size, aligned and converted once for every measurement.

Legend: `_HW` one channel, `_HW3` sRGB or Lab. "Expected" is the picture the render should be: complete (background and shadow known) or
known only where the product stands. Measures nothing itself; see the `measure_*` files beside it.
"""

from dataclasses import dataclass
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, srgb_to_lab

ByteImage = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

WORK_PIXELS = 1_000_000
"""Pixels at which renders are measured; larger pictures are reduced. Only white, border and 8x8 block checks look at every pixel."""
INNER_ERODE_PX = 5
"""Side of the square by which the product mask is eroded before pixels are compared: two pixels of edge blend stay out."""
INNER_ALPHA = 0.98
"""Alpha from which a pixel counts as product alone."""
MAX_SHIFT_PX = 2.5
"""A displacement up to here is resampling and is taken out before comparing; a larger one is a finding (quality reference, 4.2)."""
MIN_SHIFT_PX = 0.04
"""Displacements below this change no measurement and cost a resampling."""
SHADOW_ROWS_SHARE = 0.30
"""The lower part of the product, where a contact shadow darkens the surroundings."""
MIN_INNER_PIXELS = 256
"""Fewer product pixels than this at working size cannot be judged."""

ImageT = TypeVar("ImageT", bound=npt.NDArray[Any])


@dataclass(frozen=True, kw_only=True)
class Views:
    """A render and its expected picture at working size.

    Lab arrays are float32 (H, W, 3), L 0..100; masks are bool (H, W). `scale` is working pixels per render pixel, <= 1.
    """

    render_HW3: ByteImage
    render_lab_HW3: FloatImage
    expected_HW3: ByteImage | None
    expected_lab_HW3: FloatImage | None
    """Aligned to the render by `shift_px`; outside the product it is meaningful only if `complete`."""
    complete: bool
    shadow_known: bool
    """Whether the expected picture has the shadow; a plain color put behind the product has none."""
    product_HW: Mask | None
    """Alpha at least one half."""
    inner_HW: Mask | None
    """Product alone, eroded: where pixels are compared."""
    background_HW: Mask | None
    """Outside the dilated product and outside the shadow's box below it."""
    scale: float
    shift_px: float | None
    """Displacement of the render's product against the expected one, in working pixels; None if it could not be estimated."""

    @property
    def trusted(self) -> Mask | None:
        """Product with two pixels of its outline where the expected picture holds there, too; else the product alone."""
        if self.product_HW is None or self.inner_HW is None or not self.complete:
            return self.inner_HW
        wide = cv2.dilate(self.product_HW.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        wide[self.unknown_from :] = self.inner_HW[self.unknown_from :]
        return np.asarray(wide)

    @property
    def unknown_from(self) -> int:
        """The row from which a shadow may lie around the product that the expected picture does not have; below the frame if it has it."""
        box = None if self.product_HW is None or self.shadow_known else bounding_box(self.product_HW)
        return self.render_HW3.shape[0] if box is None else int(box[3] - SHADOW_ROWS_SHARE * (box[3] - box[1]))

    @property
    def comparable(self) -> bool:
        """Whether there is enough of an expected product to compare with."""
        return self.expected_lab_HW3 is not None and self.inner_HW is not None and int(self.inner_HW.sum()) >= MIN_INNER_PIXELS


def prepare_views(
    *,
    render_HW3: ByteImage,
    product_rgb_HW3: ByteImage | None = None,
    product_alpha_HW: ByteImage | None = None,
    expected_HW3: ByteImage | None = None,
    background_rgb: tuple[int, int, int] | None = None,
) -> Views:
    """Bring a render and what is known about it to one size and one color space, and take out a sub-pixel shift.

    render_HW3: uint8 sRGB. product_rgb_HW3 and product_alpha_HW (0..255): the cut-out in the frame. expected_HW3: the complete picture it
    should be. background_rgb: a plain background that completes the product if no picture is given. All arrays share the render's size.
    """
    for other in (product_rgb_HW3, product_alpha_HW, expected_HW3):
        assert other is None or other.shape[:2] == render_HW3.shape[:2], (other.shape, render_HW3.shape)
    scale = min(1.0, float(np.sqrt(WORK_PIXELS / (render_HW3.shape[0] * render_HW3.shape[1]))))
    render = reduce_size(render_HW3, scale)
    alpha = None if product_alpha_HW is None else _unit(reduce_size(product_alpha_HW, scale))
    expected, complete = None, False
    if expected_HW3 is not None:
        expected, complete = reduce_size(expected_HW3, scale), True
    elif product_rgb_HW3 is not None and alpha is not None:
        complete = background_rgb is not None
        beneath = np.full_like(render, background_rgb, dtype=np.uint8) if background_rgb is not None else render
        expected = blend(reduce_size(product_rgb_HW3, scale), alpha, beneath)
    render_lab = srgb_to_lab(render)
    expected_lab = None if expected is None else srgb_to_lab(expected)
    shift: tuple[float, float] | None = None
    if expected_lab is not None and expected is not None and alpha is not None and (alpha > 0.5).any():
        weight = _where_motion_shows(alpha, complete)
        shift = estimate_shift(render_lab[..., 0], expected_lab[..., 0], weight)
        if shift is not None and MIN_SHIFT_PX < np.hypot(*shift) <= MAX_SHIFT_PX:
            moved = _move(expected_lab, shift)
            if _mismatch(render_lab, moved, weight) < _mismatch(render_lab, expected_lab, weight):
                expected_lab, expected, alpha = moved, _move(expected, shift), _move(alpha, shift)
    product = inner = background = None
    if alpha is not None:
        product = np.asarray(alpha >= 0.5)
        inner = cv2.erode((alpha >= INNER_ALPHA).astype(np.uint8), np.ones((INNER_ERODE_PX, INNER_ERODE_PX), np.uint8)) > 0
        background = background_zone(product)
    return Views(
        render_HW3=render,
        render_lab_HW3=render_lab,
        expected_HW3=expected,
        expected_lab_HW3=expected_lab,
        complete=complete,
        shadow_known=expected_HW3 is not None,
        product_HW=product,
        inner_HW=None if inner is None else np.asarray(inner),
        background_HW=background,
        scale=scale,
        shift_px=None if shift is None else float(np.hypot(*shift)),
    )


def reduce_size(image: ByteImage, scale: float) -> ByteImage:
    """The picture at `scale` <= 1 of its size, averaging; itself when the scale is 1."""
    if scale >= 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def lowest_channel(image_HW3: ByteImage) -> ByteImage:
    """The smallest of each pixel's three values; numpy's own minimum over a last axis of three is ten times slower."""
    red, green, blue = cv2.split(image_HW3)
    return np.asarray(cv2.min(cv2.min(red, green), blue), dtype=np.uint8)


def highest_channel(image_HW3: ByteImage) -> ByteImage:
    """The largest of each pixel's three values."""
    red, green, blue = cv2.split(image_HW3)
    return np.asarray(cv2.max(cv2.max(red, green), blue), dtype=np.uint8)


def blend(over_HW3: ByteImage, alpha_HW: FloatImage, beneath_HW3: ByteImage) -> ByteImage:
    """One picture over another: alpha 0..1, all of one size; gamma-coded blending, as image editors do."""
    weight = alpha_HW[..., None]
    mixed = over_HW3.astype(np.float32) * weight + beneath_HW3.astype(np.float32) * (1 - weight)
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def bounding_box(mask_HW: Mask) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the true pixels (right and bottom exclusive); None if there are none."""
    columns, rows = np.flatnonzero(mask_HW.any(axis=0)), np.flatnonzero(mask_HW.any(axis=1))
    if not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def background_zone(product_HW: Mask) -> Mask:
    """Everything clearly outside the product (8 px at least, a JPEG block) and outside the box below it where a shadow may lie."""
    height, width = product_HW.shape
    size = max(17, height // 40) | 1
    zone = cv2.dilate(product_HW.astype(np.uint8), np.ones((size, size), np.uint8)) == 0
    box = bounding_box(product_HW)
    if box is not None:
        left, top, right, bottom = box
        tall, wide = bottom - top, right - left
        rows = slice(max(0, int(bottom - 0.12 * tall)), min(height, int(bottom + 0.15 * tall)))
        zone[rows, max(0, int(left - 0.12 * wide)) : min(width, int(right + 0.12 * wide))] = False
    return np.asarray(zone, dtype=bool)


def estimate_shift(render_L_HW: FloatImage, expected_L_HW: FloatImage, weight_HW: FloatImage) -> tuple[float, float] | None:
    """How far the render's content lies from the expected one, as (x, y) in pixels; None where there is nothing to hold on to.

    Lucas-Kanade on lightness with robust weights, four rounds; trustworthy up to about 3 px. A constant lightness offset does not matter.
    """
    expected, render = (cv2.GaussianBlur(plane, (0, 0), 1.2) for plane in (expected_L_HW, render_L_HW))
    grad_x, grad_y = (cv2.Scharr(expected, cv2.CV_32F, dx, 1 - dx) / 32 for dx in (1, 0))
    shift = np.zeros(2)
    for _ in range(4):
        error = (_move(render, (-shift[0], -shift[1])) if shift.any() else render) - expected
        error = error - float(np.median(error[weight_HW > 0][::5]))
        weight = weight_HW / (1 + (error / 4) ** 2)
        weighted_x, weighted_y = weight * grad_x, weight * grad_y
        matrix = np.array([[_dot(weighted_x, grad_x), _dot(weighted_x, grad_y)], [_dot(weighted_x, grad_y), _dot(weighted_y, grad_y)]])
        if np.linalg.eigvalsh(matrix)[0] < 1e-3 * float(weight_HW.sum()) ** 0.5:
            return None
        step = -np.linalg.solve(matrix, [_dot(weighted_x, error), _dot(weighted_y, error)])
        shift = shift + np.clip(step, -2, 2)
        if np.abs(step).max() < 0.01:
            break
    return float(shift[0]), float(shift[1])


def _unit(alpha_HW: ByteImage) -> FloatImage:
    return np.asarray(alpha_HW, dtype=np.float32) / np.float32(255)


def _dot(left: FloatImage, right: FloatImage) -> float:
    return float(np.dot(left.ravel(), right.ravel()))


def _move(image: ImageT, shift: tuple[float, float]) -> ImageT:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast(ImageT, np.asarray(moved))


def _where_motion_shows(alpha_HW: FloatImage, complete: bool) -> FloatImage:
    """The product with its outline if the background is known, else the product alone."""
    solid = (alpha_HW > 0.5).astype(np.uint8)
    kernel = np.ones((7, 7), np.uint8)
    return np.asarray(cv2.dilate(solid, kernel) if complete else cv2.erode(solid, kernel), dtype=np.float32)


def _mismatch(lab_a: FloatImage, lab_b: FloatImage, weight_HW: FloatImage) -> float:
    difference = cv2.absdiff(lab_a[..., 0], lab_b[..., 0])
    return _dot(difference, weight_HW)
