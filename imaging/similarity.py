"""Bring a product's photo onto a render to a tenth of a pixel, once it lies within two: scale, rotation and shift, outline included.

Leaves out finding it (registration.py), and any squash: that is a finding.
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.expected_picture import blend
from imaging.product_planes import dot, slopes_of, soften
from imaging.warping import ByteImage, Matrix, warp_into_frame

ROUNDS = 6
SETTLED_PX = 0.02
ROBUST_LEVELS = 10.0
"""Difference in 8-bit levels from which a pixel loses weight: a stain or a shadow must not pull."""
SHADOW_ROWS_SHARE = 0.3
"""The lower part of the product, around which a shadow may lie: only the inside counts there."""
MIN_PIXELS = 400
MIN_HOLD = 0.3
"""Smallest mean square, in levels per pixel of movement, that the inside must resist being moved with to be trusted without the outline."""


def polish(source_HW3: ByteImage, alpha_HW: ByteImage, render_HW3: ByteImage, matrix: Matrix) -> Matrix:
    """The similarity near `matrix` that makes the product agree best with the render; `matrix` if none is better.

    Least squares on softened lightness with robust weights: first with the outline (a plain carafe has little else to be placed by), before
    what the render shows around it; then by the inside alone, as far as that has texture, for a photo's outline is mixed with its wall.
    """
    with_outline = _polished(source_HW3, alpha_HW, render_HW3, matrix, outline=True)
    return _polished(source_HW3, alpha_HW, render_HW3, with_outline, outline=False)


def _polished(source_HW3: ByteImage, alpha_HW: ByteImage, render_HW3: ByteImage, matrix: Matrix, *, outline: bool) -> Matrix:
    render = _soft_levels(render_HW3)
    best, best_apart = matrix, np.inf
    for _ in range(ROUNDS):
        rgb, alpha = warp_into_frame(source_HW3, alpha_HW, matrix, (render.shape[0], render.shape[1]))
        zone = _compared(alpha, outline)
        if zone.sum() < MIN_PIXELS:
            return best
        expected = _soft_levels(blend(rgb, alpha, _background_behind(render_HW3, alpha)))
        error = render - expected
        error -= np.float32(np.median(error[alpha > 250])) if (alpha > 250).any() else np.float32(0)
        apart = dot(np.minimum(np.abs(error), 2 * ROBUST_LEVELS), zone) / float(zone.sum())
        if apart >= best_apart:
            return best
        best, best_apart = matrix, apart
        step, moved_px, hold = _step(expected, error, zone)
        if not outline and hold < MIN_HOLD:
            return best
        if moved_px < SETTLED_PX or moved_px > 4:
            return best
        matrix = (step @ np.vstack([matrix, [0, 0, 1]]))[:2].astype(np.float32)
    return best


def _step(expected: FloatImage, error: FloatImage, zone: FloatImage) -> tuple[npt.NDArray[np.float64], float, float]:
    """The small similarity (3x3) that explains the error, by how many pixels it moves the zone's border, and how firmly it is held."""
    slope_x, slope_y = slopes_of(expected)
    rows, columns = np.nonzero(zone)
    center_x, center_y = columns.mean(), rows.mean()
    radius = max(1.0, float(np.hypot(columns - center_x, rows - center_y).max()))
    gx, gy, e = slope_x[rows, columns], slope_y[rows, columns], error[rows, columns]
    x, y = (columns - center_x) / radius, (rows - center_y) / radius
    pull = np.stack([gx, gy, gx * x + gy * y, gy * x - gx * y], axis=1).astype(np.float64)
    weight = 1 / (1 + (e / ROBUST_LEVELS) ** 2)
    matrix = pull.T @ (pull * weight[:, None]) + np.eye(4) * 1e-3 * len(e)
    right, down, grown, turned = -np.linalg.solve(matrix, pull.T @ (weight * e))
    linear = np.array([[1 + grown / radius, -turned / radius], [turned / radius, 1 + grown / radius]])
    center = np.array([center_x, center_y])
    step = np.eye(3)
    step[:2, :2], step[:2, 2] = linear, center + np.array([right, down]) - linear @ center
    return step, float(np.hypot(right, down) + np.hypot(grown, turned)), float(np.linalg.eigvalsh(matrix)[0] / len(e))


def _soft_levels(picture: ByteImage) -> FloatImage:
    return soften(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.float32))


def _compared(alpha: ByteImage, outline: bool) -> FloatImage:
    """Weight 1 inside the product and, with `outline`, two pixels around it where no shadow may lie."""
    inside = cv2.erode((alpha > 250).view(np.uint8), np.ones((5, 5), np.uint8))
    if not outline:
        return np.asarray(inside, dtype=np.float32)
    solid = (alpha >= 128).view(np.uint8)
    zone = cv2.dilate(solid, np.ones((5, 5), np.uint8))
    _, top, _, height = cv2.boundingRect(solid)
    lower = round(top + (1 - SHADOW_ROWS_SHARE) * height)
    zone[lower:] = inside[lower:]
    return np.asarray(zone, dtype=np.float32)


def _background_behind(render: ByteImage, alpha: ByteImage) -> ByteImage:
    """What lies around the product, carried in under its edge: the mean of what is near and surely background."""
    outside = (cv2.dilate(alpha, np.ones((9, 9), np.uint8)) < 8).astype(np.float32)
    size = (31, 31)
    cover = np.maximum(cv2.blur(outside, size), np.float32(1e-4))
    near = cv2.merge([cv2.blur(channel.astype(np.float32) * outside, size) / cover for channel in cv2.split(render)])
    return np.asarray(np.clip(near, 0, 255), dtype=np.uint8)
