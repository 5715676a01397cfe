"""The colors that surround a product: a few dominant ones with their shares of the area. Compares them with nothing; see quality/palette.py.

Colors are counted in small cells of Lab and the cells are grouped by k-means from a fixed start, so that the same picture always gives the
same colors, whatever ran before in the process.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, lab_to_srgb

MAX_COLORS = 10
"""Dominant colors that are told apart. With 5, a prop of 3 % of the area was averaged into the wall behind it; from 10 on, distances to a
palette no longer change by more than 0.5."""
COUNTED_AT_PX = 128
"""Longer side of the copy on which colors are counted: props of 1 % of the area keep 160 pixels."""
CELL = 3.0
"""Side of the Lab cells in which colors are counted."""
ROUNDS = 12
MIN_PIXELS = 64

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SceneColor:
    """One color of the surroundings, `#rrggbb`, and its share of their area in percent."""

    hex: str
    share_pct: float


def scene_colors(lab_HW3: FloatImage, surroundings_HW: Mask) -> tuple[SceneColor, ...]:
    """The dominant colors of the surroundings, largest share first; empty when there are hardly any surroundings.

    lab_HW3: float32, L 0..100. surroundings_HW: bool, the pixels that count.
    """
    step = max(1, round(max(surroundings_HW.shape) / COUNTED_AT_PX))
    weight = surroundings_HW.astype(np.float32)
    size = (max(1, weight.shape[1] // step), max(1, weight.shape[0] // step))
    # Means of whole cells of the picture that lie in the surroundings; a cell at the product's edge would mix it in.
    inside = cv2.resize(weight, size, interpolation=cv2.INTER_AREA) > 0.99
    if inside.sum() * step * step < MIN_PIXELS or not inside.any():
        return ()
    small_N3 = cv2.resize(lab_HW3, size, interpolation=cv2.INTER_AREA)[inside]
    cells, cell_of = np.unique(np.round(small_N3 / CELL).astype(np.int32), axis=0, return_inverse=True)
    counts = np.bincount(cell_of.ravel(), minlength=len(cells)).astype(np.float64)
    colors = np.stack([np.bincount(cell_of.ravel(), small_N3[:, axis]) for axis in range(3)], axis=-1) / counts[:, None]
    centers, shares = _grouped(colors, counts)
    order = np.argsort(-shares, kind="stable")
    levels = np.rint(lab_to_srgb(centers[order][None].astype(np.float32))[0] * 255).astype(int)
    return tuple(
        SceneColor(hex="#{:02x}{:02x}{:02x}".format(*rgb), share_pct=float(share))
        for rgb, share in zip(levels.tolist(), 100 * shares[order], strict=True)
        if share > 0
    )


def _grouped(colors_N3: npt.NDArray[np.float64], counts_N: npt.NDArray[np.float64]) -> tuple[FloatImage, npt.NDArray[np.float64]]:
    """Weighted k-means: starts with the most frequent color, then each time with the one that is worst served; Lab centers and shares."""
    centers = [colors_N3[np.argmax(counts_N)]]
    nearest = np.square(colors_N3 - centers[0]).sum(axis=1)
    while len(centers) < min(MAX_COLORS, len(colors_N3)):
        worst = int(np.argmax(nearest * counts_N))
        if nearest[worst] == 0:
            break
        centers.append(colors_N3[worst])
        nearest = np.minimum(nearest, np.square(colors_N3 - colors_N3[worst]).sum(axis=1))
    center_K3 = np.array(centers)
    for _ in range(ROUNDS):
        group = np.argmin(np.square(colors_N3[:, None] - center_K3[None]).sum(axis=-1), axis=1)
        mass = np.bincount(group, counts_N, len(center_K3))
        sums = np.stack([np.bincount(group, counts_N * colors_N3[:, axis], len(center_K3)) for axis in range(3)], axis=-1)
        moved = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-9)[:, None], center_K3)
        if np.allclose(moved, center_K3, atol=1e-3):
            break
        center_K3 = moved
    return center_K3, mass / counts_N.sum()
