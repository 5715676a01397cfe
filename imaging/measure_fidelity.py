"""Measure whether the product's structure is the source's: SSIM, worst tile, gradient similarity, local change, lightness-free structure.

Compares inside the eroded product only, after alignment. Leaves out color (measure_color) and bending (measure_distortion).
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.measure_views import Mask, Views

C1, C2 = 6.5025, 58.5225
"""SSIM constants (0.01 * 255)^2 and (0.03 * 255)^2, Wang et al. 2004."""
GMSD_C = 170 * 16.0
"""GMSD's constant for 8-bit levels and 3x3 Sobel (Xue et al. 2013: 170 with Prewitt / 3)."""
CHANGED_DELTA_E = 4.0
"""CIE76 distance from which a pixel counts as recolored."""
LOCAL_SIGMA_PX = 2.5
"""Lightness is smoothed by this before a local change is looked for, chroma by twice as much: JPEG halves its resolution."""


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
    assert views.expected_lab_HW3 is not None and views.inner_HW is not None
    box = _crop(views.inner_HW)
    inner = views.inner_HW[box]
    render, expected = views.render_lab_HW3[box], views.expected_lab_HW3[box]
    a, b = render[..., 0] * 2.55, expected[..., 0] * 2.55
    ssim, contrast, correlation, texture = _ssim_maps(a, b)
    tile_px = max(16, views.product_HW.shape[0] // 24) if views.product_HW is not None else 16
    columns["ssim"] = float(ssim[inner].mean())
    columns["ssim_tile_p1"] = _tile_percentile(contrast, inner, inner, tile_px, 1)
    if recolored:
        texture = texture & ~_material_borders(render, expected)
    columns["structure_tile_p5"] = _tile_percentile(correlation, inner, inner & texture, tile_px, 5)
    columns["gmsd"] = _gmsd(a, b, inner)
    columns["local_change_delta_l"] = _local_change(render[..., 0], expected[..., 0], inner)
    half = (max(1, inner.shape[1] // 2), max(1, inner.shape[0] // 2))
    small_r, small_e = (cv2.resize(lab, half, interpolation=cv2.INTER_AREA) for lab in (render, expected))
    small_inner = cv2.resize(inner.astype(np.uint8), half, interpolation=cv2.INTER_NEAREST) > 0
    columns["local_change_delta_ab"] = max(_local_change(small_r[..., i], small_e[..., i], small_inner) for i in (1, 2))
    return columns


def _material_borders(render: FloatImage, expected: FloatImage) -> Mask:
    """A band around the borders of what was recolored."""
    changed = (cv2.blur(np.linalg.norm(render - expected, axis=2), (5, 5)) > CHANGED_DELTA_E).astype(np.uint8)
    changed = cv2.medianBlur(changed, 9)
    band = cv2.morphologyEx(changed, cv2.MORPH_GRADIENT, np.ones((15, 15), np.uint8))
    return np.asarray(band > 0)


def _crop(mask_HW: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    pad = 8
    return slice(max(0, rows[0] - pad), rows[-1] + 1 + pad), slice(max(0, columns[0] - pad), columns[-1] + 1 + pad)


def _ssim_maps(a: FloatImage, b: FloatImage) -> tuple[FloatImage, FloatImage, FloatImage, Mask]:
    """SSIM, its contrast-structure term, the plain correlation, and where the expected picture has texture to correlate."""
    mean_a, mean_b = _gauss(a), _gauss(b)
    var_a, var_b = _gauss(a * a) - mean_a * mean_a, _gauss(b * b) - mean_b * mean_b
    covariance = _gauss(a * b) - mean_a * mean_b
    contrast = (2 * covariance + C2) / (var_a + var_b + C2)
    ssim = (2 * mean_a * mean_b + C1) / (mean_a * mean_a + mean_b * mean_b + C1) * contrast
    correlation = (covariance + C2 / 2) / (np.sqrt(np.maximum(var_a * var_b, 0)) + C2 / 2)
    return _float(ssim), _float(contrast), _float(correlation), np.asarray(var_b > 2 * C2)


def _float(values: npt.NDArray[np.floating]) -> FloatImage:
    return np.asarray(values, dtype=np.float32)


def _gauss(image: FloatImage) -> FloatImage:
    return np.asarray(cv2.GaussianBlur(image, (11, 11), 1.5), dtype=np.float32)


def _tile_percentile(values: FloatImage, inner: Mask, used: Mask, tile_px: int, percentile: float) -> float | None:
    """A low percentile of the tile means; a tile counts if at least six tenths of it are product."""
    weight = cv2.boxFilter(used.astype(np.float32), -1, (tile_px, tile_px))
    covered = cv2.boxFilter(inner.astype(np.float32), -1, (tile_px, tile_px)) > 0.6
    means = cv2.boxFilter(values * used, -1, (tile_px, tile_px)) / np.maximum(weight, 1e-3)
    tiles = means[covered & (weight > 0.1)]
    return float(np.percentile(tiles, percentile)) if tiles.size else float(values[inner].mean())


def _gmsd(a: FloatImage, b: FloatImage, inner: Mask) -> float:
    magnitude = []
    for levels in (a, b):
        smooth = cv2.GaussianBlur(levels, (0, 0), 0.8)
        magnitude.append(cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)))
    similarity = (2 * magnitude[0] * magnitude[1] + GMSD_C) / (magnitude[0] ** 2 + magnitude[1] ** 2 + GMSD_C)
    return float(similarity[inner].std())


def _local_change(render: FloatImage, expected: FloatImage, inner: Mask) -> float:
    """99.5th percentile of the smoothed difference that a straight tone change over the whole product does not explain.

    Finds watermarks, patches and stains that are too faint for SSIM. Smoothing is normalized by the mask, so the edge does not leak in.
    """
    difference = render - expected
    x, y = expected[inner][::3], difference[inner][::3]
    centered = x - x.mean()
    slope = float(np.clip((centered * y).sum() / max(1.0, float((centered**2).sum())), -0.5, 0.5))
    rest = (difference - float(np.median(y)) - slope * (expected - float(x.mean()))) * inner
    cover = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), LOCAL_SIGMA_PX)
    smooth = cv2.GaussianBlur(rest, (0, 0), LOCAL_SIGMA_PX) / np.maximum(cover, 0.25)
    return float(np.percentile(np.abs(smooth[inner][::2]), 99.5))
