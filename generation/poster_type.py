"""Put an advertisement's words and logo into the slots of its layout: set, colored, drawn, and told as facts."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from catalog.errors import RenderError
from generation.poster_colors import Rgb, Scheme, contrast
from generation.poster_frame import Box, Slot
from imaging.flat_shapes import fill, rounded_box
from imaging.lettering import SetText, Typeface, set_text, stamp, text_mask

Uint8 = npt.NDArray[np.uint8]

BUTTON_PAD = (0.85, 0.62)
"""Free space of a button beside and above its words, in sizes of its letters."""
LOGO_CONTRAST = 2.0
"""A logo whose colors are nearer than this (WCAG ratio, most of its pixels) to the ground gets a plate."""
PLATE_PAD = 0.35
"""Free edge of a logo's plate, of the logo's height."""
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
        color = self.scheme.on_accent if slot.on == "accent" else self.scheme.on_ground
        self._draw(role, made, _placed(slot, made.width_px, made.height_px), slot, color)

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
        inner = (at[0] + pad_x, at[1] + pad_y, at[2] - pad_x, at[3] - pad_y)
        self._draw(role, made, inner, Slot(box=inner, align="center"), self.scheme.on_accent_button if accent else self.scheme.on_button)
        self.boxes[role] = _shares(at, self.canvas)

    def logo(self, data: bytes | None, name: str, slot: Slot) -> None:
        """Draw the brand's logo into a slot, or its name where it has none; nothing without either."""
        if data is None and not name:
            return
        ground = self.scheme.accent if slot.on == "accent" else self.scheme.ground
        if data is None:
            color = self.scheme.on_accent if slot.on == "accent" else self.scheme.on_ground
            made = set_text(
                name, self.faces["headline"], width_px=slot.box[2] - slot.box[0], height_px=slot.box[3] - slot.box[1],
                max_px=0.04 * self.unit, min_px=0.024 * self.unit, max_lines=1,
            )  # fmt: skip
            self._draw("logo", made, _placed(slot, made.width_px, made.height_px), slot, color)
            return
        picture = _logo(data)
        plate = _plate(picture, ground)
        room = 1.0 if plate is None else 1 / (1 + 2 * PLATE_PAD)
        scale = min((slot.box[2] - slot.box[0]) / picture.width, (slot.box[3] - slot.box[1]) / picture.height) * room
        wide, high = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        pixels = np.asarray(picture.resize((wide, high), Image.Resampling.LANCZOS))
        pad = 0 if plate is None else round(PLATE_PAD * high)
        at = _placed(slot, wide + 2 * pad, high + 2 * pad)
        outer = (round(at[0]), round(at[1]), round(at[0]) + wide + 2 * pad, round(at[1]) + high + 2 * pad)
        if plate is not None:
            fill(self.canvas, [rounded_box(outer, 0.25 * high)], plate)
        part = self.canvas[outer[1] + pad : outer[3] - pad, outer[0] + pad : outer[2] - pad]
        alpha = pixels[..., 3:].astype(np.uint16)
        part[:] = ((pixels[..., :3] * alpha + part * (255 - alpha) + 127) // 255).astype(np.uint8)
        self.boxes["logo"] = _shares(outer, self.canvas)

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


def _logo(data: bytes) -> Image.Image:
    """A logo's picture without its empty border, RGBA. Raises RenderError for what is no picture."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            picture = opened.convert("RGBA")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise RenderError(f"The brand's logo cannot be read as a picture ({error}). Nothing was made. Name a PNG or WebP file.") from error
    inked = picture.getchannel("A").point(lambda level: 255 if level > 8 else 0).getbbox()
    return picture if inked is None else picture.crop(inked)


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
