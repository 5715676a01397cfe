"""The color of the light in a photo, and the gains that make it neutral: from a gray point, from a neutral backdrop, or estimated.

Gains are per channel of linear light, as a lamp works (von Kries). A witness that cannot be trusted gives no gains at all: a red cloth behind a
shirt is no red light. Corrects nothing but the color; how bright a photo is, is exposure.py's.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab
from imaging.linear_light import LUMINANCE, FloatImage, to_levels, to_light

Uint8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Witness = Literal["gray_point", "background", "colors", "none"]

NEUTRAL_CHROMA = 5.5
"""CIELAB chroma up to which a plain backdrop counts as white or gray paper under a tinted light. Measured: 34 white papers of the demo 0.4 to 2.3, its
two cream ones 6.8 and 7.3; beige sheets and walls behind real clothes 7 to 16, which may be paint as well as light."""
UNSEEN_CHROMA = 2.5
"""Chroma of a backdrop that is as good as neutral. Measured: an orange lamp warms its own white paper by 2.3; taking that out made the wall blue."""
MAX_CAST_CHROMA = 45.0
"""A backdrop more colorful than this is no white paper, whatever its owner says; red cloths behind real clothes lie at 48 to 90."""
PLAIN_SPREAD = 7.0
"""Median distance in a*b* from the backdrop's own color up to which it counts as plain."""
AGREE_DEG = 3.0
"""Angle between two estimates of the light (in linear RGB) up to which they agree; 3 degrees are hard to see (Hordley 2006: 2 to 3)."""
GAIN_RANGE = (0.4, 2.5)
"""Gains of red and blue against green that a lamp explains: from candle light to open shade."""
SPREAD_COLORS = 25.0
"""Spread of a photo's chroma in a*b* below which gray-world says nothing: one color fills the photo."""
CLIPPED = 0.985
"""Linear light from which a channel is burnt out and its color unknown."""
SMALL_SIDE_PX = 512
PAPER_LIGHT = 0.8
"""Linear light at which the color of a cast is told, that of white paper."""


@dataclass(frozen=True, kw_only=True)
class WhiteBalance:
    """Gains for linear red, green and blue that keep luminance of gray, and which witness they come from; `why` says it in words."""

    gains: tuple[float, float, float]
    witness: Witness
    cast_chroma: float
    """CIELAB chroma of the witness before: how strong the cast was; 0 when nothing was found."""
    why: str


NOTHING = (1.0, 1.0, 1.0)
WHITE = np.ones(3, np.float32)
"""What a backdrop is called that is burnt out: white as it stands, whatever the light was."""


def small_light(photo_HW3: Uint8, alpha_HW: Uint8) -> tuple[FloatImage, Mask]:
    """A photo's linear light at most SMALL_SIDE_PX long, and where its product is: what the light is told from, by recipe and gate alike."""
    scale = min(1.0, SMALL_SIDE_PX / max(photo_HW3.shape[:2]))
    size = (max(1, round(photo_HW3.shape[1] * scale)), max(1, round(photo_HW3.shape[0] * scale)))
    small = to_light(np.asarray(cv2.resize(photo_HW3, size, interpolation=cv2.INTER_AREA), np.uint8))
    return small, np.asarray(cv2.resize(alpha_HW, size, interpolation=cv2.INTER_AREA) > 127)


def from_gray_point(linear_HW3: FloatImage, x_share: float, y_share: float) -> WhiteBalance:
    """From a point that is known to be gray: the median of a square around it, 3 % of the photo's shorter side wide.

    x_share, y_share: 0..1 from the left and the top. Raises ValueError if it is burnt out, black, or no lamp explains its color.
    """
    height, width = linear_HW3.shape[:2]
    reach = max(1, round(0.015 * min(height, width)))
    x, y = min(width - 1, int(x_share * width)), min(height - 1, int(y_share * height))
    patch = linear_HW3[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].reshape(-1, 3)
    color = np.asarray(np.median(patch, axis=0), np.float32)
    if color.max() >= CLIPPED or color.min() < 0.004:
        raise ValueError(f"the gray point ({x_share:g}, {y_share:g}) is burnt out or black, and its color is unknown")
    gains = _gains(color)
    if gains is None:
        raise ValueError(
            f"no light makes gray look like the gray point ({x_share:g}, {y_share:g}), {_hex(color)}; choose a gray or white place"
        )
    return WhiteBalance(gains=gains, witness="gray_point", cast_chroma=_chroma(color), why=f"gray point of color {_hex(color)}")


def from_backdrop(linear_HW3: FloatImage, product_HW: Mask) -> WhiteBalance:
    """From a backdrop that its owner says is white or gray. Raises ValueError when it is not plain, burnt out, or no lamp explains its color."""
    color, why = _backdrop_color(linear_HW3, product_HW)
    if color is None:
        raise ValueError(why)
    if color is WHITE:
        raise ValueError("the backdrop is burnt out to white, and its color is unknown")
    chroma, gains = _chroma(color), _gains(color)
    if gains is None or chroma > MAX_CAST_CHROMA:
        raise ValueError(f"the backdrop has the color {_hex(color)}: no light makes white paper look so")
    return WhiteBalance(gains=gains, witness="background", cast_chroma=chroma, why=f"backdrop of color {_hex(color)}")


def estimated(linear_HW3: FloatImage, product_HW: Mask) -> WhiteBalance:
    """The light as far as the photo tells it: from a backdrop that is neutral or whose color others confirm, else from all colors, else none.

    product_HW: where the product is, bool, same size; the photo may be of any size, about SMALL_SIDE_PX is enough.
    """
    backdrop, why = _backdrop_color(linear_HW3, product_HW)
    if backdrop is not None:
        chroma, gains = _chroma(backdrop), _gains(backdrop)
        if backdrop is WHITE:
            return _none("the backdrop is white already")
        if chroma <= UNSEEN_CHROMA:
            return _none(f"the backdrop, {_hex(backdrop)}, is neutral already")
        if gains is not None and chroma <= NEUTRAL_CHROMA:
            return WhiteBalance(gains=gains, witness="background", cast_chroma=chroma, why=f"neutral backdrop of color {_hex(backdrop)}")
        highlight = _highlight_color(linear_HW3, product_HW)
        if gains is not None and chroma <= MAX_CAST_CHROMA and highlight is not None and angle_deg(backdrop, highlight) <= AGREE_DEG:
            return WhiteBalance(
                gains=gains, witness="background", cast_chroma=chroma,
                why=f"backdrop of color {_hex(backdrop)}, and the product's highlights are of the same",
            )  # fmt: skip
        return _none(f"the backdrop has a color of its own, {_hex(backdrop)}, and nothing on the product says that it is the light's")
    return _from_colors(linear_HW3, why)


def balanced(linear_HW3: FloatImage, gains: tuple[float, float, float]) -> FloatImage:
    """The photo under neutral light; not clipped."""
    return linear_HW3 if gains == NOTHING else np.asarray(linear_HW3 * np.array(gains, np.float32), np.float32)


def color_left(told: tuple[float, float, float], true: tuple[float, float, float]) -> float:
    """CIELAB chroma that white paper keeps under gains where others would have made it neutral."""
    left = np.array(told, np.float32) / np.array(true, np.float32)
    return _chroma(np.asarray(left / left.max() * np.float32(PAPER_LIGHT), np.float32))


def angle_deg(one: FloatImage, other: FloatImage) -> float:
    """Angle between two colors of light in linear RGB."""
    cosine = float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-9)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _none(why: str) -> WhiteBalance:
    return WhiteBalance(gains=NOTHING, witness="none", cast_chroma=0.0, why=why)


def _backdrop_color(linear: FloatImage, product: Mask) -> tuple[FloatImage | None, str]:
    """The color of a plain backdrop's brighter half where nothing is burnt; WHITE where most of that half is burnt out in all channels, for the shade
    beside burnt-out white says nothing of white; None and why when there is none."""
    reach = max(3, round(0.03 * max(product.shape))) | 1
    free = cv2.dilate(product.astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0
    if free.mean() < 0.08:
        return None, "the product leaves too little of the backdrop to be seen"
    pixels = linear[free]
    level = pixels @ LUMINANCE
    brighter = pixels[level >= np.median(level)]
    if np.median(brighter.min(axis=1)) >= CLIPPED:
        return WHITE, ""
    known = pixels[pixels.max(axis=1) < CLIPPED]
    if len(known) < 0.15 * len(pixels):
        return None, "most of the backdrop is burnt out in one channel, and its color is unknown"
    bright = known[known @ LUMINANCE >= np.median(known @ LUMINANCE)]
    color = np.asarray(np.median(bright, axis=0), np.float32)
    lab = srgb_to_lab(to_levels(known[:: max(1, len(known) // 20000)])[None])[0]
    away = np.hypot(*(lab[:, 1:] - srgb_to_lab(to_levels(color)[None, None])[0, 0, 1:]).T)
    if np.median(away) > PLAIN_SPREAD or color.min() < 0.01:
        return None, "the surroundings are of many colors"
    return color, ""


def _highlight_color(linear: FloatImage, product: Mask) -> FloatImage | None:
    """The light as the product's gloss mirrors it: how color grows toward the brightest product pixels; None for a matt product."""
    inside = cv2.erode(product.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    pixels = linear[inside & (linear.max(axis=2) < CLIPPED)]
    if len(pixels) < 500:
        return None
    level = pixels @ LUMINANCE
    top, middle = np.quantile(level, (0.995, 0.5))
    if top < 2.2 * middle or top < 0.25:
        return None
    peak = np.median(pixels[level >= top], axis=0)
    body = np.median(pixels[(level > 0.8 * middle) & (level < 1.2 * middle)], axis=0)
    gloss = np.asarray(peak - body, np.float32)
    return gloss if gloss.min() > 0.15 * gloss.max() else None


def _from_colors(linear: FloatImage, why: str) -> WhiteBalance:
    """Gray-world, shades of gray and gray edges, where the photo has many colors and the three agree; half of what they say."""
    known = linear[(linear.max(axis=2) < CLIPPED) & (linear.max(axis=2) > 0.01)]
    if len(known) < 1000:
        return _none(f"{why}, and most of the photo is burnt out or black")
    lab = srgb_to_lab(to_levels(known[:: max(1, len(known) // 20000)])[None])[0]
    spread = float(np.hypot(*lab[:, 1:].std(axis=0)))
    estimates = [_shades_of_gray(known, power) for power in (1.0, 6.0)]
    edges = np.stack([np.hypot(cv2.Sobel(plane, -1, 1, 0), cv2.Sobel(plane, -1, 0, 1)) for plane in cv2.split(linear)], axis=-1)
    estimates.append(_shades_of_gray(edges.reshape(-1, 3), 6.0))
    if min(float(np.linalg.norm(one)) for one in estimates) < 1e-6:
        return _none(f"{why}, and an even photo without edges tells nothing of its light")
    apart = max(angle_deg(a, b) for a in estimates for b in estimates)
    light = np.asarray(np.mean([one / np.linalg.norm(one) for one in estimates], axis=0), np.float32)
    gains = _gains(np.asarray(np.sqrt(light / light.max()), np.float32))  # half, as exponents count
    if spread < SPREAD_COLORS or apart > 2 * AGREE_DEG or gains is None:
        return _none(f"{why}, and its colors do not agree on a light (they differ by {apart:.1f} degrees)")
    shown = np.asarray(light / light.max() * PAPER_LIGHT, np.float32)
    return WhiteBalance(
        gains=gains, witness="colors", cast_chroma=_chroma(shown), why="gray-world, shades of gray and gray edges agree; half of it"
    )


def _shades_of_gray(pixels: FloatImage, power: float) -> FloatImage:
    """Finlayson & Trezzi 2004: the Minkowski mean of each channel."""
    return np.asarray(np.mean(np.power(pixels, power), axis=0) ** (1 / power), np.float32)


def _gains(color: FloatImage) -> tuple[float, float, float] | None:
    """Gains that make a color gray of the same luminance; None where no lamp explains them."""
    gains = float(color @ LUMINANCE) / np.maximum(color, 1e-4)
    ratios = gains[[0, 2]] / gains[1]
    if ratios.min() < GAIN_RANGE[0] or ratios.max() > GAIN_RANGE[1]:
        return None
    red, green, blue = (round(float(one), 4) for one in gains)
    return red, green, blue


def _chroma(color: FloatImage) -> float:
    lab = srgb_to_lab(to_levels(color)[None, None])[0, 0]
    return float(np.hypot(lab[1], lab[2]))


def _hex(color: FloatImage) -> str:
    red, green, blue = to_levels(color)
    return f"#{red:02x}{green:02x}{blue:02x}"
