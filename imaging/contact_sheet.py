"""A contact sheet: many pictures in one small file, each with a label and a frame in the color of its verdict.

Made for asset metadata, where every byte is stored with the run and read with every listing; the large picture of a category is the
report's (`publishing/report.py`). Whoever calls chooses the order: what stands first survives when not everything fits.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from catalog.verdict import Verdict
from imaging.encode import Pixels, encode_webp

CONTACT_SHEET_MIME: Final = "image/webp"
"""Media type of what `contact_sheet` returns."""

MAX_BYTES: Final = 50_000
"""A data URI in asset metadata is stored in the event row and re-read with each listing; more makes the asset page slow."""

MAX_TILES: Final = 64
"""More pictures than an eye compares on one sheet; the rest is counted in words."""

SMALLEST_TILE_PX: Final = 56
"""Below this a label has no legible size."""

_FRAMES: Final[dict[Verdict | None, tuple[int, int, int]]] = {
    Verdict.APPROVED: (26, 127, 75),
    Verdict.REVIEW: (204, 122, 0),
    Verdict.REJECTED: (200, 42, 48),
    None: (196, 201, 209),
}
_PAPER: Final = (255, 255, 255)
_MAT: Final = (246, 247, 249)
_INK: Final = (31, 36, 44)
_INK_SOFT: Final = (98, 106, 118)
_QUALITIES: Final = (84, 74, 62, 50, 40)
"""WebP qualities tried at each size before the tiles shrink; below 40 the labels smear."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One picture of a sheet.

    `pixels_HW3`: uint8 sRGB of any size; `label`: one line, or two parted by a newline (the second is set in gray); `verdict` chooses the
    frame: approved green, review amber, rejected red, None gray.
    """

    pixels_HW3: Pixels  # an array carries its shape
    label: str
    verdict: Verdict | None = None


def contact_sheet(tiles: Sequence[Tile], columns: int, tile_px: int, max_bytes: int = MAX_BYTES) -> bytes:
    """The tiles as one WebP picture of at most `max_bytes`, row by row, `columns` to a row, each picture `tile_px` wide at most.

    When that is too large, the quality falls first, then the tile size (to 56 px), then tiles are left off at the end and counted
    ("+ 40 more"). Raises ValueError for no tiles, or when not even one small tile fits.
    """
    if not tiles or columns < 1 or tile_px < SMALLEST_TILE_PX:
        raise ValueError(f"{len(tiles)} tiles in {columns} columns of {tile_px} px: at least 1, 1 and {SMALLEST_TILE_PX} were expected.")
    for count, size_px in _attempts(len(tiles), tile_px):
        sheet_HW3 = _draw(tiles[:count], columns, size_px, left_off=len(tiles) - count)
        for quality in _QUALITIES:
            data = encode_webp(sheet_HW3, quality=quality)
            if len(data) <= max_bytes:
                return data
    raise ValueError(f"A contact sheet of one {SMALLEST_TILE_PX} px tile is larger than {max_bytes} bytes; allow more.")


def as_markdown_image(data: bytes, mime: str = CONTACT_SHEET_MIME, alt: str = "contact sheet") -> str:
    """The picture as a Markdown image with a data URI, as Dagster's Markdown metadata shows it without any server."""
    return f"![{alt}](data:{mime};base64,{base64.b64encode(data).decode()})"


def _attempts(tiles: int, tile_px: int) -> Iterator[tuple[int, int]]:
    """Numbers of tiles and tile sizes to try, best first."""
    count, size_px = min(tiles, MAX_TILES), tile_px
    while size_px > SMALLEST_TILE_PX:
        yield count, size_px
        size_px = max(SMALLEST_TILE_PX, int(size_px * 0.85))
    while count >= 1:
        yield count, SMALLEST_TILE_PX
        count = count * 3 // 4


def _draw(tiles: Sequence[Tile], columns: int, tile_px: int, left_off: int) -> Pixels:
    """The sheet as uint8 (H, W, 3)."""
    columns = min(columns, len(tiles))
    gap_px, font = max(6, tile_px // 14), _font(max(9, round(tile_px * 0.085)))
    line_px = round(font.size * 1.35)
    lines = max(len(_lines(tile.label)) for tile in tiles)
    row_px = tile_px + gap_px // 2 + lines * line_px + gap_px
    rows = -(-len(tiles) // columns)
    footer_px = line_px + gap_px if left_off else 0
    sheet = Image.new("RGB", (columns * (tile_px + gap_px) + gap_px, rows * row_px + gap_px + footer_px), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, tile in enumerate(tiles):
        left, top = gap_px + number % columns * (tile_px + gap_px), gap_px + number // columns * row_px
        _draw_framed(sheet, tile, left, top, tile_px)
        for line, text in enumerate(_lines(tile.label)):
            color = _INK if line == 0 else _INK_SOFT
            where = (left + 1, top + tile_px + gap_px // 2 + line * line_px)
            pen.text(where, _shortened(text, font, tile_px - 2), fill=color, font=font)
    if left_off:
        pen.text((gap_px, sheet.height - footer_px), f"+ {left_off} more", fill=_INK_SOFT, font=font)
    return np.asarray(sheet)


def _draw_framed(sheet: Image.Image, tile: Tile, left: int, top: int, tile_px: int) -> None:
    """One picture, centered on its mat, in its frame, with the mark that tells verdicts apart without color."""
    pen = ImageDraw.Draw(sheet)
    frame_px = max(2, tile_px // 36)
    inner_px = tile_px - 2 * frame_px
    color = _FRAMES[tile.verdict]
    pen.rectangle((left, top, left + tile_px - 1, top + tile_px - 1), fill=color)
    pen.rectangle((left + frame_px, top + frame_px, left + tile_px - frame_px - 1, top + tile_px - frame_px - 1), fill=_MAT)
    picture_HW3 = _fitted(tile.pixels_HW3, inner_px)
    height_px, width_px = picture_HW3.shape[:2]
    at = (left + frame_px + (inner_px - width_px) // 2, top + frame_px + (inner_px - height_px) // 2)
    sheet.paste(Image.fromarray(picture_HW3), at)
    if tile.verdict is not None:
        _draw_mark(pen, tile.verdict, left + tile_px, top, max(10, tile_px // 7))


def _draw_mark(pen: ImageDraw.ImageDraw, verdict: Verdict, right: int, top: int, size_px: int) -> None:
    """A check, a dash or a cross in the upper right corner, drawn as strokes: the shipped font has no such signs."""
    left = right - size_px
    pen.rectangle((left, top, right - 1, top + size_px - 1), fill=_FRAMES[verdict])

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x * size_px, top + y * size_px

    strokes: dict[Verdict, list[list[tuple[float, float]]]] = {
        Verdict.APPROVED: [[at(0.24, 0.52), at(0.43, 0.71), at(0.76, 0.30)]],
        Verdict.REVIEW: [[at(0.50, 0.22), at(0.50, 0.58)], [at(0.50, 0.70), at(0.50, 0.80)]],
        Verdict.REJECTED: [[at(0.28, 0.28), at(0.72, 0.72)], [at(0.72, 0.28), at(0.28, 0.72)]],
    }
    for stroke in strokes[verdict]:
        pen.line(stroke, fill=_PAPER, width=max(2, size_px // 8), joint="curve")


def _fitted(pixels_HW3: Pixels, box_px: int) -> Pixels:
    """The picture scaled to fit a square box, never enlarged past it; area averaging, so that fine prints do not sparkle."""
    height_px, width_px = pixels_HW3.shape[:2]
    scale = box_px / max(height_px, width_px)
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels_HW3), size, interpolation=method), dtype=np.uint8)


def _lines(label: str) -> list[str]:
    return label.split("\n")[:2]


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=size_px)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType; install the wheel from PyPI"
    return font


def _shortened(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> str:
    """The text, cut with an ellipsis where it would run into the next tile."""
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(text + "…") > width_px:
        text = text[:-1]
    return text.rstrip() + "…"
