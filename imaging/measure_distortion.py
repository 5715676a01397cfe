"""Measure whether the product was bent or squashed: local displacement of tiles, and unequal scale in x and y.

Works on lightness after a common shift has been taken out. Leaves out where the product stands in the frame (measure_geometry).
"""

import cv2
import numpy as np

from imaging.color import FloatImage
from imaging.measure_views import Views
from imaging.product_planes import dot, reduced, slopes_of, soften, tile_means

MIN_TILE_STRUCTURE = 0.35
"""Smallest eigenvalue of a tile's structure tensor, (lightness per pixel)^2, along which a displacement can be trusted: at a noise of
0.6 lightness units it leaves about 0.1 px of uncertainty per tile."""
ECC_SIDE_PX = 200
ECC_ROUNDS = 60
AGREEING_CORRELATION = 0.8
"""Local correlation of evened-out lightness above which a recolored part still shows its photo's shading. On 20 colorways of the demo
catalog 41-95 % of the product lies above it; bent by 2 px, 5-43 % do."""
RECOLORED_PERCENTILE = 75
"""Of tile displacements in a recolor: the worst tiles lie on borders between recolored and kept materials. The same 20: at most 0.42 px
untouched, 0.50-1.61 px bent by 2 px, but for one stool of thin legs."""
EVEN_SIGMA_PX, AGREEING_SIGMA_PX = 6.0, 10.0
"""Surroundings over which contrast is evened out, and over which structure is correlated."""


def measure_distortion(views: Views, *, recolored: bool = False) -> dict[str, float | None]:
    """The bending of the product in pixels (90th percentile of tiles), its common shift, and its squash in percent.

    `recolored`: compares shading with local contrast evened out, because a recolor changes lightness and contrast; 75th percentile.
    All None without an expected product; squash is None when the two pictures cannot be registered at all.
    """
    columns: dict[str, float | None] = dict.fromkeys(("shift_px", "warp_px", "squash_pct"))
    if not views.comparable:
        return columns
    assert views.near is not None and views.trusted is not None
    near = views.near
    zone = views.trusted[near.box].astype(np.float32)
    columns["shift_px"] = views.shift_px
    if recolored:
        render, expected = _evened_out(near.render[0]), _evened_out(near.expected[0])
        compared = _where_structure_agrees(render, expected, zone)
        soft_expected = soften(expected)
        tiles = _tile_displacements((soften(render), soft_expected), slopes_of(soft_expected), compared, near.tile_px)
    else:
        render, expected = near.render[0], near.expected[0]
        tiles = _tile_displacements((near.soft_render_HW, near.soft_expected_HW), near.slopes, zone, near.tile_px)
    apart = dot(cv2.absdiff(render, expected), zone) / max(1.0, float(zone.sum()))
    if tiles is None:
        columns["warp_px"] = 0.0 if apart < 1.0 else None
    else:
        columns["warp_px"] = float(np.percentile(np.hypot(tiles[:, 0], tiles[:, 1]), RECOLORED_PERCENTILE if recolored else 90))
    if columns["warp_px"] is not None and columns["warp_px"] < 0.25 and apart < 2.0:
        columns["squash_pct"] = 0.0
    else:
        scale = min(1.0, ECC_SIDE_PX / max(views.render_HW3.shape[:2]))
        columns["squash_pct"] = _squash(render, expected, zone, views.unknown_from - near.box[0].start, scale)
    return columns


def _wide_mean(plane: FloatImage, sigma_px: float, full_size: bool = False) -> FloatImage:
    """A wide Gaussian blur, made at a quarter of the size, where it is the same to a percent; kept there unless `full_size`."""
    small = cv2.GaussianBlur(reduced(plane), (0, 0), sigma_px / 4)
    if not full_size:
        return np.asarray(small, dtype=np.float32)
    return np.asarray(cv2.resize(small, plane.shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _evened_out(lightness: FloatImage) -> FloatImage:
    """Lightness with local mean and contrast taken out: shading and texture that a recolor keeps, whatever colors they have."""
    rest = lightness - _wide_mean(lightness, EVEN_SIGMA_PX, full_size=True)
    spread = np.sqrt(np.maximum(_wide_mean(rest * rest, EVEN_SIGMA_PX, full_size=True), 0))
    return np.asarray(cv2.divide(rest, spread + np.float32(1.5), scale=10), dtype=np.float32)


def _where_structure_agrees(render: FloatImage, expected: FloatImage, zone: FloatImage) -> FloatImage:
    """The part of the zone in which both pictures rise and fall together; an edge whose contrast a new color reverses is left out."""
    cover = np.maximum(_wide_mean(zone, AGREEING_SIGMA_PX), np.float32(1e-3))

    def mean(plane: FloatImage) -> FloatImage:
        return np.asarray(_wide_mean(plane * zone, AGREEING_SIGMA_PX) / cover, dtype=np.float32)

    mean_r, mean_e = mean(render), mean(expected)
    variances = (mean(render * render) - mean_r**2) * (mean(expected * expected) - mean_e**2)
    together = (mean(render * expected) - mean_r * mean_e) / np.sqrt(np.maximum(variances, 1e-3))
    wide = cv2.resize(together, zone.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(zone * (wide > AGREEING_CORRELATION), dtype=np.float32)


def _tile_displacements(
    soft: tuple[FloatImage, FloatImage], slopes: tuple[FloatImage, FloatImage], zone: FloatImage, tile_px: int
) -> FloatImage | None:
    """Rows of (dx, dy) for every tile with structure, by one Lucas-Kanade step; None if there are fewer than four such tiles.

    soft: softened lightness of render and expectation. slopes: of the expectation. zone: weight 0 or 1 of what is compared.
    """
    error = (soft[0] - soft[1]) * zone
    slope_x, slope_y = slopes[0] * zone, slopes[1] * zone
    weight = tile_means(zone, tile_px)
    used = weight > 0.3
    if not used.any():
        return None
    safe = weight[used].astype(np.float64)

    def mean(plane: FloatImage) -> FloatImage:
        return np.asarray(tile_means(plane, tile_px)[used] / safe)

    mean_x, mean_y, mean_e = mean(slope_x), mean(slope_y), mean(error)
    xx, xy, yy = mean(slope_x * slope_x) - mean_x**2, mean(slope_x * slope_y) - mean_x * mean_y, mean(slope_y * slope_y) - mean_y**2
    ex, ey = mean(slope_x * error) - mean_x * mean_e, mean(slope_y * error) - mean_y * mean_e
    tensor = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
    values, vectors = np.linalg.eigh(tensor)
    along = np.einsum("nij,ni->nj", vectors, np.stack([ex, ey], -1))
    trusted = values > MIN_TILE_STRUCTURE
    steps = np.where(trusted, -along / np.maximum(values, 1e-6), 0)
    found = np.einsum("nij,nj->ni", vectors, np.clip(steps, -4, 4))[trusted.any(axis=1)]
    return np.asarray(found) if len(found) >= 4 else None


def _squash(render: FloatImage, expected: FloatImage, zone: FloatImage, unknown_from: int, scale: float) -> float | None:
    """Percent by which the x scale differs from the y scale, from an affine registration of the two pictures (ECC).

    Looks a little beyond the zone, but not from row `unknown_from` on: a shadow that only the render has would be taken for a squash.
    """
    small = [cv2.resize(plane, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for plane in (render, expected)]
    inside = cv2.resize(zone.astype(np.uint8), small[0].shape[::-1], interpolation=cv2.INTER_NEAREST)
    mask = cv2.dilate(inside, np.ones((9, 9), np.uint8))
    known_rows = max(0, int(unknown_from * scale))
    mask[known_rows:] = inside[known_rows:]
    matrix = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ECC_ROUNDS, 1e-5)
    try:
        cv2.findTransformECC(small[1], small[0], matrix, cv2.MOTION_AFFINE, criteria, mask, 3)
    except cv2.error:
        return None
    width_scale, height_scale = float(np.linalg.norm(matrix[:, 0])), float(np.linalg.norm(matrix[:, 1]))
    return abs(width_scale / max(1e-6, height_scale) - 1) * 100
