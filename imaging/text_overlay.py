"""Find letters on the plain parts of a photo: watermarks, date stamps, logos and captions that were put over it.

Letters are thin marks of one contrast and about one size that stand in a row, in any direction. Only what lies outside of the hull
of the product is looked at: print on a product is no overlay, and a mark over the product alone is not told from print.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

THICKEST_STROKE_PX = 15
"""Marks thicker than this are things; at 768 px that is a letter of 80 px."""
MIN_CONTRAST = 7.0
"""Gray levels (0..255): a 10 % watermark on white paper has 15 and more."""
NOISE_TIMES = 6.0
CORE_SHARE, CORE_PX = 0.5, 21
"""Ink is what has half of the contrast that is near it: small letters do not run together."""
LETTER_PX = (6, 110)
"""Larger side of a letter."""
LETTER_FILL = (0.10, 0.90)
"""Share of a letter's box that is ink."""
MIN_INK_PX = 10
MAX_MARKS = 500
"""More marks than this are texture, and nothing is said."""
NEXT_WITHIN = 1.9
"""Distance of neighbors in a row, in sizes of the larger one."""
SAME_SIZE, SAME_CONTRAST = 2.2, 1.8
"""Largest ratio between neighbors."""
ROW_LETTERS = 4
ROW_WIDTH = 0.45
"""Spread of a row's centers across it, against the letters' size: upper and lower case, and a date's strokes, stay below 0.35."""
PART_SHARE = 0.1
"""Parts of the picture this large against the largest are things, and their hulls may carry print."""
HULL_MARGIN_PX = 14

Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class _Marks:
    """Candidates for letters: centers (n, 2) in px, larger sides in px, contrasts in gray levels with their sign."""

    centers: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.float64]
    contrasts: npt.NDArray[np.float64]


def letters_over_photo(gray_HW: npt.NDArray[np.uint8], product_HW: npt.NDArray[np.bool_]) -> int:
    """How many letters stand in rows of at least ROW_LETTERS on the plain parts of a picture; 0 when none do.

    gray_HW: uint8, long side about 768 px. product_HW: what stands out of the background, at any size of the same shape.
    """
    plain = _plain_parts(product_HW, gray_HW.shape)
    if plain.mean() < 0.02 * 255:
        return 0
    marks = _marks(gray_HW, plain)
    return 0 if marks is None else _in_rows(marks)


def _plain_parts(product: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> Mask:
    """255 outside of the hulls of the large parts of the picture."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(product.astype(np.uint8))
    hulls = np.zeros(product.shape, np.uint8)
    largest = stats[1:, cv2.CC_STAT_AREA].max() if count > 1 else 0
    for part in range(1, count):
        if stats[part, cv2.CC_STAT_AREA] >= PART_SHARE * largest:
            rows, columns = np.nonzero(labels == part)
            cv2.fillConvexPoly(hulls, cv2.convexHull(np.stack([columns, rows], axis=1).astype(np.int32)), 255)
    hulls = np.asarray(cv2.resize(hulls, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), np.uint8)
    return np.asarray(255 - cv2.dilate(hulls, np.ones((2 * HULL_MARGIN_PX + 1,) * 2, np.uint8)), np.uint8)


def _marks(gray: npt.NDArray[np.uint8], plain: Mask) -> _Marks | None:
    """Thin marks on the plain parts, light ones and dark ones; None when there are none, or so many that it is texture."""
    calm = cv2.GaussianBlur(gray, (0, 0), 0.8)
    kernel = np.ones((THICKEST_STROKE_PX, THICKEST_STROKE_PX), np.uint8)
    centers, sizes, contrasts = [], [], []
    for sign, kind in ((1, cv2.MORPH_TOPHAT), (-1, cv2.MORPH_BLACKHAT)):
        stroke = cv2.bitwise_and(cv2.morphologyEx(calm, kind, kernel), plain)
        usual = float(np.median(stroke[::3, ::3][plain[::3, ::3] > 0]))
        core = cv2.convertScaleAbs(cv2.dilate(stroke, np.ones((CORE_PX, CORE_PX), np.uint8)), alpha=CORE_SHARE)
        ink_HW = cv2.bitwise_and(
            cv2.compare(stroke, core, cv2.CMP_GE), cv2.compare(stroke, max(MIN_CONTRAST + usual, NOISE_TIMES * usual), cv2.CMP_GT)
        )
        if not cv2.countNonZero(ink_HW):
            continue
        count, labels, stats, middles = cv2.connectedComponentsWithStats(ink_HW)
        large = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
        ink = stats[:, cv2.CC_STAT_AREA]
        fill = ink / (stats[:, cv2.CC_STAT_WIDTH] * stats[:, cv2.CC_STAT_HEIGHT])
        kept = (large >= LETTER_PX[0]) & (large <= LETTER_PX[1]) & (ink >= MIN_INK_PX) & (fill >= LETTER_FILL[0]) & (fill <= LETTER_FILL[1])
        kept[0] = False
        if count > MAX_MARKS:
            return None
        inked = np.flatnonzero(ink_HW > 0)
        strength = np.bincount(labels.ravel()[inked], weights=stroke.ravel()[inked], minlength=count) / np.maximum(1, ink)
        centers.append(middles[kept])
        sizes.append(large[kept])
        contrasts.append(sign * strength[kept])
    if not sizes:
        return None
    return _Marks(centers=np.concatenate(centers), sizes=np.concatenate(sizes).astype(np.float64), contrasts=np.concatenate(contrasts))


def _in_rows(marks: _Marks) -> int:
    """Marks that stand in straight rows of neighbors of their kind."""
    count = len(marks.sizes)
    if count < ROW_LETTERS:
        return 0
    apart = np.linalg.norm(marks.centers[:, None] - marks.centers[None], axis=2)
    larger = np.maximum(marks.sizes[:, None], marks.sizes[None])
    alike = (larger <= SAME_SIZE * np.minimum(marks.sizes[:, None], marks.sizes[None])) & (
        marks.contrasts[:, None] * marks.contrasts[None] > 0
    )
    strength = np.abs(marks.contrasts)
    stronger, weaker = np.maximum(strength[:, None], strength[None]), np.minimum(strength[:, None], strength[None])
    linked = alike & (stronger <= SAME_CONTRAST * weaker) & (apart <= NEXT_WITHIN * larger) & (apart > 0)
    in_row = np.zeros(count, bool)
    for first, second in zip(*np.nonzero(np.triu(linked)), strict=True):
        row = _row_through(marks, linked, int(first), int(second))
        if len(row) >= ROW_LETTERS:
            in_row[row] = True
    return int(in_row.sum())


def _row_through(marks: _Marks, linked: npt.NDArray[np.bool_], first: int, second: int) -> list[int]:
    """The chain of linked marks that goes on from two neighbors along the line through them, to both sides."""
    row = [first, second]
    along = marks.centers[second] - marks.centers[first]
    along = along / np.linalg.norm(along)
    across = np.array([-along[1], along[0]])
    off = np.abs((marks.centers - marks.centers[first]) @ across)
    on_line = off <= ROW_WIDTH * np.maximum(marks.sizes, marks.sizes[first])
    waiting = [first, second]
    while waiting:
        for neighbor in np.flatnonzero(linked[waiting.pop()] & on_line):
            if int(neighbor) not in row:
                row.append(int(neighbor))
                waiting.append(int(neighbor))
    return row
