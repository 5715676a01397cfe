"""Find what stands outside the product and should not: a map of pixels, at a small size, for the measurements of outline and foreign things.

With the complete expected picture it is what differs from it; on a white or plain background what differs from the background's smooth
surface and is no soft shadow. A scene without expectation has no such map: anything may stand in it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import fit_background
from imaging.color import FloatImage
from imaging.footprint import shaded_between_feet
from imaging.measure_views import Mask, Views, bounding_box

Flags = npt.NDArray[np.bool_]
"""One truth per chosen pixel, (N,)."""

SEARCH_SIDE_PX = 360
"""Longer side at which outlines and objects are looked for: a knob or a letter of 1 % of the frame is 4 px, and noise averages out."""
DIFFERENT_DELTA_E = 8.0
"""CIE76 distance from which a pixel is not what it should be; JPEG 92, WebP 85 and a tint of 1.5 stay below 6 at this size."""
NEUTRAL_SPREAD = 0.22
"""Spread of the three channels' log ratios to the background below which darkening is a shadow's: it takes all colors alike."""
DARKEST_SHADOW = 0.2
"""Linear-light ratio to the background below which nothing is a soft shadow any more."""
SOFT_SLOPE = 4.0
"""Lightness per pixel (Sobel / 8, at search size) up to which an edge is a soft shadow's."""

FOOT_ABOVE, FOOT_BELOW, FOOT_BESIDE = 0.30, 0.20, 0.35
"""The part of the frame around the product's foot where contact shadows lie, as shares of its box."""


@dataclass(frozen=True, kw_only=True)
class SmallViews:
    """Render, expectation and product mask at search size; Lab float32."""

    render_HW3: FloatImage
    expected_HW3: FloatImage | None
    product_HW: Mask
    box: tuple[int, int, int, int]
    outside_px_HW: FloatImage
    """Distance to the product in small pixels, 0 inside."""
    inside_px_HW: FloatImage
    """Distance to the surroundings, 0 outside."""


def small_views(views: Views) -> SmallViews | None:
    """The views at search size; None without a product."""
    if views.product_HW is None:
        return None
    scale = min(1.0, SEARCH_SIDE_PX / max(views.product_HW.shape))
    size = (max(1, round(views.product_HW.shape[1] * scale)), max(1, round(views.product_HW.shape[0] * scale)))
    solid = (cv2.resize(views.product_HW.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8)
    box = bounding_box(solid > 0)
    if box is None:
        return None
    return SmallViews(
        render_HW3=_resized(views.render_lab_HW3, size),
        expected_HW3=None if views.expected_lab_HW3 is None else _resized(views.expected_lab_HW3, size),
        product_HW=np.asarray(solid > 0),
        box=box,
        outside_px_HW=np.asarray(cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3), dtype=np.float32),
        inside_px_HW=np.asarray(cv2.distanceTransform(np.pad(solid, 1), cv2.DIST_L2, 3)[1:-1, 1:-1], dtype=np.float32),
    )


def unexpected_map(small: SmallViews, *, complete: bool, background: FloatImage | None) -> Mask | None:
    """Pixels outside the product that are not what should be there; bool at search size, holes filled. None where nobody can tell.

    complete: whether the expected picture is, shadow and all. background: the empty background's Lab surface at search size where it is
    plain; None for a scene, which then has no map unless the expected picture is complete.
    """
    if complete and small.expected_HW3 is not None:
        # Smoothed, because chroma bleeds across edges when a picture is saved.
        different = color_distance(*(cv2.blur(picture, (5, 5)) for picture in (small.render_HW3, small.expected_HW3))) > DIFFERENT_DELTA_E
    elif background is not None:
        different = color_distance(small.render_HW3, background) > DIFFERENT_DELTA_E
    else:
        return None
    different &= small.outside_px_HW > 0
    if not different.any():
        return different
    if complete and small.expected_HW3 is not None:
        different[different] = ~_is_other_light(small, small.expected_HW3, different)
    elif background is not None:
        different[different] = ~_is_shadow(small, background, different)
    opened = cv2.morphologyEx(different.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    product = small.product_HW.astype(np.uint8)
    return np.asarray((opened > 0) | (_filled(opened | product) & ~_filled(product)), dtype=bool)


def plain_surface(small: SmallViews) -> FloatImage:
    """The empty background's Lab surface, fitted to the frame's border."""
    height, width = small.product_HW.shape
    return fit_background(small.render_HW3).surface(height, width)


def _is_shadow(small: SmallViews, background: FloatImage, where_HW: Mask) -> Flags:
    """For each true pixel whether it is the background with less light: softly so, or, around the product's foot, at all.

    Contact darkens the ground steeply, so that only another color or more light is foreign there.
    """
    spread, light = _light_ratio(small, background, where_HW)
    lightness = cv2.extractChannel(small.render_HW3, 0)
    slope = cv2.magnitude(cv2.Sobel(lightness, cv2.CV_32F, 1, 0), cv2.Sobel(lightness, cv2.CV_32F, 0, 1)) / 8
    soft = cv2.dilate(slope, np.ones((3, 3), np.uint8))[where_HW] < SOFT_SLOPE
    shaded = (spread < NEUTRAL_SPREAD) & (light > DARKEST_SHADOW) & (light < 1.02)
    return np.asarray((soft & shaded) | (_foot(small)[where_HW] & (spread < 2 * NEUTRAL_SPREAD) & (light < 1.02)))


def _is_other_light(small: SmallViews, expected: FloatImage, where_HW: Mask) -> Flags:
    """For each true pixel whether it is the expected ground at the product's foot with more or less light: a shadow that is not as it was."""
    spread, _ = _light_ratio(small, expected, where_HW)
    return np.asarray(_foot(small)[where_HW] & (spread < 2 * NEUTRAL_SPREAD))


def _foot(small: SmallViews) -> Mask:
    left, top, right, bottom = small.box
    tall, wide = bottom - top, right - left
    foot = np.zeros_like(small.product_HW)
    rows = slice(max(0, int(bottom - FOOT_ABOVE * tall)), int(bottom + FOOT_BELOW * tall))
    foot[rows, max(0, int(left - FOOT_BESIDE * wide)) : int(right + FOOT_BESIDE * wide)] = True
    if (shaded := shaded_between_feet(small.product_HW)) is not None:
        foot[shaded[2] : bottom, shaded[0] : shaded[1]] = True
    return foot


def _light_ratio(small: SmallViews, ground: FloatImage, where_HW: Mask) -> tuple[FloatImage, FloatImage]:
    """Of each true pixel the spread of the channels' log ratios to the ground in linear light, and the mean ratio."""
    logs = [np.log(_linear(cv2.cvtColor(lab[where_HW][None], cv2.COLOR_Lab2RGB)[0]) + 0.01) for lab in (small.render_HW3, ground)]
    ratio = logs[0] - logs[1]
    return np.asarray(ratio.max(axis=1) - ratio.min(axis=1)), np.asarray(np.exp(ratio.mean(axis=1)))


def _linear(levels: FloatImage) -> FloatImage:
    return np.asarray(np.maximum(levels, 0) ** 2.2, dtype=np.float32)


def color_distance(first: FloatImage, second: FloatImage) -> FloatImage:
    """CIE76 distance of two Lab pictures of one size, pixel by pixel."""
    difference = first - second
    return np.asarray(np.sqrt(cv2.transform(difference * difference, np.ones((1, 3), np.float32))), dtype=np.float32).reshape(
        first.shape[:2]
    )


def _filled(mask_HW: npt.NDArray[np.uint8]) -> Mask:
    """The mask with everything filled that the frame's border cannot reach."""
    free = np.pad(1 - mask_HW, 1, constant_values=1)
    _, labels = cv2.connectedComponents(free, connectivity=4)
    return np.asarray((labels != labels[0, 0])[1:-1, 1:-1])


def _resized(image_HW3: FloatImage, size: tuple[int, int]) -> FloatImage:
    return np.asarray(cv2.resize(image_HW3, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
