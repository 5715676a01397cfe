"""Measure text on a picture: whether it can be read on what is really behind it, how large it is, what it covers, how near the edges it comes.

Where text stands comes from the picture's maker; letters are not looked for, and not read (see quality/learned.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import FloatImage
from imaging.measure_views import ByteImage, Mask

INK_LEVELS = 26
"""A pixel whose every channel is this near to the text's color is taken for a letter; JPEG 80 moves letters by up to 20."""
SOFT_EDGE_PER_LINE = 30
"""Letters are surrounded by a soft edge, half their color, of this part of a line's height (2 px at least): it is not behind them."""
STROKE_PER_LINE, THIN_SHARE = 4, 0.7
"""What is thinner than this part of a line, and nearer than this share of its surroundings' distance to the text's color, is a stroke of a letter."""
MIN_BEHIND_SHARE = 0.12
"""With less of a tile than this beside letters and soft edges, its most contrasting tenth is looked at: all letter, or ground of that color."""
STORY_HEIGHT_PER_WIDTH = 1.7
"""From this height per width on, a frame is a story's (9:16 has 1.78): apps lay their own buttons over its top and bottom."""
OF_TEXT = (
    "text_contrast", "text_height_pct", "text_on_product_pct",
    "text_margin_pct", "text_left_pct", "text_right_pct", "text_top_pct", "text_bottom_pct",
)  # fmt: skip
WORST_SHARE_PCT = 10
"""Percentile of the tiles' contrast that is reported: text of which a tenth cannot be read is not readable."""


@dataclass(frozen=True, kw_only=True)
class PlacedText:
    """A block of text in a frame: left, top, right, bottom in pixels of it (may lie partly outside), sRGB color, number of lines."""

    box: tuple[float, float, float, float]
    rgb: tuple[int, int, int]
    lines: int = 1


def measure_text(render_HW3: ByteImage, texts: Sequence[PlacedText] | None, product_HW: Mask | None) -> dict[str, float | None]:
    """Contrast, size, overlap and margins of text; all but `text_known` are None without text.

    `text_contrast` is the WCAG 2.2 contrast ratio (1..21) of the worst block, see `_contrast`. The free edges are in percent of the frame's width
    (`text_left_pct`, `text_right_pct`) and height (`text_top_pct`, `text_bottom_pct`), negative where text leaves the frame; `text_margin_pct`
    is the smallest of the four in percent of the shorter side. `text_height_pct` is the smallest line's height in percent of the shorter
    side. `text_on_product_pct`: None if the product's place is not known. `story_text_known`: 1 for text on an upright story's frame.
    """
    columns: dict[str, float | None] = {"text_known": float(bool(texts)), "story_text_known": 0.0, **dict.fromkeys(OF_TEXT)}
    if not texts:
        return columns
    height, width = render_HW3.shape[:2]
    columns["story_text_known"] = float(height / width >= STORY_HEIGHT_PER_WIDTH)
    boxes = np.array([text.box for text in texts])
    columns["text_contrast"] = min(_contrast(render_HW3, text) for text in texts)
    columns["text_height_pct"] = float(min((t.box[3] - t.box[1]) / t.lines for t in texts) / min(height, width) * 100)
    left, top, right, bottom = boxes[:, 0].min(), boxes[:, 1].min(), width - boxes[:, 2].max(), height - boxes[:, 3].max()
    columns["text_left_pct"], columns["text_right_pct"] = float(left / width * 100), float(right / width * 100)
    columns["text_top_pct"], columns["text_bottom_pct"] = float(top / height * 100), float(bottom / height * 100)
    columns["text_margin_pct"] = float(min(left, top, right, bottom) / min(height, width) * 100)
    if product_HW is not None:
        columns["text_on_product_pct"] = max(_covered_pct(product_HW, text) for text in texts)
    return columns


def contrast_ratio(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """WCAG 2.2 contrast ratio of two relative luminances, 1..21 (success criterion 1.4.3)."""
    return np.asarray((np.maximum(one, other) + 0.05) / (np.minimum(one, other) + 0.05))


def relative_luminance(rgb: ByteImage) -> FloatImage:
    """WCAG 2.2 relative luminance of sRGB bytes (..., 3), 0 black .. 1 white."""
    coded = np.arange(256, dtype=np.float32) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(linear[rgb] @ np.array([0.2126, 0.7152, 0.0722], np.float32))


def _contrast(render_HW3: ByteImage, text: PlacedText) -> float:
    """The 10th percentile, over tiles of one line's height, of the contrast between the text's color and what is behind it there.

    Behind it is what a tile holds beside the letters and their soft edges, its lower quartile; a tile that is text color all over has ground
    of the text's color.
    """
    height, width = render_HW3.shape[:2]
    left, top = max(0, int(text.box[0])), max(0, int(text.box[1]))
    crop = render_HW3[top : min(height, round(text.box[3])), left : min(width, round(text.box[2]))]
    if crop.size == 0:
        return 1.0
    color = np.array(text.rgb, np.int16)
    ink = (np.abs(crop.astype(np.int16) - color).max(axis=-1) <= INK_LEVELS).astype(np.uint8)
    line = (text.box[3] - text.box[1]) / text.lines
    ink |= thin_strokes(crop, color, line)
    spread = max(2, round(line / SOFT_EDGE_PER_LINE))
    behind = cv2.dilate(ink, np.ones((2 * spread + 1, 2 * spread + 1), np.uint8)) == 0
    ratio = contrast_ratio(relative_luminance(crop), relative_luminance(color[None].astype(np.uint8)))
    side = max(4, round(line))
    found = []
    for y in range(0, crop.shape[0], side):
        for x in range(0, crop.shape[1], side):
            tile, free = ratio[y : y + side, x : x + side], behind[y : y + side, x : x + side]
            if tile.size * 4 >= side * side:
                enough = free.mean() >= MIN_BEHIND_SHARE
                found.append(float(np.percentile(tile[free], 25) if enough else np.percentile(tile, 90)))
    return float(np.percentile(found, WORST_SHARE_PCT, method="lower")) if found else float(np.percentile(ratio, 25))


def thin_strokes(crop: ByteImage, color: npt.NDArray[np.int16], line_px: float) -> npt.NDArray[np.uint8]:
    """Where letters are of which no pixel has the full color, as strokes of 1 to 2 px have none: thin, and part of the way from what surrounds them to
    it. uint8, 1 there.
    """
    across = max(3, round(line_px / STROKE_PER_LINE)) | 1
    away = np.abs(crop.astype(np.int16) - color).max(axis=-1).astype(np.uint8)
    around = cv2.morphologyEx(away, cv2.MORPH_CLOSE, np.ones((across, across), np.uint8))  # thin dips filled up to what is beside them
    return np.asarray((away < around * THIN_SHARE) & (around > INK_LEVELS), np.uint8)


def _covered_pct(product_HW: Mask, text: PlacedText) -> float:
    """Share of a text's box that lies on the product, in percent of the part inside the frame."""
    left, top, right, bottom = text.box
    part = product_HW[max(0, int(top)) : max(0, round(bottom)), max(0, int(left)) : max(0, round(right))]
    return float(part.mean() * 100) if part.size else 0.0
