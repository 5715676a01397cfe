"""Measure how far a product was kept in a picture that was drawn anew with it: features that agree, its colors, how much of the picture it takes.

For pictures in which the product is worn or held: it lies in folds, at another place and size, so that no pixel can be compared with another.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, delta_e2000, srgb_to_lab
from imaging.registration import matched_points

ByteImage = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float64]

WORK_SIDE_PX = 900
FEATURES = 2000
AGREEING_PX = 8.0
"""How far a feature may lie from where one affine map puts it: cloth on a body moves by about a hundredth of the picture."""
REGISTERED_FROM = 12
"""Agreeing features from which the map is believed; fewer agree by chance (quality reference, 4.1)."""
MAIN_COLORS = 3
MIN_COLOR_SHARE = 0.12
SAME_COLOR_DELTA_E = 12.0
NEAREST_PCT = 4.0
"""Share of the picture whose pixels nearest to a product's color are looked at where its place is not known: less than any garment takes."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """How many features agree on one affine map from product to picture, and the map."""

    agreeing: int
    matrix: Matrix | None


def measure_worn(render_HW3: ByteImage, product_HW3: ByteImage, alpha_HW: ByteImage) -> dict[str, float | None]:
    """`worn_features`, `worn_delta_e`, `worn_area_pct` of a product in a picture; all None for an alpha without a product.

    `worn_delta_e` is CIEDE2000 with lightness weighted by half, for light on a body is another light: where enough features agree, the median
    between the product moved there and the picture; elsewhere, of the product's main colors to what in the picture is nearest to them, which a
    background of that color satisfies too.
    """
    columns: dict[str, float | None] = dict.fromkeys(("worn_features", "worn_delta_e", "worn_area_pct"))
    if (alpha_HW >= 250).sum() < 256:
        return columns
    render, product, alpha = _reduced(render_HW3), *_cropped(product_HW3, alpha_HW)
    found = _features_of(product, alpha, render)
    columns["worn_features"] = float(found.agreeing)
    lab = srgb_to_lab(cv2.GaussianBlur(render, (0, 0), 1.5))
    colors, shares = _main_colors(product, alpha)
    if found.matrix is not None and found.agreeing >= REGISTERED_FROM:
        size = (render.shape[1], render.shape[0])
        moved, cover = (cv2.warpAffine(picture, found.matrix, size, flags=cv2.INTER_LINEAR) for picture in (product, alpha))
        inside = cv2.erode((cover >= 250).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if inside.sum() >= 64:
            there = srgb_to_lab(cv2.GaussianBlur(moved, (0, 0), 1.5))
            columns["worn_delta_e"] = float(np.median(_light_apart(there[inside], lab[inside])))
            columns["worn_area_pct"] = float((cover >= 128).mean() * 100)
            return columns
    columns["worn_delta_e"], columns["worn_area_pct"] = _by_colors(lab, colors, shares)
    return columns


def _features_of(product: ByteImage, alpha: ByteImage, render: ByteImage) -> _Found:
    mask = cv2.erode((alpha > 200).astype(np.uint8) * 255, np.ones((5, 5), np.uint8))
    pairs = matched_points(product, np.asarray(mask, np.uint8), render, features=FEATURES)
    if pairs is None:
        return _Found(agreeing=0, matrix=None)
    cv2.setRNGSeed(0)
    matrix, used = cv2.estimateAffine2D(*pairs, ransacReprojThreshold=AGREEING_PX)
    if matrix is None or not _plausible(matrix):
        return _Found(agreeing=0, matrix=None)
    return _Found(agreeing=int(used.sum()), matrix=np.asarray(matrix, np.float64))


def _plausible(matrix: Matrix) -> bool:
    """Whether cloth could have been moved like that: not mirrored, not shrunk to a line."""
    large, small = np.linalg.svd(np.asarray(matrix[:, :2], np.float64), compute_uv=False)
    return bool(np.linalg.det(matrix[:, :2]) > 0 and 0.05 < small <= large < 5 and large / small < 2.5)


def _main_colors(product: ByteImage, alpha: ByteImage) -> tuple[FloatImage, FloatImage]:
    """The product's main colors in Lab and their shares, which add up to 1; colors of small parts are left out."""
    inside = cv2.erode((alpha >= 250).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    pixels = srgb_to_lab(product)[inside if inside.any() else alpha >= 250]
    pixels = np.ascontiguousarray(pixels[:: max(1, len(pixels) // 4000)], np.float32)
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.2)
    count = min(MAIN_COLORS, len(pixels))
    _, labels, centers = cv2.kmeans(pixels, count, np.zeros((0,), np.int32), criteria, 2, cv2.KMEANS_PP_CENTERS)
    shares = np.bincount(labels.ravel(), minlength=count) / len(labels)
    kept = shares >= min(MIN_COLOR_SHARE, shares.max())
    return np.asarray(centers[kept], np.float32), np.asarray(shares[kept] / shares[kept].sum(), np.float32)


def _by_colors(lab_HW3: FloatImage, colors_N3: FloatImage, shares_N: FloatImage) -> tuple[float, float]:
    """How far what is nearest to the product's colors is from them, and the percent of the picture that has one of them."""
    apart = np.stack([_light_apart(lab_HW3[::2, ::2], color) for color in colors_N3])
    count = max(16, round(apart[0].size * NEAREST_PCT / 100))
    nearest = [np.partition(one.ravel(), count)[:count].mean() for one in apart]
    return float(np.dot(nearest, shares_N)), float((apart.min(axis=0) < SAME_COLOR_DELTA_E).mean() * 100)


def _light_apart(a: FloatImage, b: FloatImage) -> FloatImage:
    """CIEDE2000 with half the difference of lightness."""
    a, b = np.broadcast_arrays(a, b)
    middle = (a[..., 0] + b[..., 0]) / 2
    halved = []
    for one in (a, b):
        other = np.array(one, np.float32)
        other[..., 0] = middle + (one[..., 0] - middle) / 2
        halved.append(other)
    return delta_e2000(*halved)


def _reduced(picture: ByteImage) -> ByteImage:
    scale = min(1.0, WORK_SIDE_PX / max(picture.shape[:2]))
    if scale == 1.0:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _cropped(product: ByteImage, alpha: ByteImage) -> tuple[ByteImage, ByteImage]:
    """The product's box on the color of its own edge, reduced: features of its outline belong to what it was photographed before."""
    rows, columns = np.flatnonzero((alpha >= 128).any(axis=1)), np.flatnonzero((alpha >= 128).any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return _reduced(np.ascontiguousarray(product[box])), _reduced(np.ascontiguousarray(alpha[box]))
