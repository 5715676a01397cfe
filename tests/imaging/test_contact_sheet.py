"""Contact sheets: small enough for asset metadata, frames that tell verdicts apart."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from catalog.verdict import Verdict
from imaging.contact_sheet import Tile, as_markdown_image, contact_sheet


def noise(seed, height=300, width=240):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def flat(value=200):
    return np.full((200, 200, 3), value, np.uint8)


def opened(data):
    with Image.open(io.BytesIO(data)) as sheet:
        assert sheet.format == "WEBP"
        return np.asarray(sheet.convert("RGB")).astype(int)


def test_a_sheet_of_hard_pictures_stays_within_its_bytes():
    tiles = [Tile(pixels_HW3=noise(n), label=f"SKU-{n}\nstaged scene", verdict=Verdict.APPROVED) for n in range(24)]
    data = contact_sheet(tiles, columns=6, tile_px=160, max_bytes=50_000)
    assert len(data) <= 50_000
    assert opened(data).shape[1] > 6 * 56


def test_what_does_not_fit_is_left_off_at_the_end_and_easy_pictures_are_not():
    hard = contact_sheet([Tile(pixels_HW3=noise(n), label=str(n)) for n in range(60)], columns=8, tile_px=96, max_bytes=20_000)
    easy = contact_sheet([Tile(pixels_HW3=flat(), label=str(n)) for n in range(60)], columns=8, tile_px=96, max_bytes=20_000)
    assert len(hard) <= 20_000
    assert opened(hard).shape[0] < opened(easy).shape[0]


@pytest.mark.parametrize(
    ("verdict", "strongest"), [(Verdict.APPROVED, "green"), (Verdict.REVIEW, "amber"), (Verdict.REJECTED, "red"), (None, "gray")]
)
def test_the_frame_has_the_color_of_the_verdict(verdict, strongest):
    sheet = opened(contact_sheet([Tile(pixels_HW3=flat(), label="one", verdict=verdict)], columns=1, tile_px=200))
    gap = 200 // 14
    red, green, blue = sheet[gap + 100, gap + 1]
    seen = {
        "green": green > red + 40 and green > blue + 30,
        "amber": red > 180 and 90 < green < 180 and blue < 60,
        "red": red > green + 100 and red > blue + 100,
        "gray": abs(red - green) < 20 and red > 170,
    }
    assert [name for name, is_it in seen.items() if is_it] == [strongest]


def test_verdicts_differ_without_color():
    """A person who sees no red and green still finds the cross, the check and the exclamation mark."""
    corners = []
    for verdict in Verdict:
        sheet = opened(contact_sheet([Tile(pixels_HW3=flat(), label="one", verdict=verdict)], columns=1, tile_px=200))
        corners.append((sheet[14:42, 186:214].min(axis=2) > 200).tobytes())
    assert len(set(corners)) == 3


def test_wide_and_tall_pictures_keep_their_shape():
    wide = np.zeros((100, 400, 3), np.uint8)
    sheet = opened(contact_sheet([Tile(pixels_HW3=wide, label="wide")], columns=1, tile_px=200))
    dark = (sheet.max(axis=2) < 60).sum(axis=1)
    rows = np.flatnonzero(dark > 150)
    assert 44 <= len(rows) <= 52


def test_a_long_label_does_not_run_into_the_next_tile():
    tiles = [Tile(pixels_HW3=flat(255), label="W" * 300), Tile(pixels_HW3=flat(255), label="")]
    long = opened(contact_sheet(tiles, columns=2, tile_px=120))
    label_row = long[8 + 120 + 4 :, :]
    second = label_row[:, 8 + 120 + 8 + 2 :]
    assert second.min() > 200
    assert label_row.min() < 120


def test_the_same_tiles_give_the_same_sheet():
    tiles = [Tile(pixels_HW3=noise(n), label=str(n), verdict=Verdict.REVIEW) for n in range(3)]
    assert contact_sheet(tiles, 3, 96) == contact_sheet(tiles, 3, 96)


def test_impossible_sheets_are_refused():
    with pytest.raises(ValueError, match="0 tiles"):
        contact_sheet([], 4, 96)
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        contact_sheet([Tile(pixels_HW3=noise(1), label="x")], 1, 96, max_bytes=100)


def test_the_markdown_image_carries_the_picture_itself():
    data = contact_sheet([Tile(pixels_HW3=flat(), label="one")], 1, 64)
    text = as_markdown_image(data)
    head, encoded = text.split(";base64,")
    assert head == "![contact sheet](data:image/webp"
    assert base64.b64decode(encoded.rstrip(")")) == data
