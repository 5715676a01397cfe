"""Measure a photo that was corrected against the photo as it was: which light was taken out, how far it was exposed, and whether anything else changed.

A renderer says which gains it applied, and they are applied to the photo again if a lamp explains them; how it was exposed is found here, as the
rising curve that fits best. What differs then is neither light nor exposure: a turned hue, a halo, noise, lost sharpness.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, delta_e2000, srgb_to_lab
from imaging.linear_light import lightness_of_luminance, luminance, to_levels, to_light
from imaging.white_balance import GAIN_RANGE, NOTHING

Uint8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

CURVE_POINTS = 24
REDUCTION = 8
"""Colors are compared as means of 8x8 pixels: noise that was taken out is no hue."""
LEAST_INSIDE = 0.25
"""Share of a block that lies inside the product for its mean to count."""
NEIGHBORS_PX = 7
"""Around a pixel whose smallest and largest value a sharpened picture may not pass."""
STEEP_SHARE, FLAT_SHARE = 0.08, 0.3
MIN_EDGE_SLOPE, EDGE_OVER_NOISE = 8.0, 20.0
"""Sobel slope from which something is an edge: one L* per pixel, and so many times the noise of flat parts, whose own slopes then weigh 6 % at most."""
MIN_EDGE_PIXELS = 100
MIN_PIXELS = 400
MIN_BLOCKS = 25
DARK_L = 16.0
"""Below this lightness, eight bits hold too little color to speak of a hue."""


def measure_enhancement(
    render_HW3: Uint8, product_rgb_HW3: Uint8 | None, product_alpha_HW: Uint8 | None, gains: Sequence[float]
) -> dict[str, float | None]:
    """Columns about a corrected photo; all but `highlight_lightness` None without its product. gains: what the renderer says, linear R, G, B."""
    return look_again(render_HW3, product_rgb_HW3, product_alpha_HW, gains)[0]


def look_again(
    render_HW3: Uint8, product_rgb_HW3: Uint8 | None, product_alpha_HW: Uint8 | None, gains: Sequence[float]
) -> tuple[dict[str, float | None], Uint8 | None]:
    """The same, and the product as it should look in that light, uint8 at the render's size; None where there is no product."""
    names = ("hue_kept_delta_e", "exposure_ev", "overshoot_delta_l", "sharpness_gain", "noise_gain")
    columns: dict[str, float | None] = dict.fromkeys(names)
    columns["highlight_lightness"] = float(
        lightness_of_luminance(np.asarray(np.percentile(luminance(to_light(render_HW3[::2, ::2])), 99.5)))
    )
    if product_rgb_HW3 is None or product_alpha_HW is None:
        return columns, None
    inner = cv2.erode((product_alpha_HW >= 250).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    if int(inner.sum()) < MIN_PIXELS:
        return columns, None
    rows, across = (np.flatnonzero((product_alpha_HW > 0).any(axis=axis)) for axis in (1, 0))
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)
    inner, render = inner[box], to_light(render_HW3[box])
    source = to_light(product_rgb_HW3[box]) * np.array(believed_gains(gains), np.float32)
    level_r, level_s = luminance(render), luminance(source)
    curve = _rising_curve(level_s[inner], level_r[inner])
    as_exposed = np.interp(level_s, *curve).astype(np.float32)
    expected = source * (as_exposed / np.maximum(level_s, 1e-5))[..., None]
    middle = float(np.median(level_s[inner]))
    columns["exposure_ev"] = float(np.log2(max(float(np.interp(middle, *curve)), 1e-5) / max(middle, 1e-5)))
    columns["hue_kept_delta_e"] = _color_apart(render, expected, inner)
    columns |= _detail(lightness_of_luminance(level_r), lightness_of_luminance(as_exposed), inner)
    as_lit = np.zeros_like(render_HW3)
    as_lit[box] = to_levels(np.asarray(expected, np.float32))
    return columns, as_lit


def believed_gains(gains: Sequence[float]) -> tuple[float, float, float]:
    """The gains if a lamp explains them; none otherwise."""
    if len(gains) != 3 or not np.isfinite(gains).all() or min(gains) <= 0:
        return NOTHING
    red, green, blue = (float(one) for one in gains)
    ratios = (red / green, blue / green)
    return (red, green, blue) if GAIN_RANGE[0] <= min(ratios) and max(ratios) <= GAIN_RANGE[1] else NOTHING


def chroma_around(render_HW3: Uint8, product_alpha_HW: Uint8) -> float | None:
    """Chroma of the median color of the brighter half around a product: what a renderer says it took for white paper must be neutral now.

    None where too little is seen of it.
    """
    reach = max(3, round(0.03 * max(product_alpha_HW.shape))) | 1
    free = cv2.dilate((product_alpha_HW > 8).astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0
    pixels = render_HW3[free][::7]
    return None if len(pixels) < 100 else _median_chroma(pixels[pixels.sum(axis=1) >= np.median(pixels.sum(axis=1))])


def chroma_at(render_HW3: Uint8, x: float, y: float) -> float | None:
    """Chroma of the median color around a place of a picture, 1 % of its shorter side to each side; None outside of it."""
    height, width = render_HW3.shape[:2]
    reach = max(1, round(0.01 * min(height, width)))
    if not (0 <= x < width and 0 <= y < height):
        return None
    patch = render_HW3[max(0, int(y) - reach) : max(0, int(y) + reach + 1), max(0, int(x) - reach) : max(0, int(x) + reach + 1)]
    return _median_chroma(patch.reshape(-1, 3))


def _median_chroma(pixels: Uint8) -> float:
    lab = srgb_to_lab(np.median(pixels, axis=0).astype(np.uint8)[None, None])[0, 0]
    return float(np.hypot(lab[1], lab[2]))


def _rising_curve(before: FloatImage, after: FloatImage) -> tuple[FloatImage, FloatImage]:
    """The rising curve from levels before to levels after: medians of groups of equal size, made to rise."""
    order = np.argsort(before[:: max(1, before.size // 200_000)])
    groups = np.array_split(order, CURVE_POINTS)
    thin = slice(None, None, max(1, before.size // 200_000))
    x = np.array([0.0, *(float(np.median(before[thin][group])) for group in groups if group.size)])
    y = np.maximum.accumulate(np.array([0.0, *(float(np.median(after[thin][group])) for group in groups if group.size)]))
    if x[-1] >= 1.0:
        return x, y
    return np.append(x, 1.0), np.append(
        y, max(y[-1], min(1.0, y[-1] / max(x[-1], 1e-5)))
    )  # few pixels are lighter than the last group's middle


def _color_apart(render: FloatImage, expected: FloatImage, inner: Mask) -> float | None:
    """95th percentile of CIEDE2000 between the two at equal lightness: hue and chroma alone. None for a product without an inside.

    Dark and burnt places hold little color and are left out, unless the product has hardly any others.
    """
    size = (max(1, inner.shape[1] // REDUCTION), max(1, inner.shape[0] // REDUCTION))
    share = cv2.resize(inner.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = [_mean_inside(one, inner, share) for one in (render, expected)]
    lab_r, lab_e = (srgb_to_lab(one) for one in small)
    inside = share > LEAST_INSIDE
    used = inside & (lab_r[..., 0] > DARK_L) & (lab_e[..., 0] > DARK_L) & (small[0].max(axis=2) < 250)
    if used.sum() < MIN_BLOCKS:
        used = inside
    if not used.any():
        return None
    lab_e[..., 0] = lab_r[..., 0]
    return float(np.percentile(delta_e2000(lab_r[used], lab_e[used]), 95))


def _mean_inside(linear: FloatImage, inner: Mask, share: FloatImage) -> Uint8:
    """Mean color of each block's inner pixels: beside thin rails a block's other pixels are the backdrop in the photo, and the product in its
    cut-out."""
    kept = np.clip(linear, 0, 1) * inner[..., None].astype(np.float32)
    small = cv2.resize(np.asarray(kept, np.float32), share.shape[::-1], interpolation=cv2.INTER_AREA)
    return to_levels(np.asarray(small / np.maximum(share, 1e-6)[..., None], np.float32))


def _detail(render: FloatImage, expected: FloatImage, inner: Mask) -> dict[str, float | None]:
    """Overshoot beside edges in L*, steepness of edges and noise of flat parts against the photo's, both as ratios."""
    around = np.ones((NEIGHBORS_PX, NEIGHBORS_PX), np.uint8)
    quiet = cv2.GaussianBlur(render, (0, 0), 0.8)  # noise passes its neighbors everywhere, a halo along edges
    over = np.maximum(quiet - cv2.dilate(expected, around), cv2.erode(expected, around) - quiet)
    slope_x, slope_y = (cv2.Sobel(cv2.GaussianBlur(expected, (0, 0), 1.0), cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))
    slope = cv2.magnitude(slope_x, slope_y)
    low, high = np.quantile(slope[inner][::3], (FLAT_SHARE, 1 - STEEP_SHARE))
    flat = inner & (slope <= low)
    noise_r, noise_e = (_noise(plane, flat) for plane in (render, expected))
    steep = inner & (slope >= max(float(high), MIN_EDGE_SLOPE, EDGE_OVER_NOISE * noise_e))
    return {
        "overshoot_delta_l": float(np.percentile(np.maximum(over[inner], 0), 99.5)),
        "sharpness_gain": _steepness(render, expected, steep),
        "noise_gain": (noise_r + 0.15) / (noise_e + 0.15),
    }


def _steepness(render: FloatImage, expected: FloatImage, steep: Mask) -> float:
    """How steep edges are, 1 as expected: the least-squares factor of their slopes. 1 for a product without edges: nothing of it can be blurred.

    On a smooth product the steepest slopes are noise, and taking that out was called a blur.
    """
    if int(steep.sum()) < MIN_EDGE_PIXELS:
        return 1.0
    product = energy = 0.0
    for dx in (1, 0):
        wanted = cv2.Sobel(expected, cv2.CV_32F, dx, 1 - dx)[steep]
        product += float((wanted * cv2.Sobel(render, cv2.CV_32F, dx, 1 - dx)[steep]).sum())
        energy += float((wanted * wanted).sum())
    return product / energy


def _noise(lightness: FloatImage, flat: Mask) -> float:
    """Immerkaer's sigma of lightness in flat parts, in L*."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / np.float32(6)
    return float(np.abs(cv2.filter2D(lightness, -1, kernel))[flat].mean()) * 1.2533 if flat.any() else 0.0
