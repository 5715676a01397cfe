"""Light as it adds up: sRGB levels to linear light and back, through tables. Colors in Lab are color.py's.

Two lights on one spot, half a pixel of mug and half a pixel of wall, a shadow that takes away a third: all of that is arithmetic of light, and
sRGB levels are not light. Linear light is float32, 0 none .. 1 white, the last axis channels; levels are 0..255.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of linear red, green and blue in luminance (IEC 61966-2-1)."""
STEPS = 65_535
"""Steps of the tables from light to levels: near black, where sRGB is steepest, one is a twentieth of a level."""


def _light_of(levels: npt.NDArray[np.floating[Any]]) -> FloatImage:
    coded = levels / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _levels_of(light: npt.NDArray[np.floating[Any]]) -> FloatImage:
    return (255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)).astype(np.float32)


_LIGHT = _light_of(np.arange(256, dtype=np.float64))
_FINE_LIGHT = _light_of(255 * np.arange(STEPS + 1, dtype=np.float64) / STEPS)
_LEVELS = _levels_of(np.arange(STEPS + 1, dtype=np.float64) / STEPS)
_WHOLE_LEVELS = np.round(_LEVELS).astype(np.uint8)


def to_light(levels: Uint8) -> FloatImage:
    """Linear light, 0..1, of sRGB levels; any shape."""
    if levels.size == 0:  # OpenCV gives nothing of no shape
        return np.zeros(levels.shape, np.float32)
    return np.asarray(cv2.LUT(np.ascontiguousarray(levels), _LIGHT), np.float32).reshape(levels.shape)


def light_of_fine_levels(levels: FloatImage) -> FloatImage:
    """Linear light of sRGB levels that are not rounded, 0..255; what is out of that range is clipped. Inverse of `to_fine_levels`."""
    if levels.size == 0:
        return np.zeros(levels.shape, np.float32)
    steps = np.asarray(np.clip(levels, 0, 255) * np.float32(STEPS / 255) + np.float32(0.5)).astype(np.uint16)
    return np.asarray(cv2.LUT(steps, _FINE_LIGHT), np.float32).reshape(levels.shape)


def to_levels(light: FloatImage) -> Uint8:
    """The nearest sRGB levels of linear light, uint8; what is brighter than white is white. Inverse of `to_light`, exactly."""
    if light.size == 0:
        return np.zeros(light.shape, np.uint8)
    return np.asarray(cv2.LUT(_steps(light), _WHOLE_LEVELS), np.uint8).reshape(light.shape)


def to_fine_levels(light: FloatImage) -> FloatImage:
    """sRGB levels of linear light that are not rounded, 0..255, for pictures that still get grain: it hides the steps of a gradient."""
    if light.size == 0:
        return np.zeros(light.shape, np.float32)
    return np.asarray(cv2.LUT(_steps(light), _LEVELS), np.float32).reshape(light.shape)


def light_of_hex(color_hex: str) -> FloatImage:
    """Linear light of `#rrggbb`, float32 (3,)."""
    return _LIGHT[[int(color_hex[i : i + 2], 16) for i in (1, 3, 5)]]


def luminance(light_HW3: FloatImage) -> FloatImage:
    """Relative luminance Y of linear light, float32 (H, W)."""
    summed = cv2.transform(np.ascontiguousarray(light_HW3, np.float32), LUMINANCE[None])
    return np.asarray(summed, np.float32).reshape(light_HW3.shape[:2])


def luminance_of_lightness(lightness: float) -> float:
    """Y of a CIE L* (0..100)."""
    return ((lightness + 16) / 116) ** 3 if lightness > 8 else lightness / 903.3


def lightness_of_luminance(y: npt.NDArray[np.floating[Any]]) -> FloatImage:
    """CIE L* (0..100) of Y; float32 of the same shape."""
    y = np.asarray(y, np.float32)
    return np.asarray(np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y), np.float32)


def _steps(light: FloatImage) -> npt.NDArray[np.uint16]:
    return np.asarray(np.clip(light, 0, 1) * np.float32(STEPS) + np.float32(0.5)).astype(np.uint16)
