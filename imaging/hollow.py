"""Hollow garments: a mannequin taken out of a cut-out, and what it hid of the garment's inside filled: from a photo of it, or drawn.

The garment's pixels stay as photographed but for a rim of two pixels along what was taken out.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.inside_photo import InsideBack, fit_inside
from imaging.lining import lining
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
MIN_FILLED = 0.6
"""Share of an opening's width in which a neck or torso stands: between the ends of a bag's handle nothing does."""
MIN_SHOWN, MIN_COVERED = 0.4, 0.9
"""Of an opening as it would be drawn, the least that a photo's collar line may leave of it; and of that, the least that the photo must show."""


@dataclass(frozen=True, kw_only=True)
class Hollow:
    """A garment without its mannequin: colors and alpha; which pixels were drawn (its inside), and where its pixels may be others than before."""

    rgb_HW3: ByteImage
    alpha_HW: ByteImage
    inside_HW: Mask
    neck_width_px: float
    inside_back: InsideBack | None = None
    """The inside photo as it was moved in, or why it was not used; None where none was given."""


def hollow(
    rgb_HW3: ByteImage, alpha_HW: ByteImage, mannequin: Mannequin, *, waist: bool, inside_photo: tuple[ByteImage, ByteImage] | None = None
) -> Hollow:
    """The cut-out (uint8 sRGB, alpha 0..255) without its mannequin, its openings filled; `waist`: the opening at the top is one.

    inside_photo: colors and alpha of the cut-out of another photo that shows the inside of the garment's back, of any size.
    """
    cover = mannequin.cover_HW
    kept = np.round(alpha_HW * (1 - cover)).astype(np.uint8)
    kept[_slivers(kept >= 128, cover, alpha_HW)] = 0
    kept[~_large_parts(kept >= 128)] = 0
    garment = kept >= 128
    rgb = _cleaned(rgb_HW3, cover, garment)
    inside = np.zeros(alpha_HW.shape, np.float32)
    shade = np.ones(alpha_HW.shape, np.float32)
    opening = _opening(mannequin.neck_HW, garment, WAIST_SAG if waist else NECK_SAG)
    width, back = 0.0, None
    if opening is not None:
        if inside_photo is not None:
            back, opening = _with_photo(opening, fit_inside(*inside_photo, opening.ends, rgb, garment), garment)
        width = _fill_top(opening, mannequin.neck_HW, garment, inside, shade, band=back is None or bool(back.refusal))
    for limb in mannequin.limbs:
        _fill_sleeve(limb, garment, inside, shade)
    inside *= alpha_HW >= 128
    # Behind the garment's soft edge its inside goes on, where the mannequin did.
    beside = cv2.dilate((inside > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    behind = beside & (kept < 255) & (alpha_HW >= 250) & (inside < 1)
    inside[behind], shade[behind] = 1.0, (RIM_SHADE + DEEP_SHADE) / 2
    drawn = inside > 0
    if drawn.any():
        cloth = lining(rgb, garment, drawn, max(width, 0.05 * alpha_HW.shape[1]))
        if back is not None and opening is not None and not back.refusal:
            shown = (back.alpha_HW * _around(opening, garment))[..., None]
            cloth = cloth * (1 - shown) + back.rgb_HW3 * shown
        share = (kept / 255.0)[..., None]
        mixed = rgb * share + cloth * shade[..., None] * (1 - share)
        rgb = np.where(drawn[..., None], np.clip(np.round(mixed), 0, 255).astype(np.uint8), rgb)
    alpha = np.maximum(kept, np.round(255 * np.clip(kept / 255.0 + inside, 0, 1)).astype(np.uint8))
    return Hollow(rgb_HW3=rgb, alpha_HW=alpha, inside_HW=drawn, neck_width_px=width, inside_back=back)


def _slivers(garment: Mask, cover: FloatImage, alpha_HW: ByteImage) -> Mask:
    """Hairlines of the mannequin between it and the background: its shaded edge is of neither's color. Cloth between the two is wider."""
    reach = 2 * max(1, round(max(garment.shape) / 300)) + 1
    square, wide = np.ones((reach, reach), np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    thin = garment & (cv2.morphologyEx(garment.astype(np.uint8), cv2.MORPH_OPEN, square) == 0)
    between = [cv2.dilate(mask.astype(np.uint8), wide) > 0 for mask in (cover > 0.5, alpha_HW < 128)]
    return np.asarray(thin & between[0] & between[1])


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


@dataclass(frozen=True, kw_only=True)
class _Opening:
    """A neckline or waist: its highest points (x, y), and by column from one to the other the rows of its front edge and of its back rim."""

    ends: tuple[tuple[float, float], tuple[float, float]]
    front: npt.NDArray[np.float64]
    rim: npt.NDArray[np.float64]

    @property
    def columns(self) -> slice:
        """The columns from one end to the other."""
        return slice(int(self.ends[0][0]), int(self.ends[1][0]) + 1)

    @property
    def width(self) -> float:
        """From end to end, in pixels."""
        return float(self.ends[1][0] - self.ends[0][0])

    def cover(self, garment: Mask) -> FloatImage:
        """Share of each pixel, of the opening's columns, that lies between rim and front edge."""
        rows = np.arange(garment.shape[0])[:, None]
        below_rim = np.clip(rows - self.rim[None, :] + 0.5, 0, 1)
        return np.asarray(below_rim * (rows < self.front[None, :] + 1) * ~garment[:, self.columns], np.float32)


def _opening(neck: Mask, garment: Mask, sag: float) -> _Opening | None:
    """The opening that a neck or torso stood in, its back rim as one hangs; None where there is none."""
    contact = _touching(garment, neck, 3)
    ends = _ends(contact)
    if ends is None:
        return None
    (left_x, left_y), (right_x, right_y) = ends
    width = float(right_x - left_x)
    if contact[:, left_x : right_x + 1].any(axis=0).mean() < MIN_FILLED:
        return None
    columns = np.arange(left_x, right_x + 1)
    across = (columns - left_x) / width
    line = left_y + (right_y - left_y) * across
    front = _first_below(garment, columns, np.minimum(line + sag * width, line).astype(int))
    depth = float(np.median(front[len(front) // 3 : 2 * len(front) // 3 + 1] - line[len(line) // 3 : 2 * len(line) // 3 + 1]))
    hang = min(sag * width, 0.5 * max(depth, 0.0)) if sag > 0 else sag * width
    found = _Opening(ends=ends, front=front, rim=line + hang * 4 * across * (1 - across))
    return found if found.cover(garment).sum() >= TINY * garment.sum() else None


def _with_photo(opening: _Opening, back: InsideBack, garment: Mask) -> tuple[InsideBack, _Opening]:
    """The opening with the rim that its inside photo shows, and the photo; with a reason, and the drawn rim, where it does not fit."""
    if back.refusal:
        return back, opening
    solid = back.alpha_HW[:, opening.columns] >= 0.5
    rim = np.where(solid.any(axis=0), solid.argmax(axis=0), opening.rim).astype(np.float64)
    shown = replace(opening, rim=rim)
    cover = shown.cover(garment)
    if cover.sum() < MIN_SHOWN * opening.cover(garment).sum():
        return replace(back, refusal="its collar line lies below the neckline's front edge"), opening
    covered = float((cover * back.alpha_HW[:, opening.columns]).sum() / cover.sum())
    if covered < MIN_COVERED:
        return replace(back, refusal=f"it shows {covered:.0%} of the opening, {MIN_COVERED:.0%} are needed"), opening
    return back, shown


def _around(opening: _Opening, garment: Mask) -> FloatImage:
    """1 in the opening's columns down to a little below its front edge, 0 elsewhere: a sleeve's inside is on no photo of a back."""
    around = np.zeros(garment.shape, np.float32)
    rows = np.arange(garment.shape[0])[:, None]
    around[:, opening.columns] = rows < opening.front[None, :] + 4
    return around


def _fill_top(opening: _Opening, neck: Mask, garment: Mask, inside: FloatImage, shade: FloatImage, *, band: bool) -> float:
    """Mark the opening behind a neckline or waist, and how dark it is there, with a band and its seam where it is drawn; its width in pixels."""
    cover, width, where = opening.cover(garment), opening.width, opening.columns
    inside[:, where] = np.maximum(inside[:, where], cover)
    under = _under_cloth(neck, garment) & (inside < 1)  # beside the ends, where a hood or a high collar goes on above
    inside[under] = 1.0
    shade[inside > 0] = _shade_above(garment, width)[inside > 0]
    from_rim = np.arange(garment.shape[0])[:, None] - opening.rim[None, :]
    if band and float(np.median(opening.front - opening.rim)) > 1.5 * BAND * width:
        seam = np.exp(-(((from_rim - BAND * width) / max(1.0, 0.012 * width)) ** 2))
        shade[:, where] *= np.where(cover > 0, np.where(from_rim < BAND * width, 1.06, 1.0) * (1 - 0.16 * seam), 1.0)
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
