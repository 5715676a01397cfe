"""Measure whether the product was bent or squashed: local displacement of tiles, and unequal scale in x and y.

Works on lightness after a common shift has been taken out. Leaves out where the product stands in the frame (measure_geometry).
"""

import cv2
import numpy as np

from imaging.color import FloatImage
from imaging.measure_views import Views

MIN_TILE_STRUCTURE = 0.35
"""Smallest eigenvalue of a tile's structure tensor, (lightness per pixel)^2, along which a displacement can be trusted: at a noise of
0.6 lightness units it leaves about 0.1 px of uncertainty per tile."""
ECC_SIDE_PX = 200
AGREEING_CORRELATION = 0.8
"""Local correlation of evened-out lightness above which a recolored part still shows its photo's shading. On 20 colorways of the demo
catalog 41-95 % of the product lies above it; bent by 2 px, 5-43 % do."""
RECOLORED_PERCENTILE = 75
"""Of tile displacements in a recolor: the worst tiles lie on borders between recolored and kept materials. The same 20: at most 0.42 px
untouched, 0.50-1.61 px bent by 2 px, but for one stool of thin legs."""


def measure_distortion(views: Views, *, recolored: bool = False) -> dict[str, float | None]:
    """The bending of the product in pixels (90th percentile of tiles), its common shift, and its squash in percent.

    `recolored`: compares shading with local contrast evened out, because a recolor changes lightness and contrast; 75th percentile.
    All None without an expected product; squash is None when the two pictures cannot be registered at all.
    """
    columns: dict[str, float | None] = dict.fromkeys(("shift_px", "warp_px", "squash_pct"))
    if not views.comparable:
        return columns
    assert views.expected_lab_HW3 is not None and views.trusted is not None
    zone = views.trusted.astype(np.uint8)
    render, expected = views.render_lab_HW3[..., 0], views.expected_lab_HW3[..., 0]
    if recolored:
        render, expected = _evened_out(render), _evened_out(expected)
    columns["shift_px"] = views.shift_px
    compared = zone.astype(np.float32)
    if recolored:
        compared = _where_structure_agrees(render, expected, compared)
    tiles = _tile_displacements(render, expected, compared)
    if tiles is None:
        columns["warp_px"] = 0.0 if float(np.abs(render - expected)[zone > 0].mean()) < 1.0 else None
    else:
        columns["warp_px"] = float(np.percentile(np.hypot(tiles[:, 2], tiles[:, 3]), RECOLORED_PERCENTILE if recolored else 90))
    columns["squash_pct"] = _squash(render, expected, zone, columns["warp_px"], views.unknown_from)
    return columns


def _evened_out(lightness: FloatImage) -> FloatImage:
    """Lightness with local mean and contrast taken out: shading and texture that a recolor keeps, whatever colors they have."""
    mean = cv2.GaussianBlur(lightness, (0, 0), 6)
    spread = np.sqrt(np.maximum(cv2.GaussianBlur((lightness - mean) ** 2, (0, 0), 6), 0))
    return np.asarray(10 * (lightness - mean) / (spread + 1.5), dtype=np.float32)


def _where_structure_agrees(render: FloatImage, expected: FloatImage, zone: FloatImage) -> FloatImage:
    """The part of the zone in which both pictures rise and fall together; an edge whose contrast a new color reverses is left out."""

    def mean(plane: FloatImage) -> FloatImage:
        return np.asarray(cv2.GaussianBlur(plane * zone, (0, 0), 10) / np.maximum(cv2.GaussianBlur(zone, (0, 0), 10), 1e-3))

    mean_r, mean_e = mean(render), mean(expected)
    variances = (mean(render * render) - mean_r**2) * (mean(expected * expected) - mean_e**2)
    together = (mean(render * expected) - mean_r * mean_e) / np.sqrt(np.maximum(variances, 1e-3))
    return np.asarray(zone * (together > AGREEING_CORRELATION), dtype=np.float32)


def _tile_displacements(render: FloatImage, expected: FloatImage, zone: FloatImage) -> FloatImage | None:
    """Rows of (x, y, dx, dy) for every tile with structure, by one Lucas-Kanade step; None if there is no such tile."""
    side = max(20, render.shape[0] // 28)
    size = (max(1, render.shape[1] // side), max(1, render.shape[0] // side))
    expected, render = (cv2.GaussianBlur(plane, (0, 0), 1.2) for plane in (expected, render))
    grad_x, grad_y = (cv2.Scharr(expected, cv2.CV_32F, dx, 1 - dx) / 32 for dx in (1, 0))
    error = render - expected

    def mean(plane: FloatImage) -> FloatImage:
        return np.asarray(cv2.resize(plane * zone, size, interpolation=cv2.INTER_AREA), dtype=np.float64)

    weight = np.asarray(cv2.resize(zone, size, interpolation=cv2.INTER_AREA), dtype=np.float64)
    safe = np.maximum(weight, 1e-6)
    mean_x, mean_y, mean_e = mean(grad_x) / safe, mean(grad_y) / safe, mean(error) / safe
    xx, xy, yy = mean(grad_x**2) / safe - mean_x**2, mean(grad_x * grad_y) / safe - mean_x * mean_y, mean(grad_y**2) / safe - mean_y**2
    ex, ey = mean(grad_x * error) / safe - mean_x * mean_e, mean(grad_y * error) / safe - mean_y * mean_e
    used = weight > 0.3
    if not used.any():
        return None
    tensor = np.stack([np.stack([xx[used], xy[used]], -1), np.stack([xy[used], yy[used]], -1)], -2)
    values, vectors = np.linalg.eigh(tensor)
    along = np.einsum("nij,ni->nj", vectors, np.stack([ex[used], ey[used]], -1))
    trusted = values > MIN_TILE_STRUCTURE
    steps = np.where(trusted, -along / np.maximum(values, 1e-6), 0)
    moved = np.einsum("nij,nj->ni", vectors, np.clip(steps, -4, 4))
    rows, columns = np.nonzero(used)
    found = np.column_stack([columns * side + side / 2, rows * side + side / 2, moved])[trusted.any(axis=1)]
    return found if len(found) >= 4 else None


def _squash(render: FloatImage, expected: FloatImage, zone: np.ndarray, warp_px: float | None, unknown_from: int) -> float | None:
    """Percent by which the x scale differs from the y scale, from an affine registration of the two pictures (ECC).

    Looks a little beyond the zone, but not from row `unknown_from` on: a shadow that only the render has would be taken for a squash.
    """
    if warp_px is not None and warp_px < 0.25 and float(np.abs(render - expected)[zone > 0].mean()) < 2.0:
        return 0.0
    scale = min(1.0, ECC_SIDE_PX / max(render.shape))
    small = [cv2.resize(plane, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for plane in (render, expected)]
    inside = cv2.resize(zone, small[0].shape[::-1], interpolation=cv2.INTER_NEAREST)
    mask = cv2.dilate(inside, np.ones((9, 9), np.uint8))
    known_rows = int(unknown_from * scale)
    mask[known_rows:] = inside[known_rows:]
    matrix = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
    try:
        cv2.findTransformECC(small[1], small[0], matrix, cv2.MOTION_AFFINE, criteria, mask, 3)
    except cv2.error:
        return None
    width_scale, height_scale = float(np.linalg.norm(matrix[:, 0])), float(np.linalg.norm(matrix[:, 1]))
    return abs(width_scale / max(1e-6, height_scale) - 1) * 100
