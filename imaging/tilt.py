"""How far a photo leans, and how far its verticals converge: from straight lines, else from a product that is its own mirror image.

A line that leans is evidence only together with others: verticals of one scene agree on one tilt, and in a photo taken from above or below they
converge toward one point. A cup that narrows converges as well, with two lines: less than three places across are no keystone.
"""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

Uint8 = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]

WORK_SIDE_PX = 1024
MIN_LINE_SHARE = 0.045
"""Shortest line that counts, of the longer side."""
OUTLINE_SHARE = 0.012
"""Nearer to the product's edge than half of this, of the longer side, a line is its outline."""
NEAR_UPRIGHT_DEG = 14.0
AGREE_DEG = 0.7
"""Lines within this of what all say count as agreeing."""
MIN_SUPPORT = 0.5
"""Length of the agreeing verticals, of the longer side, from which they are believed; a mug has two sides of 0.4 of the frame's height, and a handle."""
MIN_AGREEING_SHARE = 0.6
"""Of the length of all nearly upright lines: legs that are splayed on purpose do not agree."""
MIN_TILT_DEG = 0.35
"""Less is not seen."""
MIN_MIRROR = 0.955
"""Overlap of a silhouette with its mirror image (IoU) from which a product counts as symmetric."""
MIN_MIRROR_GAIN = 0.012
"""How much better the mirror must fit at the lean that was found than upright; the drape of a shirt moves it by less."""
MIN_KEYSTONE_DEG = 2.0
"""Convergence across the frame up to which lines count as parallel, and perspective is left alone."""
PLACES, KEYSTONE_SUPPORT, KEYSTONE_SHARE = 3, 1.5, 0.8
"""Different places across the frame, a tenth of its width apart, where verticals must stand, their length together, and their share of all nearly
upright lines, for a keystone to be told from a tapering cup and from splayed legs. Measured on the demo: a lantern has 3 places, 1.8 and 94 %; chairs
1 to 3 places and 29 to 77 %. Lines that converge with less say nothing at all."""


@dataclass(frozen=True, kw_only=True)
class Tilt:
    """`tilt_deg`: how far verticals lean to the right (clockwise), 0 when nothing is sure. `keystone_deg`: how many degrees verticals at the two sides
    of the frame converge upward, 0 when nothing is sure. `witness`: what tells so."""

    tilt_deg: float
    keystone_deg: float
    witness: Literal["lines", "symmetry", "none"]
    why: str


def find_tilt(photo_HW3: Uint8, alpha_HW: Uint8) -> Tilt:
    """The lean of a photo. alpha_HW: of its product, same size, uint8. Angles above NEAR_UPRIGHT_DEG are a pose, not a lean, and are not found."""
    scale = min(1.0, WORK_SIDE_PX / max(photo_HW3.shape[:2]))
    size = (max(1, round(photo_HW3.shape[1] * scale)), max(1, round(photo_HW3.shape[0] * scale)))
    gray = cv2.cvtColor(np.asarray(cv2.resize(photo_HW3, size, interpolation=cv2.INTER_AREA)), cv2.COLOR_RGB2GRAY)
    alpha = np.asarray(cv2.resize(alpha_HW, size, interpolation=cv2.INTER_AREA), np.uint8)
    found = from_lines(gray, alpha)
    if found is not None:
        return found
    return from_symmetry(alpha) or Tilt(
        tilt_deg=0.0, keystone_deg=0.0, witness="none", why="too few lines agree, and the product is not symmetric"
    )


def from_lines(gray_HW: Uint8, alpha_HW: Uint8) -> Tilt | None:
    """From straight lines that are nearly upright, of the product's outline and of what is around it; None when too few agree.

    What is drawn on a product says nothing: stripes may slant.
    """
    height, width = gray_HW.shape
    side = max(height, width)
    reach = round(OUTLINE_SHARE * side) | 1
    within = cv2.erode((alpha_HW > 127).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    lines = _upright_lines(gray_HW, within, MIN_LINE_SHARE * side)
    if len(lines) == 0:
        return None
    across, lean, length = lines[:, 0] / width - 0.5, lines[:, 1], lines[:, 2] / side
    for may_converge in (True, False):
        tilt, converge, agreeing = _agreed(across, lean, length, may_converge=may_converge)
        support = float(length[agreeing].sum())
        if support < max(MIN_SUPPORT, MIN_AGREEING_SHARE * float(length.sum())):
            continue
        is_keystone = abs(converge) >= MIN_KEYSTONE_DEG
        if _places(across[agreeing], length[agreeing]) < (PLACES if is_keystone else 2):
            continue
        if is_keystone and support < max(KEYSTONE_SUPPORT, KEYSTONE_SHARE * float(length.sum())):
            continue
        why = f"{int(agreeing.sum())} verticals of {support:.1f} times the frame's side agree"
        return Tilt(tilt_deg=_worth(tilt), keystone_deg=round(converge, 2) if is_keystone else 0.0, witness="lines", why=why)
    return None


def from_symmetry(alpha_HW: Uint8) -> Tilt | None:
    """From a product that is its own mirror image about an axis: the lean of that axis; None for others."""
    side = 256 / max(alpha_HW.shape)
    small = (cv2.resize(alpha_HW, None, fx=side, fy=side, interpolation=cv2.INTER_AREA) > 127).astype(np.uint8)
    moments = cv2.moments(small, binaryImage=True)
    if moments["m00"] < 200:
        return None
    center = (moments["m10"] / moments["m00"], moments["m01"] / moments["m00"])
    angles = np.arange(-10.0, 10.01, 0.5)
    scores = np.array([_mirror_overlap(small, center, float(angle)) for angle in angles])
    best = int(scores.argmax())
    if scores[best] < MIN_MIRROR or best in (0, len(angles) - 1) or scores[best] - np.median(scores) < 0.02:
        return None  # no mirror, leaning too far, or as round as a ball
    before, here, after = scores[best - 1 : best + 2]
    angle = float(angles[best]) + 0.25 * float(before - after) / min(float(before - 2 * here + after), -1e-6)
    if here - scores[len(angles) // 2] < MIN_MIRROR_GAIN:
        angle = 0.0
    return Tilt(tilt_deg=_worth(angle), keystone_deg=0.0, witness="symmetry", why=f"the product is {scores[best]:.0%} its own mirror image")


def _worth(tilt_deg: float) -> float:
    return round(tilt_deg, 2) if abs(tilt_deg) >= MIN_TILT_DEG else 0.0


def _upright_lines(gray: Uint8, within: npt.NDArray[np.bool_], min_px: float) -> Floats:
    """Nearly upright segments whose middle is not within the product, as rows of (x of it, lean to the right in degrees, length in px)."""
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(gray)[0]
    if found is None:
        return np.zeros((0, 3))
    x1, y1, x2, y2 = np.asarray(found, np.float64).reshape(-1, 4).T
    length = np.hypot(x2 - x1, y2 - y1)
    up = np.where(y1 > y2, 1.0, -1.0)
    lean = np.degrees(np.arctan2(up * (x2 - x1), np.abs(y2 - y1) + 1e-9))
    rows, columns = (np.clip(((a + b) / 2).astype(int), 0, top - 1) for a, b, top in ((y1, y2, gray.shape[0]), (x1, x2, gray.shape[1])))
    kept = (length >= min_px) & (np.abs(lean) <= NEAR_UPRIGHT_DEG) & ~within[rows, columns]
    return np.stack([((x1 + x2) / 2)[kept], lean[kept], length[kept]], axis=1)


def _places(across: Floats, length: Floats) -> int:
    """Places across the frame, a tenth of its width apart, that hold a tenth of the lines' length each: both edges of one leg are one place."""
    bins = np.round(10 * across).astype(int)
    return sum(float(length[bins == one].sum()) >= 0.1 * float(length.sum()) for one in set(bins.tolist()))


def _agreed(across: Floats, lean: Floats, length: Floats, *, may_converge: bool) -> tuple[float, float, npt.NDArray[np.bool_]]:
    """Tilt at the frame's middle and lean lost across its width, on which most length agrees: lean = tilt - converge * across."""
    best_length = -1.0
    order = np.argsort(-length)[:24]
    tries = [(float(lean[i]), 0.0) for i in order]
    for a in order if may_converge else ():
        for b in order:
            if across[b] - across[a] > 0.12:
                converge = -(float(lean[b]) - float(lean[a])) / float(across[b] - across[a])
                if abs(converge) <= 16:
                    tries.append((float(lean[a]) + converge * float(across[a]), converge))
    for tilt, converge in tries:
        agreeing = np.abs(lean - (tilt - converge * across)) <= AGREE_DEG
        total = float(length[agreeing].sum()) - 0.02 * abs(converge)  # the simpler of two that explain as much
        if total > best_length:
            best, best_length = (tilt, converge, agreeing), total
    tilt, converge, agreeing = best
    weight = length[agreeing]
    if converge != 0.0:
        terms = np.stack([np.ones(int(agreeing.sum())), -across[agreeing]], axis=1)
        (tilt, converge), *_ = np.linalg.lstsq(terms * np.sqrt(weight)[:, None], lean[agreeing] * np.sqrt(weight), rcond=None)
    else:
        tilt = float(np.average(lean[agreeing], weights=weight))
    return float(tilt), float(converge), agreeing


def _mirror_overlap(mask: Uint8, center: tuple[float, float], angle_deg: float) -> float:
    """IoU of a silhouette, turned upright by an angle about its center, with its mirror image."""
    height, width = mask.shape
    turn = cv2.getRotationMatrix2D(center, angle_deg, 1.0)
    reach = int(np.hypot(height, width)) + 2
    turn[:, 2] += (reach / 2 - center[0], reach / 2 - center[1])
    upright = cv2.warpAffine(mask * np.uint8(255), turn, (reach + 1, reach + 1)) > 127
    columns = np.flatnonzero(upright.any(axis=0))
    if columns.size == 0:
        return 0.0
    best = 0.0
    for middle in (reach / 2, (columns[0] + columns[-1]) / 2):
        shift = round(2 * middle - reach)
        other = np.roll(upright[:, ::-1], shift, axis=1)
        best = max(best, float((upright & other).sum()) / max(1, int((upright | other).sum())))
    return best
