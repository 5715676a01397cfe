"""Type: broken and sized to fit, whole or refused, from the right where its script runs so."""

import re
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import RenderError
from generation.typefaces import FOLDER
from imaging import lettering
from imaging.lettering import DoesNotFit, Typeface, draw_text, is_from_right, set_text
from imaging.line_breaks import balanced, pieces_of
from imaging.measure_text import PlacedText, measure_text

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


@pytest.mark.parametrize(("sign", "named"), [("\x07", "U+0007"), ("\x00", "U+0000"), ("\ud800", "U+D800"), ("\u202e", "U+202E")])
def test_control_characters_are_refused_by_number(sign, named):
    """They were drawn as boxes, and an override turned the rest of the line around."""
    with pytest.raises(RenderError, match=rf"holds {re.escape(named)}: control characters"):
        fitted(f"Mug{sign} cup")


def test_line_separators_are_white_space():
    assert " ".join(fitted("One\u2028two\nthree\x0bfour").lines) == "One two three four"


def test_spaces_between_small_words_are_even():
    """FreeType's hinting moved letters to whole pixels: at 16 px some words had no space between them."""
    made = fitted("na na na na na na na", max_px=16, min_px=10)
    columns = (lettering.text_mask(made, width_px=400, align="left").max(axis=0) > 100).astype(int)
    starts = np.flatnonzero(np.diff(columns, prepend=0) == 1)[::2]  # of every word: `n` and `a` are two runs
    assert len(starts) == 7
    assert np.ptp(np.diff(starts)) <= 1, np.diff(starts)


def test_a_font_with_damaged_outlines_is_refused():
    """Such a font opens, and FreeType's error at the first damaged letter went through as it was."""
    data = bytearray((FOLDER / "Manrope-Medium.ttf").read_bytes())
    numbers = np.random.default_rng(0)
    for at in numbers.integers(400, len(data), 6000):
        data[at] = numbers.integers(256)
    with pytest.raises(RenderError, match=r"cannot be read as a font|no glyph for"):
        fitted("Handmade mug, 28", Typeface(bytes(data), "brand.ttf"))


def test_words_are_parted_at_their_hyphens_only_where_they_do_not_fit_whole():
    narrow = {"width_px": 150, "max_px": 22, "min_px": 14}
    assert fitted("Two-seat sofa", **narrow).lines == ("Two-seat sofa",)
    assert fitted("super-long-hyphenated-compound-word", **narrow).lines == ("super-long-", "hyphenated-", "compound-word")
    assert fitted("Donau\u00addampf\u00adschiff\u00adfahrts\u00adgesellschaft", **narrow).lines == (
        "Donaudampf-",
        "schifffahrts-",
        "gesellschaft",
    )
    with pytest.raises(DoesNotFit):
        fitted("Donaudampfschifffahrtsgesellschaft", **narrow)


def test_a_line_of_japanese_begins_with_no_stop_and_ends_with_no_opening_bracket():
    parts = [piece.text for piece in pieces_of("朝のコーヒー、「静かな」時間。", inside_words=False)]
    assert parts == ["朝", "の", "コー", "ヒー、", "「静", "か", "な」", "時", "間。"]


def test_of_equally_narrow_breaks_the_most_even_is_taken():
    """Breaks that only kept the widest line narrow left a single short word on the last one."""
    pieces = pieces_of("aaaa bbbb cc dd ee", inside_words=False)
    lengths = np.array([4.0, 4.0, 2.0, 2.0, 2.0])
    starts = np.array([0.0, 5.0, 10.0, 13.0, 16.0])
    assert balanced(pieces, 2, starts, starts + lengths) == ("aaaa bbbb", "cc dd ee")
    assert balanced(pieces_of("aaaa b b b b b", inside_words=False), 3, np.array([0, 5, 7, 9, 11, 13.0]), np.array([4, 6, 8, 10, 12, 14.0])) == (
        "aaaa", "b b", "b b b",
    )  # fmt: skip


def test_bytes_that_are_no_font_are_refused():
    with pytest.raises(RenderError, match="cannot be read as a font"):
        fitted("Mug", Typeface(b"not a font", "brand.ttf"))


def contrast_of(ground_HW3, size_px, rgb=(84, 92, 104)):
    """What is measured of a label in small letters on a ground."""
    made = fitted("Adult, 170 cm", max_px=size_px, min_px=size_px)
    box = draw_text(ground_HW3, made, left_px=20, top_px=20, width_px=200, align="left", rgb=rgb)
    return measure_text(ground_HW3, [PlacedText(box=box, rgb=rgb)], None)["text_contrast"]


@pytest.mark.parametrize("size_px", [13, 14, 15, 16, 18, 24])
def test_thin_strokes_of_small_letters_are_not_taken_for_what_is_behind_them(size_px):
    """No pixel of a thin stroke has the letters' full color: 3.1 was measured of dark letters on white paper."""
    assert contrast_of(np.full((60, 240, 3), 246, np.uint8), size_px) == pytest.approx(6.2, abs=0.2)


@pytest.mark.parametrize("level", [120, 150, 190])
def test_small_letters_on_a_ground_too_near_to_their_color_are_still_told(level):
    assert contrast_of(np.full((60, 240, 3), level, np.uint8), 15) < 4.5


def test_small_letters_across_bars_of_nearly_their_color_are_still_told():
    ground = np.full((60, 240, 3), 246, np.uint8)
    ground[:, (np.arange(240) // 12) % 2 == 0] = (120, 126, 136)
    assert contrast_of(ground, 15) < 4.5
