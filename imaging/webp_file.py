"""Walk the structure of a WebP file (RFC 9649): size, frames, profile, EXIF, and a copy without what lies behind it."""

import struct

from imaging.photo_facts import MAX_PARTS, FileFacts, cut_off, damaged, too_complex, trailing_note
from imaging.photo_origin import OriginClaims

MAX_PROFILE_BYTES = 4_000_000
"""The largest common press profiles (CMYK) are below 3 MB."""


def read_webp(data: bytes, shown: str) -> FileFacts:
    """Check a WebP's parts against its stated length. Raises PhotoRefused: truncated, unreadable, too_complex."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:  # some writers leave out the last padding byte
        raise cut_off(shown, f"{len(data):,} of {end:,} bytes arrived")
    exif, icc, sizes, frames, position, parts = b"", b"", [(0, 0)], 0, 12, 0
    xmp, credentials = b"", b""
    while position + 8 <= min(end, len(data)):
        kind, length = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + length]
        if len(body) < length:
            raise cut_off(shown, "the file ends before the picture does")
        parts += 1
        if parts > MAX_PARTS:
            raise too_complex(shown, f"{MAX_PARTS:,} parts")
        if kind in (b"VP8X", b"VP8 ", b"VP8L"):
            if length < 10:
                raise damaged(shown, "its picture data is too short")
            sizes.append(_size(kind, body))
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"ICCP":
            icc = body[:MAX_PROFILE_BYTES]
        elif kind == b"EXIF":
            exif = body
        elif kind == b"XMP ":
            xmp = body
        elif kind == b"C2PA":
            credentials = body
        position += 8 + length + length % 2
    width, height = (max(side) for side in zip(*sizes, strict=True))
    if width == 0 or height == 0:
        raise damaged(shown, "it holds no picture")
    return FileFacts(
        format="WEBP", width_px=width, height_px=height, cleaned=data[:end], exif=exif, icc=icc, frames=max(frames, 1),
        origin=OriginClaims(xmp=xmp, credentials=credentials), notes=tuple(trailing_note(len(data) - end)),
    )  # fmt: skip


def _size(kind: bytes, body: bytes) -> tuple[int, int]:
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    (bits,) = struct.unpack_from("<I", body, 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
