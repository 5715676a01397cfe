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
from imaging.color import FloatImage, lengths
from imaging.color_spread import carry_color
from imaging.crops import Box, box_around, placed
from imaging.edge_map import EdgeMap, find_edges
from imaging.shadow_removal import (
    Shade,
    compare_with_shade,
    nearby_product_hue,
    slivers,
    without_loose_shadows,
)

ROOM_PX = 40.0
"""How much picture around the product is looked at, pixels of a 1024 px picture."""
SMALL_BALL_PX = 2.0
BIG_BALL_PX = 7.0
"""Balls that roll over the background, in pixels of a 1024 px picture. What only the small one reaches is a crevice of the
product or a leak into it."""
BITE_RADIUS_PX = 8.0
BITE_ROUND_PX = 8.0
"""A bite holds a disk of 8 px of a 1024 px picture, and reaches 8 px around where one fits, and its corners 8 more. Slivers of shadow that ridges close off hold one of 5 at most.
The bitten foot of DRK-002 fits the background 16 times worse than allowed; corners of paper beside garments, which ridges close off as well, .6 to 2.4."""
CREVICE_PX = 30
CREVICE_DEPTH_BALLS = 3.0
"""A crevice has fewer pixels than this, or is no deeper than three big balls behind its entrance; deeper is a leak."""
LOCAL_REACH_PX = (20.0, 60.0, 160.0)
"""How far the visible background is carried to where it would be behind the product, pixels of a 1024 px picture."""
MATCH_DELTA_E_RANGE = (1.0, 2.5)
MATCH_PER_BACKGROUND_P75 = 1.5
"""How near to the background around it a closed-in region must be to be seen through, against the background's own spread.
Openings in 32 studio renders were off by 0.2 to 0.8, pale prints of products on gray by 1.3 and more."""
SPREAD_STEP = 3
"""That spread is taken from every third row and column."""
CLEARLY_OFF = 3.0
"""Misfit from which a pixel is not seen through the product; it keeps a gray rail apart from the gap that it crosses."""
NARROW_MATCH = 2.0
"""A long crevice too narrow for the big ball may fit twice as badly: beside a strong edge JPEG tints the background."""
MIN_HOLE_SHARE = 0.0002
"""Smallest hole that is opened, share of the picture (14 x 14 px at 1024) ..."""
MIN_HOLE_SHARE_ON_CLIPPED = 0.0015
CLIPPED_LIGHTNESS = 99.3
"""... and on a background of pure white, where a blown highlight looks the same."""
HOLE_SLOPE_FACTOR = 0.75
"""A hole is as smooth as the background: the median slope along its middle stays below this share of the weakest edge. Along its
sides JPEG ripples; in the narrow gap between two handles that is half of it."""


BLOCK_BORDER_PX = 6.0
"""How wide the steps around a block of color are, pixels of a 1024 px picture."""
LEAST_BLOCK_PX = 20
COLOR_ONLY_L_PER_PX = 0.3
"""Slope of lightness below which a step is one of color alone. At .15 two of five patches on drawn bags stayed; at .3, of 44 composited and demo
photographs without patches one lost .0007 of its IoU and one won .0045."""


@dataclass(frozen=True, kw_only=True)
class ProductMask:
    """The product with its skirt, and what it was told from."""

    mask: Mask
    leak: Mask
    """Regions that only the small ball reached and that were given to the product: there the outline has gaps."""
    model: BackgroundModel
    shade: Shade
    edge_map: EdgeMap
    unit_px: float
    """Size of one pixel of a 1024 px picture in this one."""


def find_product(lab_HW3: FloatImage, unit_px: float) -> ProductMask:
    """Separate product from background in a photo of working size; an empty mask when there is nothing."""
    height, width = lab_HW3.shape[:2]
    model = fit_background(lab_HW3)
    surface = model.surface(height, width)
    offset = cv2.GaussianBlur(cv2.subtract(lab_HW3, surface), (0, 0), 1.0)
    plain = lengths(offset) < model.plain_delta_e
    shade = compare_with_shade(lab_HW3, surface)
    edge_map = find_edges(lab_HW3, shade.brightness_HW, unit_px)
    first = _first_reach((plain | shade.likely()) & ~edge_map.edges, unit_px)
    # All that follows only takes away from what the ball left, so it is done in a box around that.
    box = box_around(_opened(~first, 3 * unit_px), ROOM_PX * unit_px)
    clipped = float(np.median(surface[::8, ::8, 0])) > CLIPPED_LIGHTNESS
    least_hole_px = (MIN_HOLE_SHARE_ON_CLIPPED if clipped else MIN_HOLE_SHARE) * first.size
    mask, leak = _without_background(offset[box], plain[box], first[box], shade.part(box), edge_map.part(box), least_hole_px, unit_px)
    return ProductMask(
        mask=placed(mask, box, first.shape),
        leak=placed(leak, box, first.shape),
        model=model,
        shade=shade,
        edge_map=edge_map,
        unit_px=unit_px,
    )


def _first_reach(passable: Mask, unit_px: float) -> Mask:
    """What the big ball reaches for sure, told on a copy of half the size."""
    height, width = passable.shape
    half = cv2.resize(passable.astype(np.uint8) * np.uint8(255), (width // 2, height // 2), interpolation=cv2.INTER_AREA) == 255
    reached = reach_from_border(np.asarray(half, dtype=bool), max(1.5, BIG_BALL_PX * unit_px / 2))
    return np.asarray(cv2.resize(reached.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0, dtype=bool)


def _without_background(
    offset_HW3: FloatImage, plain: Mask, first: Mask, shade: Shade, edge_map: EdgeMap, least_hole_px: float, unit_px: float
) -> tuple[Mask, Mask]:
    """The product and the leaks into it (ProductMask), in a box around what the ball left of the picture."""
    passable = (plain | shade.likely(nearby_product_hue(~first, shade, unit_px))) & ~edge_map.edges
    near = reach_from_border(passable, max(1.0, SMALL_BALL_PX * unit_px))
    far = reach_from_border(passable, max(1.5, BIG_BALL_PX * unit_px))
    bites, mismatch = _bites(far, passable & ~edge_map.ridges, offset_HW3, unit_px)
    if bites.any():
        far = far & ~bites
        near = near & (
            far | (cv2.dilate(bites.astype(np.uint8), disk(BITE_ROUND_PX * unit_px)) == 0)
        )  # nor what the small ball took beside them
    fits = mismatch < CLEARLY_OFF
    background = far | _crevices(near & ~far & fits, far, mismatch, unit_px)
    background |= _crevices(near & ~far & ~fits, far, mismatch, unit_px)
    background |= _holes(passable & fits & ~background, mismatch, edge_map, least_hole_px, unit_px)
    product = _opened(~background, 3 * unit_px)
    product = _opened(product & ~slivers(product, shade, edge_map, passable, unit_px), 3 * unit_px)
    product = _opened(product & ~_color_blocks(product, plain & (mismatch < CLEARLY_OFF), edge_map, unit_px), 3 * unit_px)
    mask = without_loose_shadows(product, shade, edge_map)
    return mask, near & ~background & mask


def _bites(background: Mask, closed: Mask, offset_HW3: FloatImage, unit_px: float) -> tuple[Mask, FloatImage]:
    """What the ball took of the product: a steel foot beside its own shade. And how badly each pixel fits the background that is left.

    Ridges close it off, it is as thick as no sliver of shadow, and unlike all background around; a corner of the paper between sleeve and hem is not.
    """
    held = background & ~reach_from_border(closed, max(1.5, BIG_BALL_PX * unit_px))
    core = cv2.erode(held.astype(np.uint8), disk(BITE_RADIUS_PX * unit_px), borderValue=0)
    if not core.any():
        return np.zeros_like(held), _mismatch(offset_HW3, background, unit_px)
    thick = held & (cv2.dilate(core, disk((BITE_RADIUS_PX + BITE_ROUND_PX) * unit_px)) > 0)
    mismatch = _mismatch(offset_HW3, background & ~thick, unit_px)
    count, labels = cv2.connectedComponents(thick.astype(np.uint8))
    bites = np.isin(labels, [n for n in range(1, count) if np.median(mismatch[labels == n]) >= CLEARLY_OFF])
    if bites.any():
        bites = held & (cv2.dilate(bites.astype(np.uint8), disk(BITE_ROUND_PX * unit_px)) > 0)  # its corners, too
    return bites, _mismatch(offset_HW3, background & ~bites, unit_px)


def disk(radius_px: float) -> npt.NDArray[np.uint8]:
    """A round structuring element of at least 3 x 3 pixels."""
    size = 2 * max(1, round(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)


def _opened(mask: Mask, size_px: float) -> Mask:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disk(size_px / 2)) > 0, dtype=bool)


def _mismatch(offset_HW3: FloatImage, background: Mask, unit_px: float) -> FloatImage:
    """How badly each pixel fits the background, 1 being the limit for a region behind the product.

    Fits either the fitted surface or the background visible nearby, with its shadows. offset_HW3: Lab minus the surface, so
    that only what the surface does not know is carried across.
    """
    height, width = background.shape
    size = (max(1, width // 4), max(1, height // 4))
    known = cv2.resize(background.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    small = cv2.resize(offset_HW3, size, interpolation=cv2.INTER_AREA)
    nearby, _ = carry_color(small, known, tuple(reach * unit_px / 4 for reach in LOCAL_REACH_PX))
    from_nearby = lengths(cv2.subtract(offset_HW3, cv2.resize(nearby, (width, height))))
    from_surface = lengths(offset_HW3)
    near_limit, surface_limit = (_match_limit(distance, background) for distance in (from_nearby, from_surface))
    return np.asarray(np.minimum(from_nearby / near_limit, from_surface / surface_limit), dtype=np.float32)


def _match_limit(distance_HW: FloatImage, background: Mask) -> float:
    low, high = MATCH_DELTA_E_RANGE
    some = distance_HW[::SPREAD_STEP, ::SPREAD_STEP][background[::SPREAD_STEP, ::SPREAD_STEP]]
    spread = np.percentile(some, 75) if len(some) else 0.0
    return float(np.clip(MATCH_PER_BACKGROUND_P75 * spread, low, high))


def _crevices(region: Mask, background: Mask, mismatch_HW: FloatImage, unit_px: float) -> Mask:
    """The parts of a region behind narrow entrances that are background; the others are leaks into the product."""
    if not region.any():
        return region
    count, labels, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8))
    entrance = cv2.dilate(background.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    entrance_px = np.bincount(labels[entrance & region], minlength=count)
    area = stats[:, cv2.CC_STAT_AREA]
    kept = (area < CREVICE_PX * unit_px**2) | (area < CREVICE_DEPTH_BALLS * BIG_BALL_PX * unit_px * entrance_px)
    kept[0] = False
    for index in np.nonzero(~kept)[0][1:]:
        x, y, width, height, _ = stats[index]
        box = np.s_[y : y + height, x : x + width]
        inside = labels[box] == index
        narrow = _room(region, box)[inside].max() < BIG_BALL_PX * unit_px
        kept[index] = np.median(mismatch_HW[box][inside]) < (NARROW_MATCH if narrow else 1.0)
    return np.asarray(kept[labels], dtype=bool)


def _room(region: Mask, box: Box) -> FloatImage:
    """How far each pixel of a box around a piece of the region is from the region's end, told with a pixel of surroundings, which hold that end."""
    top, left = (max(0, side.start - 1) for side in box)
    around = region[top : box[0].stop + 1, left : box[1].stop + 1]
    room = cv2.distanceTransform(around.astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(
        room[box[0].start - top :, box[1].start - left :][: box[0].stop - box[0].start, : box[1].stop - box[1].start], np.float32
    )


def _color_blocks(product: Mask, plain: Mask, edge_map: EdgeMap, unit_px: float) -> Mask:
    """Patches of background at the product's side that are closed off by steps of color alone: JPEG codes color in blocks of 16 px.

    A pale product of the background's color is told from it by a step of lightness, one of another color is not plain.
    """
    found = np.zeros_like(product)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((product & plain & ~edge_map.edges).astype(np.uint8))
    reach = disk(BLOCK_BORDER_PX * unit_px)
    margin = reach.shape[0]
    for index in range(1, count):
        x, y, width, height, area = stats[index]
        if area < LEAST_BLOCK_PX * unit_px**2:
            continue
        box = np.s_[max(0, y - margin) : y + height + margin, max(0, x - margin) : x + width + margin]
        inside = labels[box] == index
        near = (cv2.dilate(inside.astype(np.uint8), reach) > 0) & product[box]
        border = near & plain[box] & edge_map.edges[box] & (cv2.dilate((~product[box]).astype(np.uint8), reach) > 0)
        if not border.any():
            continue
        step = edge_map.light_slope_HW[box]
        if np.median(step[border]) < COLOR_ONLY_L_PER_PX:
            found[box] |= inside | (near & plain[box] & (step < COLOR_ONLY_L_PER_PX))
    return found


def _holes(closed_in: Mask, mismatch_HW: FloatImage, edge_map: EdgeMap, least_px: float, unit_px: float) -> Mask:
    """Closed-in regions that the background shows through: handle openings, gaps between chair legs."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(_opened(closed_in, 5 * unit_px).astype(np.uint8))
    kept = np.zeros(count, dtype=bool)
    for index in range(1, count):
        x, y, width, height, area = stats[index]
        if area < least_px:
            continue
        box = np.s_[y : y + height, x : x + width]
        inside = labels[box] == index
        room = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
        middle = inside & (room >= np.median(room[inside]))
        smooth = np.median(edge_map.slope_HW[box][middle]) < HOLE_SLOPE_FACTOR * edge_map.least_slope
        kept[index] = smooth and np.median(mismatch_HW[box][inside]) < 1
    return np.asarray(kept[labels], dtype=bool)
