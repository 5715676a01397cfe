"""Measure an advertisement from its pixels: whether its letters are there, what comes near its logo, what a story's apps would cover.

Where words and logo stand comes from the picture's maker; what stands there is looked at. Contrast and sizes of text are measure_text.py's.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from imaging.measure_text import INK_LEVELS, STORY_HEIGHT_PER_WIDTH, PlacedText, thin_strokes
from imaging.measure_views import ByteImage
from imaging.text_overlay import letters_over_photo

OF_POSTER = ("text_ink_pct", "logo_known", "logo_clear_pct", "story_letters", "words_overlap_pct")
STORY_TOP, STORY_BOTTOM = 250 / 1920, 340 / 1920
"""Parts of a story's height over which apps lay their own words and buttons."""
LOOKED_PX = 768
"""Longer side at which letters are looked for."""
FOREIGN_LEVELS = 26
"""A pixel around a logo is something else from this difference to most of them on; shadows and lit paper change by less over so short a way."""
LOOKED_AROUND = 1.0
"""How far around a logo is looked, in its heights."""


def measure_poster(
    render_HW3: ByteImage,
    texts: Sequence[PlacedText],
    logo: tuple[float, float, float, float] | None,
    product_alpha_HW: ByteImage | None,
    *,
    logo_asked: bool = False,
) -> dict[str, float | None]:
    """OF_POSTER at full size.

    `text_ink_pct`: share of the emptiest text block that is of its color; words that are stated and were not drawn have 0. `words_overlap_pct`:
    share of the smaller of two text blocks that lie on one another, the worst. `logo_clear_pct`: distance from the logo to the nearest other
    thing or the frame's edge, in percent of its height, up to 100; None without a logo, also where one was asked for (`logo_known`). `story_letters`: letters where apps cover a story.
    """
    columns: dict[str, float | None] = dict.fromkeys(OF_POSTER)
    columns["text_ink_pct"] = min((_ink_pct(render_HW3, text) for text in texts), default=None)
    columns["words_overlap_pct"] = max((_shared_pct(a, b) for i, a in enumerate(texts) for b in texts[i + 1 :]), default=0.0)
    columns["logo_known"] = float(logo is not None or logo_asked)
    if logo is not None:
        columns["logo_clear_pct"] = _clear_pct(render_HW3, logo, product_alpha_HW)
    columns["story_letters"] = float(_letters_under_apps(render_HW3))
    return columns


def _ink_pct(render: ByteImage, text: PlacedText) -> float:
    left, top, right, bottom = (round(edge) for edge in text.box)
    part = render[max(0, top) : bottom, max(0, left) : right].astype(np.int16)
    if not part.size:
        return 0.0
    color = np.array(text.rgb, np.int16)
    ink = np.abs(part - color).max(axis=2) <= INK_LEVELS
    ink |= thin_strokes(part.astype(np.uint8), color, (text.box[3] - text.box[1]) / text.lines) > 0
    return float(ink.mean() * 100)


def _shared_pct(one: PlacedText, other: PlacedText) -> float:
    across = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    down = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one.box, other.box))
    return 100 * max(0.0, across) * max(0.0, down) / max(smaller, 1.0)


def _clear_pct(render: ByteImage, logo: tuple[float, float, float, float], product_alpha: ByteImage | None) -> float:
    height, width = render.shape[:2]
    tall = max(1.0, logo[3] - logo[1])
    reach = LOOKED_AROUND * tall
    edge = min(logo[0], logo[1], width - logo[2], height - logo[3])
    rows = slice(max(0, int(logo[1] - reach)), min(height, int(np.ceil(logo[3] + reach))))
    columns = slice(max(0, int(logo[0] - reach)), min(width, int(np.ceil(logo[2] + reach))))
    part = render[rows, columns].astype(np.int16)
    ys, xs = np.mgrid[rows, columns].astype(np.float32) + 0.5
    away = np.maximum(np.maximum(logo[0] - xs, xs - logo[2]), np.maximum(logo[1] - ys, ys - logo[3]))
    around = away > 1.5
    ground = np.median(part[around], axis=0)
    foreign = (np.abs(part - ground).max(axis=2) > FOREIGN_LEVELS) & around
    if product_alpha is not None:
        foreign |= (product_alpha[rows, columns] >= 128) & around
    foreign = cv2.morphologyEx(foreign.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
    nearest = float(away[foreign].min()) if foreign.any() else reach
    return float(np.clip(100 * min(nearest, edge) / tall, 0, 100))


def _letters_under_apps(render: ByteImage) -> int:
    """Letters in rows in the top and bottom of a story; 0 for other formats."""
    height, width = render.shape[:2]
    if height / width < STORY_HEIGHT_PER_WIDTH:
        return 0
    found = 0
    for rows in (slice(0, round(STORY_TOP * height)), slice(round((1 - STORY_BOTTOM) * height), height)):
        gray = cv2.cvtColor(np.ascontiguousarray(render[rows]), cv2.COLOR_RGB2GRAY)
        scale = min(1.0, LOOKED_PX / max(gray.shape))
        small = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        found += letters_over_photo(small, np.zeros(small.shape, bool))
    return found
