"""Find the mannequin in a cut-out of a garment that is worn by one: by its color, starting from the neck that stands out at the top.

Removes nothing; see hollow.py. What cannot be told is told in words, never guessed.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage, srgb_to_lab

ByteImage = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

WORK_SIDE_PX = 800
LIGHTNESS_WEIGHT = 0.35
"""How much of a difference in lightness counts as one of color: a neck is shaded from one side to the other by 30 and more."""
MIN_APART = 9.0
"""Smallest distance (Lab, lightness weighted) of the mannequin's color from every color of the garment; nearer ones run into each other."""
MAX_SPREAD = 16.0
"""Distance from the mannequin's color from which on nothing is taken for it."""
NECK_ROWS = 0.035
"""Share of the silhouette's height, from its top, that is looked at for a neck."""
NECK_WIDTH = (0.04, 0.5)
"""Width of a neck, or of a torso above a waist, of the silhouette's; a hanger's hook is narrower."""
MAX_OFF_CENTER = 0.25
MIN_NECK = 0.008
"""Smallest neck, of the silhouette's area: a patch of wall that a cut-out kept, or a label, is smaller."""
SLIVER_PX = 6
"""How far from the outline a sliver is looked for, at working size."""
MIN_PART = 0.0008
"""Smallest part of a mannequin, of the silhouette's area."""
SURELY = 5.0
"""Median lead of the mannequin's color over the garment's, from which a thin part at the outline is the mannequin's: what shows of a hand below a cuff."""
SMALL_IF_SURE = 0.4
"""How much smaller such a part may be."""
GARMENT_COLORS = 4
MAX_IN_FRONT = 0.003
"""Share of the silhouette in which limbs may have the garment on all four sides; an arm beside a body, and a leg below a hem, have it on two or three."""


@dataclass(frozen=True, kw_only=True)
class Mannequin:
    """Where a mannequin is: `cover_HW` its share of each pixel, 0..1, float32; the part at the neck, and the limbs, as masks of the photo's size.

    `refusal` says in words why none can be told; everything else is empty then.
    """

    cover_HW: FloatImage
    neck_HW: Mask
    limbs: tuple[Mask, ...] = ()
    lab: tuple[float, float, float] = (0.0, 0.0, 0.0)
    refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class _Colors:
    """The mannequin's color and the garment's, its main one first, in Lab with lightness weighted."""

    mannequin: FloatImage
    garment_N3: FloatImage

    def leaning(self, weighted_HW3: FloatImage) -> FloatImage:
        """How much nearer each pixel is to the mannequin's color than to the garment's; negative: the garment's, or neither."""
        own = np.linalg.norm(weighted_HW3 - self.mannequin, axis=-1)
        other = np.min([np.linalg.norm(weighted_HW3 - color, axis=-1) for color in self.garment_N3], axis=0)
        return np.asarray(np.minimum(other - own, MAX_SPREAD - own), np.float32)


def find_mannequin(rgb_HW3: ByteImage, alpha_HW: ByteImage, given_HW: Mask | None = None) -> Mannequin:
    """The mannequin in a cut-out (uint8 sRGB and alpha 0..255); `given_HW` names its pixels where somebody drew a mask."""
    scale = min(1.0, WORK_SIDE_PX / max(alpha_HW.shape))
    size = (max(1, round(alpha_HW.shape[1] * scale)), max(1, round(alpha_HW.shape[0] * scale)))
    rgb, alpha = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (rgb_HW3, alpha_HW))
    silhouette = alpha >= 128
    nothing = Mannequin(cover_HW=np.zeros(alpha_HW.shape, np.float32), neck_HW=np.zeros(alpha_HW.shape, bool))
    if silhouette.sum() < 400:
        return replace(nothing, refusal="the cut-out is too small to tell a mannequin in it")
    weighted = _weighted(rgb)
    if given_HW is not None:
        given = cv2.resize(given_HW.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        return _in_parts(given & silhouette, given_HW.astype(np.float32), silhouette, alpha_HW, _median(weighted, given & silhouette))
    seed = _neck_seed(silhouette)
    if seed is None:
        return replace(
            nothing,
            refusal="no mannequin is found: no neck stands out in the middle of the garment's top (a hanger's hook, a flat or hollow garment)",
        )
    colors = _colors(weighted, seed, silhouette)
    distances = np.linalg.norm(colors.garment_N3 - colors.mannequin, axis=1)
    apart = float(distances.min())
    if apart < MIN_APART <= distances[0]:
        return replace(
            nothing,
            refusal="something of the mannequin's color lies in the middle of the garment: a hand or an arm before it, or a print that cannot be told "
            "from the mannequin",
        )
    if apart < MIN_APART:
        return replace(
            nothing,
            refusal=f"what stands out at its top has the garment's own color (they are {apart:.1f} apart, {MIN_APART:g} are needed): it is no "
            "mannequin, or one that cannot be told from the garment",
        )
    found = _region(weighted, colors, silhouette, seed)
    colors = replace(colors, mannequin=_median(weighted, found))  # limbs lie in another light than the neck
    found |= _region(weighted, colors, silhouette, seed)
    cover = _fine_cover(rgb_HW3, found, colors, scale)
    return _in_parts(found, cover, silhouette, alpha_HW, colors.mannequin)


def _weighted(rgb_HW3: ByteImage) -> FloatImage:
    return np.asarray(srgb_to_lab(rgb_HW3) * np.array([LIGHTNESS_WEIGHT, 1, 1], np.float32), np.float32)


def _median(weighted_HW3: FloatImage, inside_HW: Mask) -> FloatImage:
    return np.asarray(np.median(weighted_HW3[inside_HW], axis=0), np.float32)


def _neck_seed(silhouette: Mask) -> Mask | None:
    """The top of the silhouette, where it is as narrow as a neck and stands in the middle; None elsewhere."""
    rows, columns = np.flatnonzero(silhouette.any(axis=1)), np.flatnonzero(silhouette.any(axis=0))
    top, height, width = rows[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    seed = silhouette.copy()
    seed[top + max(3, round(NECK_ROWS * height)) :] = False
    across = np.flatnonzero(seed.any(axis=0))
    share = (across[-1] + 1 - across[0]) / width
    body = np.flatnonzero(silhouette[top + height // 3 : top + 2 * height // 3].any(axis=0))
    off = abs(float(across.mean()) - float(body.mean())) / width
    if not NECK_WIDTH[0] <= share <= NECK_WIDTH[1] or off > MAX_OFF_CENTER:
        return None
    inner = cv2.erode(seed.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return inner if inner.sum() >= 12 else None


def _colors(weighted: FloatImage, seed: Mask, silhouette: Mask) -> _Colors:
    """The mannequin's color from its neck, the garment's from the middle of the body."""
    rows, columns = np.flatnonzero(silhouette.any(axis=1)), np.flatnonzero(silhouette.any(axis=0))
    top, height, left, width = rows[0], len(rows), columns[0], len(columns)
    body = np.zeros_like(silhouette)
    body[top + round(0.36 * height) : top + round(0.66 * height), left + round(0.33 * width) : left + round(0.67 * width)] = True
    inside = np.ascontiguousarray(weighted[body & silhouette], np.float32)
    inside = inside[:: max(1, len(inside) // 4000)]
    cv2.setRNGSeed(0)
    count = min(GARMENT_COLORS, len(inside))
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.2)
    _, labels, centers = cv2.kmeans(inside, count, np.zeros((0,), np.int32), criteria, 2, cv2.KMEANS_PP_CENTERS)
    shares = np.bincount(labels.ravel(), minlength=count) / len(labels)
    kept = [n for n in np.argsort(-shares) if shares[n] >= min(0.06, shares.max())]
    return _Colors(mannequin=_median(weighted, seed), garment_N3=np.asarray(centers[kept], np.float32))


def _region(weighted: FloatImage, colors: _Colors, silhouette: Mask, seed: Mask) -> Mask:
    """Parts of the mannequin's color that reach the silhouette's outline: what lies within the garment is the garment's print."""
    leaning = colors.leaning(weighted)
    smooth = np.asarray(cv2.GaussianBlur(leaning, (0, 0), 1.2), np.float32)
    near = ((smooth > 0) & silhouette).astype(np.uint8)
    near = cv2.morphologyEx(cv2.morphologyEx(near, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=4)
    outline = silhouette & (cv2.erode(silhouette.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0)
    found = np.zeros_like(silhouette)
    for label in range(1, count):
        part = labels == label
        touching = int((part & outline).sum())
        area = stats[label, cv2.CC_STAT_AREA]
        surely = float(np.median(leaning[part])) > SURELY
        large = area >= MIN_PART * silhouette.sum() * (SMALL_IF_SURE if surely else 1)
        # A hem's shaded rim is long and thin: a limb is thicker than the ring that it touches, or, as a hand in a cuff, of the mannequin's very color.
        if (part & seed).any() or (large and touching >= 8 and (surely or area > 2.5 * touching)):
            found |= part
    # What the opening took off its edges comes back: slivers between a sleeve and a body.
    beside = cv2.dilate(found.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    found = (found | (beside & (smooth > 0))) & silhouette
    at_outline = cv2.dilate((~silhouette).astype(np.uint8), np.ones((2 * SLIVER_PX + 1, 2 * SLIVER_PX + 1), np.uint8)) > 0
    return _grown_through(found, np.asarray(silhouette & at_outline & (leaning > 1)))


def _grown_through(found: Mask, thin: Mask) -> Mask:
    """A region with everything of `thin` that hangs together with it: slivers of plastic that run up into an armpit."""
    _, labels = cv2.connectedComponents((found | thin).astype(np.uint8), connectivity=8)
    reached = np.unique(labels[found])
    return np.asarray(found | (thin & np.isin(labels, reached[reached > 0])))


def _fine_cover(rgb_HW3: ByteImage, found: Mask, colors: _Colors, scale: float) -> FloatImage:
    """The mannequin's share of each pixel of the photo: decided again by color in a band along its border, soft by a pixel."""
    height, width = rgb_HW3.shape[:2]
    rough = cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    reach = max(3, round(2.5 / scale))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    solid = (rough > 0.5).astype(np.uint8)
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (6 * reach + 1, 6 * reach + 1))  # slivers of plastic beside a sleeve
    grown, shrunk = cv2.dilate(solid, wide) > 0, cv2.erode(solid, kernel) > 0
    rows, columns = np.flatnonzero(grown.any(axis=1)), np.flatnonzero(grown.any(axis=0))
    if not len(rows):
        return np.zeros((height, width), np.float32)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    leaning = cv2.GaussianBlur(colors.leaning(_weighted(np.ascontiguousarray(rgb_HW3[box]))), (0, 0), 0.8)
    soft = np.clip(leaning / 6 + 0.5, 0, 1)
    cover = np.zeros((height, width), np.float32)
    cover[box] = np.where(shrunk[box], 1.0, np.where(grown[box], soft, 0.0))
    return cover


def _in_parts(found: Mask, cover: FloatImage, silhouette: Mask, alpha_HW: ByteImage, weighted: FloatImage) -> Mannequin:
    """Neck and limbs apart, and a refusal where a limb lies in front of the garment."""
    height, width = alpha_HW.shape
    labels_count, labels = cv2.connectedComponents(found.astype(np.uint8), connectivity=4)
    between = _between(silhouette & ~found)
    neck, limbs, refusal = np.zeros_like(found), [], ""
    top = np.flatnonzero(found.any(axis=1))[0] if found.any() else 0
    for label in range(1, labels_count):
        part = labels == label
        if part[top].any():
            neck |= part
            continue
        in_front = float((part & between).sum() / silhouette.sum())
        if in_front > MAX_IN_FRONT:
            refusal = f"a part of the mannequin lies in front of the garment ({in_front:.1%} of the picture's product)"
        limbs.append(cv2.resize(part.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0)
    if neck.sum() < MIN_NECK * silhouette.sum() and not refusal:
        refusal = f"no mannequin is found: what stands out at the garment's top takes {neck.sum() / silhouette.sum():.1%} of it, a neck {MIN_NECK:.1%} or more"
    lightness, a, b = (float(value) for value in weighted)
    full = cv2.resize(neck.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return Mannequin(cover_HW=cover, neck_HW=full, limbs=tuple(limbs), lab=(lightness / LIGHTNESS_WEIGHT, a, b), refusal=refusal)


def _between(garment: Mask) -> Mask:
    """Pixels that have garment to their left, right, above and below; slivers along a limb's edge are no garment."""
    opened = cv2.morphologyEx(garment.astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    garment = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))) if len(stats) > 1 else garment
    sides = [
        np.logical_or.accumulate(garment[way], axis=axis)[way]
        for axis, way in ((0, np.s_[:, :]), (0, np.s_[::-1]), (1, np.s_[:, :]), (1, np.s_[:, ::-1]))
    ]
    return np.asarray(np.logical_and.reduce(sides))
