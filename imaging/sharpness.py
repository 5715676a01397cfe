"""How much fine detail the edges of a picture still have, in all directions and in the worst one.

Ratios of two frequency bands at the strongest edges do not depend on contrast or subject, as the variance of the Laplacian does
(92 to 1219 on sharp photographs). Left out: sharpness against an expected render, which is a matter of the quality gate.
"""

import cv2
import numpy as np
import numpy.typing as npt

FINE_SIGMA_PX = 0.8
MIDDLE_SIGMA_PX = 3.2
"""Fine band: I - G(0.8); middle band: G(0.8) - G(3.2). Source: intake measurements on 271 photographs, AUC 1.0 from sigma 0.8."""
STRONGEST_EDGE_PCT = 3.0
DIRECTIONS = 6
"""Edge directions are sorted into six sectors of 30 degrees."""
MIN_DIRECTION_PX = 400
"""A sector with fewer edge pixels says nothing about blur along it."""
MIN_EDGE_STEP = 20.0
"""Sobel magnitude (0..1020) below which a pixel is texture or noise and not an edge."""

Gray = npt.NDArray[np.float32]


def edge_fine_ratios(gray_HW: Gray) -> tuple[float, float, float]:
    """Fine detail at edges: over all edges, in the blurriest direction and in the sharpest one.

    gray_HW: float32, 0..255. A sharp photo has about 0.5; Gaussian blur of sigma 0.8 px leaves 0.25, of 1.5 px 0.15. Motion blur
    lowers the second number and spares the third. Returns (0, 0, 0) for a picture without edges.
    """
    fine, middle, magnitude, direction = _bands(gray_HW)
    threshold = max(float(np.percentile(magnitude, 100.0 - STRONGEST_EDGE_PCT)), MIN_EDGE_STEP)
    strong = magnitude >= threshold
    if not strong.any():
        return 0.0, 0.0, 0.0
    overall = _ratio(fine, middle, strong, reach_px=5)
    by_direction = []
    for sector in range(DIRECTIONS):
        inside = direction == sector
        if int(inside.sum()) < MIN_DIRECTION_PX:
            continue
        edges = inside & (magnitude >= max(float(np.percentile(magnitude[inside], 90)), MIN_EDGE_STEP))
        if int(edges.sum()) >= MIN_DIRECTION_PX // 10:
            by_direction.append(_ratio(fine, middle, edges, reach_px=3))
    if not by_direction:
        return overall, overall, overall
    return overall, min(by_direction), max(by_direction)


def blur_effect(gray_HW: Gray, *, box_px: int = 11) -> float:
    """How little a further blur changes the picture along its worse axis, 0 (sharp) to 1.

    gray_HW: float32. Source: Crete et al., "The blur effect", 2007; the same numbers as scikit-image's `blur_effect`.
    """
    worst = 0.0
    for dx, dy in ((1, 0), (0, 1)):
        box = (box_px, 1) if dx else (1, box_px)
        smooth = cv2.blur(gray_HW, box, borderType=cv2.BORDER_REFLECT)
        before, after = (np.abs(cv2.Sobel(v, -1, dx, dy, borderType=cv2.BORDER_REFLECT))[2:-1, 2:-1] for v in (gray_HW, smooth))
        total = float(before.sum())
        if total == 0.0:
            return 1.0
        worst = max(worst, abs(total - float(np.maximum(0.0, before - after).sum())) / total)
    return worst


def _bands(gray: Gray) -> tuple[Gray, Gray, Gray, npt.NDArray[np.int_]]:
    small, large = (cv2.GaussianBlur(gray, (0, 0), sigma) for sigma in (FINE_SIGMA_PX, MIDDLE_SIGMA_PX))
    along_x, along_y = cv2.Sobel(gray, -1, 1, 0), cv2.Sobel(gray, -1, 0, 1)
    angle = np.mod(np.arctan2(along_y, along_x), np.pi)
    sector = (angle / (np.pi / DIRECTIONS) + 0.5).astype(int) % DIRECTIONS
    return gray - small, small - large, np.hypot(along_x, along_y), sector


def _ratio(fine: Gray, middle: Gray, edges: npt.NDArray[np.bool_], *, reach_px: int) -> float:
    near = cv2.dilate(edges.astype(np.uint8), np.ones((reach_px, reach_px), np.uint8)) > 0
    return float(np.sqrt(np.mean(fine[near] ** 2) / (np.mean(middle[near] ** 2) + 1e-3)))
