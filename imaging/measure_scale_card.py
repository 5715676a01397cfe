"""Measure a scale card from its pixels: the reference object's scale, the product's silhouette, the dimension lines and where they end.

The object is recognized by its color and shape alone. Centimeters of the product come from the catalog, when a card is judged.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.dimension_lines import LINE_RGB
from imaging.measure_views import ByteImage, Mask
from imaging.outlines import coverage
from imaging.reference_objects import DETAIL_RGB, NAMES, REFERENCE_RGB, reference_object

NEAR_LEVELS = 22
"""A pixel whose every channel is this near to a drawn color is taken for it; JPEG 85 moves flat color by less than 6."""
PRODUCT_LEVELS = 30
"""A pixel is the cut-out's where every channel is this near to it."""
DIFFERS_LEVELS = 24
"""And something of its own where a channel is this far from the ground."""
NEUTRAL_LEVELS = 18
"""Shadows, gray lines and letters change a neutral ground's channels by about as much."""
SHAPE_SIDE_PX = 160
"""Longer side at which shapes are compared."""
LINE_RUN = 0.05
"""Shortest dimension line, of the picture's shorter side: strokes of letters in another color are shorter anyway."""
STROKE = 0.012
"""Widest line within an object, of the picture's shorter side: what it parts (a mug below its rim, a door's panels) is one thing."""
AROUND = 0.06
"""How far around its cut-out a product is looked for, of the picture's shorter side."""

OF_SCALE_CARD = (
    "reference_px_per_cm", "reference_shape_iou", "dimension_height_px", "dimension_width_px", "dimension_gap_pct",
    "product_width_px", "product_height_px",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Ends of a line along its direction, and where it stands across; pixel edges."""

    start: float
    end: float
    across: float


def measure_scale_card(
    render_HW3: ByteImage, product_rgb_HW3: ByteImage | None, product_alpha_HW: ByteImage | None
) -> dict[str, float | None]:
    """OF_SCALE_CARD at full size.

    `reference_px_per_cm`: the drawn object's scale; None where none of the known objects is seen. `reference_shape_iou`: overlap of what is seen
    with that object's outline, 0..1. Lengths of the dimension lines, None where there is no such line. `dimension_gap_pct`: the worst distance of
    a line's end to the edge of the product that it belongs to, in percent of the product's longer side; a lower end may lie above the lowest point,
    on the ground below the product's middle.
    """
    columns: dict[str, float | None] = dict.fromkeys(OF_SCALE_CARD)
    covered = np.zeros(render_HW3.shape[:2], bool) if product_alpha_HW is None else product_alpha_HW > 0
    columns["reference_px_per_cm"], columns["reference_shape_iou"] = _reference(render_HW3, covered)
    if product_rgb_HW3 is None or product_alpha_HW is None or not covered.any():
        return columns
    left, top, right, bottom = _silhouette(render_HW3, product_rgb_HW3, product_alpha_HW)
    columns["product_width_px"], columns["product_height_px"] = right - left, bottom - top
    upright, level = _lines(render_HW3, covered)
    gaps = []
    if upright is not None:
        columns["dimension_height_px"] = upright.end - upright.start
        gaps += [abs(upright.start - top), max(0.0, upright.end - bottom)]
    if level is not None:
        columns["dimension_width_px"] = level.end - level.start
        gaps += [abs(level.start - left), abs(level.end - right)]
    if gaps:
        columns["dimension_gap_pct"] = 100 * max(gaps) / max(right - left, bottom - top, 1.0)
    return columns


def _near(render: ByteImage, rgb: tuple[int, int, int], levels: int) -> Mask:
    low, high = (tuple(int(np.clip(value + sign * levels, 0, 255)) for value in rgb) for sign in (-1, 1))
    return np.asarray(cv2.inRange(render, np.array(low), np.array(high)) > 0)


def _reference(render: ByteImage, covered: Mask) -> tuple[float | None, float | None]:
    """Scale and likeness of the drawn object. The scale is that of the direction which is further off, should it be drawn squashed."""
    drawn = _near(render, REFERENCE_RGB, NEAR_LEVELS) & ~covered
    stroke = round(STROKE * min(render.shape[:2])) | 1
    whole = cv2.morphologyEx(drawn.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((stroke, stroke), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole)
    if count < 2:
        return None, None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    x, y, wide, high = (int(stats[largest, i]) for i in (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP, cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT))
    box = np.s_[y : y + high, x : x + wide]
    part = ((labels[box] == largest) & drawn[box]) | _near(render[box], DETAIL_RGB, NEAR_LEVELS)
    edges = _soft_box(render, x, y, wide, high)
    scale = SHAPE_SIDE_PX / max(wide, high)
    size = (max(2, round(wide * scale)), max(2, round(high * scale)))
    seen = cv2.resize(part.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) >= 128
    best, likeness = NAMES[0], 0.0
    for name in NAMES:
        thing = reference_object(name)
        across, up = size[0] / thing.width_cm, size[1] / thing.height_cm
        curves = [np.stack([c[:, 0] * across, size[1] - c[:, 1] * up], -1) for c in thing.outlines]
        shape = coverage(curves, size[0], size[1]) >= 128
        squashed = min(across, up) / max(across, up)
        agreement = float((seen & shape).sum() / max(1, (seen | shape).sum())) * squashed
        if agreement > likeness:
            best, likeness = name, agreement
    thing = reference_object(best)
    scales = (edges[0] / thing.width_cm, edges[1] / thing.height_cm)
    return float(np.mean(scales)), likeness


def _soft_box(render: ByteImage, x: int, y: int, wide: int, high: int) -> tuple[float, float]:
    """Width and height of a drawn object to a fraction of a pixel: the edge pixels count by how much of them is covered."""
    pad = 2
    rows = slice(max(0, y - pad), min(render.shape[0], y + high + pad))
    columns = slice(max(0, x - pad), min(render.shape[1], x + wide + pad))
    part = render[rows, columns].astype(np.float32)
    ground = np.median(np.concatenate([part[0], part[:, 0], part[:, -1]]), axis=0)
    away = ground - np.array(REFERENCE_RGB, np.float32)
    cover = np.clip(((ground - part) @ away) / float(away @ away), 0, 1)
    cover[cover < 0.12] = 0
    return _extent(cover.max(axis=0)), _extent(cover[: y + high - rows.start + 1].max(axis=1))


def _extent(profile: npt.NDArray[np.float32]) -> float:
    """Length of a profile of coverage: whole pixels between its ends, and the ends by how much they are covered."""
    solid = np.flatnonzero(profile > 0.75)
    if not solid.size:
        return 0.0
    first, last = int(solid[0]), int(solid[-1])
    before = float(profile[first - 1]) if first else 0.0
    after = float(profile[last + 1]) if last + 1 < profile.size else 0.0
    return last - first - 1 + float(profile[first] + profile[last]) + before + after if last > first else float(profile[first])


def _silhouette(render: ByteImage, product_rgb: ByteImage, alpha: ByteImage) -> tuple[float, float, float, float]:
    """The product's box as it is seen: where the cut-out's pixels are, and what goes on beyond them that is no ground, shadow or drawn line."""
    solid = alpha >= 128
    ys, xs = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    reach = round(AROUND * min(render.shape[:2]))
    rows = slice(max(0, int(ys[0]) - reach), min(render.shape[0], int(ys[-1]) + 1 + reach))
    columns = slice(max(0, int(xs[0]) - reach), min(render.shape[1], int(xs[-1]) + 1 + reach))
    part, inside = render[rows, columns].astype(np.int16), solid[rows, columns]
    ground = np.median(render[:8].reshape(-1, 3), axis=0).astype(np.int16)
    weight = alpha[rows, columns].astype(np.int16)[..., None]
    placed = product_rgb[rows, columns] * (weight / 255) + ground * (1 - weight / 255)
    here = inside & (np.abs(part - placed).max(axis=2) <= PRODUCT_LEVELS)
    off = (part - ground).astype(np.float32)
    gray = off.max(axis=2) - off.min(axis=2) < NEUTRAL_LEVELS  # shadows and thin lines
    drawn = _near(render[rows, columns], LINE_RGB, 60) | _near(render[rows, columns], REFERENCE_RGB, NEAR_LEVELS)
    beyond = (np.abs(off).max(axis=2) > DIFFERS_LEVELS) & ~gray & ~drawn & ~inside
    beyond = cv2.morphologyEx(beyond.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    _, labels = cv2.connectedComponents((cv2.dilate(here.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0).astype(np.uint8) | beyond)
    seen = here | (beyond & np.isin(labels, np.unique(labels[here])))
    if not seen.any():
        return 0.0, 0.0, 0.0, 0.0
    ys, xs = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return (
        float(xs[0] + columns.start), float(ys[0] + rows.start), float(xs[-1] + 1 + columns.start), float(ys[-1] + 1 + rows.start)
    )  # fmt: skip


def _lines(render: ByteImage, covered: Mask) -> tuple[_Line | None, _Line | None]:
    """The upright and the level dimension line: the longest runs of their color outside of the product."""
    drawn = (_near(render, LINE_RGB, 40) & ~covered).astype(np.uint8)
    run = max(8, round(LINE_RUN * min(render.shape[:2])))
    found: list[_Line | None] = []
    for axis, kernel in ((0, np.ones((run, 1), np.uint8)), (1, np.ones((1, run), np.uint8))):
        opened = cv2.morphologyEx(drawn, cv2.MORPH_OPEN, kernel)
        count, _, stats, _ = cv2.connectedComponentsWithStats(opened)
        if count < 2:
            found.append(None)
            continue
        start, length = (cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT) if axis == 0 else (cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH)
        other, thick = (cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH) if axis == 0 else (cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT)
        best = 1 + int(np.argmax(stats[1:, length]))
        row = stats[best]
        found.append(_Line(start=float(row[start]), end=float(row[start] + row[length]), across=float(row[other] + row[thick] / 2)))
    return found[0], found[1]
