"""Find where a placed product touches the ground, from the lower outline of its alpha.

A mug touches along the arc of its foot, a chair at four separate feet, a bag along its bottom edge; handles, shades and seats hang in
the air. Draws nothing; shadows.py does.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from imaging.placing import BOX_ALPHA, product_box

Uint8 = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

MAX_OUTLINE_SLOPE = 1.3
"""Steeper than this (rows per column), the lower outline no longer runs along the ground but up the product's side."""
MAX_OUTLINE_JUMP = 0.012
"""A jump of the outline from one column to the next, in box widths, ends what touches the ground."""
LEG_LOOK_ABOVE = 0.03
"""How far above its end, in box widths, a leg is looked at to tell it from the edge of a body."""
MAX_RUN_RISE = 0.20
"""How far, in box widths, the ground line of one foot or foot ring may rise: a ring seen from 25 degrees above rises .5 * sin(25)."""
SOLID_RUN = 0.28
"""A run along the ground of at least this share of the box width carries the product by itself; with less it stands on feet."""
SECOND_RUN_RISE = 0.06
"""Other parts of a product with a solid base touch the ground only this near (in box widths) to the lowest row: heel and toe of a shoe."""
FAR_FOOT_RISE = 0.42
"""A far foot of a legged product appears at most this much higher (in box widths): a square stance, turned, from 25 degrees above."""
MIN_FOOT_WIDTH, FOOT_WIDTH = 0.012, 0.13
"""A foot is at least and at most this wide (in box widths): less is a crumb of another's outline, more up in the air is a rail or seat."""

BEHIND_STEP = 0.03
"""A foot half hidden behind a nearer one ends there by a step of at least this (in box widths); a shoulder has no step."""


SHADOW_ZONE = (0.14, 0.12, 0.10)
"""How far beside, above and below the foot of a product on white its contact shadow may reach, in box widths; all else is white."""
WHITE_BORDER_PX = 8
"""What a shadow on white leaves free of the frame's border: marketplaces look there first, and so does the gate."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Where a product in a frame meets the ground.

    runs: (first column, last column + 1) of each stretch that touches. ground_row: for every column of the frame the row of the ground
    that carries it, interpolated between runs, float32 (W,). touch: 0..1 per column, how surely the outline there lies on the ground,
    float32 (W,). solid: one run carries it (mug, bag), else it stands on feet (chair). clearance: free height between its feet in box
    widths, median; 0 if solid. box: left, top, right, bottom in pixels.
    """

    runs: tuple[tuple[int, int], ...]
    ground_row: FloatArray
    touch: FloatArray
    solid: bool
    clearance: float
    box: tuple[int, int, int, int]

    @property
    def back_row(self) -> float:
        """The row of the far side of what touches the ground: the highest foot, or the hidden edge of a ring, its front mirrored at its ends."""
        fronts = [self.ground_row[first:last] for first, last in self.runs]
        return min(float(front[0] + front[-1] - front.max()) for front in fronts)

    def moved(self, right_px: int, down_px: int, *, width: int) -> "Footprint":
        """The same footprint seen from a frame of another width whose origin lies elsewhere; columns outside the old frame are level."""
        columns = np.arange(width) - right_px
        inside = (columns >= 0) & (columns < self.ground_row.size)
        nearest = np.clip(columns, 0, self.ground_row.size - 1)
        left, top, right, bottom = self.box
        return replace(
            self,
            runs=tuple((first + right_px, last + right_px) for first, last in self.runs),
            ground_row=self.ground_row[nearest] + np.float32(down_px),
            touch=np.where(inside, self.touch[nearest], np.float32(0)),
            box=(left + right_px, top + down_px, right + right_px, bottom + down_px),
        )

    def shadow_zone(self, frame_width: int, frame_height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of where a packshot's contact shadow may lie: around all that touches the ground, cut off before the frame's border."""
        left, _, right, bottom = self.box
        rows = np.concatenate([self.ground_row[first:last] for first, last in self.runs])
        beside, above, below = (share * (right - left) for share in SHADOW_ZONE)
        foot_left, foot_right = self.runs[0][0], self.runs[-1][1]
        zone = foot_left - beside, float(rows.min()) - above, foot_right + beside, bottom + below
        limits = (frame_width, frame_height) * 2
        free = WHITE_BORDER_PX
        first_x, first_y, last_x, last_y = (int(np.clip(round(edge), free, limit - free)) for edge, limit in zip(zone, limits, strict=True))
        return first_x, first_y, last_x, last_y


def shaded_between_feet(product_HW: npt.NDArray[np.bool_]) -> tuple[int, int, int] | None:
    """First column, last column + 1 and top row of the ground that a product on feet shades under itself; None for one on a solid base, or none.

    A bench is four times as wide as a third of its height: what its legs stand on reaches far above the strip at its foot where shadows are else.
    """
    if not product_HW.any():
        return None
    footprint = find_footprint(product_HW.astype(np.uint8) * np.uint8(255))
    if footprint.solid:
        return None
    farthest = min(float(footprint.ground_row[first:last].min()) for first, last in footprint.runs)
    above = SHADOW_ZONE[1] * (footprint.box[2] - footprint.box[0])
    return footprint.runs[0][0], footprint.runs[-1][1], max(0, int(farthest - above))


def find_footprint(alpha_HW: Uint8) -> Footprint:
    """The footprint of a placed alpha (uint8, frame size). Raises ValueError if the alpha holds no product."""
    box = product_box(alpha_HW)
    left, _, right, bottom = box
    covered = alpha_HW[:, left:right] >= BOX_ALPHA
    outline = np.where(covered.any(axis=0), alpha_HW.shape[0] - covered[::-1].argmax(axis=0), 0).astype(np.float32)
    width = right - left
    free = outline > 0
    lowest = _run_around(int(np.argmax(outline)), outline, free, width)
    runs = [lowest]
    solid = lowest[1] - lowest[0] >= SOLID_RUN * width
    free[lowest[0] : lowest[1]] = False
    limit = SECOND_RUN_RISE if solid else FAR_FOOT_RISE
    while free.any():
        column = int(np.argmax(np.where(free, outline, -1)))
        if bottom - outline[column] > limit * width:
            break
        run = _run_around(column, outline, free, width)
        rise = bottom - outline[column]
        share = (run[1] - run[0]) / width
        stands = share <= FOOT_WIDTH and _is_leg(run, float(outline[column]), covered, width)
        if share >= MIN_FOOT_WIDTH and _is_local_bottom(run, outline) and (rise <= SECOND_RUN_RISE * width or stands):
            runs.append(run)
        free[run[0] : run[1]] = False
    runs.sort()
    line = _ground_line(outline, runs, left, alpha_HW.shape[1])
    between = slice(runs[0][1], runs[-1][0])
    gap = line[left:right][between] - outline[between]
    return Footprint(
        runs=tuple((left + first, left + last) for first, last in runs),
        ground_row=line,
        touch=_touch(outline, runs, left, alpha_HW.shape[1], width),
        solid=solid,
        clearance=0.0 if solid or gap.size == 0 else float(np.median(gap)) / width,
        box=box,
    )


def _run_around(column: int, outline: FloatArray, free: npt.NDArray[np.bool_], width: int) -> tuple[int, int]:
    """The stretch around the lowest column along which the outline stays gentle, unbroken and low."""
    step = _step(width)
    limit = outline[column] - MAX_RUN_RISE * width
    jump = max(3.0, MAX_OUTLINE_JUMP * width)
    ends = []
    for direction in (-1, 1):
        here = column
        while 0 <= here + direction < len(outline) and free[here + direction]:
            following = outline[here + direction]
            passed = min(abs(here - column), step)
            slope_rise = outline[here - direction * passed] - following
            if following < limit or outline[here] - following > jump or slope_rise > MAX_OUTLINE_SLOPE * (passed + 1) + 1:
                break
            here += direction
        ends.append(here)
    return min(ends), max(ends) + 1


def _is_leg(run: tuple[int, int], bottom: float, covered: npt.NDArray[np.bool_], width: int) -> bool:
    """Whether what stands on a run is a leg, narrow a little above its end, and not the underside of a body."""
    row = int(bottom) - max(2, round(LEG_LOOK_ABOVE * width))
    line = covered[max(row, 0)]
    first, last = run[0], run[1] - 1
    while first > 0 and line[first - 1]:
        first -= 1
    while last < len(line) - 1 and line[last + 1]:
        last += 1
    return last - first + 1 <= 2 * FOOT_WIDTH * width


def _step(width: int) -> int:
    """Columns over which a slope is taken: a few, so that one jagged pixel is no slope."""
    return max(2, width // 80)


def _is_local_bottom(run: tuple[int, int], outline: FloatArray) -> bool:
    """Whether a run ends on both sides, by a rise or behind a nearer foot: a foot itself, not the shoulder of one already found."""
    first, last = run
    low = outline[first:last].max()
    reach = _step(len(outline)) + 3
    behind = low + BEHIND_STEP * len(outline)
    left, right = outline[max(0, first - reach) : first], outline[last : last + reach]
    ends_left = left.size == 0 or left.min() < low - 2 or left[-1] > behind
    ends_right = right.size == 0 or right.min() < low - 2 or right[0] > behind
    return bool(ends_left and ends_right)


def _ground_line(outline: FloatArray, runs: list[tuple[int, int]], left: int, frame_width: int) -> FloatArray:
    """Ground row of every frame column: the outline on runs, straight between them, level outside; lightly smoothed."""
    columns = np.concatenate([np.arange(first, last) for first, last in runs])
    line = np.interp(np.arange(frame_width) - left, columns, outline[columns]).astype(np.float32)
    smooth = max(3, len(outline) // 60) | 1
    return np.asarray(cv2.blur(line[None], (smooth, 1), borderType=cv2.BORDER_REPLICATE)[0], np.float32)


def _touch(outline: FloatArray, runs: list[tuple[int, int]], left: int, frame_width: int, width: int) -> FloatArray:
    """1 where a run is lowest, falling as it rises away from there: the side of a ring is farther from the eye and rounder."""
    touch = np.zeros(frame_width, np.float32)
    for first, last in runs:
        rise = outline[first:last].max() - outline[first:last]
        touch[left + first : left + last] = np.exp(-((rise / (0.12 * width)) ** 2))
    return touch
