"""Reading photo files: what is refused, with which code, and what odd but honest files turn into."""

import io
import random
import zlib

import numpy as np
import pytest
from PIL import Image

from catalog.errors import PhotoRefused
from imaging.photo import REFUSAL_CODES, Photo, PhotoLimits, decode_photo
from tests.poison_photos import Poison, all_poison, encode, exif_block, png_of, sample_picture, swapped_profile, upright_from

POISON = all_poison()


def outcome(data: bytes, name: str, limits: PhotoLimits | None = None) -> Photo | str:
    try:
        return decode_photo(data, name=name, limits=limits)
    except PhotoRefused as refusal:
        assert refusal.code in REFUSAL_CODES
        return refusal.code


@pytest.mark.parametrize("poison", POISON, ids=[f"{poison.title} ({poison.name})" for poison in POISON])
def test_each_poison_photo_has_its_outcome(poison: Poison):
    result = outcome(poison.data, poison.name)
    if poison.code is not None:
        assert result == poison.code
        return
    assert isinstance(result, Photo), f"refused as {result}"
    assert result.pixels_HW3.dtype == np.uint8
    assert result.pixels_HW3.shape == (result.height_px, result.width_px, 3)
    assert any(poison.note in note for note in result.notes) or not poison.note, result.notes


def test_the_poison_covers_every_code_of_the_decoder():
    only_in_the_sandbox = {"decode_memory", "decode_timeout", "decode_crashed"}
    assert {poison.code for poison in POISON} >= set(REFUSAL_CODES) - only_in_the_sandbox - {"too_large_file"}


def test_a_refusal_says_what_is_wrong_with_which_file_and_what_to_do():
    with pytest.raises(
        PhotoRefused, match=r"^mug\.jpg is named like a JPEG file but holds GIF data\. Export it as a real JPEG, PNG or WEBP file\.$"
    ):
        decode_photo(encode(sample_picture(), "GIF"), name="/home/somebody/mug.jpg")


def test_a_file_over_the_byte_limit_is_refused_before_it_is_read():
    assert outcome(b"x" * 101, "a.jpg", PhotoLimits(max_bytes=100)) == "too_large_file"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(orientation: int):
    stored = encode(upright_from(orientation), "PNG", exif=exif_block(orientation))
    photo = decode_photo(stored, name="a.png")
    np.testing.assert_array_equal(photo.pixels_HW3, np.asarray(sample_picture()))
    assert photo.exif_orientation == orientation


SAME_PICTURE = ("CMYK", "YCCK", "progressive", "restart markers", "sRGB profile", "several pictures (MPO)", "fill bytes before markers")


@pytest.mark.parametrize("poison", [p for p in POISON if p.title in SAME_PICTURE], ids=lambda p: p.title)
def test_a_converted_jpeg_still_shows_the_same_picture(poison: Poison):
    """CMYK from Photoshop is stored inverted; read without care it becomes a negative."""
    photo = decode_photo(poison.data, name=poison.name)
    difference = np.abs(photo.pixels_HW3.astype(int) - np.asarray(sample_picture()))
    assert np.median(difference) <= 3


def test_a_profile_changes_the_colors_and_a_broken_one_does_not():
    red = Image.new("RGB", (80, 80), (200, 20, 20))
    swapped = decode_photo(encode(red, "PNG", icc_profile=swapped_profile()), name="a.png").pixels_HW3[0, 0]
    broken = decode_photo(encode(red, "PNG", icc_profile=b"broken"), name="a.png")
    assert swapped[1] > 150 > 100 > swapped[0], "red and green primaries are exchanged in this profile"
    assert tuple(broken.pixels_HW3[0, 0]) == (200, 20, 20)
    assert broken.icc_name is None


def test_sixteen_bit_gray_is_scaled_and_not_clipped():
    """Pillow's own conversion of 16-bit gray to RGB clips everything above 255 to white."""
    ramp = np.linspace(0, 65535, 100 * 80).reshape(80, 100).astype(np.uint16)
    gray = decode_photo(encode(Image.fromarray(ramp), "PNG"), name="a.png").pixels_HW3[..., 0]
    np.testing.assert_array_equal(gray, np.rint(ramp / 257.0).astype(np.uint8))


def test_transparency_is_flattened_onto_white():
    clear = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
    photo = decode_photo(encode(clear, "PNG"), name="a.png")
    assert photo.had_alpha
    assert photo.pixels_HW3.min() == 255


def test_tiff_is_read_only_where_it_is_allowed():
    pages = [sample_picture(), sample_picture()]
    one, two = encode(pages[0], "TIFF"), encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    allowed = PhotoLimits(formats=("JPEG", "TIFF"))
    assert outcome(one, "a.tif") == "unsupported_format"
    assert isinstance(outcome(one, "a.tif", allowed), Photo)
    assert outcome(two, "a.tif", allowed) == "animated"
    assert outcome(one, "a.tif", PhotoLimits(formats=("TIFF",), max_pixels=10_000)) == "too_many_pixels"
    assert outcome(encode(Image.new("F", (80, 80)), "TIFF"), "a.tif", allowed) == "unsupported_format"


def test_the_pixel_limit_is_exact():
    picture = encode(sample_picture(100, 100), "PNG")
    assert isinstance(outcome(picture, "a.png", PhotoLimits(max_pixels=10_000)), Photo)
    assert outcome(picture, "a.png", PhotoLimits(max_pixels=9_999)) == "too_many_pixels"


def test_an_interlaced_png_is_whole():
    rows, size = b"", 100
    for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        rows += (b"\x00" + bytes([77]) * 3 * len(range(x, size, dx))) * len(range(y, size, dy))

    def interlaced(data: bytes) -> bytes:
        plain = png_of(size, size, idat=zlib.compress(data))
        header = b"IHDR" + plain[16:28] + b"\x01"
        return plain[:12] + header + zlib.crc32(header).to_bytes(4, "big") + plain[33:]

    photo = outcome(interlaced(rows), "a.png")
    assert isinstance(photo, Photo)
    assert (photo.pixels_HW3 == 77).all()
    assert outcome(interlaced(rows[:-1]), "a.png") == "truncated"


def _mutate(rng: random.Random, data: bytes) -> bytes:
    broken = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        at = rng.randrange(len(broken))
        match rng.randrange(5):
            case 0:
                broken[at] ^= 1 << rng.randrange(8)
            case 1:
                broken[at : at + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(9))
            case 2:
                broken[at : at + 2] = rng.choice((b"\xff\xff", b"\x00\x00", b"\xff\xd9", b"\xff\xda", b"\x7f\xff"))
            case 3:
                del broken[at : at + rng.randrange(1, 64)]
            case _:
                broken[at:at] = broken[at : at + rng.randrange(64)]
        if not broken:
            return b""
    return bytes(broken)


@pytest.mark.parametrize(("seed", "count"), [(20261101, 700), pytest.param(7, 20_000, marks=pytest.mark.slow)])
def test_mutated_files_are_read_or_refused_and_nothing_else(seed: int, count: int):
    """Allowed outcomes are the specification: any exception but PhotoRefused, or a code outside the list, fails here."""
    rng = random.Random(seed)
    seeds = [p for p in POISON if p.code is None and len(p.data) < 20_000]
    refused = 0
    for i in range(count):
        base = rng.choice(seeds)
        try:
            refused += isinstance(outcome(_mutate(rng, base.data), base.name), str)
        except Exception as error:
            raise AssertionError(f"mutation {i} of {base.title!r} (seed {seed})") from error
    assert 0.3 * count < refused < count, "mutations that never or always break a file test nothing"


def test_reading_is_repeatable():
    data = encode(sample_picture(), "JPEG")
    first, second = (decode_photo(data, name="a.jpg") for _ in range(2))
    np.testing.assert_array_equal(first.pixels_HW3, second.pixels_HW3)
    assert first.sha256 == second.sha256
    assert Image.open(io.BytesIO(data)).size == (first.width_px, first.height_px)
