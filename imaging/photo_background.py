"""What surrounds the product in a photograph: how plain the background is, and where the product stands in the frame.

A quick look at 320 px for screening, with a background surface fitted to the border. Left out: the cut-out itself.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

LOOK_LONG_SIDE_PX = 320
"""Long side of the picture looked at; all lengths below are in its pixels."""
FIT_RING_PX = 8
RING_SHARE = 0.08
"""Share of the short side that counts as border when clutter is measured. Source: intake measurements, AUC 0.99."""
EDGE_STEP = 20.0
"""Sobel magnitude (0..1020) of a visible edge."""
OFF_DELTA_E = 6.0
"""Distance (CIE76) at which a border pixel is something else than background."""
MIN_PART_SHARE = 0.2
"""A separate part this large, against the largest, counts as a subject of its own."""

Lab = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Measurements of background and framing; shares are 0..1, distances are Delta E (CIE76)."""

    ring_residual_p95: float
    ring_off_share: float
    ring_median_delta_e: float
    border_edge_share: float
    product_share: float
    frame_contact_share: float
    subjects: int
    product_HW: npt.NDArray[np.bool_]
    """The rough product mask behind these numbers, at look size."""


def look_at_surroundings(lab_HW3: Lab) -> Surroundings:
    """Measure how plain the border is and what stands out of it.

    lab_HW3: float32 CIE Lab (L 0..100), long side about LOOK_LONG_SIDE_PX.
    """
    surface, residuals = _background(lab_HW3)
    distance = np.linalg.norm(lab_HW3 - surface, axis=2)
    ring_px = max(2, round(RING_SHARE * min(distance.shape)))
    lightness = cv2.GaussianBlur(np.ascontiguousarray(lab_HW3[..., 0]) * 2.55, (0, 0), 1.0)
    edges = np.hypot(cv2.Sobel(lightness, -1, 1, 0), cv2.Sobel(lightness, -1, 0, 1)) > EDGE_STEP
    product = _product(lab_HW3, surface, distance, float(np.median(residuals)))
    return Surroundings(
        ring_residual_p95=float(np.percentile(residuals, 95)),
        ring_off_share=float(np.mean(residuals > OFF_DELTA_E)),
        ring_median_delta_e=float(np.median(distance[_ring(distance.shape, ring_px)])),
        border_edge_share=_second_worst_side(edges, ring_px),
        product_share=float(product.mean()),
        frame_contact_share=_frame_contact(product),
        subjects=_count_subjects(product),
        product_HW=product,
    )


def _ring(shape: tuple[int, ...], width: int) -> npt.NDArray[np.bool_]:
    ring = np.ones(shape[:2], bool)
    ring[width:-width, width:-width] = False
    return ring


def _background(lab: Lab) -> tuple[Lab, npt.NDArray[np.float32]]:
    """A quadratic surface through the border, fitted robustly, and how far each border pixel is from it."""
    height, width = lab.shape[:2]
    y, x = np.nonzero(_ring(lab.shape, FIT_RING_PX))
    terms, values = _quadratic(x[::3] / width, y[::3] / height), lab[y[::3], x[::3]]
    weights = np.ones(len(values), np.float32)
    for _ in range(8):
        solution = np.linalg.lstsq(terms * weights[:, None], values * weights[:, None], rcond=None)[0]
        residuals = np.linalg.norm(values - terms @ solution, axis=1)
        weights = (1.0 / (1.0 + (residuals / 3.0) ** 2)).astype(np.float32)
    grid_y, grid_x = np.mgrid[0:height, 0:width]
    surface = _quadratic(grid_x.ravel() / width, grid_y.ravel() / height) @ solution
    return surface.reshape(lab.shape).astype(np.float32), residuals.astype(np.float32)


def _quadratic(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).astype(np.float32)


def _second_worst_side(edges: npt.NDArray[np.bool_], ring_px: int) -> float:
    """The share of edges along the second busiest side: a product that is cut off by one side is not clutter."""
    sides = (edges[:ring_px], edges[-ring_px:], edges[:, :ring_px], edges[:, -ring_px:])
    return float(sorted(side.mean() for side in sides)[-2])


def _product(lab: Lab, surface: Lab, distance: npt.NDArray[np.float32], unevenness: float) -> npt.NDArray[np.bool_]:
    """Pixels that stand out of the background and are not just its light and shadow (same hue, no edges)."""
    threshold = float(np.clip(2.5 + 5.0 * unevenness, 3.5, 14.0))  # the median: a cut-off product is part of the ring
    difference = lab - surface
    chroma = np.hypot(difference[..., 1], difference[..., 2])
    gradient = np.hypot(cv2.Sobel(lab[..., 0], -1, 1, 0), cv2.Sobel(lab[..., 0], -1, 0, 1))
    lighter = difference[..., 0]
    smooth_light = (chroma < 4.0) & (lighter > -30.0) & (lighter < 8.0) & (cv2.blur(gradient, (5, 5)) < 8.0)
    standing_out = ((distance > threshold) & ~smooth_light).astype(np.uint8)
    kernel = np.ones((5, 5), np.uint8)
    closed = cv2.morphologyEx(cv2.copyMakeBorder(standing_out, 6, 6, 6, 6, cv2.BORDER_REPLICATE), cv2.MORPH_CLOSE, kernel)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))[6:-6, 6:-6]
    return np.asarray(opened > 0)


def _frame_contact(product: npt.NDArray[np.bool_]) -> float:
    """The largest share of any one side of the frame that the product touches."""
    sides = (product[0], product[-1], product[:, 0], product[:, -1])
    return float(max(side.mean() for side in sides))


def _count_subjects(product: npt.NDArray[np.bool_]) -> int:
    count, _, stats, _ = cv2.connectedComponentsWithStats(product.astype(np.uint8))
    if count < 2:
        return 0
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int((areas >= max(MIN_PART_SHARE * areas.max(), 0.004 * product.size)).sum())
