"""Tiles: pictures of one repeat that is laid over a surface again and again. Whether their edges meet, and how a surface is covered with one."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab
from imaging.surface import Surface

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

MAX_SEAM_RATIO = 2.5
"""Step across a tile's edge over the steps at its steepest tenth of inner columns, from which a seam shows."""
MIN_SEAM_DELTA_E = 4.0
"""Steps below this are seen by nobody, however smooth the tile is."""
MIN_REPEAT_PX = 6.0
"""A repeat of fewer pixels is a gray veil with moire."""
MAX_ENLARGED = 4.0
"""A tile of fewer pixels than a fourth of what it covers would be shown as a blur."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tile:
    """One repeat: linear light (H, W, 3), how wide it is, and where given its relief (H, W), in tile pixels, dark deep."""

    linear_HW3: FloatImage
    width_cm: float
    relief_HW: FloatImage | None = field(default=None, repr=False)


def seam_of(picture_HW3: Uint8) -> float:
    """How much a tile's edges stand out when it is repeated: the step across them, in steps of its own structure; below 1 is none."""
    lab = srgb_to_lab(np.ascontiguousarray(picture_HW3))
    worst = 0.0
    for axis in (0, 1):
        across = np.linalg.norm(np.take(lab, 0, axis) - np.take(lab, -1, axis), axis=-1).mean()
        inner = np.linalg.norm(np.diff(lab, axis=axis), axis=-1).mean(axis=1 - axis)
        usual = max(float(np.percentile(inner, 90)), MIN_SEAM_DELTA_E / MAX_SEAM_RATIO)
        worst = max(worst, float(across) / usual / MAX_SEAM_RATIO)
    return worst


def mirrored(picture_HW3: Uint8) -> Uint8:
    """A tile with its mirror images beside and below it: twice as large, and its edges meet."""
    wide = np.concatenate([picture_HW3, picture_HW3[:, ::-1]], axis=1)
    return np.ascontiguousarray(np.concatenate([wide, wide[::-1]], axis=0))


def lay(tile: Tile, surface: Surface, *, px_per_cm: float, angle_deg: float = 0.0) -> tuple[FloatImage, FloatImage | None]:
    """A surface covered with a tile: linear light (H, W, 3), and the slopes of its relief (H, W, 2), right and down, if it has one.

    A tile that is shown smaller than it is gets smaller first, so that nothing aliases.
    """
    height, width = tile.linear_HW3.shape[:2]
    shown_px = tile.width_cm * px_per_cm
    shrunk = min(1.0, max(shown_px, 2.0) / width)
    size = (max(2, round(width * shrunk)), max(2, round(height * shrunk)))
    colors = tile.linear_HW3 if shrunk == 1 else cv2.resize(tile.linear_HW3, size, interpolation=cv2.INTER_AREA)
    angle = np.deg2rad(angle_deg)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    # Tile pixels per surface pixel may differ by the rounding of the size.
    to_x, to_y = np.float32(size[0] / shown_px), np.float32(size[1] / (shown_px * height / width))
    x = np.mod((surface.across * cos + surface.down * sin) * to_x + np.float32(size[0] / 2), np.float32(size[0]))
    y = np.mod((surface.down * cos - surface.across * sin) * to_y + np.float32(size[1] / 2), np.float32(size[1]))
    laid = cv2.remap(colors, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    if tile.relief_HW is None:
        return np.asarray(laid, np.float32), None
    slopes = _slopes(tile.relief_HW)
    slopes = slopes if shrunk == 1 else cv2.resize(slopes, size, interpolation=cv2.INTER_AREA)
    turned = cv2.remap(slopes, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    back = np.stack([turned[..., 0] * cos - turned[..., 1] * sin, turned[..., 0] * sin + turned[..., 1] * cos], axis=-1)
    return np.asarray(laid, np.float32), np.asarray(back, np.float32)


def _slopes(relief: FloatImage) -> FloatImage:
    right = (np.roll(relief, -1, axis=1) - np.roll(relief, 1, axis=1)) / 2
    down = (np.roll(relief, -1, axis=0) - np.roll(relief, 1, axis=0)) / 2
    return np.ascontiguousarray(np.stack([right, down], axis=-1), np.float32)
