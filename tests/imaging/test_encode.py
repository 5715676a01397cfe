"""Encoding: same bytes every time, colors kept, metadata in every format."""

import io
import time

import numpy as np
import pytest
from PIL import Image, ImageCms

from imaging.encode import (
    EXTENSIONS,
    MEDIA_TYPES,
    decode,
    encode,
    encode_avif,
    encode_jpeg,
    encode_png,
    encode_webp,
    read_xmp,
    srgb_profile,
)

FORMATS = sorted(MEDIA_TYPES)
XMP = b'<?xpacket begin="\xef\xbb\xbf"?><x:xmpmeta xmlns:x="adobe:ns:meta/">caf\xc3\xa9</x:xmpmeta><?xpacket end="r"?>'


@pytest.fixture(scope="module")
def picture():
    """A smooth ramp with a red letter-like bar on white: 4:2:0 would fray the bar's edge."""
    pixels = np.full((120, 160, 3), 255, np.uint8)
    pixels[:60, :, 1] = np.linspace(80, 255, 160, dtype=np.uint8)
    pixels[80:100, 41:44] = (220, 0, 0)
    return pixels


@pytest.mark.parametrize("image_format", FORMATS)
def test_the_same_pixels_give_the_same_bytes_in_another_second(picture, image_format, monkeypatch):
    first = encode(picture, image_format, xmp=XMP)
    srgb_profile.cache_clear()
    time.sleep(1.05 if image_format == "jpeg" else 0)  # the creation time that littlecms writes has a resolution of one second
    assert encode(picture.copy(), image_format, xmp=XMP) == first


@pytest.mark.parametrize("image_format", FORMATS)
def test_xmp_survives_in_every_format(picture, image_format):
    assert read_xmp(encode(picture, image_format, xmp=XMP)) == XMP


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_file_without_xmp_says_so(picture, image_format):
    assert read_xmp(encode(picture, image_format)) is None


@pytest.mark.parametrize("image_format", FORMATS)
def test_every_file_declares_srgb(picture, image_format):
    with Image.open(io.BytesIO(encode(picture, image_format))) as file:
        assert file.format == image_format.upper()
        profile = ImageCms.ImageCmsProfile(io.BytesIO(file.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("image_format", FORMATS)
def test_decoded_pixels_are_close_and_white_stays_white(picture, image_format):
    decoded = decode(encode(picture, image_format, quality=92))
    assert decoded.shape == picture.shape
    assert np.abs(decoded.astype(int) - picture).mean() < 2.0
    assert (decoded[110:] == 255).all()


def test_png_is_exact(picture):
    assert np.array_equal(decode(encode_png(picture)), picture)


def test_jpeg_keeps_full_color_resolution(picture):
    """At 4:2:0 a three-pixel red line on white loses a third of its color."""
    line = decode(encode_jpeg(picture, 92))[90, 42].astype(int)
    assert np.abs(line - (220, 0, 0)).max() < 25
    with Image.open(io.BytesIO(encode_jpeg(picture))) as file:
        assert {component[1:3] for component in file.layer} == {(1, 1)}


def test_a_lower_quality_gives_a_smaller_file(picture):
    noisy = np.random.default_rng(7).integers(0, 256, (96, 96, 3), np.uint8)
    for one in (encode_jpeg, encode_webp, encode_avif):
        assert len(one(noisy, 50)) < len(one(noisy, 90))


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_other_shapes_and_types_are_refused(wrong):
    with pytest.raises(ValueError, match="uint8"):
        encode(wrong, "jpeg")


def test_wrong_settings_are_refused(picture):
    with pytest.raises(ValueError, match="jpeg, webp, png, avif"):
        encode(picture, "gif")  # type: ignore[arg-type]  # the wrong format is what is tested
    with pytest.raises(ValueError, match="1 to 100"):
        encode(picture, "jpeg", quality=0)
    with pytest.raises(ValueError, match="65000"):
        encode(picture, "jpeg", xmp=b"x" * 65_001)


def test_extensions_are_those_that_shops_expect():
    assert EXTENSIONS == {"jpeg": "jpg", "webp": "webp", "png": "png", "avif": "avif"}
