"""Set type and draw it: lines broken to a width, as large as fits, in any script that the font has glyphs for.

Chooses no words and no colors. What cannot be set whole is refused with a reason; nothing is ever cut off.
"""

import io
import math
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, features

from catalog.errors import RenderError
from imaging.line_breaks import balanced, joined, pieces_of

Uint8 = npt.NDArray[np.uint8]
Align = Literal["left", "center", "right"]

UNIT_PX = 200
"""Size at which widths are measured; they grow in proportion, and what is set is measured again at its own size."""
INK = 128
"""Coverage (0..255) from which a pixel counts as letter when the box of the letters is measured."""
SHAPED = ("ARABIC", "SYRIAC", "THAANA", "NKO", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA",
          "MALAYALAM", "SINHALA", "THAI", "LAO", "TIBETAN", "MYANMAR", "KHMER", "MONGOLIAN", "HEBREW")  # fmt: skip
"""Scripts whose letters join, stack or run from right to left: they are wrong without a shaping engine."""
OVERRIDES = "\u202d\u202e"
"""Direction overrides: they turn words around that read right without them."""
FINE_UP_TO_PX, FINE = 128, 4
"""Letters up to this size are set and drawn so many times larger and then reduced: FreeType moves small ones to whole pixels, and the spaces between
words come out uneven."""


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
        with self.readable():
            return ImageFont.truetype(io.BytesIO(self._data), size_px)

    @contextmanager
    def readable(self) -> Iterator[None]:
        """FreeType's errors as ours: a damaged font may open, and fail at one letter."""
        try:
            yield
        except OSError as error:
            raise RenderError(
                f"{self.name} cannot be read as a font ({error}). Nothing was made. Name a TrueType, OpenType or WOFF2 file in the brand kit."
            ) from error

    def _is_missing(self, sign: str) -> bool:
        with self.readable():
            font = ImageFont.truetype(io.BytesIO(self._data), 40, layout_engine=ImageFont.Layout.BASIC)
            seen, blank = font.getmask(sign), font.getmask("\U0010fffe")
        return seen.size == blank.size and bytes(seen) == bytes(blank)

    def missing(self, text: str) -> str:
        """The characters of a text that the font has no glyph for, each once, in their order; '' when it has all."""
        self.at(40)
        signs = dict.fromkeys(sign for sign in unicodedata.normalize("NFC", text) if unicodedata.category(sign) not in ("Zs", "Cf"))
        return "".join(sign for sign in signs if self._lacks(sign))


STEMS_UP_TO_PX, STEMS = 40, 0.8
"""Letters up to this size are darkened by this exponent of their coverage: at 15 px, contrast is measured as with hinted ones."""


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

    @property
    def baseline_px(self) -> int:
        """From the block's top to the baseline of its last line."""
        return self.ascent_px + (len(self.lines) - 1) * self.line_px


def set_text(
    text: str, typeface: Typeface, *, width_px: float, height_px: float, max_px: float, min_px: float, max_lines: int, leading: float = 1.14
) -> SetText:
    """The text as large as it fits into a box, on one line or more, never larger than `max_px`, never smaller than `min_px`.

    Of all ways to break it the one with the largest letters is taken, of equals the one with fewer lines; lines are balanced. Raises
    RenderError for characters without a glyph, for scripts that cannot be shaped here, and for text that does not fit at `min_px`.
    """
    text = _checked(text, typeface)
    from_right = is_from_right(text)
    fitting = None
    for inside_words in (False, True):  # words are parted at their hyphens only where they do not fit whole
        size, lines = _broken(text, typeface, width_px, height_px, max_px, max_lines, leading, inside_words=inside_words)
        fitting = fitting or size
        for size_px in range(math.floor(size), max(1, math.ceil(min_px)) - 1, -1):
            made = _measured(lines, typeface, size_px, leading, from_right)
            if made.width_px <= width_px and made.height_px <= height_px:
                return made
    raise DoesNotFit(
        f"The text {_shown(text)} does not fit: in {max_lines} line{'s' * (max_lines > 1)} its letters would be {fitting:.0f} px large, and {math.ceil(min_px)} px "
        "is the least that can be read. Nothing was made. Shorten it, or choose another layout or format."
    )


def _broken(
    text: str, typeface: Typeface, width_px: float, height_px: float, max_px: float, max_lines: int, leading: float, *, inside_words: bool
) -> tuple[float, tuple[str, ...]]:
    """The largest size of letters, and the lines they are set in then."""
    pieces, font, direction = pieces_of(text, inside_words=inside_words), typeface.at(UNIT_PX), _direction(is_from_right(text))
    with typeface.readable():
        long = [font.getlength(piece.text, direction=direction) for piece in pieces]
        spaced = [
            font.getlength(piece.text + " ", direction=direction) if piece.gap else width for piece, width in zip(pieces, long, strict=True)
        ]
        hyphen = font.getlength("-") if any(piece.end for piece in pieces) else 0.0
    starts = np.cumsum([0.0, *spaced[:-1]])
    ends = starts + long + np.array([hyphen if piece.end else 0.0 for piece in pieces])
    best: tuple[float, tuple[str, ...]] = (0.0, (joined(pieces),))
    for count in range(1, min(max_lines, len(pieces)) + 1):
        lines = balanced(pieces, count, starts, ends)
        widest = max(_width(line, typeface, direction is not None) for line in lines) / UNIT_PX
        size = min(max_px, width_px / max(widest, 1e-6), height_px / (leading * (count - 1) + 1.02))
        if size > best[0] * 1.001:
            best = size, lines
    return best


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
    fine = _fine(made.size_px)
    wide, high = math.ceil(width_px), made.height_px + 2
    width = wide * fine
    image = Image.new("L", (width, high * fine), 0)
    pen, font = ImageDraw.Draw(image), made.typeface.at(made.size_px * fine)
    side = {"left": "right", "right": "left"}.get(align, align) if made.from_right else align
    with made.typeface.readable():
        for number, line in enumerate(made.lines):
            left, _, right, _ = font.getbbox(line, anchor="ls", direction=_direction(made.from_right))
            start = {"left": -left, "center": (width - (right - left)) / 2 - left, "right": width - right}[side]
            at = (round(start), (made.ascent_px + number * made.line_px) * fine)
            pen.text(at, line, fill=255, font=font, anchor="ls", direction=_direction(made.from_right))
    mask = np.asarray(image)
    if fine == 1:
        return mask
    even = np.asarray(cv2.resize(mask, (wide, high), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(_darker_stems()[even]) if made.size_px <= STEMS_UP_TO_PX else even


@lru_cache(maxsize=1)
def _darker_stems() -> Uint8:
    """Coverage as small letters are drawn with it: without hinting, stems of a pixel and a half fall on two or three and turn gray."""
    return np.asarray(np.round(255 * (np.arange(256) / 255) ** STEMS), np.uint8)


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
    text = re.sub(r"[ \t\r\n\v\f\x85\u2028\u2029]+", " ", unicodedata.normalize("NFC", text)).strip()  # a no-break space stays one
    if not text.strip("\ufeff\u200b\u00ad"):
        raise RenderError("A text to be set is empty. Nothing was made. Give words, or leave the text out.")
    if odd := [sign for sign in dict.fromkeys(text) if unicodedata.category(sign) in ("Cc", "Cs", "Cn") or sign in OVERRIDES]:
        names = ", ".join(f"U+{ord(sign):04X}" for sign in odd[:12])
        raise RenderError(
            f"The text {_shown(text)} holds {names}: control characters, which no font draws. Nothing was made. Take them out."
        )
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


def _measured(lines: tuple[str, ...], typeface: Typeface, size_px: int, leading: float, from_right: bool) -> SetText:
    fine, line_px = _fine(size_px), round(size_px * leading)
    boxes = [[edge / fine for edge in _box(line, typeface, size_px * fine, from_right)] for line in lines]
    ascent, descent = max(1, math.ceil(-boxes[0][1])), max(0, math.ceil(boxes[-1][3]))
    return SetText(
        lines=lines,
        typeface=typeface,
        size_px=size_px,
        width_px=math.ceil(max(box[2] - box[0] for box in boxes)),
        height_px=ascent + (len(lines) - 1) * line_px + descent,
        line_px=line_px,
        ascent_px=ascent,
        from_right=from_right,
    )


def _fine(size_px: int) -> int:
    return FINE if size_px <= FINE_UP_TO_PX else 1


def _direction(from_right: bool) -> str | None:
    return "rtl" if from_right else None


def _box(line: str, typeface: Typeface, size_px: int, from_right: bool) -> tuple[int, int, int, int]:
    font = typeface.at(size_px)
    with typeface.readable():
        left, top, right, bottom = font.getbbox(line, anchor="ls", direction=_direction(from_right))
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def _width(line: str, typeface: Typeface, from_right: bool) -> float:
    """At UNIT_PX."""
    left, _, right, _ = _box(line, typeface, UNIT_PX, from_right)
    return float(right - left)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
