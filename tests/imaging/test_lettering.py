"""Type: broken and sized to fit, whole or refused, from the right where its script runs so."""

from pathlib import Path

import numpy as np
import pytest

from catalog.errors import RenderError
from generation.typefaces import FOLDER
from imaging import lettering
from imaging.lettering import DoesNotFit, Typeface, draw_text, is_from_right, set_text

FACE = Typeface((FOLDER / "Manrope-Medium.ttf").read_bytes(), "Manrope-Medium.ttf")
DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


def fitted(text, face=FACE, **box):
    return set_text(text, face, **{"width_px": 400, "height_px": 200, "max_px": 60, "min_px": 20, "max_lines": 3, **box})


@pytest.mark.parametrize(
    "text", ["Mug", "A mug for every morning", "One " * 12, "Кружка для чая", "Κούπα του καφέ", "Tách trà Việt Nam ế ộ"]
)
def test_what_is_drawn_is_all_of_the_text_and_inside_its_box(text):
    made = fitted(text)
    canvas = np.full((300, 500, 3), 255, np.uint8)
    box = draw_text(canvas, made, left_px=50, top_px=50, width_px=400, align="left", rgb=(0, 0, 0))
    assert " ".join(made.lines) == text.strip()
    assert box[0] >= 49 and box[1] >= 49 and box[2] <= 451 and box[3] <= 252
    ink = np.flatnonzero((canvas < 128).any(axis=2).any(axis=0))
    assert (ink[0], ink[-1] + 1) == (box[0], box[2])


def test_longer_text_gets_smaller_letters_then_more_lines_then_is_refused():
    made = [fitted("mug " * count) for count in (2, 8, 20)]
    assert [one.size_px for one in made] == sorted((one.size_px for one in made), reverse=True)
    assert len(made[0].lines) < len(made[2].lines)
    with pytest.raises(DoesNotFit, match="20 px is the least that can be read"):
        fitted("mug " * 200)


def test_characters_without_a_glyph_are_named():
    with pytest.raises(RenderError, match=r"no glyph for 杯 \(U\+676F\), 子 \(U\+5B50\)"):
        fitted("Mug 杯子")


@pytest.mark.parametrize(("text", "from_right"), [("كوب", True), ("ספל 12", True), ("Mug", False), ("12 €", False), ("1. كوب", True)])
def test_the_first_letter_with_a_direction_decides(text, from_right):
    assert is_from_right(text) is from_right


@pytest.mark.skipif(not DEJAVU.is_file(), reason="no DejaVu Sans here to set Arabic with")
@pytest.mark.skipif(not lettering.features.check("raqm"), reason="Pillow has no Raqm here")
def test_arabic_is_shaped_and_starts_at_the_right():
    face = Typeface(DEJAVU.read_bytes(), "DejaVuSans.ttf")
    made, apart = fitted("كوب الصباح", face), fitted("ك و ب", face)
    canvas = np.full((300, 500, 3), 255, np.uint8)
    box = draw_text(canvas, made, left_px=50, top_px=50, width_px=400, align="left", rgb=(0, 0, 0))
    assert made.from_right and box[2] >= 448, "aligned left means where reading starts"
    joined = face.at(60).getlength("كوب", direction="rtl")
    assert joined < 0.95 * sum(face.at(60).getlength(sign) for sign in "كوب"), (joined, apart)


def test_without_a_shaping_engine_scripts_that_need_one_are_refused(monkeypatch):
    if not DEJAVU.is_file():
        pytest.skip("no DejaVu Sans here")
    monkeypatch.setattr(lettering.features, "check", lambda name: False)
    with pytest.raises(RenderError, match=r"needs shaping \(arabic\), and Pillow has no Raqm"):
        fitted("كوب", Typeface(DEJAVU.read_bytes(), "DejaVuSans.ttf"))


def test_bytes_that_are_no_font_are_refused():
    with pytest.raises(RenderError, match="cannot be read as a font"):
        fitted("Mug", Typeface(b"not a font", "brand.ttf"))
