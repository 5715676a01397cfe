"""The inside of a garment's back, from a photo of it, moved behind the opening that it belongs to and put in its light.

The collar line of such a photo runs between the two highest points beside its middle. Where it has none that fits, that is said, and nothing is
guessed. Deeper and darker towards the front edge it is made by hollow.py, as cloth that is drawn there.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, srgb_to_lab
from imaging.shading import to_levels, to_linear

ByteImage = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Point = tuple[float, float]

LEVEL_WITHIN = 0.012
"""Rows that count as the highest of one side, of the photo's garment's height: a seam allowance, and the rounding of a shoulder point."""
LINE_SHARE = (0.10, 0.99)
"""Width of a collar line, of its garment's: a strap is narrower."""
MAX_SLOPE = 0.35
"""Rise of the line between its ends, of its width (19 degrees): more, and the garment lies crooked."""
MAX_RISE = 0.06
"""How far the garment may stand above the line between its ends, of its width: a waistband does a little, a hood or a hanger far more."""
SAME_CLOTH = 14.0
"""Distance of two colors in a and b of Lab up to which the inside is taken for the outside's cloth, and its light for the photo's; a lining is
farther off and keeps its color."""
GAIN = (0.4, 2.5)
"""Largest change of light, in linear terms: a stop and a third either way. What needs more is another garment, or another exposure than can be mended."""


@dataclass(frozen=True, kw_only=True)
class InsideBack:
    """An inside moved behind an opening: colors (uint8) and alpha (0..1) of the garment's photo's size; the gain of its light per channel.

    `refusal` says in words why it cannot be; the arrays are empty then. `same_cloth`: its light was matched to the outside's.
    """

    rgb_HW3: ByteImage
    alpha_HW: FloatImage
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    same_cloth: bool = False
    refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class _Line:
    left: Point
    right: Point
    refusal: str = ""


def fit_inside(photo_HW3: ByteImage, alpha_HW: ByteImage, ends: tuple[Point, Point], outside_HW3: ByteImage, garment: Mask) -> InsideBack:
    """The cut-out of an inside photo (uint8 sRGB and alpha), moved so that its collar line ends at `ends` (x, y), in the light of `outside_HW3`."""
    height, width = garment.shape
    nothing = InsideBack(rgb_HW3=np.zeros((height, width, 3), np.uint8), alpha_HW=np.zeros((height, width), np.float32))
    line = _collar_line(np.asarray(alpha_HW >= 128))
    if line.refusal:
        return InsideBack(rgb_HW3=nothing.rgb_HW3, alpha_HW=nothing.alpha_HW, refusal=line.refusal)
    rgb, alpha = _moved(photo_HW3, alpha_HW, (line.left, line.right), ends, (width, height))
    span = ends[1][0] - ends[0][0]
    inside, outside = _near(alpha > 0.9, ends, 0.5 * span), _near(garment, ends, 0.8 * span)
    if inside.sum() < 30 or outside.sum() < 30:
        return InsideBack(rgb_HW3=rgb, alpha_HW=alpha)
    return _in_the_light(rgb, alpha, inside, outside_HW3, outside)


def _collar_line(solid: Mask) -> _Line:
    """The ends of the upper edge between the highest points left and right of a garment's middle."""
    nowhere = (0.0, 0.0)
    columns, rows = np.flatnonzero(solid.any(axis=0)), np.flatnonzero(solid.any(axis=1))
    if len(columns) < 40 or len(rows) < 20:
        return _Line(left=nowhere, right=nowhere, refusal="the garment in it is too small")
    top = np.where(solid.any(axis=0), solid.argmax(axis=0), solid.shape[0])
    middle = (columns[0] + columns[-1]) // 2
    within = max(1, round(LEVEL_WITHIN * len(rows)))
    # From the middle outward: the outermost of the points that are as high as the highest, so that a level waistband ends at its corners.
    sides = []
    for side in (columns[columns <= middle][::-1], columns[columns > middle]):
        highest = top[side].min()
        x = side[np.flatnonzero(top[side] <= highest + within)[-1]]
        sides.append((float(x), float(top[x])))
    left, right = sides
    span = right[0] - left[0]
    if not LINE_SHARE[0] <= span / len(columns) <= LINE_SHARE[1]:
        return _Line(
            left=left, right=right, refusal=f"no collar line is found: it would take {span / len(columns):.0%} of the garment's width"
        )
    if abs(right[1] - left[1]) > MAX_SLOPE * span:
        return _Line(
            left=left, right=right, refusal="its collar line slopes: the garment lies crooked, or something stands out on one side"
        )
    between = np.arange(round(left[0]), round(right[0]) + 1)
    straight = np.interp(between, (left[0], right[0]), (left[1], right[1]))
    if float((straight - top[between]).max()) > MAX_RISE * span + within:
        return _Line(
            left=left, right=right, refusal="the garment stands up between the ends of its collar line: a hood, a hanger or a neck"
        )
    return _Line(left=left, right=right)


def _moved(
    photo_HW3: ByteImage, alpha_HW: ByteImage, own: tuple[Point, Point], ends: tuple[Point, Point], size: tuple[int, int]
) -> tuple[ByteImage, FloatImage]:
    """A cut-out turned, scaled and shifted alike in both directions, so that two points of it come to lie on two others."""
    alpha = alpha_HW.astype(np.float32) / 255
    bundle = np.dstack([photo_HW3 * alpha[..., None], alpha]).astype(np.float32)
    shrink = min(1.0, abs(_complex(ends)) / abs(_complex(own)))
    if shrink < 0.7:  # averaged first, so that knit and print do not alias
        bundle = cv2.resize(bundle, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        own = ((own[0][0] * shrink, own[0][1] * shrink), (own[1][0] * shrink, own[1][1] * shrink))
    turn = _complex(ends) / _complex(own)
    shift = complex(*ends[0]) - turn * complex(*own[0])
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    moved = cv2.warpAffine(bundle, matrix, size, flags=cv2.INTER_LINEAR)
    cover = np.clip(moved[..., 3], 0, 1)
    rgb = np.clip(moved[..., :3] / np.maximum(cover, 1e-3)[..., None], 0, 255)
    return np.round(rgb).astype(np.uint8), np.asarray(cover, np.float32)


def _complex(ends: tuple[Point, Point]) -> complex:
    return complex(ends[1][0] - ends[0][0], ends[1][1] - ends[0][1])


def _near(mask: Mask, ends: tuple[Point, Point], reach: float) -> Mask:
    """Of a mask what lies between the ends' columns, and within reach below the upper of them."""
    near = np.zeros_like(mask)
    top = round(min(ends[0][1], ends[1][1]))
    box = slice(max(0, top), max(0, round(top + reach))), slice(max(0, round(ends[0][0])), round(ends[1][0]) + 1)
    near[box] = mask[box]
    return near


def _in_the_light(rgb: ByteImage, alpha: FloatImage, inside: Mask, outside_HW3: ByteImage, outside: Mask) -> InsideBack:
    """The inside in the light of the outside where both are one cloth: a gain per channel, in linear light."""
    own, wanted = (
        np.median(to_linear(picture)[mask], axis=0).astype(np.float32) for picture, mask in ((rgb, inside), (outside_HW3, outside))
    )
    at_one_level = own * min(
        (wanted.mean() + 1e-3) / (own.mean() + 1e-3), 1 / max(float(own.max()), 1e-3)
    )  # a dark photo of the same red is red
    colors = [srgb_to_lab(to_levels(color.reshape(1, 1, 3)))[0, 0] for color in (at_one_level, wanted)]
    if float(np.linalg.norm(colors[0][1:] - colors[1][1:])) > SAME_CLOTH:
        return InsideBack(rgb_HW3=rgb, alpha_HW=alpha)
    gain = (wanted + 1e-3) / (own + 1e-3)
    if not GAIN[0] <= gain.min() <= gain.max() <= GAIN[1]:
        return InsideBack(rgb_HW3=rgb, alpha_HW=alpha, refusal=f"it is in another light ({gain.mean():.1f} times the garment's)")
    lit = to_levels(np.asarray(np.clip(to_linear(rgb) * gain, 0, 1), np.float32))
    red, green, blue = (float(value) for value in gain)
    return InsideBack(rgb_HW3=lit, alpha_HW=alpha, gain=(red, green, blue), same_cloth=True)
