"""Measure whether the product's structure is the source's: SSIM, worst tile, gradient similarity, local change, lightness-free structure.

Compares inside the eroded product only, after alignment. Leaves out color (measure_color) and bending (measure_distortion).
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.measure_views import Mask, Views
from imaging.product_planes import ProductPlanes, dot, reduced

C1, C2 = 1.0, 9.0
"""SSIM constants (0.01 * 100)^2 and (0.03 * 100)^2 for lightness 0..100, Wang et al. 2004."""
GMSD_C = 170 * 16.0 / 2.55**2
"""GMSD's constant for lightness 0..100 and 3x3 Sobel (Xue et al. 2013: 170 with Prewitt / 3 and 8-bit levels)."""
CHANGED_DELTA_E = 4.0
"""CIE76 distance from which a pixel counts as recolored."""
LOCAL_SIGMA_PX = 2.5
"""Lightness is smoothed by this before a local change is looked for, chroma by twice as much: JPEG halves its resolution."""
TILE_STRIDE = 4
"""Tiles are looked at around every fourth pixel: they are larger than 16 px, so none is overlooked."""


def measure_fidelity(views: Views, *, recolored: bool = False) -> dict[str, float | None]:
    """How much of the expected structure is there: mean SSIM, first percentile of tiles, GMSD, largest local change.

    `recolored`: texture is compared inside one material at a time, because a border between a changed and a kept material may turn from
    light-dark to dark-light. All None without an expected product.
    """
    columns: dict[str, float | None] = dict.fromkeys(
        ("ssim", "ssim_tile_p1", "gmsd", "local_change_delta_l", "local_change_delta_ab", "structure_tile_p5")
    )
    if not views.comparable:
        return columns
    assert views.near is not None
    near = views.near
    ssim, contrast, correlation, texture = _ssim_maps(near.render[0], near.expected[0])
    tile_px = max(16, views.render_HW3.shape[0] // 24)
    columns["ssim"] = near.mean(ssim)
    covered = _tile_means(near.weight_HW, tile_px) > 0.6
    columns["ssim_tile_p1"] = _tile_percentile(contrast, near.weight_HW, covered, tile_px, 1)
    if recolored:
        texture = texture & ~_material_borders(near)
    # Without texture to correlate, the plain mean.
    found = _tile_percentile(correlation, near.weight_HW * texture, covered, tile_px, 5)
    columns["structure_tile_p5"] = near.mean(correlation) if found is None else found
    if columns["ssim_tile_p1"] is None:
        columns["ssim_tile_p1"] = near.mean(contrast)
    columns["gmsd"] = _gmsd(near)
    columns["local_change_delta_l"] = _local_change_of_lightness(near)
    columns["local_change_delta_ab"] = _local_change_of_chroma(near)
    return columns


def _material_borders(near: ProductPlanes) -> Mask:
    """A band around the borders of what was recolored."""
    square = sum((first - second) ** 2 for first, second in zip(near.render, near.expected, strict=True))
    changed = (cv2.blur(np.sqrt(square), (5, 5)) > CHANGED_DELTA_E).view(np.uint8)
    changed = cv2.medianBlur(changed, 9)
    band = cv2.morphologyEx(changed, cv2.MORPH_GRADIENT, np.ones((15, 15), np.uint8))
    return np.asarray(band > 0)


def _ssim_maps(a: FloatImage, b: FloatImage) -> tuple[FloatImage, FloatImage, FloatImage, Mask]:
    """SSIM, its contrast-structure term, the plain correlation, and where the expected picture has texture to correlate."""
    mean_a, mean_b = _gauss(a), _gauss(b)
    square_a, square_b, product = mean_a * mean_a, mean_b * mean_b, mean_a * mean_b
    var_a, var_b, covariance = _gauss(a * a) - square_a, _gauss(b * b) - square_b, _gauss(a * b) - product
    contrast = cv2.divide(2 * covariance + C2, var_a + var_b + C2)
    ssim = cv2.divide(2 * product + C1, square_a + square_b + C1) * contrast
    correlation = cv2.divide(covariance + C2 / 2, np.sqrt(np.maximum(var_a * var_b, 0)) + C2 / 2)
    return _float(ssim), _float(contrast), _float(correlation), np.asarray(var_b > 2 * C2)


def _float(values: npt.NDArray[np.floating]) -> FloatImage:
    return np.asarray(values, dtype=np.float32)


def _gauss(image: FloatImage) -> FloatImage:
    return np.asarray(cv2.GaussianBlur(image, (11, 11), 1.5), dtype=np.float32)


def _tile_means(plane: FloatImage, tile_px: int) -> FloatImage:
    return np.asarray(cv2.boxFilter(plane, -1, (tile_px, tile_px))[::TILE_STRIDE, ::TILE_STRIDE])


def _tile_percentile(values: FloatImage, used: FloatImage, covered: Mask, tile_px: int, percentile: float) -> float | None:
    """A low percentile of the tile means over what is used; only tiles that are covered count. None without such a tile."""
    weight = _tile_means(used, tile_px)
    counted = covered & (weight > 0.1)
    tiles = _tile_means(values * used, tile_px)[counted] / weight[counted]
    return float(np.percentile(tiles, percentile)) if tiles.size else None


def _gmsd(near: ProductPlanes) -> float:
    squares = []
    for plane in (near.render[0], near.expected[0]):
        smooth = cv2.GaussianBlur(plane, (5, 5), 0.8)
        across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
        squares.append(across * across + down * down)
    # One minus the similarity: the same spread, kept exact where both are alike.
    total = squares[0] + squares[1]
    return near.deviation(_float((total - 2 * np.sqrt(squares[0] * squares[1])) / (total + np.float32(GMSD_C))))


def _local_change_of_lightness(near: ProductPlanes) -> float:
    cover = reduced(near.weight_HW, 2)
    safe = np.maximum(cover, np.float32(1e-3))
    render, expected = (cv2.divide(reduced(plane * near.weight_HW, 2), safe) for plane in (near.render[0], near.expected[0]))
    return _local_change(render, expected, cover, LOCAL_SIGMA_PX / 2)


def _local_change_of_chroma(near: ProductPlanes) -> float:
    render, expected = (cv2.split(colors)[1:] for colors in near.reduced_colors)
    return max(_local_change(r, e, near.reduced_cover_HW, 2 * LOCAL_SIGMA_PX / 4) for r, e in zip(render, expected, strict=True))


def _local_change(render: FloatImage, expected: FloatImage, cover: FloatImage, sigma_px: float) -> float:
    """99.5th percentile of the smoothed difference that a straight tone change over the whole product does not explain.

    render, expected: means over the product's share of each pixel; cover: that share. Finds watermarks, patches and stains that are too
    faint for SSIM. Smoothing is normalized by the cover, so the edge does not leak in.
    """
    inside = cover > 0.5 if (cover > 0.5).any() else cover > 0
    difference = render - expected
    x, y = expected[inside], difference[inside]
    centered = x - x.mean()
    slope = float(np.clip(dot(centered, y) / max(1.0, dot(centered, centered)), -0.5, 0.5))
    rest = (difference - np.float32(np.median(y[::2])) - np.float32(slope) * (expected - np.float32(x.mean()))) * cover
    near_cover = np.maximum(cv2.GaussianBlur(cover, (0, 0), sigma_px), 0.25)
    smooth = cv2.GaussianBlur(rest, (0, 0), sigma_px)[inside] / near_cover[inside]
    return float(np.percentile(np.abs(smooth), 99.5))
