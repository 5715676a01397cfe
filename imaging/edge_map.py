"""Where a photo's color steps: product outlines, but neither noise nor the soft slope of a shadow.

Leaves out which of the edges belong to the product.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from imaging.background_model import Mask, border_ring
from imaging.color import FloatImage
from imaging.crops import Box

SCALES_PX = (0.8, 1.6)
"""Blur before the gradient, in pixels of a 1024 px picture: the fine scale places an edge, the coarse one finds pale ones."""
FLOOR_DELTA_E_PER_PX = (0.2, 0.1)
"""Weakest slope that counts, per scale: a pale product on white, in a photo without noise."""
NOISE_FACTOR = 2.0
"""An edge is steeper than this times the 95th percentile of the border ring's slope, but ..."""
MAX_FLOOR_FACTOR = 4.0
"""... a busy ring raises the threshold at most this far, or clutter would hide the product in it."""
COLOR_CORING_DELTA_E_PER_PX = (1.2, 0.66)
"""Slope of a, b that is ignored, per scale, times how much darker than the background a pixel is: JPEG codes color in blocks,
whose borders (a step of 1 Delta E) look like outlines in a deep, tinted shadow. Pale products on lit ground need them."""
SURROUNDINGS_PX = 15
STEEPER_THAN_SURROUNDINGS = 1.8
"""An edge is this much steeper than its surroundings; the slope of a penumbra is about as steep as its surroundings."""


RIDGE_WIDTH_PX = 9.0
RIDGE_STEEPER = 1.8
RIDGE_LEAST_DELTA_E_PER_PX = 2.0
RIDGE_LEAST_FACTOR = 2.5
"""A ridge is narrower than 9 px of a 1024 px picture, 1.8 times as steep as the ground that it stands on, and at least 2 Delta E per pixel or 2.5 times
the weakest edge. A strong edge nearby does not hide it, as it hides an edge; shadows have some, too, so ridges alone end nothing."""


@dataclass(frozen=True, kw_only=True)
class EdgeMap:
    """Edges and the slope they were found in."""

    edges: Mask
    ridges: Mask
    """Narrow lines of steep slope; beside a strong edge an outline may be one of these and no edge."""
    slope_HW: FloatImage
    """Delta E per pixel at the fine scale."""
    light_slope_HW: FloatImage
    """The part of it that is a change of lightness; L* per pixel."""
    least_slope: float
    """The threshold that `edges` used at the fine scale."""

    def part(self, box: Box) -> "EdgeMap":
        """The same of a box of the picture."""
        return replace(
            self, edges=self.edges[box], ridges=self.ridges[box], slope_HW=self.slope_HW[box], light_slope_HW=self.light_slope_HW[box]
        )


def find_edges(lab_HW3: FloatImage, brightness_HW: FloatImage, unit_px: float) -> EdgeMap:
    """Mark pixels where the color steps.

    brightness_HW: share of the background's brightness, 1 is unshaded. unit_px: size of one pixel of a 1024 px picture in
    this one.
    """
    darkness = np.clip(1 - brightness_HW, 0, 1)
    ring = np.flatnonzero(border_ring(*lab_HW3.shape[:2]))
    size = max(3, int(SURROUNDINGS_PX * unit_px) | 1)
    found = np.zeros(lab_HW3.shape[:2], dtype=bool)
    slopes, lights, thresholds = [], [], []
    # Both scales at full size: the coarse one on a copy of half the size cost .02 CPU-s less and left slivers of shadow under a mug.
    for scale_px, floor, coring in zip(SCALES_PX, FLOOR_DELTA_E_PER_PX, COLOR_CORING_DELTA_E_PER_PX, strict=True):
        slope, light = _slope(lab_HW3, darkness, max(0.6, scale_px * unit_px), coring)
        # The mean of square roots, squared: a strong edge nearby must not hide a weak one, as it would in a plain mean.
        surroundings = np.square(cv2.blur(cv2.sqrt(slope), (size, size)))
        noise = float(np.percentile(slope.reshape(-1)[ring], 95))
        least = float(np.clip(NOISE_FACTOR * noise, floor, MAX_FLOOR_FACTOR * floor))
        found |= slope > np.maximum(STEEPER_THAN_SURROUNDINGS * surroundings, least)
        slopes.append(slope)
        lights.append(light)
        thresholds.append(least)
    ridges = _ridges(slopes[0], thresholds[0], unit_px)
    return EdgeMap(edges=found, ridges=ridges, slope_HW=slopes[0], light_slope_HW=lights[0], least_slope=thresholds[0])


def _ridges(slope_HW: FloatImage, least_edge: float, unit_px: float) -> Mask:
    """Slopes that no disk as wide as a ridge fits under."""
    size = max(3, round(RIDGE_WIDTH_PX * unit_px) | 1)
    ground = cv2.morphologyEx(slope_HW, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    least = max(RIDGE_LEAST_DELTA_E_PER_PX, RIDGE_LEAST_FACTOR * least_edge)
    return np.asarray(slope_HW > np.maximum(RIDGE_STEEPER * ground, least), dtype=bool)


def _slope(lab_HW3: FloatImage, darkness_HW: FloatImage, sigma_px: float, coring: float) -> tuple[FloatImage, FloatImage]:
    """Delta E per pixel at a scale, small slopes of color in the dark left out, and L* per pixel; float32 (H, W)."""
    smooth = cv2.GaussianBlur(lab_HW3, (0, 0), sigma_px)
    squared = np.zeros_like(smooth)
    for along in ((1, 0), (0, 1)):
        cv2.accumulateSquare(cv2.Scharr(smooth, cv2.CV_32F, *along, scale=1 / 32), squared)
    light = np.sqrt(cv2.extractChannel(squared, 0))
    color = np.sqrt(cv2.transform(squared, np.array([[0, 1, 1]], np.float32)))
    whole = cv2.magnitude(light, np.maximum(color - np.float32(coring) * darkness_HW, 0))
    return np.asarray(whole, dtype=np.float32), np.asarray(light, dtype=np.float32)
