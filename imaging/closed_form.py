"""Closed-form matting: the alpha of hair, from what is surely product and surely background (Levin, Lischinski and Weiss, 2008).

In every window of 3 x 3 pixels alpha is a linear function of color; that makes one sparse quadratic problem, solved by conjugate gradients in
tiles, each beside what is already solved. Which pixels are sure, and what color alone says of the others, is fringe.py's question.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.sparse.linalg import cg

from imaging.background_model import Mask
from imaging.color import FloatImage
from imaging.crops import Box

Doubles = npt.NDArray[np.float64]

EPSILON = 1e-5
"""Regularization of a window's colors (sRGB 0..1)."""
LEAST_TRUST = 1e-4
"""Keeps a problem solvable in which color says nothing and nothing is sure."""
TOLERANCE = 1e-2
MOST_STEPS = 60
TILE_PX = 320
OVERLAP_PX = 16
"""A tile is solved with this much around it, so that its neighbors' pixels have a say; about 60 MB a tile."""
_OFFSETS = tuple((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1))


def closed_form_alpha(photo_HW3: npt.NDArray[np.uint8], first_HW: FloatImage, unknown: Mask, trust_HW: FloatImage) -> FloatImage:
    """Alpha of the unknown pixels, float32 (H, W), 0..1; elsewhere `first_HW` as it is.

    first_HW: sure alpha, and for unknown pixels what their own color says of it. trust_HW: how much that counts against the windows, of which a
    pixel is in nine: 0 for not at all, 1 for as much as one window.
    """
    alpha = np.array(first_HW, dtype=np.float32)
    for inner, outer in _tiles(unknown):
        wanted = unknown[outer]
        solved = _solve(photo_HW3[outer], alpha[outer], first_HW[outer], wanted, trust_HW[outer])
        part = np.s_[inner[0].start - outer[0].start :, inner[1].start - outer[1].start :]
        height, width = (side.stop - side.start for side in inner)
        alpha[inner] = solved[part][:height, :width]
    return alpha


def matting_laplacian(color_HW3: Doubles, unknown: Mask) -> scipy.sparse.csr_array:
    """The matting Laplacian of the windows that hold an unknown pixel: (H * W, H * W), symmetric, its rows sum to 0.

    color_HW3: sRGB 0..1. A window of mean m and covariance S gives its pixels i, j: (i == j) - (1 + (c_i - m) (S + e/9)^-1 (c_j - m)) / 9.
    """
    height, width = unknown.shape
    near = cv2.dilate(unknown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    near[0] = near[-1] = False
    near[:, 0] = near[:, -1] = False
    center = np.flatnonzero(near)
    flat = color_HW3.reshape(-1, 3)
    inside = np.stack([flat[center + dy * width + dx] for dy, dx in _OFFSETS])
    inside -= inside.mean(axis=0)
    spread = np.einsum("knc,knd->ncd", inside, inside) / 9 + np.eye(3) * (EPSILON / 9)
    whitened = np.einsum("ncd,knd->knc", np.linalg.inv(spread), inside)
    bands: dict[int, Doubles] = {}
    for first, (fy, fx) in enumerate(_OFFSETS):
        at = center + fy * width + fx
        for second in range(first, 9):
            sy, sx = _OFFSETS[second]
            band = bands.setdefault((sy - fy) * width + sx - fx, np.zeros(height * width))
            share = -(1 + np.einsum("nc,nc->n", whitened[first], inside[second])) / 9
            band[at] += share + 1 if first == second else share
    shape = (height * width, height * width)
    upper = scipy.sparse.diags_array(
        [band[: shape[0] - offset] for offset, band in bands.items()], offsets=list(bands), shape=shape
    ).tocsr()
    return (upper + scipy.sparse.triu(upper, k=1).T).tocsr()


def _solve(photo_HW3: npt.NDArray[np.uint8], alpha_HW: FloatImage, first_HW: FloatImage, unknown: Mask, trust_HW: FloatImage) -> FloatImage:
    """A tile's alpha, its unknown pixels solved; starts at `alpha_HW`."""
    at = np.flatnonzero(unknown)
    rows = matting_laplacian(photo_HW3.astype(np.float64) / 255, unknown)[at]
    trust = trust_HW.reshape(-1)[at].astype(np.float64) + LEAST_TRUST
    system = (rows[:, at] + scipy.sparse.diags_array(trust)).tocsr()
    sure = np.where(unknown, 0, alpha_HW).reshape(-1).astype(np.float64)
    wanted = trust * first_HW.reshape(-1)[at] - rows @ sure
    start = alpha_HW.reshape(-1)[at].astype(np.float64)
    solved, _ = cg(system, wanted, x0=start, rtol=TOLERANCE, maxiter=MOST_STEPS, M=scipy.sparse.diags_array(1 / system.diagonal()))
    result = alpha_HW.astype(np.float32).copy()
    result.reshape(-1)[at] = np.clip(solved, 0, 1)
    return result


def _tiles(unknown: Mask) -> Iterator[tuple[Box, Box]]:
    """Boxes that together hold all unknown pixels, each also with its overlap."""
    height, width = unknown.shape
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            inner = slice(top, min(height, top + TILE_PX)), slice(left, min(width, left + TILE_PX))
            if unknown[inner].any():
                yield inner, (_grown(inner[0], height), _grown(inner[1], width))


def _grown(side: slice, end: int) -> slice:
    return slice(max(0, side.start - OVERLAP_PX), min(end, side.stop + OVERLAP_PX))
