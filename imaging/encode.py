"""Encode and decode uint8 sRGB arrays: JPEG, WebP, PNG and AVIF with an sRGB profile and an XMP packet.

The same pixels, settings and library versions give the same bytes: nothing here writes a time, a host or a random number.
What the XMP says is `publishing/metadata.py`; which photos may be decoded at all is screening's decision.
"""

import io
from functools import cache
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, PngImagePlugin

ImageFormat = Literal["jpeg", "webp", "png", "avif"]
"""File formats a channel can ask for."""

Pixels = npt.NDArray[np.uint8]
"""uint8 (height, width, 3), sRGB, 0..255."""

ENCODER_VERSION: Final = 1
"""Bump when the same pixels and settings should give new bytes; part of every channel's digest."""

MEDIA_TYPES: Final[dict[ImageFormat, str]] = {
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "png": "image/png",
    "avif": "image/avif",
}
EXTENSIONS: Final[dict[ImageFormat, str]] = {"jpeg": "jpg", "webp": "webp", "png": "png", "avif": "avif"}

WEBP_METHOD: Final = 4
"""0 fast .. 6 small: 4 takes 96 CPU-ms and 89 KB for a 1200 px product photo, 6 takes 181 ms and 84 KB (mean of five photos)."""

AVIF_SPEED: Final = 8
"""0 small .. 10 fast: 8 takes 158 CPU-ms and 118 KB for a 1200 px product photo, 6 takes 538 ms and 110 KB (mean of five photos)."""

PNG_COMPRESSION: Final = 6
"""zlib level: 6 takes 290 CPU-ms and 1,077 KB for a 1200 px product photo, 9 takes 1,670 ms and 1,023 KB (mean of five photos)."""

MAX_XMP_BYTES: Final = 65_000
"""A JPEG segment holds 65,533 bytes, header included; larger packets would need ExtendedXMP, which shops ignore."""

_PROFILE_DATE: Final = bytes([0x07, 0xEA, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
"""2026-01-01 as an ICC dateTimeNumber; littlecms writes the present time, which would change every file every second."""


@cache
def srgb_profile() -> bytes:
    """The ICC profile embedded in every file: sRGB IEC 61966-2.1 as littlecms builds it (588 bytes), its creation time fixed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = _PROFILE_DATE
    return bytes(profile)


def encode(pixels_HW3: Pixels, image_format: ImageFormat, *, quality: int = 92, xmp: bytes | None = None) -> bytes:
    """The picture as a file of the format, with an sRGB profile and, if given, an XMP packet.

    pixels_HW3: uint8 (H, W, 3), sRGB. `quality` 1..100 is the format's own scale; PNG ignores it. JPEG and AVIF keep full color
    resolution (4:4:4): at 4:2:0 a red print on white frays. WebP has only 4:2:0, taken with its sharper conversion.
    Raises ValueError for another shape or type, an unknown format, a quality outside 1..100 or XMP over 65,000 bytes.
    """
    _refuse_wrong_input(pixels_HW3, image_format, quality, xmp)
    picture = Image.fromarray(np.ascontiguousarray(pixels_HW3))
    options: dict[str, Any] = {"icc_profile": srgb_profile()}
    if image_format == "png":
        options |= {"compress_level": PNG_COMPRESSION, "pnginfo": _png_text(xmp)}
    else:
        options |= {"quality": quality} | ({"xmp": xmp} if xmp else {})
    if image_format == "jpeg":
        options |= {"subsampling": "4:4:4", "optimize": True}
    elif image_format == "webp":
        options |= {"method": WEBP_METHOD, "use_sharp_yuv": True, "exact": True}
    elif image_format == "avif":
        options |= {"speed": AVIF_SPEED, "subsampling": "4:4:4", "max_threads": 1}
    buffer = io.BytesIO()
    picture.save(buffer, image_format.upper(), **options)
    return buffer.getvalue()


def encode_jpeg(pixels_HW3: Pixels, quality: int = 92, xmp: bytes | None = None) -> bytes:
    """The picture as a 4:4:4 JPEG file; see `encode`."""
    return encode(pixels_HW3, "jpeg", quality=quality, xmp=xmp)


def encode_webp(pixels_HW3: Pixels, quality: int = 85, xmp: bytes | None = None) -> bytes:
    """The picture as a lossy WebP file; see `encode`."""
    return encode(pixels_HW3, "webp", quality=quality, xmp=xmp)


def encode_png(pixels_HW3: Pixels, xmp: bytes | None = None) -> bytes:
    """The picture as a lossless PNG file; see `encode`."""
    return encode(pixels_HW3, "png", xmp=xmp)


def encode_avif(pixels_HW3: Pixels, quality: int = 80, xmp: bytes | None = None) -> bytes:
    """The picture as a 4:4:4 AVIF file; see `encode`."""
    return encode(pixels_HW3, "avif", quality=quality, xmp=xmp)


def decode(data: bytes) -> Pixels:
    """The pixels of a file that this module wrote: uint8 (H, W, 3). No color management: the files are sRGB already."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def read_xmp(data: bytes) -> bytes | None:
    """The XMP packet in a JPEG, WebP, PNG or AVIF file; None when it carries none."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        packet = picture.info.get("xmp", picture.info.get("XML:com.adobe.xmp"))
    if packet is None:
        return None
    return packet.encode("utf-8") if isinstance(packet, str) else bytes(packet)


def _png_text(xmp: bytes | None) -> PngImagePlugin.PngInfo | None:
    """XMP as PNG knows it: an uncompressed international text chunk; Pillow's `xmp=` does not reach PNG."""
    if not xmp:
        return None
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8"))
    return info


def _refuse_wrong_input(pixels_HW3: Pixels, image_format: str, quality: int, xmp: bytes | None) -> None:
    if pixels_HW3.dtype != np.uint8 or pixels_HW3.ndim != 3 or pixels_HW3.shape[2] != 3:
        raise ValueError(f"Pixels are {pixels_HW3.dtype} {pixels_HW3.shape}, but uint8 (height, width, 3) was expected.")
    if image_format not in get_args(ImageFormat):
        raise ValueError(f"{image_format!r} is not a format that can be written; choose one of {', '.join(get_args(ImageFormat))}.")
    if not 1 <= quality <= 100:
        raise ValueError(f"Quality is {quality}, but 1 to 100 was expected.")
    if xmp and len(xmp) > MAX_XMP_BYTES:
        raise ValueError(f"The XMP packet has {len(xmp)} bytes; a JPEG holds {MAX_XMP_BYTES}. Shorten the texts in it.")
