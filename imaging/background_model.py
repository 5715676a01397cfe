"""A studio background as a smooth color surface, and the region of a photo that belongs to it.

Leaves out what lies on the background (shadows: shadow_removal.py) and how sure we are of it (cutout.py).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage

Mask = npt.NDArray[np.bool_]

RING_SHARE = 0.012
"""Width of the border ring that the surface is fitted to, as a share of the long side (12 px at 1024)."""
ROBUST_DELTA_E = 2.0
"""Residual from which a ring pixel counts less in the next round of the fit."""
RING_OFF_DELTA_E = 6.0
"""Residual from which a ring pixel is not background: something stands there."""
FLOOD_DELTA_E_RANGE = (2.0, 12.0)
FLOOD_DELTA_E_PER_RESIDUAL = 2.5
"""Flood threshold = 2 + 2.5 * r95, clipped to the range: fixed thresholds failed on white and gray (64 % against 82 %)."""


@dataclass(frozen=True, kw_only=True)
class BackgroundModel:
    """Quadratic Lab surface in normalized coordinates, so that it can be drawn at any size."""

    coefficients_6x3: npt.NDArray[np.float64]
    residual_p95: float
    """95th percentile of the ring's distance from the surface, in Delta E 76."""
    ring_off_share: float
    """Share of the ring that is off the surface by more than RING_OFF_DELTA_E."""

    def surface(self, height_px: int, width_px: int) -> FloatImage:
        """Lab color of the empty background at every pixel; float32 (height_px, width_px, 3)."""
        y = ((np.arange(height_px, dtype=np.float32) + 0.5) / height_px)[:, None]
        x = ((np.arange(width_px, dtype=np.float32) + 0.5) / width_px)[None, :]
        constant, c_x, c_y, c_xx, c_yy, c_xy = self.coefficients_6x3.astype(np.float32)
        column = constant + c_y * y[..., None] + c_yy * (y * y)[..., None]
        row = c_x * x[..., None] + c_xx * (x * x)[..., None]
        return np.asarray(column + row + c_xy * (y * x)[..., None], dtype=np.float32)

    @property
    def flood_delta_e(self) -> float:
        """Distance from the surface below which a pixel may be background."""
        low, high = FLOOD_DELTA_E_RANGE
        return float(np.clip(low + FLOOD_DELTA_E_PER_RESIDUAL * self.residual_p95, low, high))


def fit_background(lab_HW3: FloatImage) -> BackgroundModel:
    """Fit the background surface to the photo's border ring, ignoring what does not look like background."""
    height, width = lab_HW3.shape[:2]
    ring_px = max(3, round(RING_SHARE * max(height, width)))
    ring = np.ones((height, width), dtype=bool)
    ring[ring_px:-ring_px, ring_px:-ring_px] = False
    y, x = (axis[::7] for axis in np.nonzero(ring))
    terms = _terms((y + 0.5) / height, (x + 0.5) / width)
    values = lab_HW3[y, x].astype(np.float64)
    weight = np.ones(len(y))
    for _ in range(4):
        coefficients = np.linalg.lstsq(terms * weight[:, None], values * weight[:, None], rcond=None)[0]
        residual = np.linalg.norm(values - terms @ coefficients, axis=1)
        weight = 1 / np.maximum(1, residual / ROBUST_DELTA_E)
    return BackgroundModel(
        coefficients_6x3=coefficients,
        residual_p95=float(np.percentile(residual, 95)),
        ring_off_share=float((residual > RING_OFF_DELTA_E).mean()),
    )


def flood_from_border(candidate: Mask) -> Mask:
    """The part of a mask that is 4-connected to the picture's border."""
    _, labels = cv2.connectedComponents(candidate.astype(np.uint8), connectivity=4)
    touching = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    reached = np.zeros(int(labels.max()) + 1, dtype=bool)
    reached[touching] = True
    reached[0] = False
    return np.asarray(reached[labels], dtype=bool)


def _terms(y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The six terms of a quadratic in normalized coordinates, one row per sample."""
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
