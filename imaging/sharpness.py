"""How much fine detail the edges of a picture still have: overall, and in the direction that has lost most.

Both numbers are ratios within the picture, so they depend little on contrast and subject; the variance of the Laplacian, which is
often used, ranges from 92 to 1219 on sharp photographs. Left out: sharpness against an expected render (the quality gate).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.edge_profiles import edge_profiles

FINE_SIGMA_PX = 0.8
MIDDLE_SIGMA_PX = 3.2
"""Fine band: I - G(0.8); middle band: G(0.8) - G(3.2). Source: intake measurements on 271 photographs, AUC 1.0 from sigma 0.8."""
STRONGEST_EDGE_PCT = 3.0
MIN_EDGE_STEP = 20.0
"""Sobel magnitude (0..1020) below which a pixel is texture or noise and not an edge."""
FINE_NOISE_GAIN = 0.63
MIDDLE_NOISE_GAIN = 0.10
"""Variance that white sensor noise of variance 1 leaves in the two bands (sums of squared kernel weights)."""
NOISE_BLOCK_PX = 16
NOISE_PERCENTILE = 10.0
"""The quietest tenth of the blocks shows the noise: at least that much of a product photo is plain background."""

Gray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Sharpness:
    """Sharpness of a picture; all are 0 for a picture without edges."""

    edge_fine_ratio: float
    """Fine against middle detail at the strongest edges: sharp 0.33 to 1, after Gaussian blur of 0.8 px about 0.25."""
    edge_finest_ratio: float
    step_ratio_worst: float
    step_ratio_best: float
    """See edge_profiles.py."""


def photo_sharpness(gray_HW: Gray) -> Sharpness:
    """Measure how sharp a picture's edges are, with the share of sensor noise taken out.

    gray_HW: float32, 0..255, at the size at which blur should be judged.
    """
    fine, middle = _bands(gray_HW)
    magnitude = np.hypot(cv2.Sobel(gray_HW, -1, 1, 0), cv2.Sobel(gray_HW, -1, 0, 1))
    strong = magnitude >= max(float(np.percentile(magnitude, 100.0 - STRONGEST_EDGE_PCT)), MIN_EDGE_STEP)
    if not strong.any():
        return Sharpness(edge_fine_ratio=0.0, edge_finest_ratio=0.0, step_ratio_worst=0.0, step_ratio_best=0.0)
    noise = _noise_variance(fine)
    near = _widened(strong, 5)
    fine_power = max(0.0, float(np.mean(fine[near] ** 2)) - FINE_NOISE_GAIN * noise)
    middle_power = max(0.0, float(np.mean(middle[near] ** 2)) - MIDDLE_NOISE_GAIN * noise)
    profiles = edge_profiles(gray_HW)
    return Sharpness(
        edge_fine_ratio=float(np.sqrt(fine_power / (middle_power + 1e-3))),
        edge_finest_ratio=profiles.finest_ratio,
        step_ratio_worst=profiles.step_ratio_worst,
        step_ratio_best=profiles.step_ratio_best,
    )


def blur_effect(gray_HW: Gray, *, box_px: int = 11) -> float:
    """How little a further blur changes the picture along its worse axis, 0 (sharp) to 1.

    gray_HW: float32. Source: Crete et al., "The blur effect", 2007; the same numbers as scikit-image's `blur_effect`.
    """
    worst = 0.0
    for dx, dy in ((1, 0), (0, 1)):
        smooth = cv2.blur(gray_HW, (box_px, 1) if dx else (1, box_px), borderType=cv2.BORDER_REFLECT)
        before, after = (np.abs(cv2.Sobel(image, -1, dx, dy, borderType=cv2.BORDER_REFLECT))[2:-1, 2:-1] for image in (gray_HW, smooth))
        total = float(before.sum())
        if total == 0.0:
            return 1.0
        worst = max(worst, abs(total - float(np.maximum(0.0, before - after).sum())) / total)
    return worst


def _bands(gray: Gray) -> tuple[Gray, Gray]:
    small, large = (cv2.GaussianBlur(gray, (0, 0), sigma) for sigma in (FINE_SIGMA_PX, MIDDLE_SIGMA_PX))
    return gray - small, small - large


def _noise_variance(fine: Gray) -> float:
    """Variance of the sensor noise, from the quietest blocks; 0 where JPEG has ironed it out."""
    height, width = (max(1, side // NOISE_BLOCK_PX) for side in fine.shape)
    blocks = cv2.resize(fine * fine, (width, height), interpolation=cv2.INTER_AREA)
    return float(np.percentile(blocks, NOISE_PERCENTILE)) / FINE_NOISE_GAIN


def _widened(mask: Mask, reach_px: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((reach_px, reach_px), np.uint8)) > 0)
