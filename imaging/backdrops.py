"""Studio backdrops: a seamless sweep or a wall with a floor, of one color, two colors or a texture, lit from one side; linear light.

Leaves out the product, its shadow and its reflection (composite.py).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.linear_light import light_of_fine_levels, light_of_hex
from imaging.textures import TILE_PX, Texture, tile_of

FloatImage = npt.NDArray[np.float32]

BEND_SHARE = 0.60
"""Where the paper bends from floor to wall, as a share of the height; the eye expects it behind the product's lower third."""
LINE_SHARE = 0.66
"""Where a floor line usually runs: above the foot of a product that stands at four fifths, below its middle."""
BEHIND_FOOT = 0.11
"""How far above the product's lowest point it runs at least, in frame heights: what stands on a table has table behind it. Seen from 15 degrees
above, a sofa half as deep as wide, two thirds of the frame wide, reaches 0.09 behind its front feet."""
BEHIND_BACK = 0.02
"""And above the far side of what touches the ground: hind legs, the back of a saucer."""
HIGHEST_LINE = 0.2
"""No line runs above this, whatever stands there."""
VANISHING_ABOVE = 0.42
"""How far above the floor's far edge its vanishing line lies, in frame heights: a camera about 15 degrees above."""
TILES_ACROSS = 1.1
"""Tiles of a texture across the frame, on the wall and at the floor's near edge."""
NATURAL_HEX: dict[Texture, str] = {"wood": "#b08a5e", "marble": "#e9e7e3"}
"""Floors that have a color of their own; linen and plaster take the wall's."""


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """What a backdrop is made of. Colors `#rrggbb`; `top_hex` makes a gradient from it down to `color_hex`.

    line_share: where a floor begins, from the top in frame heights (`floor_line_behind`); None: a sweep without a line.
    falloff: how much it darkens toward its corners, 0..1. light_side: -1 left .. +1 right.
    """

    color_hex: str
    top_hex: str | None = None
    texture: Texture | None = None
    line_share: float | None = None
    falloff: float = 0.5
    light_side: float = -0.7


def floor_line_behind(foot_share: float, back_share: float) -> float:
    """Where the floor line runs, in frame heights, for a product whose lowest point and far side on the ground are this far down the frame."""
    return max(HIGHEST_LINE, min(LINE_SHARE, foot_share - BEHIND_FOOT, back_share - BEHIND_BACK))


def draw_backdrop(backdrop: Backdrop, *, width_px: int, height_px: int) -> FloatImage:
    """A backdrop in linear light, float32 (height, width, 3); the median of a plain one is close to its color."""
    color = _colors(backdrop, height_px) * np.ones((1, width_px, 1), np.float32)
    line = None if backdrop.line_share is None else max(1, round(backdrop.line_share * height_px))
    if backdrop.texture is not None:
        _lay_texture(color, backdrop.texture, line)
    light = _falloff(width_px, height_px, falloff=backdrop.falloff, light_side=backdrop.light_side, line=line)
    return np.asarray(color * light[..., None], np.float32)


def _colors(backdrop: Backdrop, height: int) -> FloatImage:
    """The color of each row, (height, 1, 3); a gradient runs in sRGB levels, where its steps look even."""
    bottom = light_of_hex(backdrop.color_hex)
    if backdrop.top_hex is None:
        return np.asarray(np.broadcast_to(bottom, (height, 1, 3)), np.float32)
    stops = [np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.float32) for color in (backdrop.top_hex, backdrop.color_hex)]
    share = np.clip((np.arange(height, dtype=np.float32) + 0.5) / height / 0.9, 0, 1)
    share = (share * share * (3 - 2 * share))[:, None, None]
    return light_of_fine_levels(np.asarray(stops[0] + (stops[1] - stops[0]) * share, np.float32))


def _falloff(width: int, height: int, *, falloff: float, light_side: float, line: int | None) -> FloatImage:
    """Light over the frame, median 1: it falls off away from the lamp and toward the top; a floor catches more than a wall."""
    rows = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
    columns = ((np.arange(width, dtype=np.float32) + 0.5) / width)[None, :]
    if line is None:
        floor = 0.08 * falloff / (1 + np.exp(-(rows - BEND_SHARE) / 0.045))
    else:
        # A wall a meter behind gets less light, and least of it right above the floor, where the table's edge shades it.
        edge = np.clip((rows - line / height) * height / 1.5 + 0.5, 0, 1)
        floor = (0.10 + 0.06 * falloff) * edge - 0.05 * (1 - edge) * np.exp((rows - line / height) / 0.05)
    distance = np.hypot((columns - 0.5 - 0.16 * light_side) / 0.75, (rows - 0.48) / 0.72)
    light = np.asarray(1.08 - 0.34 * falloff * np.clip(distance, 0, 1.6) ** 2 + floor, np.float32)
    return np.asarray(light / np.median(light[::16, ::16]), np.float32)


def _lay_texture(color_HW3: FloatImage, texture: Texture, line: int | None) -> None:
    """Multiply a texture into a backdrop, in place: on the floor in perspective where there is one, else over all of it.

    With a floor, the wall behind wood and marble stays plain; linen and plaster cover it, out of focus.
    """
    height, width = color_HW3.shape[:2]
    tile, scale = tile_of(texture), TILE_PX / (width / TILES_ACROSS)
    flat = np.s_[:line] if line is not None else np.s_[:]
    if texture not in NATURAL_HEX:
        rows, columns = np.mgrid[0 : color_HW3[flat].shape[0], 0:width].astype(np.float32)
        color_HW3[flat] *= _sampled(tile, columns * scale, rows * scale, shrink=scale, blur=0.0 if line is None else 0.002 * height)
    if line is None:
        return
    if texture in NATURAL_HEX:
        color_HW3[line:] = light_of_hex(NATURAL_HEX[texture])
    rows, columns = np.mgrid[line:height, 0:width].astype(np.float32)
    vanishing = line - VANISHING_ABOVE * height
    nearness = (height - vanishing) / (rows + 0.5 - vanishing)
    depth = (height - vanishing) * nearness * 0.9
    color_HW3[line:] *= _sampled(tile, (columns - width / 2) * nearness * scale, depth * scale, shrink=scale * 1.6, blur=0.0)


def _sampled(tile: FloatImage, x: FloatImage, y: FloatImage, *, shrink: float, blur: float) -> FloatImage:
    """The tile at places that may lie outside of it, first blurred where it is made smaller so that nothing aliases."""
    sigma = float(np.hypot(0.45 * max(shrink, 0.0) if shrink > 1 else 0.0, blur * shrink))
    if sigma > 0.3:
        tile = np.asarray(cv2.GaussianBlur(cv2.copyMakeBorder(tile, 32, 32, 32, 32, cv2.BORDER_WRAP), (0, 0), sigma)[32:-32, 32:-32])
    return np.asarray(cv2.remap(tile, np.mod(x, TILE_PX), np.mod(y, TILE_PX), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
