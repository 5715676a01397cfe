"""A studio background as a smooth color surface, and the region that can be reached from the picture's border.

Leaves out what lies on the background (shadow_removal.py) and where the product's outline runs (edge_map.py).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage

Mask = npt.NDArray[np.bool_]

RING_SHARE = 0.012
"""Width of the border ring that the surface is fitted to, as a share of the long side (12 px at 1024)."""
RING_STEP = 23
"""Every 23rd ring pixel is used, about 2000 at 1024 px: neighbors say the same."""
SURFACE_STEP = 8
"""The surface is evaluated on every 8th pixel and interpolated: a quadratic bends little over 8 px."""
ROBUST_DELTA_E = 2.0
"""Residual from which a ring pixel counts less in the next round of the fit."""
RING_OFF_DELTA_E = 6.0
"""Residual from which a ring pixel is not background: something stands there."""
PLAIN_DELTA_E_RANGE = (2.0, 12.0)
PLAIN_DELTA_E_PER_RESIDUAL = 2.5
"""Plain means nearer than 2 + 2.5 * residual_p95: fixed thresholds got 64 % of white scenes right, this one 82 %."""


@dataclass(frozen=True, kw_only=True)
class BackgroundModel:
    """Quadratic Lab surface in normalized coordinates, so that it can be drawn at any size."""

    coefficients_6x3: npt.NDArray[np.float64]
    residual_p95: float
    """95th percentile of the ring's distance from the surface, Delta E 76."""
    ring_off_share: float
    """Share of the ring that is off the surface by more than RING_OFF_DELTA_E."""

    def surface(self, height_px: int, width_px: int) -> FloatImage:
        """Lab color of the empty background at every pixel; float32 (height_px, width_px, 3)."""
        rows, columns = max(2, height_px // SURFACE_STEP), max(2, width_px // SURFACE_STEP)
        y, x = np.mgrid[0:rows, 0:columns] + 0.5
        terms = _terms(y.ravel() / rows, x.ravel() / columns)
        coarse = (terms @ self.coefficients_6x3).reshape(rows, columns, 3).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_LINEAR), dtype=np.float32)

    @property
    def plain_delta_e(self) -> float:
        """Distance from the surface below which a pixel looks like empty background."""
        low, high = PLAIN_DELTA_E_RANGE
        return float(np.clip(low + PLAIN_DELTA_E_PER_RESIDUAL * self.residual_p95, low, high))


def fit_background(lab_HW3: FloatImage) -> BackgroundModel:
    """Fit the background surface to the photo's border ring, ignoring what does not look like background."""
    height, width = lab_HW3.shape[:2]
    y, x = np.divmod(np.flatnonzero(border_ring(height, width))[::RING_STEP], width)
    terms = _terms((y + 0.5) / height, (x + 0.5) / width)
    values = lab_HW3[y, x].astype(np.float64)
    weight = np.ones(len(y))
    for _ in range(4):
        weighted = terms * (weight**2)[:, None]
        coefficients = np.linalg.solve(weighted.T @ terms, weighted.T @ values)
        residual = np.linalg.norm(values - terms @ coefficients, axis=1)
        weight = 1 / np.maximum(1, residual / ROBUST_DELTA_E)
    return BackgroundModel(
        coefficients_6x3=coefficients.astype(np.float64),
        residual_p95=float(np.percentile(residual, 95)),
        ring_off_share=float((residual > RING_OFF_DELTA_E).mean()),
    )


def border_ring(height_px: int, width_px: int) -> Mask:
    """The strip along the picture's border that is taken for background."""
    ring_px = max(2, round(RING_SHARE * max(height_px, width_px)))
    ring = np.ones((height_px, width_px), dtype=bool)
    ring[ring_px:-ring_px, ring_px:-ring_px] = False
    return ring


def reach_from_border(passable: Mask, ball_px: float) -> Mask:
    """Where a ball of radius `ball_px`, rolled in from outside the picture over passable ground, can touch.

    Gaps narrower than the ball stop it, so that an outline with small breaks still holds (trapped-ball segmentation).
    """
    margin = int(np.ceil(ball_px)) + 1
    ground = np.pad(passable, margin, constant_values=True).astype(np.uint8)
    ground[0] = ground[-1] = ground[:, 0] = ground[:, -1] = 1
    room = cv2.distanceTransform(ground, cv2.DIST_L2, 3)
    centers = (room > ball_px).astype(np.uint8)
    cv2.floodFill(centers, None, (0, 0), 2, flags=4)  # the corner is beyond the picture, and passable by construction
    touched = cv2.distanceTransform((centers != 2).astype(np.uint8), cv2.DIST_L2, 3) <= ball_px
    return np.asarray((touched & (ground > 0))[margin:-margin, margin:-margin], dtype=bool)


def _terms(y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The six terms of a quadratic in normalized coordinates, one row per sample."""
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
