"""Tell contact and cast shadows from the product.

A shadow darkens the floor, hardly changes its hue, and has no outline. Leaves out shadows on textured floors.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from imaging.background_model import Mask
from imaging.color import FloatImage
from imaging.crops import Box, box_around, in_one_piece
from imaging.edge_map import EdgeMap

MAX_BRIGHTNESS = 1.01
MIN_BRIGHTNESS = 0.08
"""Shade lies between these shares of the background's cube-root brightness; below is black, which no floor gets."""
HUE_DELTA_E = 3.0
HUE_DELTA_E_IN_THE_DARK = 12.0
"""Shade may be off the floor's hue by 3, and by 12 more in the deepest shadow: products tint the floor that they stand on.
Far off is harmless: a product of that color has a strong outline, which stops the background before this matters."""
TINT_SHARE = 0.4
TINT_SHARE_IN_THE_DARK = 0.8
TINT_REACH_PX = 80.0
"""Bounced light: beside a colored product even the lit floor may be off by 0.4 of the product's own distance from the floor's
hue, and by 0.8 more in the deepest shadow. Reach in pixels of a 1024 px picture."""
LOOSE_SHARE = 0.5
LOOSE_HUE_DELTA_E = 4.0
LOOSE_SLOPE = 1.5
"""A separate piece is a shadow if it is smaller than half of the product, of the floor's hue, and without texture."""

SLIVER_ZONE = 0.3
SLIVER_HALF_WIDTH_PX = 8.0
"""A shadow sliver lies in the lowest 30 % of the product and is at most 16 px wide, in pixels of a 1024 px picture."""
OPEN_END_ZONE = 0.25
"""Feet of legs, the far ones included; above run the rails between them, as thin, gray and open at a highlight as a shadow."""
SLIVER_SIDE_PX = 5.0
"""How far from its middle the sides of a sliver lie."""
OPEN_END_DEPTH = 40.0
"""A sliver holds at most this many pixels for each pixel of its open end; a product with a crack in its outline holds more."""


@dataclass(frozen=True, kw_only=True)
class Shade:
    """How each pixel compares with the empty background under less light."""

    brightness_HW: FloatImage
    """Cube-root luminance as a share of the background's; 1 is unshaded."""
    hue_off_HW: FloatImage
    """Delta E by which a, b miss the background's hue at that brightness."""

    def part(self, box: Box) -> "Shade":
        """The same of a box of the picture."""
        return Shade(brightness_HW=self.brightness_HW[box], hue_off_HW=self.hue_off_HW[box])

    def likely(self, product_hue_HW: FloatImage | None = None) -> Mask:
        """Where the background in shadow would look like this; product_hue_HW as from `nearby_product_hue`."""
        darkness = np.clip(1 - self.brightness_HW, 0, 1)
        allowed = HUE_DELTA_E + HUE_DELTA_E_IN_THE_DARK * darkness
        if product_hue_HW is not None:
            allowed = np.maximum(allowed, (TINT_SHARE + TINT_SHARE_IN_THE_DARK * darkness) * product_hue_HW)
        brightness = self.brightness_HW
        return np.asarray((self.hue_off_HW < allowed) & (brightness < MAX_BRIGHTNESS) & (brightness > MIN_BRIGHTNESS), dtype=bool)


def compare_with_shade(lab_HW3: FloatImage, surface_HW3: FloatImage) -> Shade:
    """Compare a photo with its background surface under less light.

    Scaling linear light by s scales (L + 16, a, b) by the cube root of s (CIE 1976, above its linear toe), so every
    shadow of one floor color lies on a line through (-16, 0, 0).
    """
    light, a, b = cv2.split(lab_HW3)
    floor_light, floor_a, floor_b = cv2.split(surface_HW3)
    brightness = (light + 16) / (floor_light + 16)
    hue_off = cv2.magnitude(a - brightness * floor_a, b - brightness * floor_b)
    return Shade(
        brightness_HW=np.asarray(cv2.GaussianBlur(brightness, (0, 0), 1.2), dtype=np.float32),
        hue_off_HW=np.asarray(cv2.GaussianBlur(hue_off, (0, 0), 1.2), dtype=np.float32),
    )


def nearby_product_hue(product: Mask, shade: Shade, unit_px: float) -> FloatImage:
    """How far off the floor's hue the product is around here; Delta E, float32 (H, W).

    Weighted towards the most colorful parts, because a first mask still holds some tinted floor.
    """
    height, width = product.shape
    size = (max(1, width // 8), max(1, height // 8))
    hue = shade.hue_off_HW * product
    squared = np.square(hue)
    weight, power = (cv2.resize(values, size, interpolation=cv2.INTER_AREA) for values in (squared, squared * hue))
    sigma = max(1.0, TINT_REACH_PX * unit_px / 8)
    spread = cv2.GaussianBlur(power, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
    return np.asarray(cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def slivers(product: Mask, shade: Shade, edge_map: EdgeMap, passable: Mask, unit_px: float) -> Mask:
    """Thin, low spurs of the product that are shadow; passable: without an edge, and of a color that shaded floor may have."""
    found = np.zeros_like(product)
    if not product.any():
        return found
    top, height = _rows_of_biggest(product)  # specks elsewhere have no say
    size = 2 * max(1, round(SLIVER_HALF_WIDTH_PX * unit_px)) + 1
    low, open_low = (round(top + (1 - zone) * height) for zone in (SLIVER_ZONE, OPEN_END_ZONE))
    above = max(0, low - 2 * size)  # what decides how wide the product is in the first row
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    wide = cv2.morphologyEx(product[above:].astype(np.uint8), cv2.MORPH_OPEN, kernel)[low - above :] > 0
    thin = product[low:] & ~wide
    if not thin.any():
        return found
    rows = np.s_[low:], np.s_[:]
    found[low:] = _slopeless(thin, shade.part(rows), edge_map.part(rows), unit_px)
    found[open_low:] |= _open_ended(thin[open_low - low :], product[open_low:], passable[open_low:], unit_px)
    return found


def _rows_of_biggest(product: Mask) -> tuple[int, int]:
    """First row and height of the biggest piece."""
    if in_one_piece(product):
        rows = box_around(product, 0)[0]
        return rows.start, rows.stop - rows.start
    _, _, stats, _ = cv2.connectedComponentsWithStats(product.astype(np.uint8))
    _, top, _, height, _ = stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))]
    return int(top), int(height)


def _slopeless(thin: Mask, shade: Shade, edge_map: EdgeMap, unit_px: float) -> Mask:
    """Spurs that look like the crisp start of a shadow: beside chair legs, along contact lines.

    A thin part of the product itself has a slope beside it that no shadow has.
    """
    reach = 2 * max(1, round(2 * unit_px)) + 1
    steepest = cv2.dilate(edge_map.slope_HW, np.ones((reach, reach), np.uint8))
    return np.asarray(thin & shade.likely() & (steepest < LOOSE_SLOPE), dtype=bool)


def _open_ended(thin: Mask, product: Mask, passable: Mask, unit_px: float) -> Mask:
    """Spurs with sides as crisp as the product's own, but open at the end: the cast shadow of a leg.

    Between its sides a shadow goes over into lit floor without a step; a leg ends in one.
    """
    core = thin & passable
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core.astype(np.uint8), connectivity=4)
    ends = core & (cv2.dilate((~product).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    open_px = np.bincount(labels[ends], minlength=count)
    shadow = (open_px > 0) & (stats[:, cv2.CC_STAT_AREA] < OPEN_END_DEPTH * unit_px * open_px)
    shadow[0] = False
    if not shadow.any():
        return np.zeros_like(thin)
    found: Mask = np.asarray(shadow[labels], dtype=bool)
    to_shadow = cv2.distanceTransform((~found).astype(np.uint8), cv2.DIST_L2, 3)
    to_product = cv2.distanceTransform((~(product & ~thin | core & ~found)).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(thin & (to_shadow < np.minimum(to_product, SLIVER_SIDE_PX * unit_px)), dtype=bool)


def without_loose_shadows(product: Mask, shade: Shade, edge_map: EdgeMap, *, least_share: float = 0.01) -> Mask:
    """Drop separate pieces that are shadows, and specks below `least_share` of the biggest piece."""
    if in_one_piece(product):
        return product
    _, labels, stats, _ = cv2.connectedComponentsWithStats(product.astype(np.uint8))
    area = stats[:, cv2.CC_STAT_AREA].copy()
    area[0] = 0
    kept = area >= least_share * area.max()
    for index in np.nonzero(kept & (area < LOOSE_SHARE * area.max()))[0]:
        x, y, width, height, _ = stats[index]
        box = np.s_[y : y + height, x : x + width]
        inside = labels[box] == index
        kept[index] = not (
            np.median(shade.hue_off_HW[box][inside]) < LOOSE_HUE_DELTA_E
            and np.percentile(shade.brightness_HW[box][inside], 90) < MAX_BRIGHTNESS
            and np.percentile(edge_map.slope_HW[box][inside], 90) < LOOSE_SLOPE
        )
    return np.asarray(kept[labels], dtype=bool)
