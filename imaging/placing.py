"""Put a cut-out into a frame: where it stands and how it is resampled.

`place` is the one resampling of product pixels in Vitrine: the generation floor makes pictures with it, and the quality floor calls it
again to know what the product must look like. Laying it over a background, with shadow and light, is composite.py.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from catalog.placement import Placement

Uint8 = npt.NDArray[np.uint8]

BOX_ALPHA = 128
"""Alpha (0..255) from which a pixel counts as product when its box is measured; half covered, so soft edges do not widen the box."""

OPAQUE_ALPHA = 250
"""Alpha from which a placed pixel is opaque: product pixels are locked, and 2 percent of background would make them off by a level."""


OVERSHOOT_FROM = 255.5
"""Alpha, not clipped, from which resampled colors are that much too light."""
OVERSHOOT_ROOM = 0.75
"""How dark the copy is that light colors are taken from: room for an overshoot of a third; at a corner the kernel does a fifth."""
LIGHT_LEVEL = 200
"""Levels from which color may have been cut off, along columns or along rows, between which bytes are kept as well."""

REACH_PX = 2
"""How far the bicubic kernel carries a product beyond its box: pixels of the frame, or of the photo where that is enlarged."""


def place(foreground_HW3: Uint8, alpha_HW: Uint8, placement: Placement) -> tuple[Uint8, Uint8]:
    """The cut-out resampled into its frame: color and alpha at frame size, zero where the cut-out is not.

    foreground_HW3: uint8 sRGB, product colors (decontaminated), photo size. alpha_HW: uint8, same height and width.
    Returns rgb (frame height, frame width, 3) uint8, not premultiplied, and alpha (frame height, frame width) uint8. What lies
    outside the frame is cut off. Deterministic: same arrays and placement, same bytes.

    Resampled once, premultiplied, by Pillow's bicubic, whose kernel widens when shrinking so that nothing aliases. Rejected: Lanczos,
    whose second lobe leaves a faint ring of alpha two pixels outside hard edges; cv2.INTER_AREA, which cannot shift by fractions of a
    pixel while shrinking.
    """
    if alpha_HW.shape != foreground_HW3.shape[:2]:
        raise AssertionError(f"alpha is {alpha_HW.shape}, the photo {foreground_HW3.shape[:2]}")
    rgb = np.zeros((placement.frame_height_px, placement.frame_width_px, 3), np.uint8)
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    # Only the product's own box is resampled: around it there is nothing.
    left, top, width, height = cv2.boundingRect(alpha_HW)
    left_px, top_px = placement.left_px + placement.scale * left, placement.top_px + placement.scale * top
    columns = _shown(placement.left_px, alpha_HW.shape[1], left, width, placement.scale, placement.frame_width_px)
    rows = _shown(placement.top_px, alpha_HW.shape[0], top, height, placement.scale, placement.frame_height_px)
    if width == 0 or columns[1] <= columns[0] or rows[1] <= rows[0]:
        return rgb, alpha
    # Pillow wants the source box inside the picture, so the cut-out gets a transparent border that holds every frame pixel it touches.
    border = math.ceil((REACH_PX + 2) / min(1.0, placement.scale)) + 2
    source = np.zeros((height + 2 * border, width + 2 * border, 4), np.uint8)
    shown = (slice(top, top + height), slice(left, left + width))
    source[border : border + height, border : border + width] = cv2.merge([*cv2.split(foreground_HW3[shown]), alpha_HW[shown]])
    box = (
        (columns[0] - left_px) / placement.scale + border,
        (rows[0] - top_px) / placement.scale + border,
        (columns[1] - left_px) / placement.scale + border,
        (rows[1] - top_px) / placement.scale + border,
    )
    size = (columns[1] - columns[0], rows[1] - rows[0])
    resized = np.asarray(Image.fromarray(source).resize(size, Image.Resampling.BICUBIC, box=box))
    rgb[rows[0] : rows[1], columns[0] : columns[1]] = _without_overshoot(resized, source, size, box)
    placed = np.asarray(cv2.extractChannel(resized, 3))
    alpha[rows[0] : rows[1], columns[0] : columns[1]] = np.where(placed >= OPAQUE_ALPHA, np.uint8(255), placed)
    return rgb, alpha


def _without_overshoot(resized_HW4: Uint8, source_HW4: Uint8, size: tuple[int, int], box: tuple[float, float, float, float]) -> Uint8:
    """The colors of a resampled cut-out. Behind a hard edge the kernel overshoots, premultiplied color as much as alpha, of which bytes hold 255 at most.

    Divided by the alpha that there would be, an even color stays even; without that, a rim of one pixel is up to a tenth too light. Where the color
    is cut off at 255 as well, as in white and pale products, it is taken from a darker copy that has room for the overshoot.
    """
    rgb = np.asarray(cv2.cvtColor(resized_HW4, cv2.COLOR_RGBA2RGB), np.uint8)
    cover = np.asarray(Image.fromarray(source_HW4[..., 3].astype(np.float32)).resize(size, Image.Resampling.BICUBIC, box=box))
    over = np.nonzero(cover > OVERSHOOT_FROM)
    colors, share = rgb[over].astype(np.float32), (resized_HW4[..., 3][over] / cover[over])[:, None]
    cut_off = colors > LIGHT_LEVEL
    if cut_off.any():
        darker = source_HW4.copy()
        darker[..., :3] = np.round(source_HW4[..., :3] * OVERSHOOT_ROOM)
        whole = np.asarray(Image.fromarray(darker).resize(size, Image.Resampling.BICUBIC, box=box))[over][:, :3] / np.float32(
            OVERSHOOT_ROOM
        )
        colors = np.where(cut_off, whole, colors)
    rgb[over] = np.clip(np.round(colors * share), 0, 255).astype(np.uint8)
    return rgb


def _shown(start_px: float, photo: int, first: int, length: int, scale: float, frame_px: int) -> tuple[int, int]:
    """The frame pixels that the product's box and the kernel around it touch, none beyond the photo's edge."""
    reach = REACH_PX * max(1.0, scale)
    whole = _overlap(start_px, scale * photo, frame_px)
    near = _overlap(start_px + scale * first - reach, scale * length + 2 * reach, frame_px)
    return max(whole[0], near[0]), min(whole[1], near[1])


def _overlap(start_px: float, length_px: float, frame_px: int) -> tuple[int, int]:
    """The frame pixels that an interval touches, first and one past the last."""
    return max(0, math.floor(start_px)), min(frame_px, math.ceil(start_px + length_px))


def product_box(alpha_HW: Uint8) -> tuple[int, int, int, int]:
    """The product's box (left, top, right, bottom) in pixels, right and bottom one past the last.

    Raises ValueError if no pixel is at least half covered: there is no product.
    """
    covered = alpha_HW >= BOX_ALPHA
    columns, rows = np.flatnonzero(covered.any(axis=0)), np.flatnonzero(covered.any(axis=1))
    if columns.size == 0:
        raise ValueError("the alpha holds no product: no pixel is at least half covered")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def fit_centered(alpha_HW: Uint8, *, frame_width_px: int, frame_height_px: int, fill_pct: float) -> Placement:
    """The product's box in the middle of the frame, its longer side (relative to the frame's) filling `fill_pct` percent."""
    return fit_box(product_box(alpha_HW), frame_width_px=frame_width_px, frame_height_px=frame_height_px, fill_pct=fill_pct)


def fit_box(box: tuple[float, float, float, float], *, frame_width_px: int, frame_height_px: int, fill_pct: float) -> Placement:
    """The same of a box (left, top, right, bottom) that is known already; it may reach beyond the photo."""
    left, top, right, bottom = box
    scale = fill_pct / 100 * min(frame_width_px / (right - left), frame_height_px / (bottom - top))
    return Placement(
        scale=scale,
        left_px=frame_width_px / 2 - scale * (left + right) / 2,
        top_px=frame_height_px / 2 - scale * (top + bottom) / 2,
        frame_width_px=frame_width_px,
        frame_height_px=frame_height_px,
    )


def fit_standing(
    alpha_HW: Uint8,
    *,
    frame_width_px: int,
    frame_height_px: int,
    height_pct: float,
    width_max_pct: float,
    base_pct: float,
    center_pct: float = 50.0,
) -> Placement:
    """The product standing on a base line: its box as high as wanted, never wider than allowed.

    height_pct, width_max_pct: of the frame's height and width. base_pct: how far down the frame the lowest product pixel ends.
    center_pct: how far across the frame the middle of the box is.
    """
    left, top, right, bottom = product_box(alpha_HW)
    scale = min(height_pct / 100 * frame_height_px / (bottom - top), width_max_pct / 100 * frame_width_px / (right - left))
    return Placement(
        scale=scale,
        left_px=frame_width_px * center_pct / 100 - scale * (left + right) / 2,
        top_px=frame_height_px * base_pct / 100 - scale * bottom,
        frame_width_px=frame_width_px,
        frame_height_px=frame_height_px,
    )
