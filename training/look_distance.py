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


@dataclass(frozen=True, kw_only=True)
class ColorMoments:
    """First two moments of the Lab pixels of some pictures, each picture weighing the same: mean (..., 3) and mean of x x^T (..., 3, 3)."""

    mean: npt.NDArray[np.float64]
    second_moment: npt.NDArray[np.float64]

    @property
    def covariance(self) -> npt.NDArray[np.float64]:
        """(..., 3, 3)."""
        return self.second_moment - self.mean[..., :, None] * self.mean[..., None, :]


def palette_distance(pictures: Sequence[Pixels], look: Sequence[Pixels]) -> float:
    """Frechet distance between the two sets' Lab pixels, each taken as a normal distribution (mean and covariance), in Delta E."""
    return float(frechet_distances(color_moments(pictures), color_moments(look)))


def frechet_distances(a: ColorMoments, b: ColorMoments) -> npt.NDArray[np.float64]:
    """Frechet distances of normal distributions, Delta E, of the moments' leading shape (...).

    d^2 = |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson and Landau 1982); returned is d.
    """
    covariance_a, covariance_b = a.covariance, b.covariance
    root_a = _square_root(covariance_a)
    # Same trace as of (C1 C2)^(1/2), but of a symmetric matrix, whose root is real.
    crossed = _trace(_square_root(root_a @ covariance_b @ root_a))
    squared = np.sum((a.mean - b.mean) ** 2, axis=-1) + _trace(covariance_a) + _trace(covariance_b) - 2 * crossed
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def color_moments(pictures: Sequence[Pixels]) -> ColorMoments:
    """Moments of all Lab pixels of some pictures."""
    assert pictures, "a distance needs pictures on both sides"
    labs = [srgb_to_lab(picture).reshape(-1, 3).astype(np.float64) for picture in pictures]
    return ColorMoments(
        mean=np.mean([lab.mean(axis=0) for lab in labs], axis=0), second_moment=np.mean([lab.T @ lab / len(lab) for lab in labs], axis=0)
    )


def layout_distance(pictures: Sequence[Pixels], look: Sequence[Pixels]) -> float:
    """Mean over `pictures` of the distance to the nearest look picture, as root mean square Delta E over 8 x 8 cells of mean Lab."""
    return float(layout_distances(pictures, look).mean())


def layout_distances(pictures: Sequence[Pixels], look: Sequence[Pixels]) -> npt.NDArray[np.float64]:
    """The layout distance of each picture, float64 (N,)."""
    ours_NL, theirs_ML = _layouts(pictures), _layouts(look)
    squared_NM = ((ours_NL[:, None] - theirs_ML[None]) ** 2).sum(-1) / LAYOUT_CELLS**2
    return np.asarray(np.sqrt(squared_NM).min(axis=1))


def _square_root(matrices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    values, vectors = np.linalg.eigh((matrices + np.swapaxes(matrices, -1, -2)) / 2)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0, None))[..., None, :]) @ np.swapaxes(vectors, -1, -2))


def _trace(matrices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.trace(matrices, axis1=-2, axis2=-1))


def _layouts(pictures: Sequence[Pixels]) -> npt.NDArray[np.float64]:
    """Mean Lab of each cell, float64 (N, 8 * 8 * 3)."""
    assert pictures, "a distance needs pictures on both sides"
    grids = [cv2.resize(srgb_to_lab(picture), (LAYOUT_CELLS, LAYOUT_CELLS), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(grids).reshape(len(grids), -1).astype(np.float64)
