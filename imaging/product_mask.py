"""Find the product in a photo as a hard mask: everything the background cannot reach.

The background is what a ball rolled in from the border can touch without crossing an edge, as long as the ground looks
like the background surface or like shade on it. The mask keeps a skirt of a few pixels, the width of the edges; where
exactly the product ends is matte.py's question.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import BackgroundModel, Mask, fit_background, reach_from_border
from imaging.color import FloatImage
from imaging.edge_map import EdgeMap, find_edges
from imaging.shadow_removal import Shade, bounced_tint, compare_with_shade, without_loose_shadows

SMALL_BALL_PX = 2.0
BIG_BALL_PX = 7.0
"""Balls that roll over the background, in pixels of a 1024 px picture. What only the small one reaches is a crevice of the
product or a leak into it."""
CREVICE_PX = 30
CREVICE_DEPTH_BALLS = 3.0
"""A crevice has fewer pixels than this, or is no deeper than three big balls behind its entrance; deeper is a leak."""
TIGHT_DELTA_E_RANGE = (0.8, 3.0)
TIGHT_PER_BACKGROUND_P75 = 1.5
"""How near to the surface a closed-in region must be to pass for background, against the open background's own spread."""
MIN_HOLE_SHARE = 0.0003
"""Smallest hole that is opened, share of the picture (18 x 18 px at 1024)."""
HOLE_SLOPE_FACTOR = 1.5


@dataclass(frozen=True, kw_only=True)
class ProductMask:
    """The product with its skirt, and what it was told from."""

    mask: Mask
    leak: Mask
    """Regions that only the small ball reached and that were given to the product: there the outline has gaps."""
    model: BackgroundModel
    distance_HW: FloatImage
    """Delta E 76 from the background surface, slightly smoothed."""
    shade: Shade
    edge_map: EdgeMap
    unit_px: float
    """Size of one pixel of a 1024 px picture in this one."""


def find_product(lab_HW3: FloatImage, unit_px: float) -> ProductMask:
    """Separate product from background in a photo of working size; an empty mask when there is nothing."""
    model = fit_background(lab_HW3)
    surface = model.surface(*lab_HW3.shape[:2])
    distance = np.linalg.norm(cv2.GaussianBlur(lab_HW3 - surface, (0, 0), 1.0), axis=2)
    shade = compare_with_shade(lab_HW3, surface)
    edge_map = find_edges(lab_HW3, unit_px)
    plain = distance < model.plain_delta_e
    first = reach_from_border((plain | shade.likely()) & ~edge_map.edges, max(1.5, BIG_BALL_PX * unit_px))
    passable = (plain | shade.likely(bounced_tint(~first, shade, unit_px))) & ~edge_map.edges
    near = reach_from_border(passable, max(1.0, SMALL_BALL_PX * unit_px))
    far = reach_from_border(passable, max(1.5, BIG_BALL_PX * unit_px))
    tight = _tight_delta_e(distance, far)
    crevices = _crevices(near & ~far, far, distance, tight, unit_px)
    background = far | crevices
    background |= _holes(background, distance, edge_map, min(2 * tight, model.plain_delta_e), tight, unit_px)
    mask = without_loose_shadows(_opened(~background, 3 * unit_px), shade, edge_map)
    return ProductMask(
        mask=mask,
        leak=near & ~background & mask,
        model=model,
        distance_HW=np.asarray(distance, dtype=np.float32),
        shade=shade,
        edge_map=edge_map,
        unit_px=unit_px,
    )


def disk(radius_px: float) -> npt.NDArray[np.uint8]:
    """A round structuring element of at least 3 x 3 pixels."""
    size = 2 * max(1, round(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)


def _opened(mask: Mask, size_px: float) -> Mask:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disk(size_px / 2)) > 0, dtype=bool)


def _tight_delta_e(distance_HW: FloatImage, background: Mask) -> float:
    low, high = TIGHT_DELTA_E_RANGE
    if not background.any():
        return low
    return float(np.clip(TIGHT_PER_BACKGROUND_P75 * np.percentile(distance_HW[background], 75), low, high))


def _crevices(region: Mask, background: Mask, distance_HW: FloatImage, tight: float, unit_px: float) -> Mask:
    """The parts of a region behind narrow entrances that are background; the others are leaks into the product."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8))
    entrance = cv2.dilate(background.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    entrance_px = np.bincount(labels[entrance & region], minlength=count)
    area = stats[:, cv2.CC_STAT_AREA]
    kept = (area < CREVICE_PX * unit_px**2) | (area < CREVICE_DEPTH_BALLS * BIG_BALL_PX * unit_px * entrance_px)
    kept[0] = False
    for index in np.nonzero(~kept)[0][1:]:
        x, y, width, height, _ = stats[index]
        box = np.s_[y : y + height, x : x + width]
        kept[index] = np.median(distance_HW[box][labels[box] == index]) < 1.3 * tight
    return np.asarray(kept[labels], dtype=bool)


def _holes(
    background: Mask, distance_HW: FloatImage, edge_map: EdgeMap, loose: float, tight: float, unit_px: float
) -> Mask:
    """Closed-in regions that match the background: handle openings, gaps between chair legs."""
    candidate = _opened((distance_HW < loose) & ~edge_map.edges & ~background, 5 * unit_px)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(candidate.astype(np.uint8))
    kept = np.zeros(count, dtype=bool)
    for index in range(1, count):
        x, y, width, height, area = stats[index]
        if area < MIN_HOLE_SHARE * background.size:
            continue
        box = np.s_[y : y + height, x : x + width]
        inside = labels[box] == index
        matches = np.median(distance_HW[box][inside]) < tight
        smooth = np.percentile(edge_map.slope_HW[box][inside], 75) < HOLE_SLOPE_FACTOR * edge_map.least_slope
        kept[index] = matches and smooth
    return np.asarray(kept[labels], dtype=bool)
