"""What the structure of a photo file says about the picture in it, and the two ways in which a structure is wrong.

The readers are jpeg_file.py, png_file.py and webp_file.py; none of them decodes pixels.
"""

import struct
from dataclasses import dataclass, field

from catalog.errors import PhotoRefused
from imaging.photo_origin import OriginClaims

MAX_PARTS = 100_000
"""More structural parts than any real file has: 50 megapixels of PNG in 8 KB chunks are below 20,000."""
TRAILING_BYTES = 16
"""Bytes behind the end of a picture from which they are worth a note; a few are padding."""


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """A file's own claims, and a copy of it that holds only what a picture needs.

    Trailing data, thumbnails, texts and maker notes are not in `cleaned`, so they never reach a decoder.
    """

    format: str
    """"JPEG", "PNG", "WEBP" or "TIFF"."""
    width_px: int
    height_px: int
    """Stored size, before the EXIF rotation. 0 x 0 for TIFF, whose size only the decoder reads."""
    cleaned: bytes = field(repr=False)
    exif: bytes = field(default=b"", repr=False)
    icc: bytes = field(default=b"", repr=False)
    bit_depth: int = 8
    frames: int = 1
    origin: OriginClaims = field(default_factory=OriginClaims)
    """Texts that may say that the picture is generated; searched by photo_origin.py, never given to a decoder."""
    notes: tuple[str, ...] = ()


def cut_off(shown: str, detail: str) -> PhotoRefused:
    """The refusal of a file whose end is missing."""
    return PhotoRefused("truncated", f"{shown} is cut off: {detail}. Part of it is missing; upload the whole file again.")


def damaged(shown: str, detail: str) -> PhotoRefused:
    """The refusal of a file that is wrong in any other way."""
    return PhotoRefused("unreadable", f"{shown} is damaged: {detail}. Export or upload it again.")


def too_complex(shown: str, detail: str) -> PhotoRefused:
    """The refusal of a file that would cost far more work than its picture is worth."""
    return PhotoRefused("too_complex", f"{shown} is built from more than {detail}, which no camera does. Export it again.")


def trailing_note(byte_count: int) -> list[str]:
    """A note on data behind the end of the picture, if there is any worth mentioning."""
    return [f"{byte_count:,} bytes after the end of the picture are ignored."] if byte_count > TRAILING_BYTES else []


def exif_orientation(exif: bytes) -> int:
    """Read the orientation, 1..8, of an EXIF block with or without its "Exif" prefix; 1 if it has none or is broken.

    Only the first directory is read and no pointer followed, so a hostile block costs nothing. Source: EXIF 2.32, tag 0x0112.
    """
    body = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(body[:4])
    if order is None:
        return 1
    try:
        (offset,) = struct.unpack_from(order + "I", body, 4)
        (count,) = struct.unpack_from(order + "H", body, offset)
        for i in range(count):
            tag, kind, length, value = struct.unpack_from(order + "HHIH", body, offset + 2 + 12 * i)
            if tag == 0x0112:
                return int(value) if kind == 3 and length == 1 and 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
