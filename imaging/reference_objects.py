"""Objects of known size, drawn as flat vector art: a hand, a sheet of A4, a mug, a door, a person.

Outlines are built once from curves in centimeters, y up from the ground, and drawn at any scale. Who stands beside what is the caller's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Uint8 = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
FloatImage = npt.NDArray[np.float32]

REFERENCE_RGB = (158, 175, 196)
"""What reference objects are filled with: the gate looks for this color."""
DETAIL_RGB = (203, 213, 225)
"""Lines and panels inside them."""
SUPERSAMPLING = 4
NAMES = ("hand", "a4", "mug", "door", "person")


@dataclass(frozen=True, kw_only=True)
class ReferenceObject:
    """An object and its silhouette in centimeters, whose box is width_cm x height_cm from (0, 0).

    `outlines`: closed curves, holes by the even-odd rule. `details`: closed curves inside, filled lighter. `size_words` is what is said of
    its size: {0} is replaced by the length that counts.
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


def coverage(curves: Sequence[Points], width_px: int, height_px: int) -> Uint8:
    """How much of each pixel lies inside closed curves (even-odd), 0..255; coordinates are pixel edges, x to the right, y down."""
    large = np.zeros((height_px * SUPERSAMPLING, width_px * SUPERSAMPLING), np.uint8)
    # OpenCV's coordinates are pixel centers: half a large pixel off, in 1/16 of it.
    fixed = [np.round((curve * SUPERSAMPLING - 0.5) * 16).astype(np.int32) for curve in curves]
    cv2.fillPoly(large, fixed, 255, lineType=cv2.LINE_8, shift=4)
    return np.asarray(cv2.resize(large, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=8)
def reference_object(name: str) -> ReferenceObject:
    """One of NAMES."""
    return {"hand": _hand, "a4": _a4, "mug": _mug, "door": _door, "person": _person}[name]()


class _Field:
    """A picture of a silhouette in centimeters, from which its smooth outline is taken: shapes joined, their corners rounded like flesh or cloth."""

    def __init__(self, width_cm: float, height_cm: float, dots_per_cm: float) -> None:
        self.dots = dots_per_cm
        self.margin = 1.5
        size = (int((height_cm + 2 * self.margin) * dots_per_cm), int((width_cm + 2 * self.margin) * dots_per_cm))
        self.y, self.x = (np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32) + 0.5) / dots_per_cm - self.margin
        self.inside = np.zeros(size, bool)

    def limb(self, *joints: tuple[float, float, float]) -> None:
        """A tapered limb through joints (x, y, radius)."""
        for (x0, y0, r0), (x1, y1, r1) in zip(joints, joints[1:], strict=False):
            along = np.array([x1 - x0, y1 - y0], np.float32)
            t = np.clip(((self.x - x0) * along[0] + (self.y - y0) * along[1]) / float(along @ along), 0, 1)
            self.inside |= np.hypot(self.x - x0 - t * along[0], self.y - y0 - t * along[1]) <= r0 + t * (r1 - r0)

    def oval(self, x: float, y: float, across: float, up: float) -> None:
        """An ellipse by its center and radii."""
        self.inside |= np.hypot((self.x - x) / across, (self.y - y) / up) <= 1

    def body(self, *corners: tuple[float, float]) -> None:
        """A closed curve through points."""
        mask = np.zeros(self.inside.shape, np.uint8)
        points = (_smooth(np.array(corners)) + self.margin) * self.dots
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, shift=4)
        self.inside |= mask > 0

    def outlines(self, *, rounding_cm: float, floor_cm: float | None = None) -> tuple[Points, ...]:
        """The outline and its holes, corners rounded, cut flat at a floor; moved so that its box starts at (0, 0)."""
        soft = cv2.GaussianBlur(self.inside.astype(np.float32), (0, 0), rounding_cm * self.dots)
        mask = (soft > 0.5).astype(np.uint8)
        if floor_cm is not None:
            mask[self.y < floor_cm] = 0
        large = cv2.resize(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        found, _ = cv2.findContours((large > 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        kept = [contour[:, 0].astype(np.float64) for contour in found if len(contour) > 60]
        return tuple(_thinned(contour) / (2 * self.dots) for contour in kept)


def _thinned(contour: Points) -> Points:
    """A pixel contour as a smooth curve: averaged along itself, every third point kept."""
    width = 9
    padded = np.concatenate([contour[-width:], contour, contour[:width]])
    kernel = np.hanning(width + 2)[1:-1] / np.hanning(width + 2)[1:-1].sum()
    smooth = np.stack([np.convolve(padded[:, axis], kernel, mode="same") for axis in (0, 1)], -1)[width:-width]
    return smooth[::3]


def _smooth(points: Points, steps: int = 24) -> Points:
    """A closed Catmull-Rom curve through points."""
    before, after, beyond = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (p[:, None, :] for p in (before, points, after, beyond))
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    return np.asarray(curve.reshape(-1, 2))


def _fitted(
    outlines: Sequence[Points], width_cm: float | None, height_cm: float, details: Sequence[Points] = ()
) -> tuple[tuple[Points, ...], tuple[Points, ...], float]:
    """Curves scaled evenly to a height (and, where given, to a width), from (0, 0) on; the width that comes out."""
    everything = np.concatenate(list(outlines))
    low, size = everything.min(axis=0), np.ptp(everything, axis=0)
    scale = np.array([height_cm / size[1] if width_cm is None else width_cm / size[0], height_cm / size[1]])
    placed = [tuple((curve - low) * scale for curve in curves) for curves in (outlines, details)]
    return placed[0], placed[1], float(size[0] * scale[0])


def _stroke(points: Sequence[tuple[float, float]], width_cm: float) -> Points:
    """An open curve with a width that tapers at its ends, as a closed outline."""
    corners = np.array(points)
    ends = np.concatenate([2 * corners[:1] - corners[1:2], corners, 2 * corners[-1:] - corners[-2:-1]])
    t = np.linspace(0, 1, 16, endpoint=False)[:, None]
    parts = []
    for p0, p1, p2, p3 in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        parts.append(0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3))
    line = np.concatenate([*parts, corners[-1:]])
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], -1) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    half = width_cm / 2 * np.sqrt(np.maximum(np.sin(np.linspace(0.06, np.pi - 0.06, len(line))), 0))[:, None]
    return np.concatenate([line + across * half, (line - across * half)[::-1]])


def _rectangle(left: float, bottom: float, right: float, top: float) -> Points:
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top)])


def _rounded(left: float, bottom: float, right: float, top: float, radius: float) -> Points:
    turn = np.linspace(0, np.pi / 2, 14)
    corners = [
        (right - radius, top - radius, 0.0),
        (left + radius, top - radius, 0.5),
        (left + radius, bottom + radius, 1.0),
        (right - radius, bottom + radius, 1.5),
    ]
    return np.concatenate(
        [np.stack([x + radius * np.cos(turn + a * np.pi), y + radius * np.sin(turn + a * np.pi)], -1) for x, y, a in corners]
    )


def _hand() -> ReferenceObject:
    """An open right hand seen from its palm, 18.5 cm from wrist to fingertip: the mean of men's and women's medians in DIN 33402-2."""
    field = _Field(13, 19, 24)
    field.limb((4.85, 9.0, 1.02), (4.95, 12.6, 0.93), (5.0, 15.4, 0.86), (5.02, 17.78, 0.72))
    field.limb((6.85, 8.8, 1.0), (7.25, 12.2, 0.92), (7.5, 14.7, 0.84), (7.68, 16.75, 0.70))
    field.limb((2.95, 8.8, 0.98), (2.72, 12.2, 0.88), (2.55, 14.6, 0.80), (2.45, 16.7, 0.67))
    field.limb((1.25, 7.9, 0.92), (0.72, 10.6, 0.76), (0.42, 12.4, 0.70), (0.22, 13.95, 0.58))
    field.limb((6.3, 2.9, 1.9), (8.5, 5.3, 1.28), (9.9, 7.5, 1.0), (10.55, 9.6, 0.74))
    field.body((1.9, -1.2), (1.55, 0.6), (0.75, 2.6), (0.3, 5.2), (0.35, 7.9), (1.2, 9.3), (3.2, 10.0), (5.2, 10.1), (7.2, 9.6), (7.95, 8.0), (8.2, 5.6), (7.5, 2.4), (6.9, 0.6), (6.7, -1.2))  # fmt: skip
    creases = [
        _stroke([(7.75, 6.75), (6.1, 6.2), (4.3, 4.9), (3.1, 2.9), (2.8, 2.0)], 0.22),
        _stroke([(7.85, 7.15), (6.5, 7.0), (4.6, 6.2), (2.6, 4.6), (1.6, 3.5)], 0.22),
        _stroke([(0.85, 7.0), (2.4, 7.0), (4.0, 7.45), (5.3, 8.4), (5.75, 9.1)], 0.22),
        _stroke([(5.2, 0.9), (5.0, 2.6), (5.6, 4.4), (6.6, 5.6)], 0.16),
    ]
    for x, y, dx, dy, reach in (
        (4.92, 10.95, 1.0, 0.03, 0.62), (4.98, 13.45, 1.0, 0.0, 0.58), (5.0, 15.75, 1.0, 0.0, 0.5),
        (7.1, 10.6, 1.0, -0.1, 0.6), (7.33, 12.95, 1.0, -0.1, 0.56), (7.55, 15.0, 1.0, -0.1, 0.48),
        (2.82, 10.6, 1.0, 0.08, 0.58), (2.65, 12.9, 1.0, 0.07, 0.54), (2.53, 15.0, 1.0, 0.05, 0.46),
        (0.93, 9.45, 1.0, 0.2, 0.5), (0.6, 11.2, 1.0, 0.2, 0.45), (0.38, 12.75, 1.0, 0.15, 0.4),
        (10.05, 7.95, 1.0, -0.35, 0.55),
    ):  # fmt: skip
        creases.append(_stroke([(x - dx * reach, y - dy * reach), (x, y - 0.05), (x + dx * reach, y + dy * reach)], 0.15))
    margin = field.margin
    outlines, details, width = _fitted(field.outlines(rounding_cm=0.16, floor_cm=0.0), None, 18.5, [crease + margin for crease in creases])
    return ReferenceObject(
        name="hand", label="Adult hand", width_cm=width, height_cm=18.5, told_cm=(18.5,), outlines=outlines, details=details
    )


def _a4() -> ReferenceObject:
    """A sheet of paper, ISO 216 A4, upright, with a few lines of writing."""
    lines = [_rounded(3.0, 25.2, 11.5, 26.2, 0.5)]
    lines += [
        _rounded(3.0, y, 18.0 if y > 6 and y != 13.5 else 12.0, y + 0.55, 0.27)
        for y in (22.5, 21.0, 19.5, 18.0, 15.0, 13.5, 10.5, 9.0, 7.5, 6.0)
    ]
    return ReferenceObject(
        name="a4",
        label="A4 sheet",
        width_cm=21.0,
        height_cm=29.7,
        told_cm=(21.0, 29.7),
        outlines=(_rectangle(0, 0, 21.0, 29.7),),
        details=tuple(lines),
    )


def _mug() -> ReferenceObject:
    """A common coffee mug for 0.3 liters, 9.5 cm high, seen from the side."""
    body = np.concatenate([[(0.0, 9.5), (0.12, 1.1)], [(0.2, 0.62), (0.42, 0.25), (0.8, 0.05), (1.2, 0.0), (7.0, 0.0), (7.4, 0.05), (7.78, 0.25), (8.0, 0.62)], [(8.08, 1.1), (8.2, 9.5)]])  # fmt: skip
    field = _Field(13, 10, 40)
    mask = np.zeros(field.inside.shape, np.uint8)
    cv2.fillPoly(mask, [np.round((body + field.margin) * field.dots * 16).astype(np.int32)], 1, shift=4)
    ring = np.abs(np.hypot((field.x - 8.1) / 2.75, (field.y - 5.1) / 2.8) - 1) <= 0.17
    field.inside = (mask > 0) | (ring & (field.x > 7.9))
    margin = field.margin
    shine = [_rounded(0.0, 8.62, 8.2, 8.84, 0.1), _rounded(1.0, 2.2, 1.55, 7.6, 0.27)]
    shine[0][:, 0] = np.clip(shine[0][:, 0], 0.35, 7.85)
    outlines, details, width = _fitted(field.outlines(rounding_cm=0.06, floor_cm=0.0), None, 9.5, [curve + margin for curve in shine])
    return ReferenceObject(name="mug", label="Mug", width_cm=width, height_cm=9.5, told_cm=(9.5,), outlines=outlines, details=details)


def _door() -> ReferenceObject:
    """An interior door leaf, 203 x 81 cm (80 x 32 inches), with two panels and a lever."""
    details: list[Points] = []
    for bottom, top in ((18.0, 88.0), (102.0, 189.0)):
        outer, inner = _rectangle(13, bottom, 68, top), _rectangle(14.6, bottom + 1.6, 66.4, top - 1.6)
        details.append(np.concatenate([outer, outer[:1], inner[::-1], inner[-1:]]))
    details += [_rounded(71.6, 91.0, 75.4, 104.0, 1.9), _rounded(62.0, 98.2, 75.0, 100.6, 1.2)]
    return ReferenceObject(
        name="door",
        label="Door",
        width_cm=81.0,
        height_cm=203.0,
        told_cm=(203.0,),
        outlines=(_rectangle(0, 0, 81.0, 203.0),),
        details=tuple(details),
    )


def _person() -> ReferenceObject:
    """A standing adult, 170 cm: between the medians of women and men in DIN 33402-2."""
    field = _Field(64, 172, 6)
    middle = 30.0
    field.oval(middle, 157.6, 7.6, 10.6)
    field.oval(middle, 160.6, 8.3, 9.0)
    field.limb((middle, 140.0, 6.2), (middle, 152.0, 5.4))
    field.body((middle - 19.5, 136.5), (middle - 12, 141.5), (middle - 5.5, 145.0), (middle + 5.5, 145.0), (middle + 12, 141.5), (middle + 19.5, 136.5), (middle + 18.2, 124), (middle + 14.6, 108), (middle + 14.4, 98), (middle + 17.2, 86), (middle + 17.0, 76), (middle, 72), (middle - 17.0, 76), (middle - 17.2, 86), (middle - 14.4, 98), (middle - 14.6, 108), (middle - 18.2, 124))  # fmt: skip
    for side in (-1, 1):
        field.limb((middle + side * 17.6, 135.0, 5.2), (middle + side * 22.6, 110.0, 4.4), (middle + side * 24.6, 84.0, 3.2))
        field.limb((middle + side * 24.6, 84.0, 3.3), (middle + side * 25.2, 75.0, 3.7), (middle + side * 24.4, 67.0, 2.3))
        field.limb((middle + side * 9.0, 84.0, 9.0), (middle + side * 9.4, 60.0, 7.8), (middle + side * 9.6, 46.0, 5.9), (middle + side * 10.0, 34.0, 5.9), (middle + side * 10.4, 10.0, 4.0))  # fmt: skip
        field.limb((middle + side * 10.2, 5.0, 4.6), (middle + side * 13.2, 2.6, 4.2))
        field.limb((middle + side * 10.2, 9.0, 4.2), (middle + side * 10.4, 3.0, 4.6))
    margin = field.margin
    outlines, _, width = _fitted(field.outlines(rounding_cm=1.15, floor_cm=0.0), None, 170.0)
    return (
        ReferenceObject(name="person", label="Adult, 170 cm", width_cm=width, height_cm=170.0, told_cm=(), outlines=outlines, details=())
        if margin
        else _person()
    )
