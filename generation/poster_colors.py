"""The colors of an advertisement, out of the brand's: a ground the product stands out from, an accent, and text that can be read on both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab
from imaging.measure_text import contrast_ratio, relative_luminance

Rgb = tuple[int, int, int]

INK, PAPER = "#15181d", "#ffffff"
"""Text where no color of the brand is readable: on any color one of the two has a contrast of 4.5."""
WANTED_CONTRAST = 5.2
"""Asked of text against a nominal color: WCAG's 4.5 with room for light that falls off, shadows and JPEG."""
STANDS_OUT = 24.0
"""Lab distance (CIE76) of a ground to most of the product's outline from which it is told from it at a glance."""
DARK = 0.028
"""Relative luminance of dark grounds that follow from a light color."""
MIN_CHROMA = 12.0
"""Colors paler than this (Lab) have no hue to keep in the dark."""
NEAREST_PCT = 10
"""So much of the outline may be near to a color behind it: the terracotta foot of a teal mug, a fifth of it, was lost on terracotta."""
APART = 1.6
"""Contrast of an accent with its ground from which a panel or a button is seen as one."""


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """Colors by what they are for; sRGB 0..255."""

    ground: Rgb
    accent: Rgb
    on_ground: Rgb
    on_accent: Rgb
    button: Rgb
    on_button: Rgb
    accent_button: Rgb
    on_accent_button: Rgb


def rgb_of(hex_color: str) -> Rgb:
    """Red, green, blue of `#rrggbb`."""
    return int(hex_color[1:3], 16), int(hex_color[3:5], 16), int(hex_color[5:7], 16)


def contrast(one: Rgb, other: Rgb) -> float:
    """WCAG contrast ratio of two colors, 1..21."""
    pair = relative_luminance(np.array([one, other], np.uint8))
    return float(contrast_ratio(pair[:1], pair[1:])[0])


def choose(grounds: Sequence[str], palette: Sequence[str], outline_lab: npt.NDArray[np.float32], concept: int, *, dark: bool) -> Scheme:
    """A scheme for one concept. outline_lab: the product's colors along its outline, (n, 3).

    Of the candidates that stand out from the product the concept's number takes one, in turn; where none does, the one that does most is taken.
    """
    wanted = [color for color in dict.fromkeys([*grounds, *palette]) if (_luminance(color) < 0.18) == dark] or list(grounds)
    if dark:  # few kits have several dark colors: the others' shades follow them
        hued = [color for color in palette if _chroma(color) >= MIN_CHROMA] or palette
        wanted = [color for color in wanted if _luminance(color) < 0.18] + [_darkened(color) for color in hued]
    elif sum(_stands_out(color, outline_lab) >= STANDS_OUT for color in wanted) < 2:  # a pale product: deep colors set it off as well
        wanted = list(dict.fromkeys([*wanted, *palette]))
    ground = _in_turn(wanted, outline_lab, concept)
    accents = [c for c in palette if contrast(rgb_of(c), rgb_of(ground)) >= APART] or [INK if not dark else PAPER]
    accent = _in_turn(accents, outline_lab, concept)
    on_ground, on_accent = _readable(ground, palette), _readable(accent, palette)
    button = max([*palette, INK], key=lambda c: (contrast(rgb_of(c), rgb_of(ground)) >= 3.0, _chroma(c)))
    on_accent_button = PAPER if _luminance(accent) < 0.3 else INK
    return Scheme(
        ground=rgb_of(ground),
        accent=rgb_of(accent),
        on_ground=rgb_of(on_ground),
        on_accent=rgb_of(on_accent),
        button=rgb_of(button),
        on_button=rgb_of(_readable(button, ())),
        accent_button=rgb_of(on_accent_button),
        on_accent_button=rgb_of(_readable(on_accent_button, [c for c in palette if _luminance(c) < 0.2 or _luminance(c) > 0.7])),
    )


def _readable(ground: str, palette: Sequence[str]) -> str:
    """Text for a ground: the brand's most contrasting color where it can be read well, else ink or paper, whichever contrasts more."""
    best = max(palette, key=lambda c: contrast(rgb_of(c), rgb_of(ground)), default=None)
    if best is not None and contrast(rgb_of(best), rgb_of(ground)) >= WANTED_CONTRAST + 1:
        return best
    return max((INK, PAPER), key=lambda c: contrast(rgb_of(c), rgb_of(ground)))


def _in_turn(colors: Sequence[str], outline_lab: npt.NDArray[np.float32], concept: int) -> str:
    distances = [_stands_out(color, outline_lab) for color in colors]
    standing = [color for color, distance in zip(colors, distances, strict=True) if distance >= STANDS_OUT]
    return standing[concept % len(standing)] if standing else colors[int(np.argmax(distances))]


def _stands_out(color: str, outline_lab: npt.NDArray[np.float32]) -> float:
    """How far most of the outline (its nearest tenth left out) is from a color."""
    lab = srgb_to_lab(np.array([[rgb_of(color)]], np.uint8))[0, 0]
    return float(np.percentile(np.linalg.norm(outline_lab - lab, axis=1), NEAREST_PCT)) if len(outline_lab) else 100.0


def _luminance(color: str) -> float:
    return float(relative_luminance(np.array([rgb_of(color)], np.uint8))[0])


def _chroma(color: str) -> float:
    lab = srgb_to_lab(np.array([[rgb_of(color)]], np.uint8))[0, 0]
    return float(np.hypot(lab[1], lab[2]))


def _darkened(color: str) -> str:
    """A color of the same hue, dark enough to carry white text; light ones are darkened more, for half dark they are mud."""
    linear = np.array([((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 3294.6 for v in rgb_of(color)]) * min(
        1.0, DARK / max(_luminance(color), 1e-6)
    )
    coded = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return "#{:02x}{:02x}{:02x}".format(*(round(value) for value in coded * 255))
