"""Set type and draw it: lines broken to a width, as large as fits, in any script that the font has glyphs for.

Chooses no words and no colors. What cannot be set whole is refused with a reason; nothing is ever cut off.
"""

import io
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, features

from catalog.errors import RenderError

Uint8 = npt.NDArray[np.uint8]
Align = Literal["left", "center", "right"]

UNIT_PX = 200
"""Size at which widths are measured; they grow in proportion, and what is set is measured again at its own size."""
INK = 128
"""Coverage (0..255) from which a pixel counts as letter when the box of the letters is measured."""
SHAPED = ("ARABIC", "SYRIAC", "THAANA", "NKO", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA",
          "MALAYALAM", "SINHALA", "THAI", "LAO", "TIBETAN", "MYANMAR", "KHMER", "MONGOLIAN", "HEBREW")  # fmt: skip
"""Scripts whose letters join, stack or run from right to left: they are wrong without a shaping engine."""
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH")
"""Scripts written without spaces: a line may end after any of their signs."""


class DoesNotFit(RenderError):
    """A text is too long for its place at the smallest size that can be read."""


class Typeface:
    """A font file, opened once per size. Raises RenderError when the bytes are no font."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self._data = data
        self.at = lru_cache(maxsize=64)(self._at)
        self._lacks = lru_cache(maxsize=4096)(self._is_missing)

    def _at(self, size_px: int) -> ImageFont.FreeTypeFont:
        try:
            return ImageFont.truetype(io.BytesIO(self._data), size_px)
        except OSError as error:
            raise RenderError(
                f"{self.name} cannot be read as a font ({error}). Nothing was made. Name a TrueType, OpenType or WOFF2 file in the brand kit."
            ) from error

    def _is_missing(self, sign: str) -> bool:
        font = ImageFont.truetype(io.BytesIO(self._data), 40, layout_engine=ImageFont.Layout.BASIC)
        seen, blank = font.getmask(sign), font.getmask("\U0010fffe")
        return seen.size == blank.size and bytes(seen) == bytes(blank)

    def missing(self, text: str) -> str:
        """The characters of a text that the font has no glyph for, each once, in their order; '' when it has all."""
        self.at(40)
        signs = dict.fromkeys(sign for sign in unicodedata.normalize("NFC", text) if unicodedata.category(sign)[0] not in "ZC")
        return "".join(sign for sign in signs if self._lacks(sign))


@dataclass(frozen=True, kw_only=True)
class SetText:
    """Text broken into lines at a size. Width and height in pixels are those of the block of lines, from cap height to last descender."""

    lines: tuple[str, ...]
    typeface: Typeface
    size_px: int
    width_px: int
    height_px: int
    line_px: int
    ascent_px: int
    from_right: bool


def set_text(
    text: str, typeface: Typeface, *, width_px: float, height_px: float, max_px: float, min_px: float, max_lines: int, leading: float = 1.14
) -> SetText:
    """The text as large as it fits into a box, on one line or more, never larger than `max_px`, never smaller than `min_px`.

    Of all ways to break it the one with the largest letters is taken, of equals the one with fewer lines; lines are balanced. Raises
    RenderError for characters without a glyph, for scripts that cannot be shaped here, and for text that does not fit at `min_px`.
    """
    words = _words(_checked(text, typeface))
    font = typeface.at(UNIT_PX)
    from_right = is_from_right(text)
    advances = np.cumsum([0.0, *(font.getlength(piece + gap, direction=_direction(from_right)) for piece, gap in words)])
    best: tuple[float, tuple[str, ...]] | None = None
    for count in range(1, min(max_lines, len(words)) + 1):
        lines = _balanced(words, count, advances)
        widest = max(_width(line, font, from_right) for line in lines) / UNIT_PX
        size = min(max_px, width_px / max(widest, 1e-6), height_px / (leading * (count - 1) + 1.02))
        if best is None or size > best[0] * 1.001:
            best = size, lines
    assert best is not None, "there is a word"
    for size_px in range(math.floor(best[0]), max(1, math.ceil(min_px)) - 1, -1):
        made = _measured(best[1], typeface, size_px, leading, from_right)
        if made.width_px <= width_px and made.height_px <= height_px:
            return made
    raise DoesNotFit(
        f"The text {_shown(text)} does not fit: in {max_lines} line{'s' * (max_lines > 1)} its letters would be {best[0]:.0f} px large, and {math.ceil(min_px)} px "
        "is the least that can be read. Nothing was made. Shorten it, or choose another layout or format."
    )


def draw_text(
    canvas_HW3: Uint8, made: SetText, *, left_px: float, top_px: float, width_px: float, align: Align, rgb: tuple[int, int, int]
) -> tuple[int, int, int, int]:
    """Draw set text into a picture, in place, in a column that is `width_px` wide; the box of its letters (left, top, right, bottom) in pixels.

    Text from right to left that is aligned left is aligned right, as its readers expect.
    """
    mask = text_mask(made, width_px=width_px, align=align)
    return stamp(canvas_HW3, mask, left_px=round(left_px), top_px=round(top_px), rgb=rgb)


def text_mask(made: SetText, *, width_px: float, align: Align) -> Uint8:
    """Coverage of set text in a column, uint8, with room below for descenders."""
    font, width = made.typeface.at(made.size_px), math.ceil(width_px)
    image = Image.new("L", (width, made.height_px + 2), 0)
    pen = ImageDraw.Draw(image)
    side = {"left": "right", "right": "left"}.get(align, align) if made.from_right else align
    for number, line in enumerate(made.lines):
        left, _, right, _ = _box(line, font, made.from_right)
        start = {"left": -left, "center": (width - (right - left)) / 2 - left, "right": width - right}[side]
        at = (round(start), made.ascent_px + number * made.line_px)
        pen.text(at, line, fill=255, font=font, anchor="ls", direction=_direction(made.from_right))
    return np.asarray(image)


def stamp(canvas_HW3: Uint8, mask_HW: Uint8, *, left_px: int, top_px: int, rgb: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Lay a color over a picture by a coverage mask, in place; the box of what is at least half covered, in pixels of the picture."""
    height, width = mask_HW.shape
    rows = slice(max(0, top_px), min(canvas_HW3.shape[0], top_px + height))
    columns = slice(max(0, left_px), min(canvas_HW3.shape[1], left_px + width))
    part = mask_HW[rows.start - top_px : rows.stop - top_px, columns.start - left_px : columns.stop - left_px].astype(np.uint16)[..., None]
    canvas_HW3[rows, columns] = ((np.array(rgb, np.uint16) * part + canvas_HW3[rows, columns] * (255 - part) + 127) // 255).astype(np.uint8)
    ys, xs = np.flatnonzero((mask_HW >= INK).any(axis=1)), np.flatnonzero((mask_HW >= INK).any(axis=0))
    if not xs.size:
        return left_px, top_px, left_px, top_px
    return left_px + int(xs[0]), top_px + int(ys[0]), left_px + int(xs[-1]) + 1, top_px + int(ys[-1]) + 1


def is_from_right(text: str) -> bool:
    """Whether a text reads from right to left: by its first letter that has a direction."""
    strong = next((kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")), "L")
    return strong != "L"


def _checked(text: str, typeface: Typeface) -> str:
    text = re.sub(r"[ \t\r\n]+", " ", unicodedata.normalize("NFC", text)).strip()  # a no-break space stays one
    if not text:
        raise RenderError("A text to be set is empty. Nothing was made. Give words, or leave the text out.")
    if missing := typeface.missing(text):
        names = ", ".join(f"{sign} (U+{ord(sign):04X})" for sign in missing[:12])
        raise RenderError(
            f"The font {typeface.name} has no glyph for {names} in {_shown(text)}. Nothing was made. Name a font with this script in the brand kit, "
            "`ads: {fonts: {headline: FILE, text: FILE}}`, or change the text."
        )
    if not features.check("raqm"):
        scripts = sorted({script for sign in text for script in SHAPED if unicodedata.name(sign, "").startswith(script)})
        if scripts:
            raise RenderError(
                f"The text {_shown(text)} is in a script that needs shaping ({', '.join(scripts).lower()}), and Pillow has no Raqm here. "
                "Nothing was made. Install libfribidi and Pillow's own wheel (it holds Raqm and HarfBuzz), or change the text."
            )
    return text


def _words(text: str) -> list[tuple[str, str]]:
    """What lines are made of: a piece, and what parts it from the next one on its line."""
    pieces: list[tuple[str, str]] = []
    for word in text.split(" "):
        run = ""
        for sign in word:
            if unicodedata.name(sign, "").startswith(UNSPACED):
                pieces += [(run, "")] if run else []
                pieces.append((sign, ""))
                run = ""
            else:
                run += sign
        pieces += [(run, "")] if run else []
        pieces[-1] = (pieces[-1][0], " ")
    return pieces


def _joined(pieces: Sequence[tuple[str, str]]) -> str:
    return "".join(piece + gap for piece, gap in pieces).rstrip(" ")


def _balanced(words: list[tuple[str, str]], count: int, advances: npt.NDArray[np.float64]) -> tuple[str, ...]:
    """The words on `count` lines, the widest of them as narrow as can be.

    advances: where each piece starts on one endless line, and where that ends: sums are near enough to choose by; what is set is measured.
    """
    total = len(words)
    if count == 1:
        return (_joined(words),)
    widest = advances[1:].copy()  # of the first j words on one line, then on two ...
    breaks = []
    for line in range(1, count):
        options = np.maximum(widest[None, :-1], advances[None, 1:-1].repeat(total, 0) * -1 + advances[1:, None])
        ends = np.arange(1, total + 1)[:, None]
        starts = np.arange(1, total)[None, :]
        options = np.where((starts < ends) & (starts >= line), options, math.inf)
        breaks.append(options.argmin(axis=1) + 1)
        widest = options.min(axis=1)
    lines, end = [], total
    for chosen in reversed(breaks):
        start = int(chosen[end - 1])
        lines.append(_joined(words[start:end]))
        end = start
    return (_joined(words[:end]), *reversed(lines))


def _measured(lines: tuple[str, ...], typeface: Typeface, size_px: int, leading: float, from_right: bool) -> SetText:
    font, line_px = typeface.at(size_px), round(size_px * leading)
    boxes = [_box(line, font, from_right) for line in lines]
    ascent = max(1, -min(box[1] for box in boxes[:1]))
    descent = max(box[3] for box in boxes[-1:])
    return SetText(
        lines=lines,
        typeface=typeface,
        size_px=size_px,
        width_px=max(box[2] - box[0] for box in boxes),
        height_px=ascent + (len(lines) - 1) * line_px + max(0, descent),
        line_px=line_px,
        ascent_px=ascent,
        from_right=from_right,
    )


def _direction(from_right: bool) -> str | None:
    return "rtl" if from_right else None


def _box(line: str, font: ImageFont.FreeTypeFont, from_right: bool) -> tuple[int, int, int, int]:
    left, top, right, bottom = font.getbbox(line, anchor="ls", direction=_direction(from_right))
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def _width(line: str, font: ImageFont.FreeTypeFont, from_right: bool) -> float:
    left, _, right, _ = _box(line, font, from_right)
    return float(right - left)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
