"""Objects of known size, drawn as flat vector art: a hand, a sheet of A4 or Letter, a mug, a door, a person.

Outlines are built once from curves in centimeters, y up from the ground, and drawn at any scale. Who stands beside what is the caller's.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from imaging.outlines import Field, Points, coverage, fitted, rectangle, rounded, stroke

Uint8 = npt.NDArray[np.uint8]

REFERENCE_RGB = (158, 175, 196)
"""What reference objects are filled with: the gate looks for this color."""
DETAIL_RGB = (203, 213, 225)
"""Lines and panels inside them."""
NAMES = ("hand", "a4", "letter", "mug", "door", "person")


@dataclass(frozen=True, kw_only=True)
class ReferenceObject:
    """An object and its silhouette in centimeters, whose box is width_cm x height_cm from (0, 0).

    `outlines`: closed curves, holes by the even-odd rule. `details`: closed curves inside, filled lighter. `told_cm`: the lengths that are told of it.
    """

    name: str
    label: str
    width_cm: float
    height_cm: float
    told_cm: tuple[float, ...]
    outlines: tuple[Points, ...]
    details: tuple[Points, ...] = ()


def draw_reference(canvas_HW3: Uint8, thing: ReferenceObject, *, left_px: float, ground_px: float, px_per_cm: float) -> None:
    """Draw an object into a picture, in place, anti-aliased: its box starts at `left_px` and stands on the row edge `ground_px`."""
    height, width = canvas_HW3.shape[:2]
    first_x, first_y = int(np.floor(left_px)) - 1, int(np.floor(ground_px - thing.height_cm * px_per_cm)) - 1
    last_x, last_y = int(np.ceil(left_px + thing.width_cm * px_per_cm)) + 1, int(np.ceil(ground_px)) + 1
    first_x, first_y, last_x, last_y = max(0, first_x), max(0, first_y), min(width, last_x), min(height, last_y)
    part = canvas_HW3[first_y:last_y, first_x:last_x]
    for curves, rgb in ((thing.outlines, REFERENCE_RGB), (thing.details, DETAIL_RGB)):
        if not curves:
            continue
        moved = [np.stack([left_px - first_x + c[:, 0] * px_per_cm, ground_px - first_y - c[:, 1] * px_per_cm], -1) for c in curves]
        cover = coverage(moved, part.shape[1], part.shape[0])[..., None].astype(np.uint16)
        part[:] = ((np.array(rgb, np.uint16) * cover + part * (255 - cover) + 127) // 255).astype(np.uint8)


@lru_cache(maxsize=8)
def reference_object(name: str) -> ReferenceObject:
    """One of NAMES."""
    return {"hand": _hand, "a4": _a4, "letter": _letter, "mug": _mug, "door": _door, "person": _person}[name]()


def _hand() -> ReferenceObject:
    """An open right hand seen from its palm, 18.5 cm from wrist to fingertip: the mean of men's and women's medians in DIN 33402-2."""
    field = Field(13, 19, 30)
    field.limb((4.85, 9.0, 1.02), (4.95, 12.6, 0.93), (5.0, 15.4, 0.86), (5.02, 17.78, 0.72))
    field.limb((6.85, 8.8, 1.0), (7.25, 12.2, 0.92), (7.5, 14.7, 0.84), (7.68, 16.75, 0.70))
    field.limb((2.95, 8.8, 0.98), (2.72, 12.2, 0.88), (2.55, 14.6, 0.80), (2.45, 16.7, 0.67))
    field.limb((1.25, 7.9, 0.92), (0.72, 10.6, 0.76), (0.42, 12.4, 0.70), (0.22, 13.95, 0.58))
    field.limb((6.2, 3.0, 1.9), (8.1, 5.2, 1.42), (9.55, 7.5, 1.06), (10.0, 8.6, 1.02), (10.45, 9.9, 0.76))
    field.body(
        (1.9, -1.2), (1.55, 0.6), (0.75, 2.6), (0.3, 5.2), (0.35, 7.9), (1.2, 9.3), (3.2, 10.0), (5.2, 10.1), (7.2, 9.6), (7.95, 8.2),
        (8.1, 6.6), (7.9, 4.0), (7.1, 1.6), (6.8, 0.4), (6.75, -1.2),
    )  # fmt: skip
    creases = [
        stroke([(7.75, 6.75), (6.1, 6.2), (4.3, 4.9), (3.1, 2.9), (2.8, 2.0)], 0.22),
        stroke([(7.85, 7.15), (6.5, 7.0), (4.6, 6.2), (2.6, 4.6), (1.6, 3.5)], 0.22),
        stroke([(0.85, 7.0), (2.4, 7.0), (4.0, 7.45), (5.3, 8.4), (5.75, 9.1)], 0.22),
        stroke([(5.2, 0.9), (5.0, 2.6), (5.6, 4.4), (6.6, 5.6)], 0.16),
    ]
    for x, y, dx, dy, reach in (
        (4.92, 10.95, 1.0, 0.03, 0.62), (4.98, 13.45, 1.0, 0.0, 0.58), (5.0, 15.75, 1.0, 0.0, 0.5),
        (7.1, 10.6, 1.0, -0.1, 0.6), (7.33, 12.95, 1.0, -0.1, 0.56), (7.55, 15.0, 1.0, -0.1, 0.48),
        (2.82, 10.6, 1.0, 0.08, 0.58), (2.65, 12.9, 1.0, 0.07, 0.54), (2.53, 15.0, 1.0, 0.05, 0.46),
        (0.93, 9.45, 1.0, 0.2, 0.5), (0.6, 11.2, 1.0, 0.2, 0.45), (0.38, 12.75, 1.0, 0.15, 0.4),
        (9.85, 8.15, 1.0, -0.35, 0.6),
    ):  # fmt: skip
        creases.append(stroke([(x - dx * reach, y - dy * reach), (x, y - 0.05), (x + dx * reach, y + dy * reach)], 0.15))
    margin = field.margin
    outlines, details, width = fitted(field.outlines(rounding_cm=0.16, floor_cm=0.0), None, 18.5, [crease + margin for crease in creases])
    return ReferenceObject(
        name="hand", label="Adult hand", width_cm=width, height_cm=18.5, told_cm=(18.5,), outlines=outlines, details=details
    )


def _a4() -> ReferenceObject:
    """A sheet of paper, ISO 216 A4, upright, with a few lines of writing."""
    return _sheet("a4", "A4 sheet", 21.0, 29.7)


def _letter() -> ReferenceObject:
    """A sheet of North American paper, 8.5 x 11 inches."""
    return _sheet("letter", "Letter sheet", 8.5 * 2.54, 11 * 2.54)


def _sheet(name: str, label: str, wide: float, high: float) -> ReferenceObject:
    lines = [rounded(3.0, high - 4.5, 11.5, high - 3.5, 0.5)]
    lines += [
        rounded(3.0, high - down, 12.0 if down in (16.2, 23.7) else wide - 3.0, high - down + 0.55, 0.27)
        for down in (7.2, 8.7, 10.2, 11.7, 14.7, 16.2, 19.2, 20.7, 22.2, 23.7)
    ]
    outline = rectangle(0, 0, wide, high)
    return ReferenceObject(
        name=name, label=label, width_cm=wide, height_cm=high, told_cm=(wide, high), outlines=(outline,), details=tuple(lines)
    )


def _mug() -> ReferenceObject:
    """A common coffee mug for 0.3 liters, 9.5 cm high, seen from the side."""
    field = Field(13, 10, 40)
    body = rounded(0.0, 0.0, 8.2, 12.0, 0.9)
    mask = np.zeros(field.inside.shape, np.uint8)
    cv2.fillPoly(mask, [np.round((body + field.margin) * field.dots * 16).astype(np.int32)], 1, shift=4)
    ring = np.abs(np.hypot((field.x - 8.1) / 2.75, (field.y - 5.1) / 2.9) - 1) <= 0.15
    field.inside = ((mask > 0) & (field.y < 9.5)) | (ring & (field.x > 7.9))
    margin = field.margin
    shine = [rounded(0.0, 8.66, 8.2, 8.84, 0.0), rounded(1.0, 2.2, 1.5, 7.6, 0.25)]
    outlines, details, width = fitted(field.outlines(rounding_cm=0.06, floor_cm=0.0), None, 9.5, [curve + margin for curve in shine])
    return ReferenceObject(name="mug", label="Mug", width_cm=width, height_cm=9.5, told_cm=(9.5,), outlines=outlines, details=details)


def _door() -> ReferenceObject:
    """An interior door leaf, 203 x 81 cm (80 x 32 inches), with two panels and a lever."""
    details: list[Points] = []
    for bottom, top in ((18.0, 88.0), (102.0, 189.0)):
        outer, inner = rectangle(13, bottom, 68, top), rectangle(14.6, bottom + 1.6, 66.4, top - 1.6)
        details.append(np.concatenate([outer, outer[:1], inner[::-1], inner[-1:]]))
    lever = rounded(62.0, 98.2, 73.0, 100.6, 1.2)
    lever[:, 0] = np.minimum(lever[:, 0], 71.6)  # as far as the plate: where two details overlap there would be a hole
    details += [rounded(71.6, 91.0, 75.4, 104.0, 1.9), lever]
    return ReferenceObject(
        name="door",
        label="Door",
        width_cm=81.0,
        height_cm=203.0,
        told_cm=(203.0,),
        outlines=(rectangle(0, 0, 81.0, 203.0),),
        details=tuple(details),
    )


_HALF_BODY = (
    (4.5, 150.0),
    (4.9, 146.6),
    (7.6, 143.6),
    (12.6, 141.0),
    (17.2, 138.6),
    (20.0, 134.0),
    (18.6, 125.0),
    (15.6, 114.0),
    (14.2, 105.0),
    (14.6, 96.0),
    (16.2, 89.0),
    (16.8, 82.0),
    (15.6, 75.0),
    (9.0, 72.0),
)
"""The torso's right half from neck to hip, x from the middle, in centimeters."""


def _person() -> ReferenceObject:
    """A standing adult, 170 cm: between the medians of women and men in DIN 33402-2."""
    field, middle = Field(66, 172, 8), 31.0
    field.oval(middle, 158.4, 7.3, 10.4)
    field.limb((middle, 142.0, 4.8), (middle, 151.0, 4.6))
    right = [(middle + x, y) for x, y in _HALF_BODY]
    field.body(*right, *((2 * middle - x, y) for x, y in reversed(right)))
    for side in (-1.0, 1.0):
        for joints in (
            ((16.6, 134.6, 5.0), (20.8, 118.0, 4.3), (23.0, 108.0, 3.6), (24.4, 99.0, 3.6), (26.3, 83.5, 2.5)),
            ((26.3, 84.0, 2.5), (27.0, 77.5, 3.0), (26.9, 71.5, 2.6), (26.2, 67.5, 1.5)),
            ((25.4, 78.5, 1.3), (24.2, 73.5, 1.0)),
            (
                (8.7, 82.0, 8.4),
                (9.0, 64.0, 7.2),
                (9.3, 49.0, 5.3),
                (9.6, 44.0, 5.1),
                (9.9, 34.0, 5.3),
                (10.2, 22.0, 4.2),
                (10.4, 10.0, 3.3),
            ),
            ((10.4, 9.0, 3.4), (10.8, 3.4, 3.8)),
            ((10.8, 3.6, 4.0), (14.4, 2.2, 3.0), (15.8, 1.6, 2.2)),
        ):
            field.limb(*((middle + side * x, y, radius) for x, y, radius in joints))
    outlines, _, width = fitted(field.outlines(rounding_cm=0.9, floor_cm=0.0), None, 170.0)
    return ReferenceObject(name="person", label="Adult", width_cm=width, height_cm=170.0, told_cm=(170.0,), outlines=outlines)
