"""Measure whether the product kept its outline: what grew out of it, and what was eaten away, as shares of its area.

Against the silhouette known from the placement. Leaves out bending (measure_distortion) and thin fringes (measure_edges, measure_fringe).
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.measure_views import Mask
from imaging.unexpected import SmallViews, color_distance

EDGE_PX = 2.5
"""Small pixels on either side of the outline that are its blend, a fringe, or a warp that has a measurement of its own."""
EATEN_DELTA_E = 12.0
"""Distance from the expected product from which a pixel may be background instead."""
BAND_SHARE = 0.16
"""How far from the outline growth is looked for in a scene, as a share of the root of the product's area; growth ends within it."""
COLOR_BIN = 8
"""Lab units per bin of the color counts that tell the product's colors from the scene's."""
LIKELIER = 6.0
"""A color counts as the product's when it is so many times as frequent in the product as in the scene around."""


def measure_outline(small: SmallViews | None, unexpected_HW: Mask | None, background: FloatImage | None) -> dict[str, float | None]:
    """`expansion_pct`: what continues the product beyond its silhouette. `eaten_pct`: what shows background inside it. Both of its area.

    unexpected_HW: see `unexpected.unexpected_map`; None in a scene, where growth is what has the product's colors, touches it and ends
    nearby. background: the plain background's surface, None in a scene. All None without a product; `eaten_pct` also without its pixels.
    """
    columns: dict[str, float | None] = {"expansion_pct": None, "eaten_pct": None}
    if small is None:
        return columns
    area = float(small.product_HW.sum())
    grown = unexpected_HW if unexpected_HW is not None else _growth_in_scene(small)
    columns["expansion_pct"] = 100 * _attached(grown & (small.outside_px_HW > EDGE_PX), small.outside_px_HW) / area
    if small.expected_HW3 is not None:
        columns["eaten_pct"] = 100 * _eaten(small, background) / area
    return columns


def _attached(candidates_HW: Mask, distance_px_HW: FloatImage) -> float:
    """Area in pixels of the parts that begin at the outline and reach further than a fringe does."""
    count, labels = cv2.connectedComponents(candidates_HW.astype(np.uint8), connectivity=8)
    if count == 1:
        return 0.0
    near, far = candidates_HW & (distance_px_HW <= EDGE_PX + 1.5), candidates_HW & (distance_px_HW >= 2 * EDGE_PX)
    begins, reaches = (np.bincount(labels[where], minlength=count) > 0 for where in (near, far))
    return float(np.bincount(labels[candidates_HW], minlength=count)[begins & reaches].sum())


def _eaten(small: SmallViews, background: FloatImage | None) -> float:
    """Area of the parts inside the silhouette, beginning at it, that look like what lies outside rather than like the product."""
    assert small.expected_HW3 is not None
    off = color_distance(small.render_HW3, small.expected_HW3)
    changed = (small.inside_px_HW > EDGE_PX) & (off > EATEN_DELTA_E)
    if not changed.any():
        return 0.0
    beyond = background if background is not None else _nearest_colors(small.render_HW3, small.outside_px_HW > EDGE_PX)
    like_background = color_distance(small.render_HW3, beyond) < 0.5 * off
    return _attached(changed & like_background, small.inside_px_HW)


def _growth_in_scene(small: SmallViews) -> Mask:
    """Pixels near the product that have its colors, rare in the scene around, in parts that end within the band."""
    band_px = max(4 * EDGE_PX, BAND_SHARE * float(np.sqrt(small.product_HW.sum())))
    bins = _color_bins(small.render_HW3)
    product, scene = small.inside_px_HW > EDGE_PX, small.outside_px_HW > band_px
    frequency = [_frequency(bins[zone]) for zone in (product, scene)]
    likelier = (frequency[0] > LIKELIER * frequency[1]) & (frequency[0] > 2e-3)
    band = (small.outside_px_HW > 0) & ~scene
    candidates = cv2.medianBlur((likelier[bins] & band).astype(np.uint8), 3)
    # What goes on beyond the band is no growth of the product: a table of its wood, the shadow it casts.
    _, labels = cv2.connectedComponents(candidates, connectivity=8)
    leaving = np.unique(labels[(small.outside_px_HW > band_px - 2) & band])
    return np.asarray((candidates > 0) & ~np.isin(labels, leaving[leaving > 0]) & (np.arange(len(bins))[:, None] < _ground_row(small)))


def _ground_row(small: SmallViews) -> int:
    """The row from which shadows lie beside the product."""
    _, top, _, bottom = small.box
    return int(bottom - 0.3 * (bottom - top))


def _color_bins(lab_HW3: FloatImage) -> npt.NDArray[np.intp]:
    levels = np.clip((lab_HW3 + np.array([0, 128, 128], np.float32)) / COLOR_BIN, 0, 31).astype(np.intp)
    return np.asarray((levels[..., 0] * 32 + levels[..., 1]) * 32 + levels[..., 2])


def _frequency(bins_N: npt.NDArray[np.intp]) -> FloatImage:
    counts: FloatImage = np.bincount(bins_N, minlength=32**3).astype(np.float32).reshape(32, 32, 32)
    for axis in range(3):
        lower, upper = np.roll(counts, 1, axis), np.roll(counts, -1, axis)
        counts = np.asarray(counts / 2 + (lower + upper) / 4, dtype=np.float32)
    return np.asarray(counts.ravel() / max(1.0, float(len(bins_N))) + 1e-5, dtype=np.float32)


def _nearest_colors(lab_HW3: FloatImage, known_HW: Mask) -> FloatImage:
    """Every pixel's color replaced by that of the nearest known pixel."""
    _, labels = cv2.distanceTransformWithLabels((~known_HW).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colors = np.zeros((int(labels.max()) + 1, 3), np.float32)
    colors[labels[known_HW]] = lab_HW3[known_HW]
    return np.asarray(colors[labels])
