"""Color spaces and color differences: sRGB to Lab and back, Delta E 1976 and CIEDE2000.

Leaves out profiles: a photo is converted to sRGB when it is decoded, long before it comes here.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.floating[Any]]

_POW_25_7 = np.float32(25.0**7)


def srgb_to_lab(image_HW3: npt.NDArray[np.uint8] | FloatImage) -> FloatImage:
    """CIE Lab (D65) of an sRGB image.

    image_HW3: uint8 0..255 or float32 0..1, shape (H, W, 3). Returns float32 (H, W, 3): L 0..100, a and b about -127..127.
    """
    # The gamma is undone here because cv2's own sRGB-to-Lab path interpolates a coarse table: 0.5 Delta E off at worst,
    # against 0.03 for its linear path, which is also eight times faster.
    if image_HW3.dtype == np.uint8:
        linear = cv2.LUT(np.ascontiguousarray(image_HW3), _linear_of(np.arange(256, dtype=np.float32) / 255))
    else:
        linear = _linear_of(np.asarray(image_HW3, dtype=np.float32))
    return np.asarray(cv2.cvtColor(linear, cv2.COLOR_LRGB2Lab), dtype=np.float32)


def _linear_of(coded: FloatImage) -> FloatImage:
    """Linear light of gamma-coded sRGB values, both 0..1 (IEC 61966-2-1)."""
    high = ((coded + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(coded <= 0.04045, coded / np.float32(12.92), high).astype(np.float32)


def lab_to_srgb(lab_HW3: FloatImage) -> FloatImage:
    """Gamma-coded sRGB of a CIE Lab (D65) image; colors outside sRGB are clipped.

    lab_HW3: float32 (H, W, 3), L 0..100. Returns float32 (H, W, 3), 0..1.
    """
    rgb = cv2.cvtColor(np.ascontiguousarray(lab_HW3, dtype=np.float32), cv2.COLOR_Lab2RGB)
    return np.asarray(np.clip(rgb, 0.0, 1.0), dtype=np.float32)


def lengths(vectors: FloatImage) -> FloatImage:
    """Euclidean lengths of vectors of three; float32 (..., 3) in, float32 (...) out."""
    if not vectors.size:
        return np.zeros(vectors.shape[:-1], np.float32)
    pixels = vectors.reshape(-1, 1, 3) if vectors.ndim != 3 else vectors
    squared = cv2.transform(cv2.multiply(pixels, pixels), np.ones((1, 3), np.float32))
    return np.asarray(cv2.sqrt(squared).reshape(vectors.shape[:-1]), dtype=np.float32)


def delta_e76(lab_a: FloatImage, lab_b: FloatImage) -> FloatImage:
    """Delta E 1976: the plain Euclidean distance in Lab.

    lab_a, lab_b: float32 (..., 3), broadcast against each other. Returns float32 (...).
    """
    difference = np.asarray(lab_a, dtype=np.float32) - np.asarray(lab_b, dtype=np.float32)
    return np.asarray(np.sqrt(np.square(difference).sum(axis=-1)), dtype=np.float32)


def delta_e2000(lab_a: FloatImage, lab_b: FloatImage) -> FloatImage:
    """CIEDE2000 color difference (kL = kC = kH = 1); below 1 is invisible to most, below 2 hard to see.

    lab_a, lab_b: float32 (..., 3), broadcast against each other. Returns float32 (...), symmetric in its arguments.
    Formula: Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula" (2005); agrees with skimage to 0.01.
    """
    first = np.asarray(lab_a, dtype=np.float32)
    second = np.asarray(lab_b, dtype=np.float32)
    lightness_1, a_1, b_1 = first[..., 0], first[..., 1], first[..., 2]
    lightness_2, a_2, b_2 = second[..., 0], second[..., 1], second[..., 2]
    mean_chroma_7 = ((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) * np.float32(0.5)) ** 7
    stretch = np.float32(1.5) - np.float32(0.5) * np.sqrt(mean_chroma_7 / (mean_chroma_7 + _POW_25_7))
    chroma_1, hue_1 = _chroma_and_hue(a_1 * stretch, b_1)
    chroma_2, hue_2 = _chroma_and_hue(a_2 * stretch, b_2)

    hue_step = (hue_2 - hue_1 + np.float32(180)) % np.float32(360) - np.float32(180)
    gray = chroma_1 * chroma_2 == 0
    hue_step = np.where(gray, np.float32(0), hue_step)
    hue_difference = np.float32(2) * np.sqrt(chroma_1 * chroma_2) * np.sin(np.deg2rad(hue_step) * np.float32(0.5))
    mean_hue = np.where(gray, hue_1 + hue_2, hue_1 + hue_step * np.float32(0.5)) % np.float32(360)
    mean_chroma = (chroma_1 + chroma_2) * np.float32(0.5)

    lightness_term = (lightness_2 - lightness_1) / _lightness_weight((lightness_1 + lightness_2) * np.float32(0.5))
    chroma_term = (chroma_2 - chroma_1) / (1 + np.float32(0.045) * mean_chroma)
    hue_term = hue_difference / (1 + np.float32(0.015) * mean_chroma * _hue_weight(mean_hue))
    rotation = _rotation(mean_hue, mean_chroma)
    square = lightness_term**2 + chroma_term**2 + hue_term**2 + rotation * chroma_term * hue_term
    return np.asarray(np.sqrt(np.maximum(square, 0)), dtype=np.float32)


def _chroma_and_hue(a: FloatImage, b: FloatImage) -> tuple[FloatImage, FloatImage]:
    """Chroma and hue angle in degrees, 0..360; the hue of a gray is 0."""
    return np.hypot(a, b), np.rad2deg(np.arctan2(b, a)) % np.float32(360)


def _lightness_weight(mean_lightness: FloatImage) -> FloatImage:
    """S_L of CIEDE2000."""
    square = (mean_lightness - np.float32(50)) ** 2
    return np.asarray(1 + np.float32(0.015) * square / np.sqrt(20 + square), dtype=np.float32)


def _hue_weight(mean_hue: FloatImage) -> FloatImage:
    """T of CIEDE2000."""
    return np.asarray(
        1
        - np.float32(0.17) * np.cos(np.deg2rad(mean_hue - np.float32(30)))
        + np.float32(0.24) * np.cos(np.deg2rad(np.float32(2) * mean_hue))
        + np.float32(0.32) * np.cos(np.deg2rad(np.float32(3) * mean_hue + np.float32(6)))
        - np.float32(0.20) * np.cos(np.deg2rad(np.float32(4) * mean_hue - np.float32(63))),
        dtype=np.float32,
    )


def _rotation(mean_hue: FloatImage, mean_chroma: FloatImage) -> FloatImage:
    """R_T of CIEDE2000: couples chroma and hue differences in the blues."""
    angle = np.float32(60) * np.exp(-(((mean_hue - np.float32(275)) / np.float32(25)) ** 2))
    chroma_7 = mean_chroma**7
    return np.asarray(-2 * np.sqrt(chroma_7 / (chroma_7 + _POW_25_7)) * np.sin(np.deg2rad(angle)), dtype=np.float32)
