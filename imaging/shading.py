"""Part a surface's light from its color: how much light falls on each pixel of one material, and what gloss adds.

Works on one material at a time, in linear light; colors of the material itself are the caller's.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage

Uint8 = npt.NDArray[np.uint8]

GLOSS_FROM = 92.0
"""Percentile of a material's lightness from which on it is gloss rather than light on the material."""
GLOSS_MARGIN_L = 5.0
DARK_BELOW_L = 38.0
"""A dark material's shading is mostly faint gloss and noise: below this middle lightness its contrast is damped."""
FINE_SHARE = 0.006
"""Sigma, in shares of the part's longer side, below which lightness is the material's own texture: weave, grain, pebble."""
ENTRIES = 2048
SHOULDER, BRIGHTEST = 0.82, 0.982
"""Linear light from which highlights run out, and where they end: level 253."""


@dataclass(frozen=True, kw_only=True)
class Light:
    """`falling`: light on the material, 1 at its middle color; `gloss`: what is added to it; linear, float32 (H, W)."""

    falling: FloatImage
    gloss: FloatImage


def light_on(lightness_HW: FloatImage, weight_HW: FloatImage, *, texture: float) -> Light:
    """The light on a material. lightness_HW: L of Lab; weight_HW: its mask, 0..1; texture: how much of its fine texture counts as shading, 0..1."""
    chosen = lightness_HW[weight_HW > 0.5][::7]
    middle, high = (float(np.percentile(chosen, share)) for share in (50, GLOSS_FROM)) if chosen.size else (50.0, 60.0)
    light = lightness_HW
    if texture < 1:
        sigma = max(0.8, FINE_SHARE * max(lightness_HW.shape))
        cover = np.maximum(cv2.GaussianBlur(weight_HW, (0, 0), sigma), np.float32(0.02))
        smooth = cv2.GaussianBlur(lightness_HW * weight_HW, (0, 0), sigma) / cover
        light = smooth + (lightness_HW - smooth) * weight_HW * np.float32(texture)
    top = high + GLOSS_MARGIN_L
    matt = np.minimum(light, np.float32(top))
    damped = float(np.clip(middle / DARK_BELOW_L, 0.4, 1.0))
    falling = np.power((matt + np.float32(16)) / np.float32(middle + 16), np.float32(3 * damped))
    gloss = np.maximum(luminance_of(light) - luminance_of(np.float32(top)), 0)
    return Light(falling=np.asarray(falling, np.float32), gloss=np.asarray(gloss, np.float32))


def luminance_of(lightness: FloatImage | np.float32) -> FloatImage:
    """Y (0..1) of L of Lab; the cube alone, exact from L = 8 on."""
    scaled = (lightness + np.float32(16)) / np.float32(116)
    return np.asarray(scaled * scaled * scaled, np.float32)


def to_linear(image_HW3: Uint8) -> FloatImage:
    """Linear light 0..1 of sRGB levels, float32."""
    coded = np.arange(256, dtype=np.float32) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(cv2.LUT(np.ascontiguousarray(image_HW3), linear), np.float32)


def to_levels(linear: FloatImage) -> Uint8:
    """sRGB levels of linear light, by a table over the root, which resolves shadows to a tenth of a level.

    Light beyond SHOULDER runs out slowly and ends below white: white things that are lit are not the bare background.
    """
    root = np.linspace(0, 1, ENTRIES, dtype=np.float32) ** 2
    coded = np.where(root <= 0.0031308, root * 12.92, 1.055 * root ** (1 / 2.4) - 0.055)
    table = np.round(coded * 255).astype(np.uint8)
    room = np.float32(BRIGHTEST - SHOULDER)
    over = np.maximum(linear - np.float32(SHOULDER), 0)
    soft = np.minimum(linear, np.float32(SHOULDER)) + room * (over / (over + room))
    index = np.sqrt(np.clip(soft, 0, 1)) * np.float32(ENTRIES - 1) + np.float32(0.5)
    return np.asarray(np.take(table, index.astype(np.uint16)), np.uint8)
