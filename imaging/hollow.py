"""Hollow garments: a mannequin taken out of a cut-out, and what it hid of the garment's inside drawn from the garment's own color.

The garment's pixels stay as photographed but for a rim of two pixels along what was taken out. The inside is made up: no photo shows it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.mannequin import Mannequin

ByteImage = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

NECK_SAG = 0.11
WAIST_SAG = -0.06
"""How far the back rim of an opening hangs below the line between its ends, of its width; a waistband's stands above it."""
RIM_SHADE, DEEP_SHADE = 0.80, 0.50
"""How light the inside is against the outside: at the back rim, and behind the front edge. Read off photographs of hollow shirts."""
BAND = 0.10
"""Height of the band inside a collar or waist, of the opening's width."""
SLEEVE_DEPTH = 0.13
"""Depth of the dark lens in a sleeve's end, of its width."""
TINY = 0.0004
"""Openings smaller than this, of the garment, are left open."""
RIM_PX = 2


@dataclass(frozen=True, kw_only=True)
class Hollow:
    """A garment without its mannequin: colors and alpha; which pixels were drawn (its inside), and where its pixels may be others than before."""

    rgb_HW3: ByteImage
    alpha_HW: ByteImage
    inside_HW: Mask
    neck_width_px: float


def hollow(rgb_HW3: ByteImage, alpha_HW: ByteImage, mannequin: Mannequin, *, waist: bool) -> Hollow:
    """The cut-out (uint8 sRGB, alpha 0..255) without its mannequin, its openings filled; `waist`: the opening at the top is one."""
    cover = mannequin.cover_HW
    kept = np.round(alpha_HW * (1 - cover)).astype(np.uint8)
    kept[~_large_parts(kept >= 128)] = 0
    garment = kept >= 128
    rgb = _cleaned(rgb_HW3, cover, garment)
    inside = np.zeros(alpha_HW.shape, np.float32)
    shade = np.ones(alpha_HW.shape, np.float32)
    width = _fill_top(mannequin.neck_HW, garment, inside, shade, WAIST_SAG if waist else NECK_SAG)
    for limb in mannequin.limbs:
        _fill_sleeve(limb, garment, inside, shade)
    inside *= alpha_HW >= 128
    # Behind the garment's soft edge its inside goes on, where the mannequin did.
    beside = cv2.dilate((inside > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    behind = beside & (kept < 255) & (alpha_HW >= 250) & (inside < 1)
    inside[behind], shade[behind] = 1.0, (RIM_SHADE + DEEP_SHADE) / 2
    drawn = inside > 0
    if drawn.any():
        lining = _lining(rgb, garment, drawn, max(width, 0.05 * alpha_HW.shape[1])) * shade[..., None]
        share = (kept / 255.0)[..., None]
        mixed = rgb * share + lining * (1 - share)
        rgb = np.where(drawn[..., None], np.clip(np.round(mixed), 0, 255).astype(np.uint8), rgb)
    alpha = np.maximum(kept, np.round(255 * np.clip(kept / 255.0 + inside, 0, 1)).astype(np.uint8))
    return Hollow(rgb_HW3=rgb, alpha_HW=alpha, inside_HW=drawn, neck_width_px=width)


def _large_parts(mask: Mask) -> Mask:
    """Parts of at least a fiftieth of the largest; crumbs along a removed arm are none. Grown by two pixels, so that soft edges stay."""
    _count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    large = areas >= 0.02 * areas.max(initial=1)
    return np.asarray(cv2.dilate(large[labels].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)


def _cleaned(rgb_HW3: ByteImage, cover: FloatImage, garment: Mask) -> ByteImage:
    """Colors without the mannequin's along the border to it: each pixel there takes that of the nearest one that is garment alone."""
    near = cv2.dilate((cover > 0.02).astype(np.uint8), np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)) > 0
    sure = garment & ~near
    if not sure.any():
        return rgb_HW3
    _, labels = cv2.distanceTransformWithLabels((~sure).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colors = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    colors[labels[sure]] = rgb_HW3[sure]
    border = near & ~sure
    cleaned = rgb_HW3.copy()
    cleaned[border] = colors[labels[border]]
    return cleaned


def _fill_top(neck: Mask, garment: Mask, inside: FloatImage, shade: FloatImage, sag: float) -> float:
    """Mark the opening behind a neckline or waist, and how dark it is there; its width in pixels, 0 where there is none."""
    contact = _touching(garment, neck, 3)
    ends = _ends(contact)
    if ends is None:
        return 0.0
    (left_x, left_y), (right_x, right_y) = ends
    width = float(right_x - left_x)
    columns = np.arange(left_x, right_x + 1)
    across = (columns - left_x) / width
    line = left_y + (right_y - left_y) * across
    front = _first_below(garment, columns, np.minimum(line + sag * width, line).astype(int))
    depth = float(np.median(front[len(front) // 3 : 2 * len(front) // 3 + 1] - line[len(line) // 3 : 2 * len(line) // 3 + 1]))
    hang = min(sag * width, 0.5 * max(depth, 0.0)) if sag > 0 else sag * width
    rim = line + hang * 4 * across * (1 - across)
    rows = np.arange(garment.shape[0])[:, None]
    below_rim = np.clip(rows - rim[None, :] + 0.5, 0, 1)
    opening = below_rim * (rows < front[None, :] + 1) * ~garment[:, left_x : right_x + 1]
    if opening.sum() < TINY * garment.sum():
        return 0.0
    inside[:, left_x : right_x + 1] = np.maximum(inside[:, left_x : right_x + 1], opening)
    under = _under_cloth(neck, garment) & (inside < 1)  # beside the ends, where a hood or a high collar goes on above
    inside[under] = 1.0
    shade[inside > 0] = _shade_above(garment, width)[inside > 0]
    band = BAND * width
    from_rim = rows - rim[None, :]
    if float(np.median(front - rim)) > 1.5 * band:
        seam = np.exp(-(((from_rim - band) / max(1.0, 0.012 * width)) ** 2))
        shade[:, left_x : right_x + 1] *= np.where(opening > 0, np.where(from_rim < band, 1.06, 1.0) * (1 - 0.16 * seam), 1.0)
    return width


def _under_cloth(region: Mask, garment: Mask) -> Mask:
    """Pixels of a region with garment above them and below them in their column."""
    above, below = np.logical_or.accumulate(garment, axis=0), np.logical_or.accumulate(garment[::-1], axis=0)[::-1]
    return np.asarray(cv2.dilate(region.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & above & below & ~garment


def _shade_above(garment: Mask, width_px: float) -> FloatImage:
    """How light the inside is above the front edge in each column: darkest behind it, as light as it gets a third of the opening's width higher."""
    rows = np.arange(garment.shape[0], dtype=np.float32)[:, None]
    edge = np.where(garment, rows, np.float32(garment.shape[0]))
    above = np.minimum.accumulate(edge[::-1], axis=0)[::-1] - rows
    return np.asarray(RIM_SHADE - (RIM_SHADE - DEEP_SHADE) * np.exp(-np.maximum(above, 0) / (0.22 * width_px)), np.float32)


def _ends(contact: Mask) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The highest points of an opening's outline, on its left and on its right; None where it has no two sides."""
    rows, columns = np.nonzero(contact)
    if len(rows) < 12:
        return None
    middle = (columns.min() + columns.max()) / 2
    found = []
    for side in (columns < middle, columns >= middle):
        if not side.any():
            return None
        top = rows[side].min()
        at_top = side & (rows <= top + max(1, round(0.004 * contact.shape[0])))
        found.append((round(columns[at_top].mean()), int(top)))
    return (found[0], found[1]) if found[1][0] - found[0][0] >= 8 else None


def _first_below(garment: Mask, columns: npt.NDArray[np.int64], start: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The first row of garment in each column from a start on; the start itself where there is none."""
    rows = np.arange(garment.shape[0])[:, None]
    wanted = garment[:, columns] & (rows >= start[None, :])
    return np.where(wanted.any(axis=0), wanted.argmax(axis=0), start).astype(np.float64)


def _fill_sleeve(limb: Mask, garment: Mask, inside: FloatImage, shade: FloatImage) -> None:
    """Mark a dark lens in the end of a sleeve that an arm came out of; legs below a hem and feet leave none."""
    limb = (cv2.dilate(limb.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & ~garment
    rows, columns = np.nonzero(limb)
    bottom = np.flatnonzero(garment.any(axis=1))[[0, -1]]
    if len(rows) < 0.004 * garment.sum() or rows.min() > bottom[0] + 0.7 * (bottom[1] - bottom[0]):
        return
    points = np.stack([columns, rows], axis=1).astype(np.float32)
    center = points.mean(axis=0)
    axis = np.linalg.svd(points[:: max(1, len(points) // 2000)] - center, full_matrices=False)[2][0]
    contact = _touching(garment, limb, 3)
    at = np.stack(np.nonzero(contact)[::-1], axis=1).astype(np.float32)
    if len(at) < 8:
        return
    soft = cv2.GaussianBlur(garment.astype(np.float32), (0, 0), 4)
    outward = -np.stack([cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)], axis=2)[contact]
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    away = axis if float(np.median((center - at) @ axis)) > 0 else -axis
    hem = at[outward @ away > 0.72]
    if len(hem) < 8:
        return
    along = np.array([-away[1], away[0]], np.float32)
    places = hem @ along
    low, high = np.percentile(places, [2, 98])
    length = float(high - low)
    if length < 6:
        return
    edge = np.zeros(garment.shape, np.uint8)
    edge[hem[:, 1].astype(int), hem[:, 0].astype(int)] = 1
    distance = cv2.distanceTransform(1 - edge, cv2.DIST_L2, 5)
    grid = (points @ along - low) / length
    reach = SLEEVE_DEPTH * length * np.sqrt(np.clip(4 * grid * (1 - grid), 0, 1))
    here = distance[rows, columns]
    lens = np.clip(reach - here + 0.5, 0, 1) * ((grid > 0) & (grid < 1)) * ~garment[rows, columns]
    inside[rows, columns] = np.maximum(inside[rows, columns], lens)
    dark = DEEP_SHADE + 0.2 * np.clip(here / np.maximum(reach, 1), 0, 1)
    shade[rows, columns] = np.where(lens > 0, dark, shade[rows, columns])


def _touching(garment: Mask, other: Mask, reach_px: int) -> Mask:
    """Garment pixels within a few pixels of another region."""
    grown = cv2.dilate(other.astype(np.uint8), np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)) > 0
    return np.asarray(garment & grown)


def _lining(rgb_HW3: ByteImage, garment: Mask, drawn: Mask, width_px: float) -> FloatImage:
    """The garment's color carried into its openings, with the grain of the cloth beside them; float32 0..255."""
    sigma = max(2.0, 0.10 * width_px)
    sure = cv2.erode(garment.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    colors = rgb_HW3.astype(np.float32)
    step = max(1, int(sigma // 4))  # so wide a blur needs no pixel of its own
    small, weight = colors[::step, ::step] * sure[::step, ::step, None], sure[::step, ::step]
    total, count = np.zeros_like(small), np.zeros_like(weight)
    for wide, says in ((1, 1.0), (3, 0.03), (9, 0.001)):  # what is near says most, and far from all cloth something is said, too
        blurred, there = (cv2.GaussianBlur(one, (0, 0), wide * sigma / step) for one in (small, weight))
        total, count = total + says * blurred, count + says * there
    total /= np.maximum(count, 1e-9)[..., None]
    base = cv2.resize(total, (garment.shape[1], garment.shape[0]), interpolation=cv2.INTER_LINEAR)
    grain = (colors - cv2.GaussianBlur(colors, (0, 0), 2.5)).mean(axis=2)
    return np.asarray(base + _carried_grain(grain, sure > 0, drawn)[..., None], np.float32)


def _carried_grain(grain: FloatImage, sure: Mask, drawn: Mask) -> FloatImage:
    """The grain of a patch of cloth laid like tiles, mirrored at every seam; nothing where no patch is cloth alone."""
    side = max(8, min(grain.shape) // 16)
    whole = cv2.erode(sure.astype(np.uint8), np.ones((2 * side + 1, 2 * side + 1), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    rows, columns = np.nonzero(whole)
    if not len(rows):
        return np.zeros_like(grain)
    # The calmest of some places: a patch with a print or a seam in it would repeat it.
    spots = range(0, len(rows), max(1, len(rows) // 24))
    patches = [grain[rows[n] - side : rows[n] + side, columns[n] - side : columns[n] + side] for n in spots]
    patch = sorted(patches, key=lambda one: float(one.std()))[len(patches) // 4]
    tile = np.block([[patch, patch[:, ::-1]], [patch[::-1], patch[::-1, ::-1]]])
    times = [-(-size // have) for size, have in zip(grain.shape, tile.shape, strict=True)]
    return np.asarray(np.tile(tile, times)[: grain.shape[0], : grain.shape[1]] * drawn, np.float32)
