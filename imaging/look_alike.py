"""Recognize a copy of a photo: resized, recompressed or trimmed, but not another color, view or take of the same product.

Two steps. `photo_print` gives 64 bits that copies share but for a few; a million of them are searched in a second, and products of one
shape share many. `same_picture` then lays two thumbnails over one another and looks at the difference. Both look at the product's own
box, so that trimming the background or adding some changes little. Left out: mirrored and turned copies.
"""

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab
from imaging.photo_background import LOOK_LONG_SIDE_PX, look_at_surroundings

PRINT_SIDE_PX, PRINT_BITS_SIDE = 32, 8
MAX_PRINT_DISTANCE = 12
"""Bits of 64 by which prints of copies may differ."""
BOX_MARGIN = 0.03
SMALL_SHARE = 0.005
"""A product smaller than this share of the picture is none: the whole picture is looked at."""
COMPARED_PX = 160
MAX_MEAN_DELTA_E, MAX_P95_DELTA_E = 2.5, 7.0
"""CIE76 between aligned copies, over the box, after a blur that takes what JPEG did. Source: benchmarks/look_alikes.py."""
ALIGN_STEPS = 40

Picture = npt.NDArray[np.uint8]


def photo_print(gray_HW: Picture, product_HW: npt.NDArray[np.bool_]) -> int:
    """A perceptual print, 0..2^64-1: signs of the lowest frequencies of the product's box (DCT, against their median).

    gray_HW and product_HW: uint8 and bool of one size.
    """
    top, bottom, left, right = _box(product_HW)
    small = cv2.resize(gray_HW[top:bottom, left:right], (PRINT_SIDE_PX, PRINT_SIDE_PX), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:PRINT_BITS_SIDE, :PRINT_BITS_SIDE].ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def print_distances(one: int, others: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Bits by which a print differs from each of the others, 0..64."""
    return np.asarray(np.bitwise_count(others ^ np.uint64(one)), np.uint8)


def same_picture(one_HW3: Picture, other_HW3: Picture) -> bool:
    """Whether two thumbnails, uint8 sRGB of 256 px or more, show the same picture but for size, compression and trimmed background."""
    first, second = _compared(one_HW3), _compared(other_HW3)
    aligned = _aligned(first, second)
    if aligned is None:
        return False
    inner = np.s_[6:-6, 6:-6]
    difference = np.linalg.norm(first[inner] - aligned[inner], axis=2)
    return bool(difference.mean() <= MAX_MEAN_DELTA_E and np.percentile(difference, 95) <= MAX_P95_DELTA_E)


def _box(product: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of the large parts of the product with a little air; the whole picture when there is none."""
    height, width = product.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(product.astype(np.uint8))
    if count < 2 or product.mean() < SMALL_SHARE:
        return 0, height, 0, width
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    rows, columns = np.nonzero(np.isin(labels, np.flatnonzero(areas >= 0.1 * areas.max())))
    air = round(BOX_MARGIN * max(np.ptp(rows), np.ptp(columns))) + 1
    return max(0, rows.min() - air), min(height, rows.max() + 1 + air), max(0, columns.min() - air), min(width, columns.max() + 1 + air)


def _compared(photo: Picture) -> npt.NDArray[np.float32]:
    """The product's box as Lab, blurred a little; float32 (COMPARED_PX, COMPARED_PX, 3)."""
    scale = min(1.0, LOOK_LONG_SIDE_PX / max(photo.shape[:2]))
    small = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    top, bottom, left, right = _box(look_at_surroundings(srgb_to_lab(small)).product_HW)
    box = cv2.resize(small[top:bottom, left:right], (COMPARED_PX, COMPARED_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(srgb_to_lab(np.asarray(box, np.uint8)), (0, 0), 1.5), np.float32)


def _aligned(fixed: npt.NDArray[np.float32], moving: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """The second laid over the first by an affine map; None when nothing in them can be matched."""
    move = np.eye(2, 3, dtype=np.float32)
    steps = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ALIGN_STEPS, 1e-4)
    try:
        _, move = cv2.findTransformECC(
            np.ascontiguousarray(fixed[..., 0]), np.ascontiguousarray(moving[..., 0]), move, cv2.MOTION_AFFINE, steps, None, 3
        )
    except cv2.error:
        return None
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(moving, move, (COMPARED_PX, COMPARED_PX), flags=how, borderMode=cv2.BORDER_REPLICATE), np.float32)
