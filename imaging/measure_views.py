"""One render beside what it should look like, at working size, aligned and converted once for every measurement.

Legend: `_HW` one channel, `_HW3` sRGB or Lab. "Expected" is the picture the render should be: complete (background and shadow known) or
known only where the product stands. Measures nothing itself; see the `measure_*` files beside it.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from imaging.alignment import Shift, estimate_shift, moved, shift_fits_better
from imaging.color import FloatImage, srgb_to_lab
from imaging.expected_picture import lay_over
from imaging.product_planes import Box, ProductPlanes, box_around, planes_of, tile_side_px
from imaging.working_size import to_working_size

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
    scale: float
    shift_px: float | None
    """Displacement of the render's product against the expected one, in working pixels; None if it could not be estimated."""
    outline_known: bool
    """Whether the expected picture holds at the product's soft edge, too; a photo's own edge is mixed with its wall."""
    near: ProductPlanes | None
    """Both pictures around the product, for measurements that look nowhere else; None without an expected product."""

    @cached_property
    def background_HW(self) -> Mask | None:
        """Outside the dilated product and outside the shadow's box below it."""
        return None if self.product_HW is None else background_zone(self.product_HW)

    @cached_property
    def product_box(self) -> tuple[int, int, int, int] | None:
        """Left, top, right, bottom of the product (right and bottom exclusive)."""
        return None if self.product_HW is None else bounding_box(self.product_HW)

    @cached_property
    def trusted(self) -> Mask | None:
        """Product with two pixels of its outline where the expected picture holds there, too; else the product alone."""
        if self.product_HW is None or self.inner_HW is None or not (self.complete and self.outline_known):
            return self.inner_HW
        wide = cv2.dilate(self.product_HW.view(np.uint8), np.ones((5, 5), np.uint8)) > 0
        wide[self.unknown_from :] = self.inner_HW[self.unknown_from :]
        return np.asarray(wide)

    @cached_property
    def unknown_from(self) -> int:
        """The row from which a shadow may lie around the product that the expected picture does not have; below the frame if it has it."""
        box = None if self.shadow_known else self.product_box
        return self.render_HW3.shape[0] if box is None else int(box[3] - SHADOW_ROWS_SHARE * (box[3] - box[1]))

    @cached_property
    def comparable(self) -> bool:
        """Whether there is enough of an expected product to compare with."""
        return self.near is not None and self.near.count >= MIN_INNER_PIXELS


def prepare_views(
    *,
    render_HW3: ByteImage,
    product_rgb_HW3: ByteImage | None = None,
    product_alpha_HW: ByteImage | None = None,
    expected_HW3: ByteImage | None = None,
    background_rgb: tuple[int, int, int] | None = None,
    outline_known: bool = True,
) -> Views:
    """Bring a render and what is known about it to one size and one color space, and take out a sub-pixel shift.

    render_HW3: uint8 sRGB. product_rgb_HW3 and product_alpha_HW (0..255): the cut-out in the frame. expected_HW3: the complete picture it
    should be. background_rgb: a plain background that completes the product if no picture is given. All arrays share the render's size.
    outline_known: False when the product's pixels come straight from its photo, whose edge is mixed with the wall behind.
    """
    for other in (product_rgb_HW3, product_alpha_HW, expected_HW3):
        assert other is None or other.shape[:2] == render_HW3.shape[:2], (other.shape, render_HW3.shape)
    scale = min(1.0, float(np.sqrt(WORK_PIXELS / (render_HW3.shape[0] * render_HW3.shape[1]))))
    render = to_working_size(render_HW3, scale)
    render_lab = srgb_to_lab(render)
    alpha = None if product_alpha_HW is None else to_working_size(product_alpha_HW, scale)
    box = None if alpha is None else box_around(alpha > 0, tile_side_px(alpha.shape[0]))
    expected = expected_lab = None
    if expected_HW3 is not None:
        expected = to_working_size(expected_HW3, scale)
        expected_lab = srgb_to_lab(expected)
    elif product_rgb_HW3 is not None and alpha is not None:
        expected, expected_lab = lay_over(to_working_size(product_rgb_HW3, scale), alpha, box, background_rgb, (render, render_lab))
    complete = expected_HW3 is not None or (expected is not None and background_rgb is not None)
    near = shift = None
    if expected is not None and expected_lab is not None and alpha is not None and box is not None:
        near = _planes(render_lab, expected_lab, alpha, box)
        weight = _where_motion_shows(alpha[box], complete)
        shift = estimate_shift(near, weight)
        if shift is not None and MIN_SHIFT_PX < np.hypot(*shift) <= MAX_SHIFT_PX and shift_fits_better(near, shift, weight):
            whole = box if expected_HW3 is None else (slice(None), slice(None))
            expected, alpha = _moved_within(whole, expected, shift), _moved_within(whole, alpha, shift)
            expected_lab = _moved_within(whole, expected_lab, shift)
            near = _planes(render_lab, expected_lab, alpha, box)
    return Views(
        render_HW3=render,
        render_lab_HW3=render_lab,
        expected_HW3=expected,
        expected_lab_HW3=expected_lab,
        complete=complete,
        shadow_known=expected_HW3 is not None,
        product_HW=None if alpha is None else np.asarray(alpha >= 128),
        inner_HW=None if alpha is None else inner_of(alpha),
        scale=scale,
        shift_px=None if shift is None else float(np.hypot(*shift)),
        outline_known=outline_known,
        near=near,
    )


def against_product(views: Views, product_rgb_HW3: ByteImage) -> Views:
    """The same render beside the product's own pixels instead of the complete picture, in the product's box alone.

    product_rgb_HW3: uint8 sRGB at the render's full size. Background and rest of the frame stay those of `views`.
    """
    if views.near is None:
        return views
    product = to_working_size(product_rgb_HW3, views.scale)[views.near.box]
    return replace(views, near=replace(views.near, expected=planes_of(srgb_to_lab(product), (slice(None), slice(None)))))


def inner_of(alpha_HW: ByteImage) -> Mask:
    """Where a product's pixels are compared: nothing shines through, and two pixels off its edge."""
    solid = (alpha_HW >= int(np.ceil(255 * INNER_ALPHA))).view(np.uint8)
    return np.asarray(cv2.erode(solid, np.ones((INNER_ERODE_PX, INNER_ERODE_PX), np.uint8)) > 0)


def _planes(render_lab: FloatImage, expected_lab: FloatImage, alpha: ByteImage, box: Box) -> ProductPlanes:
    return ProductPlanes(
        box=box,
        tile_px=tile_side_px(alpha.shape[0]),
        render=planes_of(render_lab, box),
        expected=planes_of(expected_lab, box),
        inner_HW=inner_of(alpha)[box],
    )


def _moved_within(box: Box, image: ImageT, shift: Shift) -> ImageT:
    result = image.copy()
    result[box] = moved(image[box], shift)
    return result


def lowest_channel(image_HW3: ByteImage) -> ByteImage:
    """The smallest of each pixel's three values; numpy's own minimum over a last axis of three is ten times slower."""
    red, green, blue = cv2.split(image_HW3)
    return np.asarray(cv2.min(cv2.min(red, green), blue), dtype=np.uint8)


def highest_channel(image_HW3: ByteImage) -> ByteImage:
    """The largest of each pixel's three values."""
    red, green, blue = cv2.split(image_HW3)
    return np.asarray(cv2.max(cv2.max(red, green), blue), dtype=np.uint8)


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
    zone = cv2.dilate(product_HW.view(np.uint8), np.ones((size, size), np.uint8)) == 0
    box = bounding_box(product_HW)
    if box is not None:
        left, top, right, bottom = box
        tall, wide = bottom - top, right - left
        rows = slice(max(0, int(bottom - 0.12 * tall)), min(height, int(bottom + 0.15 * tall)))
        zone[rows, max(0, int(left - 0.12 * wide)) : min(width, int(right + 0.12 * wide))] = False
    return np.asarray(zone, dtype=bool)


def _where_motion_shows(alpha_HW: ByteImage, complete: bool) -> FloatImage:
    """The product with its outline if the background is known, else the product alone."""
    solid = (alpha_HW >= 128).view(np.uint8)
    kernel = np.ones((7, 7), np.uint8)
    return np.asarray(cv2.dilate(solid, kernel) if complete else cv2.erode(solid, kernel), dtype=np.float32)
