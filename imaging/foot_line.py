"""Where a product meets the floor: tell its lower outline from the contact shadow, and give back what shade took a bite of.

Along the lower outline the photo is unrolled into a strip, and the best line through the strip is found by dynamic programming: product's hue
above it, the floor's hue under less light below, a step of color on it. Shade keeps the floor's hue at every depth (shadow_removal.py), so hue
tells also in the dark core of a shadow, where thresholds on lightness do not. Where product and floor have one hue, nothing is changed.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import Mask
from imaging.color import FloatImage
from imaging.crops import box_around
from imaging.product_mask import disk

Values = npt.NDArray[np.float32]

INSIDE_PX = 26.0
OUTSIDE_PX = 22.0
"""How far the strip reaches into the product and beyond it; all lengths in pixels of a 1024 px picture."""
REFERENCE_PX = 8.0
"""The innermost part of the strip is taken for the product's own color."""
SMOOTH_PX = (5.0, 14.0)
"""Spurs thinner than twice the first and bites narrower than twice the second do not bend the strip."""
LEAST_HALVED_PX = 256
"""Smaller pictures are smoothed at their own size."""
CONTOUR_SIGMA_PX = 7.0
LOWEST_SHARE = 0.35
"""A foot lies in the lowest 35 % of the product ..."""
FACING_DOWN = 0.3
"""... and looks down: the outward normal's part along the picture's columns, 0..1."""
SHORTEST_RUN_PX = 40.0
BESIDE_PX = 20.0
"""Nothing is changed this near to where a leg or a handle leaves the outline."""
HUE_DELTA_E = (5.0, 12.0)
"""Hue of product and floor apart by less says nothing, by more everything; Delta E at the pixel's own lightness."""
CORE_DEPTH_PX = 5.0
CORE_CLEAR_PX = 8.0
CORE_BRIGHTNESS = (0.85, 0.7)
"""The core of a contact shadow takes the product's tint, but is abruptly darker than the product 6 px further in: below these shares of its
cube-root brightness first nothing and then the opposite is believed of hue. Not in products whose folds, 8 px before their end, are as dark."""
EVEN_SHARE = 0.5
"""A hue this far from the floor's to the product's speaks for neither: bounced light tints floors, shade grays products."""
STEP_WEIGHT = 0.5
"""What a step of 1 Delta E per px is worth, in pixels of clear hue; a step counts up to 8 Delta E."""
MOST_STEP_DELTA_E = 8.0
BEND_COST = 0.6
STAY_COST = 0.05
"""Costs of a line that moves by 1 px between neighbors, and of each px between the line and the mask that was given."""
SHORTEST_CHANGE = 6
CLEAR_STEP_DELTA_E = 5.0
"""Behind a sliver of shadow the product begins with a clear step, Delta E per px."""
THIN_SLIVER_PX = 5.0
DEPTH_SIGMA_PX = 8.0
LIKELY_FLOOR = 0.65
"""A sliver this thin is likely of the floor's hue. Chosen by looking at the stretches that were found in photographs of the tuned half; how
many of them are shadow was judged by eye, and is no measurement."""
DEEPEST_SLIVER_PX = 18.0
SURE_FLOOR = 0.9
SLIVER_BRIGHTNESS = (0.2, 0.85)
"""A deeper one is so for sure, and darker than lit floor but not black: what was lighter or black looked like a rim or a base of another color
(by eye, on the tuned half)."""
DEEPEST_BITE_PX = 14.0
LIKELY_HUE = 0.5
SOFT_STEP_DELTA_E = 4.0
"""A bite is no deeper than 14 px, likely of the product's hue, and the mask that was given ends in it without a clear step."""
LINE_SIGMA_PX = 3.0
SKIRT_PX = 1.5
"""The mask keeps this much beyond the step (product_mask.py); the soft edge is solved in it."""


@dataclass(frozen=True, kw_only=True)
class _Strip:
    """One run of lower outline. Positions are S along it by N across it, from inside the product to outside."""

    at_SN2: Values
    """x, y in the picture."""
    given_S: npt.NDArray[np.intp]
    """Index across at which the given mask ends."""
    sure_S: npt.NDArray[np.bool_]
    """Where the mask ends within the strip and begins before it: not where a leg or a handle goes on."""


def with_foot_line(mask: Mask, lab_HW3: FloatImage, surface_HW3: FloatImage, unit_px: float) -> Mask:
    """The mask with its lower outline moved to where the product's hue ends; unchanged where hue cannot tell.

    lab_HW3: the photo, surface_HW3: its empty background (BackgroundModel.surface), both float32 Lab.
    """
    result = mask.astype(np.uint8)
    for strip in _strips(mask, unit_px):
        evidence, step, brightness = _evidence(strip, lab_HW3, surface_HW3, unit_px)
        line = _best_line(evidence, step, strip.given_S, unit_px)
        for start, stop in _changed(line, strip, unit_px):
            part = slice(start, stop)
            if _is_plausible(evidence[part], step[part], brightness[part], line[part], strip.given_S[part], unit_px):
                _redraw(result, strip, line, start, stop, unit_px)
    return np.asarray(result > 0, dtype=bool)


def _strips(mask: Mask, unit_px: float) -> list[_Strip]:
    """The lower outline of the biggest piece in runs along which the product is thick enough to show its own color."""
    smooth = _smoothed(mask, unit_px)
    contours, _ = cv2.findContours(smooth, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return []
    outline = max(contours, key=cv2.contourArea)[:, 0].astype(np.float32)
    if len(outline) < 4 * SHORTEST_RUN_PX * unit_px:
        return []
    outline = _along(outline, CONTOUR_SIGMA_PX * unit_px)
    forward = np.roll(outline, -2, axis=0) - np.roll(outline, 2, axis=0)
    normal = np.stack([-forward[:, 1], forward[:, 0]], axis=-1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    if _looks_inward(outline, normal, smooth):
        normal = -normal
    top, bottom = outline[:, 1].min(), outline[:, 1].max()
    low = (normal[:, 1] > FACING_DOWN) & (outline[:, 1] > bottom - LOWEST_SHARE * (bottom - top))
    across = np.arange(-round(INSIDE_PX * unit_px), round(OUTSIDE_PX * unit_px) + 1, dtype=np.float32)
    strips = []
    for start, stop in _runs(low, SHORTEST_RUN_PX * unit_px):
        at = outline[start:stop, None] + across[None, :, None] * normal[start:stop, None]
        held = cv2.remap(mask.astype(np.uint8), at, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT) > 0
        given = np.where(held.any(axis=1), held.shape[1] - 1 - held[:, ::-1].argmax(axis=1), 0)
        goes_on = (held[:, -1] | ~held[:, 0]).astype(np.uint8)[:, None]
        near = np.ones((2 * round(BESIDE_PX * unit_px) + 1, 1), np.uint8)
        sure = (given > round(REFERENCE_PX * unit_px)) & (cv2.dilate(goes_on, near)[:, 0] == 0)
        strips.append(_Strip(at_SN2=at, given_S=given, sure_S=np.asarray(sure, dtype=bool)))
    return strips


def _smoothed(mask: Mask, unit_px: float) -> npt.NDArray[np.uint8]:
    """The mask without spurs and bites, both of which a line is to be found across; smoothed at half the size."""
    held = mask.astype(np.uint8) * np.uint8(255)
    step = 2 if min(mask.shape) >= LEAST_HALVED_PX else 1
    box = box_around(mask, 2 * step)
    size = held[box].shape
    held = cv2.resize(held[box], (max(1, size[1] // step), max(1, size[0] // step)), interpolation=cv2.INTER_AREA)
    held = np.where(held > 127, 255, 0).astype(np.uint8)
    margin = round(2 * SMOOTH_PX[1] * unit_px / step) + 1
    held = np.pad(held, margin)
    for operation, radius in ((cv2.MORPH_OPEN, SMOOTH_PX[0]), (cv2.MORPH_CLOSE, SMOOTH_PX[1])):
        held = cv2.morphologyEx(held, operation, disk(radius * unit_px / step))
    result = np.zeros(mask.shape, np.uint8)
    result[box] = cv2.resize(np.ascontiguousarray(held[margin:-margin, margin:-margin]), size[::-1], interpolation=cv2.INTER_LINEAR) > 127
    return result


def _along(values: Values, sigma: float) -> Values:
    """A closed line's values (N, K), smoothed along it."""
    reach = min(len(values), round(4 * sigma))
    closed = np.concatenate([values[-reach:], values, values[:reach]]) if reach else values
    return np.asarray(cv2.GaussianBlur(closed, (1, 0), sigmaX=0.01, sigmaY=sigma)[reach : reach + len(values)], dtype=np.float32)


def _looks_inward(outline: Values, normal: Values, smooth: npt.NDArray[np.uint8]) -> bool:
    ahead = np.round(outline + 3 * normal).astype(int)
    height, width = smooth.shape
    inside = smooth[np.clip(ahead[:, 1], 0, height - 1), np.clip(ahead[:, 0], 0, width - 1)] > 0
    return bool(inside.mean() > 0.5)


def _runs(chosen: npt.NDArray[np.bool_], least: float) -> list[tuple[int, int]]:
    """Start and stop of every run of true values at least this long; a run across the end is taken in two."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2) if stop - start >= least]


def _evidence(strip: _Strip, lab_HW3: FloatImage, surface_HW3: FloatImage, unit_px: float) -> tuple[Values, Values, Values]:
    """For each pixel of a strip: -1 (floor) .. 1 (product) by hue, the step of color there, its brightness as a share of the floor's."""
    seen = cv2.remap(np.asarray(lab_HW3, np.float32), strip.at_SN2, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    floor = cv2.remap(np.asarray(surface_HW3, np.float32), strip.at_SN2, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    innermost = max(2, round(REFERENCE_PX * unit_px))
    own = _smooth_lines(seen[:, :innermost].mean(axis=1), 10 * unit_px)
    tone_of_seen, tone_of_floor, tone_of_own = (_tone(color) for color in (seen, floor, own[:, None]))
    apart = np.maximum(np.linalg.norm(tone_of_own - tone_of_floor, axis=-1), 1e-6)
    share = np.linalg.norm(tone_of_seen - tone_of_floor, axis=-1) / apart
    clear = apart * (seen[..., 0] + 16)
    low, high = HUE_DELTA_E
    evidence = np.clip((share - EVEN_SHARE) * 4, -1, 1) * np.clip((clear - low) / (high - low), 0, 1)
    back = max(2, round(CORE_DEPTH_PX * unit_px))
    lit = np.pad(_smooth_lines(seen[..., 0], 3 * unit_px), ((0, 0), (back, 0)), mode="edge")[:, : seen.shape[1]]
    left = (seen[..., 0] + 16) / (lit + 16)
    full, core = CORE_BRIGHTNESS
    of_product = np.arange(seen.shape[1]) < (strip.given_S - round(CORE_CLEAR_PX * unit_px))[:, None]
    darkest = np.percentile(seen[..., 0][of_product], 5) if of_product.any() else 0.0
    dark = np.clip(2 * (left - core) / (full - core) - 1, -1, 1)
    evidence = np.where(seen[..., 0] < darkest, np.minimum(evidence, dark), evidence)
    step = np.zeros(evidence.shape, np.float32)
    step[:, 1:-1] = np.linalg.norm(seen[:, 2:] - seen[:, :-2], axis=-1) / 2
    brightness = (seen[..., 0] + 16) / (floor[..., 0] + 16)
    return np.asarray(evidence, np.float32), np.minimum(_smooth_lines(step, 2.0 * unit_px), MOST_STEP_DELTA_E), brightness


def _tone(color: Values) -> Values:
    """a, b of a color as a share of its lightness + 16: the same for one surface under more and less light."""
    return np.asarray(color[..., 1:] / (color[..., :1] + 16), dtype=np.float32)


def _smooth_lines(values: Values, sigma: float) -> Values:
    """Values (S, ...) smoothed along the strip."""
    flat = np.ascontiguousarray(values.reshape(len(values), -1), dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(flat, (1, 0), sigmaX=0.01, sigmaY=sigma).reshape(values.shape), dtype=np.float32)


def _scores(evidence: Values, step: Values) -> Values:
    """What a line at each place is worth: product's hue above it, floor's below, a step on it."""
    above = np.cumsum(evidence, axis=1)
    return np.asarray(above - (above[:, -1:] - above) + STEP_WEIGHT * step, dtype=np.float32)


def _best_line(evidence: Values, step: Values, given_S: npt.NDArray[np.intp], unit_px: float) -> npt.NDArray[np.intp]:
    """The line of most worth that bends little and stays near the given one where nothing speaks against that; index across per S."""
    places = np.arange(evidence.shape[1])
    scores = _scores(evidence, step) - STAY_COST / unit_px * np.abs(places[None] - given_S[:, None])
    came_from = np.zeros(scores.shape, np.int8)
    padded = np.full(len(places) + 4, -np.inf, np.float32)
    padded[2:-2] = scores[0]
    from_above = np.lib.stride_tricks.sliding_window_view(padded, 5)[:, ::-1]  # of moves -2 .. 2; a view of what `padded` holds
    cost = np.array([BEND_COST * abs(move) for move in (-2, -1, 0, 1, 2)], np.float32)
    for index in range(1, len(scores)):
        options = from_above - cost
        chosen = options.argmax(axis=1)
        came_from[index] = chosen - 2
        padded[2:-2] = options[places, chosen] + scores[index]
    line = np.empty(len(scores), np.intp)
    line[-1] = int(padded[2:-2].argmax())
    for index in range(len(scores) - 1, 0, -1):
        line[index - 1] = line[index] - came_from[index, line[index]]
    return line


def _changed(line_S: npt.NDArray[np.intp], strip: _Strip, unit_px: float) -> list[tuple[int, int]]:
    """Stretches along which the line lies a little inside the given one, far inside, and outside."""
    moved = line_S - strip.given_S
    depth = _smooth_lines(moved.astype(np.float32)[:, None], DEPTH_SIGMA_PX * unit_px)[:, 0]
    inside, thin = moved < -2, depth >= -THIN_SLIVER_PX * unit_px
    sides = (inside & thin, inside & ~thin, moved > 2)
    return [run for side in sides for run in _runs(side & strip.sure_S, SHORTEST_CHANGE)]


def _is_plausible(
    evidence: Values, step: Values, brightness: Values, line_S: npt.NDArray[np.intp], given_S: npt.NDArray[np.intp], unit_px: float
) -> bool:
    """Whether a stretch between line and given end is a sliver of shadow, or a bite out of the product; all arguments of that stretch alone."""
    depth = float(np.median(np.abs(line_S - given_S)))
    along = np.arange(len(line_S))
    low, high = np.minimum(line_S, given_S), np.maximum(line_S, given_S)
    sums = np.cumsum(evidence, axis=1)
    hue = float(np.median((sums[along, high] - sums[along, low]) / (high - low)))
    step_now, step_before = (_steepest(step, at, reach) for at, reach in ((line_S, (-1, 1)), (given_S, (-2, 4))))
    if np.median(line_S - given_S) > 0:
        return depth <= DEEPEST_BITE_PX * unit_px and hue > LIKELY_HUE and step_before < SOFT_STEP_DELTA_E and step_now > 0.8 * step_before
    if depth > DEEPEST_SLIVER_PX * unit_px or step_now < CLEAR_STEP_DELTA_E:
        return False
    if depth <= THIN_SLIVER_PX * unit_px:
        return hue < -LIKELY_FLOOR
    middle = float(np.median(brightness[along, (low + high) // 2]))
    return hue < -SURE_FLOOR and SLIVER_BRIGHTNESS[0] < middle < SLIVER_BRIGHTNESS[1]


def _steepest(step: Values, at_S: npt.NDArray[np.intp], reach: tuple[int, int]) -> float:
    places = np.clip(at_S[:, None] + np.arange(reach[0], reach[1] + 1), 0, step.shape[1] - 1)
    return float(np.median(np.take_along_axis(step, places, axis=1).max(axis=1)))


def _redraw(result: npt.NDArray[np.uint8], strip: _Strip, line_S: npt.NDArray[np.intp], start: int, stop: int, unit_px: float) -> None:
    """Fill between the product's inside and the line, clear between the line and the mask's former end; `result` is changed."""
    ends = strip.at_SN2.shape[1] - 1
    along = np.arange(start, stop)
    innermost = np.full(len(along), max(1, round(REFERENCE_PX * unit_px)))
    level = _smooth_lines(line_S.astype(np.float32)[:, None], LINE_SIGMA_PX * unit_px)[along, 0]
    line = np.clip(np.round(level + SKIRT_PX * unit_px).astype(np.intp), 0, ends)
    beyond = np.minimum(np.maximum(strip.given_S[along], line) + 2, ends)
    for upper, lower, value in ((line, beyond, 0), (innermost, line, 1)):
        polygon = np.concatenate([strip.at_SN2[along, upper], strip.at_SN2[along, lower][::-1]])
        cv2.fillPoly(result, [np.round(polygon).astype(np.int32)], value)
