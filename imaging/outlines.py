"""Closed curves for flat drawings: silhouettes built from limbs and bodies, strokes, boxes, and how much of each pixel they cover."""

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Uint8 = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

SUPERSAMPLING = 4
MIN_OUTLINE_POINTS = 60
"""Shorter outlines are specks that rounding left over."""


def coverage(curves: Sequence[Points], width_px: int, height_px: int) -> Uint8:
    """How much of each pixel lies inside closed curves (even-odd), 0..255; coordinates are pixel edges, x to the right, y down."""
    large = np.zeros((height_px * SUPERSAMPLING, width_px * SUPERSAMPLING), np.uint8)
    # OpenCV's coordinates are pixel centers: half a large pixel off, in 1/16 of it.
    fixed = [np.round((curve * SUPERSAMPLING - 0.5) * 16).astype(np.int32) for curve in curves]
    cv2.fillPoly(large, fixed, 255, lineType=cv2.LINE_8, shift=4)
    return np.asarray(cv2.resize(large, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)


class Field:
    """A picture of a silhouette in centimeters, from which its smooth outline is taken: shapes joined, their corners rounded like flesh or cloth."""

    def __init__(self, width_cm: float, height_cm: float, dots_per_cm: float) -> None:
        self.dots = dots_per_cm
        self.margin = 1.5
        size = (int((height_cm + 2 * self.margin) * dots_per_cm), int((width_cm + 2 * self.margin) * dots_per_cm))
        self.y, self.x = (np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32) + 0.5) / dots_per_cm - self.margin
        self.inside = np.zeros(size, bool)

    def limb(self, *joints: tuple[float, float, float]) -> None:
        """A tapered limb through joints (x, y, radius)."""
        for (x0, y0, r0), (x1, y1, r1) in itertools.pairwise(joints):
            along = np.array([x1 - x0, y1 - y0], np.float32)
            t = np.clip(((self.x - x0) * along[0] + (self.y - y0) * along[1]) / float(along @ along), 0, 1)
            self.inside |= np.hypot(self.x - x0 - t * along[0], self.y - y0 - t * along[1]) <= r0 + t * (r1 - r0)

    def oval(self, x: float, y: float, across: float, up: float) -> None:
        """An ellipse by its center and radii."""
        self.inside |= np.hypot((self.x - x) / across, (self.y - y) / up) <= 1

    def body(self, *corners: tuple[float, float]) -> None:
        """A closed curve through points."""
        mask = np.zeros(self.inside.shape, np.uint8)
        points = (smooth(np.array(corners)) + self.margin) * self.dots
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, shift=4)
        self.inside |= mask > 0

    def outlines(self, *, rounding_cm: float, floor_cm: float | None = None) -> tuple[Points, ...]:
        """The outline and its holes, corners rounded, cut flat at a floor; moved so that its box starts at (0, 0)."""
        from skimage.measure import find_contours  # a second to load, and only size cards need it

        soft = cv2.GaussianBlur(self.inside.astype(np.float32), (0, 0), rounding_cm * self.dots)
        if floor_cm is not None:
            soft[self.y < floor_cm] = 0
        found = [contour[:, ::-1] for contour in find_contours(np.pad(soft, 1), 0.5) if len(contour) > MIN_OUTLINE_POINTS]
        return tuple((contour[::2] - 0.5) / self.dots for contour in found)


def smooth(points: Points, steps: int = 24) -> Points:
    """A closed Catmull-Rom curve through points."""
    before, after, beyond = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (p[:, None, :] for p in (before, points, after, beyond))
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    return np.asarray(curve.reshape(-1, 2))


def fitted(
    outlines: Sequence[Points], width_cm: float | None, height_cm: float, details: Sequence[Points] = ()
) -> tuple[tuple[Points, ...], tuple[Points, ...], float]:
    """Curves scaled evenly to a height (and, where given, to a width), from (0, 0) on; the width that comes out."""
    everything = np.concatenate(list(outlines))
    low, size = everything.min(axis=0), np.ptp(everything, axis=0)
    scale = np.array([height_cm / size[1] if width_cm is None else width_cm / size[0], height_cm / size[1]])
    placed = [tuple((curve - low) * scale for curve in curves) for curves in (outlines, details)]
    return placed[0], placed[1], float(size[0] * scale[0])


def stroke(points: Sequence[tuple[float, float]], width_cm: float) -> Points:
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


def rectangle(left: float, bottom: float, right: float, top: float) -> Points:
    """A box by its edges, y up."""
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top)])


def rounded(left: float, bottom: float, right: float, top: float, radius: float) -> Points:
    """A box with round corners, y up."""
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
