"""Flat shapes laid over a picture, anti-aliased: polygons, ovals, arches, rounded boxes and thin frames of one color."""

import numpy as np
import numpy.typing as npt

from imaging.outlines import Points, coverage

Uint8 = npt.NDArray[np.uint8]
Rgb = tuple[int, int, int]
Box = tuple[float, float, float, float]


def fill(canvas_HW3: Uint8, curves: list[Points], rgb: Rgb) -> None:
    """Fill closed curves (even-odd; pixel edges, x to the right, y down) with a color, in place."""
    height, width = canvas_HW3.shape[:2]
    points = np.concatenate(curves)
    x0, y0 = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(points.max(axis=0)).astype(int), (width, height))
    if x1 <= x0 or y1 <= y0:
        return
    cover = coverage([curve - (x0, y0) for curve in curves], int(x1 - x0), int(y1 - y0))
    part = canvas_HW3[y0:y1, x0:x1]
    full = cover == 255
    part[full] = rgb
    edge = (cover > 0) & ~full
    weight = cover[edge][:, None].astype(np.uint16)
    part[edge] = ((np.array(rgb, np.uint16) * weight + part[edge] * (255 - weight) + 127) // 255).astype(np.uint8)


def oval(box: Box) -> Points:
    """An ellipse that fills a box."""
    turn = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    left, top, right, bottom = box
    return np.stack([(left + right) / 2 + (right - left) / 2 * np.cos(turn), (top + bottom) / 2 + (bottom - top) / 2 * np.sin(turn)], -1)


def arch(box: Box) -> Points:
    """A doorway: a half circle as wide as the box on a rectangle."""
    left, top, right, bottom = box
    turn, radius = np.linspace(np.pi, 2 * np.pi, 120), (right - left) / 2
    bow = np.stack([(left + right) / 2 + radius * np.cos(turn), top + radius + radius * np.sin(turn)], -1)
    return np.concatenate([bow, [(right, bottom), (left, bottom)]])


def rounded_box(box: Box, radius_px: float) -> Points:
    """A box with round corners."""
    left, top, right, bottom = box
    radius = min(radius_px, (right - left) / 2, (bottom - top) / 2)
    turn = np.linspace(0, np.pi / 2, 16)
    corners = (
        (right - radius, bottom - radius, 0.0),
        (left + radius, bottom - radius, 0.5),
        (left + radius, top + radius, 1.0),
        (right - radius, top + radius, 1.5),
    )
    return np.concatenate(
        [np.stack([x + radius * np.cos(turn + a * np.pi), y + radius * np.sin(turn + a * np.pi)], -1) for x, y, a in corners]
    )


def frame_line(box: Box, thickness_px: float) -> list[Points]:
    """A thin frame along a box's inside: two curves for `fill`."""
    left, top, right, bottom = box
    t = thickness_px
    outer = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
    inner = np.array([(left + t, top + t), (right - t, top + t), (right - t, bottom - t), (left + t, bottom - t)], np.float64)
    return [outer, inner]
