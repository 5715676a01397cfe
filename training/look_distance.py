"""How far generated pictures are from a look: a palette distance and a layout distance between two sets of pictures, both in Delta E 1976.

Numbers only; which distance is good enough is a question for whoever promotes a LoRA.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab

Pixels = npt.NDArray[np.uint8]
LAYOUT_CELLS = 8
"""Cells per side of the layout grid: coarse enough to ignore texture, fine enough for a horizon, a window or an arch."""


@dataclass(frozen=True, kw_only=True)
class LookDistance:
    """Distances of a set of pictures from a look, Delta E; 0 is the look itself, 10 is seen at a glance."""

    palette_delta_e: float
    layout_delta_e: float


def look_distance(pictures: Sequence[Pixels], look: Sequence[Pixels]) -> LookDistance:
    """Both distances of `pictures` (uint8 (H, W, 3), sRGB) from the pictures of a look; sizes may differ."""
    return LookDistance(palette_delta_e=palette_distance(pictures, look), layout_delta_e=layout_distance(pictures, look))


def palette_distance(pictures: Sequence[Pixels], look: Sequence[Pixels]) -> float:
    """Frechet distance between the two sets' Lab pixels, each taken as a normal distribution (mean and covariance).

    d^2 = |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson and Landau 1982); returned is d, in Delta E.
    """
    mean_a, covariance_a = _lab_moments(pictures)
    mean_b, covariance_b = _lab_moments(look)
    root_a = _square_root(covariance_a)
    # Same trace as of (C1 C2)^(1/2), but of a symmetric matrix, whose root is real.
    crossed = np.trace(_square_root(root_a @ covariance_b @ root_a))
    squared = np.sum((mean_a - mean_b) ** 2) + np.trace(covariance_a) + np.trace(covariance_b) - 2 * crossed
    return float(np.sqrt(max(squared, 0.0)))


def layout_distance(pictures: Sequence[Pixels], look: Sequence[Pixels]) -> float:
    """Mean over `pictures` of the distance to the nearest look picture, as root mean square Delta E over 8 x 8 cells of mean Lab."""
    ours_NL, theirs_ML = _layouts(pictures), _layouts(look)
    squared_NM = ((ours_NL[:, None] - theirs_ML[None]) ** 2).sum(-1) / LAYOUT_CELLS**2
    return float(np.sqrt(squared_NM).min(axis=1).mean())


def _lab_moments(pictures: Sequence[Pixels]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean (3,) and covariance (3, 3) of all Lab pixels, each picture weighing the same."""
    assert pictures, "a distance needs pictures on both sides"
    labs = [srgb_to_lab(picture).reshape(-1, 3).astype(np.float64) for picture in pictures]
    mean = np.mean([lab.mean(axis=0) for lab in labs], axis=0)
    covariance = np.mean([(lab - mean).T @ (lab - mean) / len(lab) for lab in labs], axis=0)
    return mean, covariance


def _square_root(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T)


def _layouts(pictures: Sequence[Pixels]) -> npt.NDArray[np.float64]:
    """Mean Lab of each cell, float64 (N, 8 * 8 * 3)."""
    assert pictures, "a distance needs pictures on both sides"
    grids = [cv2.resize(srgb_to_lab(picture), (LAYOUT_CELLS, LAYOUT_CELLS), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(grids).reshape(len(grids), -1).astype(np.float64)
