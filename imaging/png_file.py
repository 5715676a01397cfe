"""Walk the structure of a PNG file (W3C PNG, third edition): size, profile, EXIF, a cleaned copy, and whether its data is whole."""

import struct
import zlib

from imaging.photo_facts import MAX_PARTS, FileFacts, cut_off, damaged, too_complex, trailing_note
from imaging.photo_origin import MAX_TEXT_BYTES, OriginClaims

MAX_PROFILE_BYTES = 4_000_000
"""The largest common press profiles (CMYK) are below 3 MB."""

MAX_TEXTS = 100
"""Texts looked at; generators write one to four, editors up to twenty."""

_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_CLAIMS = {*_TEXTS, b"eXIf", b"caBX"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, column step and row step of the seven passes of an interlaced picture."""
_STEP_BYTES = 1 << 20


def read_png(data: bytes, shown: str) -> FileFacts:
    """Check a PNG from header to end chunk. Raises PhotoRefused: truncated, unreadable, too_complex."""
    kept, notes, position, parts = [data[:8]], [], 8, 0
    icc, header, frames, kind = b"", b"", 1, b""
    claims: list[tuple[bytes, bytes]] = []
    while kind != b"IEND":
        if position + 12 > len(data):
            raise cut_off(shown, "the file ends before the picture does")
        length, kind = struct.unpack_from(">I4s", data, position)
        start, position = position, position + 12 + length
        if position > len(data):
            raise cut_off(shown, "the file ends before the picture does")
        parts += 1
        if parts > MAX_PARTS:
            raise too_complex(shown, f"{MAX_PARTS:,} parts")
        body = data[start + 8 : position - 4]
        if (kind == b"IHDR") == bool(header):
            raise damaged(shown, "its structure is broken")
        if kind in _KEPT:
            _check_sum(data, start, position, shown)
            kept.append(data[start:position])
        if kind == b"IHDR":
            header = body
        elif kind == b"acTL" and len(body) == 8:
            frames = struct.unpack_from(">I", body)[0]
        elif kind == b"iCCP":
            icc, note = _profile(body)
            notes += note
        elif kind in _CLAIMS:
            claims.append((kind, body))
    if len(header) != 13:
        raise damaged(shown, "its header has a wrong length")
    width, height, depth = struct.unpack_from(">IIB", header)
    if width == 0 or height == 0:
        raise damaged(shown, f"it says it is {width} x {height} pixels")
    return FileFacts(
        format="PNG", width_px=width, height_px=height, cleaned=b"".join(kept), exif=_last(claims, b"eXIf"), icc=icc, bit_depth=depth,
        frames=frames, origin=_origin(claims), notes=(*notes, *trailing_note(len(data) - position)),
    )  # fmt: skip


def check_data_is_whole(cleaned: bytes, shown: str) -> None:
    """Unpack the picture data, without decoding it, to see that it covers the stated size; the decoder would not notice.

    cleaned: a file from `read_png` whose size has been checked against limits. Raises PhotoRefused: truncated, unreadable.
    """
    width, height, depth, color, _, _, interlaced = struct.unpack_from(">IIBBBBB", cleaned, 16)
    if color not in _CHANNELS:
        raise damaged(shown, f"its color type {color} does not exist")
    bits = depth * _CHANNELS[color]
    missing = sum(
        rows * (1 + (columns * bits + 7) // 8) for columns, rows in (_passes(width, height) if interlaced else [(width, height)]) if columns
    )
    unpacker, position = zlib.decompressobj(), 33
    while missing > 0 and position < len(cleaned) and not unpacker.eof:
        length, kind = struct.unpack_from(">I4s", cleaned, position)
        packed = cleaned[position + 8 : position + 8 + length] if kind == b"IDAT" else b""
        position += 12 + length
        while packed and missing > 0 and not unpacker.eof:
            try:
                missing -= len(unpacker.decompress(packed, _STEP_BYTES))
            except zlib.error as error:
                raise damaged(shown, "its compressed data is broken") from error
            packed = unpacker.unconsumed_tail
    if missing > 0:
        raise cut_off(shown, f"{missing:,} bytes of the picture are not there")


def _passes(width: int, height: int) -> list[tuple[int, int]]:
    return [(-((x - width) // dx), -((y - height) // dy)) for x, y, dx, dy in _ADAM7]


def _check_sum(data: bytes, start: int, end: int, shown: str) -> None:
    (stated,) = struct.unpack_from(">I", data, end - 4)
    if zlib.crc32(data[start + 4 : end - 4]) != stated:
        raise damaged(shown, "a checksum of the picture data does not match")


def _profile(body: bytes) -> tuple[bytes, list[str]]:
    """The color profile in an iCCP chunk, or nothing and a note why not."""
    _, _, packed = body.partition(b"\x00")
    unpacker = zlib.decompressobj()
    try:
        icc = unpacker.decompress(packed[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return packed, []  # whoever reads it will find that it is none, and say so
    if unpacker.unconsumed_tail:
        return b"", ["The color profile is far too large and was ignored; colors are read as sRGB."]
    return icc, []


def _text(kind: bytes, body: bytes) -> tuple[str, str]:
    """Keyword and text of a text chunk; a broken one gives an empty text."""
    keyword, _, rest = body.partition(b"\x00")
    packed, text = False, rest
    if kind == b"zTXt":
        packed, text = True, rest[1:]
    elif kind == b"iTXt":
        packed, text = rest[:1] == b"\x01", rest[2:].split(b"\x00", 2)[-1]
    if packed:
        try:
            text = zlib.decompressobj().decompress(text, MAX_TEXT_BYTES)
        except zlib.error:
            text = b""
    return keyword.decode("latin-1"), text[:MAX_TEXT_BYTES].decode("latin-1" if kind == b"tEXt" else "utf-8", "replace")


def _last(claims: list[tuple[bytes, bytes]], kind: bytes) -> bytes:
    return next((body for found, body in reversed(claims) if found == kind), b"")


def _origin(claims: list[tuple[bytes, bytes]]) -> OriginClaims:
    """Where the file may say that it is generated; its XMP is a text with a keyword of its own."""
    texts = [_text(kind, body) for kind, body in [claim for claim in claims if claim[0] in _TEXTS][:MAX_TEXTS]]
    xmp = next((text for keyword, text in texts if keyword == "XML:com.adobe.xmp"), "").encode()
    others = tuple((keyword, text) for keyword, text in texts if keyword != "XML:com.adobe.xmp")
    return OriginClaims(xmp=xmp, texts=others, credentials=_last(claims, b"caBX"))
