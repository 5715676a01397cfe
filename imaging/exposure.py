"""How bright a photo is against how bright it should be, and the curve that mends it without burning anything out or turning any hue."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from imaging.linear_light import FloatImage, luminance, luminance_of_lightness

Mask = npt.NDArray[np.bool_]

HIGHLIGHT_PERCENTILE = 99.5
WELL_EXPOSED_L = 88.0
"""Lightness of the brightest half percent from which a photo counts as fully exposed and stays as it is. Measured: 89 to 97 on all 37 readable photos of
the demo, 100 on cut-outs on white, 67 to 100 on 42 phone photos of clothes, 17 of which lie below."""
DEAD_BAND_EV = 0.12
"""A change too small to be worth a new picture."""
KNEE = 0.72
"""Level up to which a brightened photo is scaled alone; above, highlights are compressed so that they end at TOP."""
TOP = 0.985
"""Where the brightest of a brightened photo comes to lie, just below white: level 253. A photo that held white keeps it."""
MIN_PAPER_LIGHT = 0.2
"""Linear light from which a neutral backdrop may be white paper in poor light: two stops below the L* 94 that it stands for. A darker one is gray or black."""
GLOSS = 2.2
"""How many times a product's middle tone its brightest hundredth must be to say how bright the light was: a matt dark thing is not an underexposed white one."""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Stops to add (0 none), and what tells so."""

    ev: float
    reference: Literal["highlights", "backdrop", "none"]
    why: str


def wanted_exposure(linear_HW3: FloatImage, *, target_lightness: float, max_ev: float) -> Exposure:
    """Stops that bring a photo's highlights to a lightness; none for one that is fully exposed. Never darkens: what is burnt stays burnt."""
    top = float(np.percentile(luminance(linear_HW3), HIGHLIGHT_PERCENTILE))
    if top >= luminance_of_lightness(WELL_EXPOSED_L):
        return Exposure(ev=0.0, reference="none", why="fully exposed")
    most = float(np.percentile(linear_HW3.max(axis=2), HIGHLIGHT_PERCENTILE))
    gain = min(luminance_of_lightness(target_lightness) / max(top, 1e-4), TOP / max(most, 1e-4))
    return _exposure(gain, max_ev, "highlights")


def level_exposure(
    linear_HW3: FloatImage, product_HW: Mask, *, backdrop_lightness: float, target_lightness: float, max_ev: float
) -> Exposure:
    """Stops that bring a photo to the light of all others: its white paper to a lightness, else the product's highlights to one.

    Paper is neutral, not dark (MIN_PAPER_LIGHT) and no darker than the product. Before a dark neutral backdrop a matt product tells nothing, and is
    left as it is. A product whose brightest channel would burn out stops it earlier. Never darkens. linear_HW3: after white balance.
    """
    level = luminance(linear_HW3)
    product_middle, product_top = (float(np.percentile(level[product_HW], share)) if product_HW.any() else 1.0 for share in (50.0, 99.0))
    most = float(np.percentile(linear_HW3.max(axis=2)[product_HW], 99.0)) if product_HW.any() else 1.0
    reach = max(3, round(0.03 * max(product_HW.shape))) | 1
    free = cv2.dilate(product_HW.astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0
    if free.mean() >= 0.08 and _is_neutral(linear_HW3[free]):
        backdrop = float(np.percentile(level[free], 75))
        if backdrop >= max(MIN_PAPER_LIGHT, product_middle):
            return _exposure(min(luminance_of_lightness(backdrop_lightness) / backdrop, TOP / max(most, 1e-4)), max_ev, "backdrop")
        if backdrop < MIN_PAPER_LIGHT and product_top < GLOSS * product_middle:
            return Exposure(ev=0.0, reference="none", why="its backdrop is dark, and a matt product does not tell how bright it should be")
    return _exposure(min(luminance_of_lightness(target_lightness) / max(product_top, 1e-4), TOP / max(most, 1e-4)), max_ev, "highlights")


def exposed(linear_HW3: FloatImage, ev: float) -> FloatImage:
    """The photo with stops added: every pixel scaled as a whole, so that hue and saturation stay; what would pass white is compressed below it.

    The largest channel decides, or a saturated color would lose its hue where one channel is clipped.
    """
    if ev == 0:
        return linear_HW3
    gain = np.float32(2.0**ev)
    red, green, blue = cv2.split(np.ascontiguousarray(linear_HW3, np.float32))
    most = cv2.max(cv2.max(red, green), blue)
    ceiling = float(most.max()) * float(gain)
    if ceiling <= TOP:
        return np.asarray(linear_HW3 * gain, np.float32)
    steps = np.arange(4097, dtype=np.float32) / 4096 * float(most.max())
    top = max(TOP, min(1.0, float(most.max())))  # what was white stays white
    factor = _shouldered(np.asarray(steps * gain, np.float32), ceiling, top) / np.maximum(steps, 1e-6)
    factor[0] = gain
    places = most * np.float32(4096 / float(most.max()))
    lower = np.minimum(places.astype(np.int32), 4095)
    share = places - lower
    scale = np.take(factor, lower) * (1 - share) + np.take(factor, lower + 1) * share
    return np.asarray(cv2.merge([red * scale, green * scale, blue * scale]), np.float32)


def _shouldered(levels: FloatImage, ceiling: float, top: float) -> FloatImage:
    """Levels as they are up to KNEE, from there on bent so that `ceiling` comes to lie at `top`; smooth, and rising everywhere."""
    over = np.maximum(levels - KNEE, 0) / (ceiling - KNEE)
    slope = (ceiling - KNEE) / (top - KNEE)
    bent = KNEE + (top - KNEE) * (slope * over / (1 + (slope - 1) * over))
    return np.asarray(np.where(levels > KNEE, bent, levels), np.float32)


def _is_neutral(pixels: FloatImage) -> bool:
    """Whether a backdrop is white, gray or black: little chroma in its median."""
    middle = np.median(pixels, axis=0)
    return bool(middle.max() - middle.min() <= 0.18 * middle.max())


def _exposure(gain: float, max_ev: float, reference: Literal["highlights", "backdrop"]) -> Exposure:
    ev = float(np.clip(np.log2(gain), 0, max_ev))
    if ev < DEAD_BAND_EV:
        return Exposure(ev=0.0, reference="none", why=f"right within {DEAD_BAND_EV} stops by its {reference}")
    return Exposure(ev=round(ev, 3), reference=reference, why=f"{ev:+.2f} stops by its {reference}")
