"""Put an advertisement's words and logo into the slots of its layout: set, colored, drawn, and told as facts."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from catalog.errors import PhotoRefused, RenderError
from generation.poster_colors import Rgb, Scheme, contrast
from generation.poster_frame import Box, Slot
from imaging.flat_shapes import fill, rounded_box
from imaging.lettering import DoesNotFit, SetText, Typeface, set_text, stamp, text_mask
from imaging.photo_color import eight_bit, to_srgb

Uint8 = npt.NDArray[np.uint8]

BUTTON_PAD = (0.85, 0.62)
"""Free space of a button beside and above its words, in sizes of its letters."""
LOGO_CONTRAST = 2.0
"""A logo whose colors are nearer than this (WCAG ratio, most of its pixels) to the ground gets a plate."""
PLATE_PAD = 0.35
"""Free edge of a logo's plate, of the logo's height."""
BELOW_LINE, MAX_BELOW_LINE, BELOW_BLOCK = 0.26, 0.026, 0.02
"""Between two blocks of a stack: this part of the upper one's letters from its last baseline on, up to the next, and the last, both of the picture's
shorter side."""
Block = tuple[str, str, Slot]
"""A role, its words, and where they stand."""
MAX_LOGO_ENLARGED = 2.0
"""A logo enlarged more than this shows its pixels; it stays smaller than its place."""
MIN_LOGO_SHARE = 0.018
"""Lowest logo, of the picture's shorter side."""
MAX_LOGO_PIXELS = 40_000_000
FLAT_LEVELS = 12
"""An opaque logo's border within this of one color is its ground."""
CLEAR_SHARE = 0.5
"""Free space around a logo, of its height: the least that brand guides commonly ask."""


@dataclass(frozen=True, kw_only=True)
class Pen:
    """Where things are drawn: the picture, its colors, its typefaces, its shorter side, and the facts that drawing leaves."""

    canvas: Uint8
    scheme: Scheme
    faces: dict[str, Typeface]
    unit: int
    texts: list[dict[str, Any]]
    boxes: dict[str, list[float]]

    def words(self, role: str, text: str, slot: Slot) -> None:
        """Draw words into a slot. Raises RenderError when they cannot be set there."""
        made = self._set(text, slot, slot.box)
        self._draw(role, made, _placed(slot, made.width_px, made.height_px), slot, self._color(slot))

    def stack(self, blocks: Sequence[Block], optional: str) -> list[str]:
        """Draw blocks of words below one another, at distances that follow their letters, as one group; [optional] where that one has no room.

        The first block gives way, to 0.7 of its room, before the optional one is left out.
        """
        shorter = [block for block in blocks if block[0] != optional]
        tries = [
            (chosen, share) for chosen in ((blocks, shorter) if len(shorter) < len(blocks) else (blocks,)) for share in (1.0, 0.85, 0.7)
        ]
        for number, (chosen, share) in enumerate(tries, 1):
            try:
                self._draw_stack(blocks, self._set_stack(blocks, chosen, share))
            except DoesNotFit:
                if number == len(tries):
                    raise
            else:
                return [] if chosen is blocks else [optional]
        raise AssertionError("the last try returns or raises")

    def _set_stack(self, blocks: Sequence[Block], chosen: Sequence[Block], share: float) -> list[tuple[Block, SetText, float]]:
        """Each block's type, and how far below the group's top it stands. The box is that of all blocks, set or not."""
        room, used, found = (
            max(slot.box[3] for *_, slot in blocks) - min(slot.box[1] for *_, slot in blocks),
            0.0,
            list[tuple[Block, SetText, float]](),
        )
        for block in chosen:
            slot = block[2]
            if found:
                before = found[-1][1]
                below = min(BELOW_LINE * before.size_px, MAX_BELOW_LINE * self.unit) - (before.height_px - before.baseline_px)
                used += max(0.0, below) + BELOW_BLOCK * self.unit
            free = room - used if found else share * (slot.box[3] - slot.box[1])
            made = self._set(block[1], slot, (slot.box[0], 0.0, slot.box[2], free))
            found.append((block, made, used))
            used += made.height_px
        return found

    def _draw_stack(self, blocks: Sequence[Block], stack: Sequence[tuple[Block, SetText, float]]) -> None:
        top, bottom = min(slot.box[1] for *_, slot in blocks), max(slot.box[3] for *_, slot in blocks)
        used = stack[-1][2] + stack[-1][1].height_px
        start = {"top": top, "middle": (top + bottom - used) / 2, "bottom": bottom - used}[stack[0][0][2].upright]
        for (role, _, slot), made, down in stack:
            left, _, right, _ = _placed(slot, made.width_px, made.height_px)
            self._draw(role, made, (left, start + down, right, start + down + made.height_px), slot, self._color(slot))

    def button(self, role: str, text: str, slot: Slot) -> None:
        """Draw words on a button into a slot."""
        left, top, right, bottom = slot.box
        # The free space grows with the letters: of a low slot, it may take what the letters leave.
        reach = min(slot.largest * self.unit, (bottom - top) / (1.05 + 2 * BUTTON_PAD[1]))
        room = (left, top, max(left + 1, right - 2 * BUTTON_PAD[0] * reach), max(top + 1, bottom - 2 * BUTTON_PAD[1] * reach))
        made = self._set(text, slot, room)
        pad_x, pad_y = BUTTON_PAD[0] * made.size_px, BUTTON_PAD[1] * made.size_px
        at = _placed(slot, made.width_px + 2 * pad_x, made.height_px + 2 * pad_y)
        accent = slot.on == "accent"
        fill(self.canvas, [rounded_box(at, made.size_px * 0.36)], self.scheme.accent_button if accent else self.scheme.button)
        lower = (made.height_px - made.baseline_px) / 2  # letters look centered by what stands on the line
        inner = (at[0] + pad_x, at[1] + pad_y + lower, at[2] - pad_x, at[3] - pad_y + lower)
        self._draw(role, made, inner, Slot(box=inner, align="center"), self.scheme.on_accent_button if accent else self.scheme.on_button)
        self.boxes[role] = _shares(at, self.canvas)

    def logo(self, data: bytes | None, name: str, slot: Slot) -> None:
        """Draw the brand's logo into a slot, or its name where it has none; nothing without either."""
        if data is None and not name:
            return
        ground = self.scheme.accent if slot.on == "accent" else self.scheme.ground
        if data is None:
            made = set_text(
                name, self.faces["headline"], width_px=slot.box[2] - slot.box[0], height_px=slot.box[3] - slot.box[1],
                max_px=0.04 * self.unit, min_px=0.024 * self.unit, max_lines=1,
            )  # fmt: skip
            self._draw("logo", made, _placed(slot, made.width_px, made.height_px), slot, self._color(slot))
            return
        picture, plate = read_logo(data)
        plate = plate or _plate(picture, ground)
        room = 1.0 if plate is None else 1 / (1 + 2 * PLATE_PAD)
        scale = min((slot.box[2] - slot.box[0]) / picture.width, (slot.box[3] - slot.box[1]) / picture.height) * room
        scale = min(scale, MAX_LOGO_ENLARGED)
        wide, high = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        if high < MIN_LOGO_SHARE * self.unit:
            raise RenderError(
                f"The brand's logo has {picture.width} x {picture.height} px without its empty border and would be {high} px high here; "
                f"{MIN_LOGO_SHARE * self.unit:.0f} px are needed. Nothing was made. Name a larger file, or one that is less wide."
            )
        pixels = np.asarray(picture.resize((wide, high), Image.Resampling.LANCZOS, reducing_gap=3.0))
        pad = 0 if plate is None else round(PLATE_PAD * high)
        at = _placed(slot, wide + 2 * pad, high + 2 * pad)
        outer = (round(at[0]), round(at[1]), round(at[0]) + wide + 2 * pad, round(at[1]) + high + 2 * pad)
        if plate is not None:
            fill(self.canvas, [rounded_box(outer, 0.25 * high)], plate)
        part = self.canvas[outer[1] + pad : outer[3] - pad, outer[0] + pad : outer[2] - pad]
        alpha = pixels[..., 3:].astype(np.uint16)
        part[:] = ((pixels[..., :3] * alpha + part * (255 - alpha) + 127) // 255).astype(np.uint8)
        self.boxes["logo"] = _shares(outer, self.canvas)

    def _color(self, slot: Slot) -> Rgb:
        return self.scheme.on_accent if slot.on == "accent" else self.scheme.on_ground

    def _set(self, text: str, slot: Slot, box: Box) -> SetText:
        return set_text(
            text,
            self.faces[slot.face],
            width_px=box[2] - box[0],
            height_px=box[3] - box[1],
            max_px=slot.largest * self.unit,
            min_px=slot.smallest * self.unit,
            max_lines=slot.lines,
            leading=1.1 if slot.face != "text" else 1.28,
        )

    def _draw(self, role: str, made: SetText, at: Box, slot: Slot, rgb: Rgb) -> None:
        found = stamp(
            self.canvas, text_mask(made, width_px=at[2] - at[0], align=slot.align), left_px=round(at[0]), top_px=round(at[1]), rgb=rgb
        )
        height, width = self.canvas.shape[:2]
        self.boxes[role] = _shares(found, self.canvas)
        self.texts.append(
            {
                "left": found[0] / width,
                "top": found[1] / height,
                "width": (found[2] - found[0]) / width,
                "height": (found[3] - found[1]) / height,
                "color": "#{:02x}{:02x}{:02x}".format(*rgb),
                "lines": len(made.lines),
                "text": " ".join(made.lines),
            }
        )


def _placed(slot: Slot, width: float, height: float) -> Box:
    """A thing of a size in a slot, by the slot's alignment."""
    left, top, right, bottom = slot.box
    x = {"left": left, "center": (left + right - width) / 2, "right": right - width}[slot.align]
    y = {"top": top, "middle": (top + bottom - height) / 2, "bottom": bottom - height}[slot.upright]
    return x, y, x + width, y + height


@lru_cache(maxsize=4)
def read_logo(data: bytes) -> tuple[Image.Image, Rgb | None]:
    """A logo's picture upright, in sRGB and without its empty border, RGBA, and the color of its own ground where it is opaque. Raises RenderError for what is no picture."""
    if b"<svg" in data[:2000].lower():
        raise RenderError(
            "The brand's logo is an SVG file. Nothing was made. Export it as PNG, 1,000 px wide or more, with a transparent ground."
        )
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > MAX_LOGO_PIXELS:
                raise RenderError(
                    f"The brand's logo has {opened.width} x {opened.height} px; {MAX_LOGO_PIXELS / 1e6:.0f} megapixels are allowed. Nothing was made. "
                    "Name a smaller file."
                )
            picture = _upright_srgb(opened)
    except PhotoRefused as refused:
        raise RenderError(f"The brand's logo cannot be read: {refused} Nothing was made. Name a PNG or WebP file.") from refused
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        what = "it is no picture" if isinstance(error, UnidentifiedImageError) else str(error)
        raise RenderError(f"The brand's logo cannot be read as a picture ({what}). Nothing was made. Name a PNG or WebP file.") from error
    if picture.getchannel("A").getextrema()[0] == 255:
        return _without_ground(picture)
    inked = picture.getchannel("A").point(lambda level: 255 if level > 8 else 0).getbbox()
    if inked is None:
        raise RenderError("The brand's logo is transparent all over. Nothing was made. Name a file that shows it.")
    return picture.crop(inked), None


def _upright_srgb(opened: Image.Image) -> Image.Image:
    """A logo file's picture as it is meant: turned by its EXIF, in sRGB by its color profile, RGBA."""
    icc = opened.info.get("icc_profile") or b""
    turned = ImageOps.exif_transpose(opened)
    pixels, alpha = eight_bit(turned, 8, [])
    shown, _, _ = to_srgb(pixels, icc, [])
    picture = shown.convert("RGBA")
    if alpha is not None:
        picture.putalpha(alpha)
    return picture


def _without_ground(picture: Image.Image) -> tuple[Image.Image, Rgb | None]:
    """An opaque logo without the even ground around it, and that ground's color: it becomes the logo's plate. Without an even one, all of it."""
    pixels = np.asarray(picture.convert("RGB")).astype(np.int16)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ground = np.median(border, axis=0)
    if np.percentile(np.abs(border - ground).max(axis=1), 95) > FLAT_LEVELS:
        return picture, None
    shown = np.abs(pixels - ground).max(axis=2) > 2 * FLAT_LEVELS
    if not shown.any():
        raise RenderError("The brand's logo is of one color all over. Nothing was made. Name a file that shows it.")
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    return picture.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)), _as_rgb(ground.astype(np.uint8))


def _plate(picture: Image.Image, ground: Rgb) -> Rgb | None:
    """The plate that a logo needs on a ground it does not stand out from: paper, or ink for a light logo; None where it does."""
    small = np.asarray(picture.resize((24, 24), Image.Resampling.BOX))
    seen = [_as_rgb(color) for color in small[small[..., 3] > 128]]
    if not seen or np.mean([contrast(color, ground) < LOGO_CONTRAST for color in seen]) <= 0.4:
        return None
    return (255, 255, 255) if np.mean([contrast(color, (255, 255, 255)) for color in seen]) >= LOGO_CONTRAST else (21, 24, 29)


def _as_rgb(color: npt.NDArray[np.uint8]) -> Rgb:
    return int(color[0]), int(color[1]), int(color[2])


def _shares(box: Box | tuple[int, int, int, int], canvas: Uint8) -> list[float]:
    """Left, top, right, bottom as shares of the frame."""
    height, width = canvas.shape[:2]
    return [round(box[0] / width, 5), round(box[1] / height, 5), round(box[2] / width, 5), round(box[3] / height, 5)]
