"""How far the surroundings of a product are from the brand's palette: compared when a render is judged, not when it is measured.

The measurement keeps the surroundings' dominant colors (`surroundings_hex`) and knows no brand. So a changed palette judges again what was
measured, like every changed rule, and no picture is decoded for it; the palette is part of the rules' digest. Rejected: keeping the palette
among a render's facts (they tell what was drawn, under a brand kit that may be history) and measuring again when it changes (a second of
computing for every twenty scenes, for six numbers).
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from imaging.color import FloatImage, delta_e2000, srgb_to_lab
from imaging.measure_background import rgb_of
from imaging.measure_views import ByteImage
from imaging.scene_colors import SceneColor
from quality.columns import PALETTE_COLUMNS, Measurements

if TYPE_CHECKING:
    import pandas as pd

COLORS_COLUMN = "surroundings_hex"
OFF_PALETTE_DELTA_E = 15.0
"""From this distance on, a color is none of the palette's: nothing in three of the four looks of the demo is that far, and 95 to 100 % of
them with their hues turned by 180 degrees."""
LIGHTNESS_WEIGHT = 0.5
"""kL = 2: light and shade change the lightness of a wall in the brand's color, and it stays in the brand's color."""


def colors_as_words(colors: Sequence[SceneColor]) -> str | None:
    """Dominant colors as the measurement table keeps them: `#c4704c 41.2 #e8c39a 22.0`, shares in percent; None without any."""
    return " ".join(f"{color.hex} {color.share_pct:.1f}" for color in colors) or None


def palette_distance(words: str | None, palette: Sequence[str]) -> tuple[float | None, float | None]:
    """Distance of surroundings to a palette, by area: mean of each color's CIEDE2000 (kL = 2) to the nearest of the palette, and the share in
    percent of colors further away than OFF_PALETTE_DELTA_E. None, None without colors or palette.
    """
    mean, off = _distances([words], palette)[0].tolist()
    return (None, None) if math.isnan(mean) else (mean, off)


def with_palette(frame: "pd.DataFrame", palette: Sequence[str]) -> "pd.DataFrame":
    """A measurement table whose palette columns tell the distance to this palette; rows that were compared already stay as they are.

    The frame that goes in is not changed. Measuring leaves the palette columns empty, so filled ones are `compare_with_palette`'s.
    """
    first = frame[PALETTE_COLUMNS[0]] if PALETTE_COLUMNS[0] in frame else [None] * len(frame)
    open_rows = [value is None or value != value for value in first]
    if not any(open_rows):
        return frame
    found_N2 = _distances([words if is_open else None for words, is_open in zip(frame[COLORS_COLUMN], open_rows, strict=True)], palette)
    kept = {name: frame.get(name, [None] * len(frame)) for name in PALETTE_COLUMNS}
    filled = {
        name: [found if is_open else value for found, value, is_open in zip(found_N2[:, place], kept[name], open_rows, strict=True)]
        for place, name in enumerate(PALETTE_COLUMNS)
    }
    return frame.assign(**filled)


def compare_with_palette(rows: Iterable[Measurements], palette: Sequence[str]) -> None:
    """Fill in the palette columns of rows of measurements, in place: for whoever shows them or learns from them."""
    rows = [row for row in rows if row.get(COLORS_COLUMN)]
    for row, found in zip(rows, _distances([row[COLORS_COLUMN] for row in rows], palette).tolist(), strict=True):
        row.update(zip(PALETTE_COLUMNS, (None if math.isnan(value) else value for value in found), strict=True))


def _distances(words_N: Sequence[object], palette: Sequence[str]) -> FloatImage:
    """Mean distance and share off the palette per row of colors, float (N, 2), NaN where there is nothing; one computation for all colors."""
    found_N2 = np.full((len(words_N), 2), np.nan)
    rows = [index for index, words in enumerate(words_N) if isinstance(words, str) and words]
    if not rows or not palette:
        return found_N2
    counts = [str(words_N[index]).count("#") for index in rows]
    parts = " ".join(str(words_N[index]) for index in rows).split()
    shares = np.array(parts[1::2], np.float64)
    codes, place = np.unique([int(color[1:], 16) for color in parts[::2]], return_inverse=True)
    nearest = _nearest(np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8), palette)[place]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    total = np.maximum(np.add.reduceat(shares, starts), 1e-9)
    found_N2[rows, 0] = np.add.reduceat(shares * nearest, starts) / total
    found_N2[rows, 1] = 100 * np.add.reduceat(shares * (nearest > OFF_PALETTE_DELTA_E), starts) / total
    return found_N2


def _nearest(colors_N3: ByteImage, palette: Sequence[str]) -> FloatImage:
    """CIEDE2000 with lightness weighted by half between each color and the nearest of a palette."""
    lab_N3, lab_P3 = (srgb_to_lab(np.asarray(some, np.uint8)[None])[0] for some in (colors_N3, [rgb_of(color) for color in palette]))
    one, other = (np.array(lab) for lab in np.broadcast_arrays(lab_N3[:, None], lab_P3[None]))
    # The weight acts on the difference in lightness; the mean, which the formula also uses, stays.
    middle, half = (one[..., 0] + other[..., 0]) / 2, (one[..., 0] - other[..., 0]) / 2 * LIGHTNESS_WEIGHT
    one[..., 0], other[..., 0] = middle + half, middle - half
    return np.asarray(delta_e2000(one, other).min(axis=1))
