"""Dimension lines as on a drawing: a line with a stroke across each end, and thin lines that lead from its ends to what is measured."""

import numpy as np
import numpy.typing as npt

Uint8 = npt.NDArray[np.uint8]
Point = tuple[float, float]

LINE_RGB = (36, 92, 158)
"""Color of dimension lines: the gate looks for it."""
EXTENSION_RGB = (150, 156, 164)
LINE_SHARE = 0.0028
"""Thickness, of the picture's shorter side."""
TICK_SHARE = 0.011
"""Half of the stroke across an end, of the picture's shorter side."""


def draw_dimension(canvas_HW3: Uint8, start: Point, end: Point, unit_px: float) -> None:
    """A line along an axis from point to point (x, y in pixel edges), in place. unit_px: the picture's shorter side."""
    half = max(1.0, LINE_SHARE * unit_px / 2)
    upright = start[0] == end[0]
    _bar(canvas_HW3, start, end, half, LINE_RGB)
    reach = TICK_SHARE * unit_px
    for (x, y), inward in ((start, 1), (end, -1)):
        # The stroke ends where the line ends: its outer edge is the measure.
        if upright:
            _bar(canvas_HW3, (x - reach, y + inward * half), (x + reach, y + inward * half), half, LINE_RGB)
        else:
            _bar(canvas_HW3, (x + inward * half, y - reach), (x + inward * half, y + reach), half, LINE_RGB)


def draw_extension(canvas_HW3: Uint8, start: Point, end: Point, unit_px: float) -> None:
    """A thin line along an axis, in place."""
    _bar(canvas_HW3, start, end, max(0.5, LINE_SHARE * unit_px / 5), EXTENSION_RGB)


def _bar(canvas: Uint8, start: Point, end: Point, half_px: float, rgb: tuple[int, int, int]) -> None:
    """A straight bar along an axis, anti-aliased: exactly as long as asked for, `half_px` to either side."""
    upright = start[0] == end[0]
    xs = (start[0] - half_px, start[0] + half_px) if upright else (min(start[0], end[0]), max(start[0], end[0]))
    ys = (min(start[1], end[1]), max(start[1], end[1])) if upright else (start[1] - half_px, start[1] + half_px)
    cover = np.outer(_covered(ys, canvas.shape[0]), _covered(xs, canvas.shape[1]))
    rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
    if not rows.size:
        return
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    weight = cover[part][..., None]
    canvas[part] = np.round(canvas[part] * (1 - weight) + np.array(rgb, np.float32) * weight).astype(np.uint8)


def _covered(span: tuple[float, float], length: int) -> npt.NDArray[np.float32]:
    """How much of each pixel along an axis an interval covers, 0..1."""
    edges = np.arange(length, dtype=np.float32)
    return np.asarray(np.clip(np.minimum(edges + 1, span[1]) - np.maximum(edges, span[0]), 0, 1), np.float32)
