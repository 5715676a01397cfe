"""A product's surface guessed from one photo: how far along the surface each pixel lies, and which way it faces.

The silhouette is blown up like a balloon, which makes tubes of handles and barrels of mugs; folds are read from shading, dark being deep. This is
crude: a box comes out rounder than it is, and a highlight on a smooth thing says nothing. Recognizes no objects and knows no camera.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import dctn, idctn

FloatImage = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

SOLVED_AT_PX = 96
"""Longer side of the part's box at which its shape is found: it is smooth."""
ROUNDS = 60
"""Relaxations per doubling of the size, from 12 px on."""
STEEPEST = 2.5
"""Slope beyond which the outline would squeeze a pattern to nothing (68 degrees)."""
UPRIGHT_SHARE = 0.35
"""Of the roundness found up and down, against across: products stand, and most turn about an upright axis."""
NORMAL_SIGMA = 1.8
"""Smoothing of what a surface mirrors by, at SOLVED_AT_PX: a dent in the outline is no dent in the metal."""
STRAIGHT = 0.015
"""Root mean square distance of a part's side from a straight line, in its mean widths, up to which it is straight."""
MAX_TAPER = 2.5
FOLD_BAND = (0.010, 0.06)
"""Sizes of folds that move a pattern, Gaussian sigmas in shares of the part's longer side: finer is texture, wider is form."""
FOLD_DEEP_L = 8.0
"""Lightness of a fold, against its surroundings, that moves a pattern by all of FOLD_SHIFT."""
FOLD_SHIFT = 0.008
"""Shift in shares of the part's longer side."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Of a part's box, float32 (H, W): `across` and `down` along the surface in pixels from the box's middle; `normal` (H, W, 3), x right, y down,
    z to the viewer."""

    across: FloatImage
    down: FloatImage
    normal: FloatImage


def unrolled(part_HW: Mask, lightness_HW: FloatImage, *, roundness: float, folds: float) -> Surface:
    """The surface of a part in its own box. part_HW: bool. lightness_HW: L of Lab. roundness: 0 flat .. 1 round as a tube. folds: 0 none .. 1."""
    height, width = part_HW.shape
    scale = min(1.0, SOLVED_AT_PX / max(height, width))
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    pad = 3
    soft = cv2.resize(part_HW.view(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    solid = cv2.morphologyEx(np.pad(soft, pad), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) >= 128
    form = cv2.GaussianBlur(_blown_up(solid), (0, 0), 1.0)
    slope_x, slope_y = (_slope(form, axis) * roundness for axis in (1, 0))
    slope_y *= UPRIGHT_SHARE
    across, down = _along(slope_x, axis=1) + _tapered(solid), _along(slope_y, axis=0)
    slope_x, slope_y = (cv2.GaussianBlur(slope, (0, 0), NORMAL_SIGMA) for slope in (slope_x, slope_y))
    inner = (slice(pad, pad + size[1]), slice(pad, pad + size[0]))
    maps = [_enlarged(plane[inner], (width, height)) for plane in (across, down, slope_x, slope_y)]
    to_px = width / size[0]
    shift = _fold_shift(part_HW, lightness_HW) * folds if folds > 0 else np.zeros((height, width), np.float32)
    ones = np.ones((height, width), np.float32)
    normal = cv2.merge([-maps[2], -maps[3], ones])
    normal /= np.sqrt(maps[2] ** 2 + maps[3] ** 2 + 1)[..., None]
    middle = (height // 2, width // 2)
    return Surface(
        across=np.asarray((maps[0] - maps[0][middle]) * to_px + shift, np.float32),
        down=np.asarray((maps[1] - maps[1][middle]) * to_px + shift, np.float32),
        normal=np.asarray(normal, np.float32),
    )


def _blown_up(solid: Mask) -> FloatImage:
    """Height of the part, in its pixels: the root of a membrane under pressure, which over a strip is a half cylinder. From coarse to fine."""
    height, width = solid.shape
    sizes: list[tuple[int, int]] = [(height, width)]
    while max(sizes[0]) > 16:
        sizes.insert(0, (max(2, sizes[0][0] // 2), max(2, sizes[0][1] // 2)))
    membrane = np.zeros(sizes[0], np.float32)
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    for rows, columns in sizes:
        inside = (cv2.resize(solid.view(np.uint8) * 255, (columns, rows), interpolation=cv2.INTER_AREA) >= 128).astype(np.float32)
        grown = (rows / membrane.shape[0]) * (columns / membrane.shape[1])
        membrane = cv2.resize(membrane, (columns, rows), interpolation=cv2.INTER_LINEAR) * np.float32(grown) * inside
        for _ in range(ROUNDS):
            membrane = (cv2.filter2D(membrane, cv2.CV_32F, cross, borderType=cv2.BORDER_CONSTANT) + np.float32(0.5)) * inside
    return np.asarray(np.sqrt(membrane), np.float32)


def _slope(form: FloatImage, axis: int) -> FloatImage:
    return np.asarray(np.clip(np.gradient(form, axis=axis), -STEEPEST, STEEPEST), np.float32)


def _along(slope: FloatImage, *, axis: int) -> FloatImage:
    """The way along the surface in one direction, in pixels: what has the lengths of the slopes in that direction and none across it, as nearly
    as one plane can (a Poisson equation)."""
    length = np.sqrt(1 + slope**2)
    divergence = np.zeros_like(length)
    # Lengths lie between pixels, so that the sum over a row is its way.
    if axis == 1:
        steps = (length[:, 1:] + length[:, :-1]) / 2
        divergence[:, :-1] += steps
        divergence[:, 1:] -= steps
    else:
        steps = (length[1:] + length[:-1]) / 2
        divergence[:-1] += steps
        divergence[1:] -= steps
    rows, columns = length.shape
    waves = (2 * np.cos(np.pi * np.arange(rows) / rows) - 2)[:, None] + (2 * np.cos(np.pi * np.arange(columns) / columns) - 2)[None]
    waves[0, 0] = 1
    spectrum = dctn(divergence, norm="ortho") / waves
    spectrum[0, 0] = 0
    return np.asarray(idctn(spectrum, norm="ortho"), np.float32)


def _tapered(solid: Mask) -> FloatImage:
    """What to add to the way across where both sides of a part are straight and not parallel (a shade, a tumbler, a face seen in perspective):
    the pattern then leans and narrows as its sides do, and is true at the mean width. Zero elsewhere."""
    rows, columns = np.arange(solid.shape[0]), np.arange(solid.shape[1])
    filled = np.flatnonzero(solid.any(axis=1))
    cut = max(1, len(filled) // 8)
    inner = filled[cut:-cut]
    nothing = np.zeros(solid.shape, np.float32)
    if len(inner) < 12:
        return nothing
    left = solid[inner].argmax(axis=1)
    right = solid.shape[1] - 1 - solid[inner, ::-1].argmax(axis=1)
    lines = [np.polyfit(inner, edge, 1) for edge in (left, right)]
    first, last = (np.polyval(line, rows) for line in lines)
    width = np.clip(last - first, 1, None)
    mean = float(np.polyval(lines[1], inner.mean()) - np.polyval(lines[0], inner.mean()))
    off = max(float(np.sqrt(np.mean((np.polyval(line, inner) - edge) ** 2))) for line, edge in zip(lines, (left, right), strict=True))
    if off > STRAIGHT * mean or width[inner].max() > MAX_TAPER * width[inner].min():
        return nothing
    middle = (first + last) / 2
    return np.asarray((columns[None] - middle[:, None]) * (mean / width)[:, None] - (columns[None] - middle.mean()), np.float32)


def _fold_shift(part_HW: Mask, lightness_HW: FloatImage) -> FloatImage:
    """How far folds push a pattern, in pixels: by how much darker they are than what lies around, highlights left out."""
    height, width = part_HW.shape
    longer = max(height, width)
    step = max(1, longer // 320)
    inside = np.ascontiguousarray(part_HW[::step, ::step]).astype(np.float32)
    light = np.ascontiguousarray(lightness_HW[::step, ::step])
    chosen = light[inside > 0]
    top = np.percentile(chosen, 90) if chosen.size else 100
    light = np.minimum(light, top) * inside
    fine, wide = (
        cv2.GaussianBlur(light, (0, 0), share * longer / step) / np.maximum(cv2.GaussianBlur(inside, (0, 0), share * longer / step), 0.05)
        for share in FOLD_BAND
    )
    depth = np.clip((fine - wide) / FOLD_DEEP_L, -1, 1) * inside
    depth = cv2.GaussianBlur(depth, (0, 0), FOLD_BAND[0] * longer / step)
    return np.asarray(cv2.resize(depth, (width, height), interpolation=cv2.INTER_LINEAR) * (FOLD_SHIFT * longer), np.float32)


def _enlarged(plane: FloatImage, size: tuple[int, int]) -> FloatImage:
    return np.asarray(cv2.resize(np.ascontiguousarray(plane), size, interpolation=cv2.INTER_CUBIC), np.float32)
