"""Tell what a photo file really is and what it claims, from its bytes alone, before any decoder sees it.

Nothing here decodes pixels. Each reader walks the file's structure with bounds checks, notes size and oddities, and rebuilds a
file that holds only what a picture needs: trailing data, thumbnails, text blocks and maker notes never reach a decoder.
Left out: decoding and color (imaging/photo.py), limits on memory and time (imaging/decode_sandbox.py).
"""

import re
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import PurePath

from catalog.errors import PhotoRefused

MAX_ICC_BYTES = 4_000_000
"""Largest color profile we look at. The largest common press profiles (CMYK) are below 3 MB."""
MAX_JPEG_SCANS = 64
"""A progressive JPEG of a camera or editor has about 10 scans; each one costs a pass over the whole picture."""
MAX_CHUNKS = 100_000
"""More structural parts than any real file: 50 megapixels of PNG in 8 KB chunks are below 20,000."""

SUFFIX_FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF",
    ".tiff": "TIFF", ".gif": "GIF", ".bmp": "BMP", ".heic": "HEIC", ".heif": "HEIC", ".avif": "AVIF", ".psd": "PSD",
}  # fmt: skip
"""File name endings that promise a picture format."""

_FTYP_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC",
                b"crx ": "camera raw"}  # fmt: skip
_IMAGE_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"), (b"BM", "BMP"),
    (b"II*\x00", "TIFF"), (b"MM\x00*", "TIFF"), (b"II+\x00", "TIFF"), (b"MM\x00+", "TIFF"), (b"8BPS", "PSD"),
    (b"\xff\x0a", "JPEG XL"), (b"\x00\x00\x00\x0cJXL ", "JPEG XL"), (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"), (b"\x00\x00\x01\x00", "ICO"), (b"qoif", "QOI"), (b"SIMPLE  =", "FITS"),
    (b"v/1\x01", "OpenEXR"), (b"FUJIFILMCCD-RAW", "camera raw"), (b"\x0a\x05\x01\x08", "PCX"),
)  # fmt: skip
_OTHER_MAGIC = (
    (b"%PDF", "a PDF document"), (b"%!PS", "a PostScript document"), (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP archive"), (b"PK\x05\x06", "a ZIP archive"), (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a RAR archive"), (b"\x7fELF", "a program"), (b"MZ", "a program"),
    (b"ID3", "a sound file"), (b"OggS", "a sound or video file"), (b"\x1aE\xdf\xa3", "a video"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What a file's structure says about the picture in it, and a cleaned copy for the decoder."""

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
    notes: tuple[str, ...] = ()


def sniff(data: bytes) -> tuple[str, bool]:
    """Name what the bytes are: (format name or description, is it a picture format).

    Only the first bytes decide, never the file name. Unknown bytes give ("unknown data", False).
    """
    for magic, name in _IMAGE_MAGIC:
        if data.startswith(magic):
            return name, True
    if data[:4] == b"RIFF":
        return ("WEBP", True) if data[8:12] == b"WEBP" else ("a sound or video file", False)
    if data[4:8] == b"ftyp":
        brand = _FTYP_BRANDS.get(data[8:12])
        return (brand, True) if brand else ("a video", False)
    for magic, name in _OTHER_MAGIC:
        if data.startswith(magic):
            return name, False
    return _sniff_text(data), False


def _sniff_text(data: bytes) -> str:
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "an SVG drawing"
    if head.startswith((b"<!doctype html", b"<html")) or b"<body" in head:
        return "a web page"
    if not data.strip(b"\x00"):
        return "nothing but zeros"
    try:
        data[:4096].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < min(len(data), 4096) - 4:
            return "unknown data"
    return "unknown data" if b"\x00" in data[:4096] else "plain text"


def read_facts(data: bytes, *, name: str, formats: tuple[str, ...]) -> FileFacts:
    """Check that a file is one of `formats`, complete and what its name says; return its facts.

    name: file name or path, "" if unknown; its ending must not promise another picture format.
    Raises PhotoRefused with `empty`, `not_an_image`, `wrong_type`, `unsupported_format`, `truncated`, `unreadable` or `too_complex`.
    """
    shown = PurePath(name).name or "The file"
    if not data:
        raise PhotoRefused("empty", f"{shown} is empty (0 bytes). Upload it again.")
    kind, is_image = sniff(data)
    if not is_image:
        raise PhotoRefused("not_an_image", f"{shown} is not a picture: it holds {kind}. Upload a {_listed(formats)} file.")
    promised = SUFFIX_FORMATS.get(PurePath(name).suffix.lower())
    if promised is not None and promised != kind:
        raise PhotoRefused(
            "wrong_type",
            f"{shown} is named like a {promised} file but holds {kind} data. Export it as a real {_listed(formats)} file.",
        )
    if kind not in formats:
        raise PhotoRefused("unsupported_format", f"{shown} is a {kind} file; accepted are {_listed(formats)}. Export it again.")
    readers = {"JPEG": _read_jpeg, "PNG": _read_png, "WEBP": _read_webp, "TIFF": _read_tiff}
    try:
        return readers[kind](data, shown)
    except (struct.error, IndexError) as error:
        raise PhotoRefused("truncated", f"{shown} ends in the middle of the picture. Upload it again.") from error


def exif_orientation(exif: bytes) -> int:
    """Read the orientation, 1..8, from an EXIF block (with or without its "Exif" prefix); 1 if there is none or it is broken.

    Reads the first directory only: no pointers are followed, so a hostile block costs nothing. Source: EXIF 2.32, tag 0x0112.
    """
    body = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(body[:4])
    if order is None:
        return 1
    try:
        (offset,) = struct.unpack_from(order + "I", body, 4)
        (count,) = struct.unpack_from(order + "H", body, offset)
        for i in range(min(count, 512)):
            tag, kind, length, value = struct.unpack_from(order + "HHIH", body, offset + 2 + 12 * i)
            if tag == 0x0112:
                return int(value) if kind == 3 and length == 1 and 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _listed(formats: tuple[str, ...]) -> str:
    return formats[0] if len(formats) == 1 else f"{', '.join(formats[:-1])} or {formats[-1]}"


def _cut_off(shown: str, detail: str) -> PhotoRefused:
    return PhotoRefused("truncated", f"{shown} is cut off: {detail}. Part of the picture is missing; upload the whole file again.")


def _damaged(shown: str, detail: str) -> PhotoRefused:
    return PhotoRefused("unreadable", f"{shown} is damaged: {detail}. Export or upload it again.")


# --- JPEG (ITU T.81) ---------------------------------------------------------------------------------------------------

_SOF_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_DECODABLE_SOF = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def _read_jpeg(data: bytes, shown: str) -> FileFacts:
    kept, notes = [b"\xff\xd8"], []
    exif, icc_parts, size, scans, position = b"", {}, (0, 0), 0, 2
    while True:
        marker, start = _jpeg_marker(data, position, shown)
        if marker == 0xD9:
            kept.append(b"\xff\xd9")
            position = start
            break
        (length,) = struct.unpack_from(">H", data, start)
        segment = data[start + 2 : start + length]
        if length < 2 or start + length > len(data):
            raise _cut_off(shown, "the file ends inside its header")
        position = start + length
        whole = data[start - 2 : position]
        if marker in _SOF_MARKERS:
            size = _jpeg_size(marker, segment, size, shown)
        elif marker == 0xE1 and segment.startswith(b"Exif\x00\x00") and not exif:
            exif = segment
        elif marker == 0xE2 and segment.startswith(b"ICC_PROFILE\x00") and len(segment) > 14:
            icc_parts[segment[12]] = segment[14:]
        if marker in _SOF_MARKERS or marker in (0xC4, 0xCC, 0xDB, 0xDD, 0xDA) or (marker == 0xEE and segment.startswith(b"Adobe")):
            kept.append(whole)
        elif marker == 0xE0 and segment.startswith(b"JFIF"):
            kept.append(whole)
        elif marker == 0xE2 and segment.startswith(b"MPF\x00"):
            notes.append("The file holds more than one picture; the first is used.")
        if marker == 0xDA:
            scans += 1
            if scans > MAX_JPEG_SCANS:
                raise PhotoRefused(
                    "too_complex", f"{shown} is built from more than {MAX_JPEG_SCANS} scans, which no camera does. Export it again."
                )
            following = _NEXT_MARKER.search(data, position)
            if following is None:
                raise _cut_off(shown, "the end of the picture data never comes")
            kept.append(data[position : following.start()])
            position = following.start()
    if not scans or size == (0, 0):
        raise _damaged(shown, "it ends before any picture data")
    if len(data) - position > 16 and not notes:
        notes.append(f"{len(data) - position:,} bytes after the end of the picture are ignored.")
    icc = b"".join(icc_parts[key] for key in sorted(icc_parts))
    return FileFacts(
        format="JPEG", width_px=size[0], height_px=size[1], cleaned=b"".join(kept), exif=exif, icc=icc, notes=tuple(notes)
    )


def _jpeg_marker(data: bytes, position: int, shown: str) -> tuple[int, int]:
    """Return the marker at `position` and where its content starts."""
    if position + 2 > len(data):
        raise _cut_off(shown, "the end of the picture data never comes")
    if data[position] != 0xFF:
        raise _damaged(shown, "its structure is broken")
    while position + 1 < len(data) and data[position + 1] == 0xFF:  # fill bytes are allowed before a marker
        position += 1
    if position + 1 >= len(data):
        raise _cut_off(shown, "the end of the picture data never comes")
    return data[position + 1], position + 2


def _jpeg_size(marker: int, segment: bytes, seen: tuple[int, int], shown: str) -> tuple[int, int]:
    if seen != (0, 0):
        raise _damaged(shown, "it states its size twice")
    precision, height, width, channels = struct.unpack_from(">BHHB", segment)
    if marker not in _DECODABLE_SOF or precision != 8 or channels not in (1, 3, 4):
        raise PhotoRefused(
            "unsupported_format",
            f"{shown} is a rare kind of JPEG ({precision} bits, {channels} channels, type {marker - 0xC0}). Export it as an ordinary JPEG.",
        )
    if width == 0 or height == 0:
        raise _damaged(shown, f"it says it is {width} x {height} pixels")
    return width, height


# --- PNG (W3C PNG, third edition) --------------------------------------------------------------------------------------

_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _read_png(data: bytes, shown: str) -> FileFacts:
    kept, notes, position = [data[:8]], [], 8
    exif, icc, header, frames, chunks, ended = b"", b"", b"", 1, 0, False
    while not ended:
        if position + 12 > len(data):
            raise _cut_off(shown, "the file ends before the picture does")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise _cut_off(shown, "the file ends before the picture does")
        chunks += 1
        if chunks > MAX_CHUNKS:
            raise PhotoRefused("too_complex", f"{shown} is split into more than {MAX_CHUNKS:,} parts. Export it again.")
        body = data[position + 8 : end - 4]
        if kind in _PNG_KEPT:
            if zlib.crc32(data[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
                raise _damaged(shown, "a checksum of the picture data does not match")
            kept.append(data[position:end])
        if (kind == b"IHDR") == bool(header):
            raise _damaged(shown, "its structure is broken")
        header = body if kind == b"IHDR" else header
        if kind == b"acTL":
            frames = struct.unpack_from(">I", body)[0]
        elif kind == b"eXIf":
            exif = body
        elif kind == b"iCCP":
            icc, note = _png_profile(body)
            notes += note
        ended = kind == b"IEND"
        position = end
    width, height, depth = struct.unpack_from(">IIB", header)
    if width == 0 or height == 0:
        raise _damaged(shown, f"it says it is {width} x {height} pixels")
    if len(data) - position > 16:
        notes.append(f"{len(data) - position:,} bytes after the end of the picture are ignored.")
    return FileFacts(
        format="PNG", width_px=width, height_px=height, cleaned=b"".join(kept), exif=exif, icc=icc, bit_depth=depth, frames=frames,
        notes=tuple(notes),
    )  # fmt: skip


def _png_profile(body: bytes) -> tuple[bytes, list[str]]:
    _, _, packed = body.partition(b"\x00")
    unpacker = zlib.decompressobj()
    try:
        icc = unpacker.decompress(packed[1:], MAX_ICC_BYTES)
    except zlib.error:
        return b"", ["The color profile is damaged and was ignored; colors are read as sRGB."]
    if unpacker.unconsumed_tail:
        return b"", ["The color profile is far too large and was ignored; colors are read as sRGB."]
    return icc, []


# --- WebP (RFC 9649) ---------------------------------------------------------------------------------------------------


def _read_webp(data: bytes, shown: str) -> FileFacts:
    (stated,) = struct.unpack_from("<I", data, 4)
    end = 8 + stated
    if end > len(data) + 1:  # some writers leave out the last padding byte
        raise _cut_off(shown, f"{len(data):,} of {end:,} bytes arrived")
    exif, icc, size, frames, position, chunks = b"", b"", (0, 0), 0, 12, 0
    while position + 8 <= min(end, len(data)):
        kind, length = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + length]
        if len(body) < length:
            raise _cut_off(shown, "the file ends before the picture does")
        chunks += 1
        if chunks > MAX_CHUNKS:
            raise PhotoRefused("too_complex", f"{shown} is split into more than {MAX_CHUNKS:,} parts. Export it again.")
        if kind == b"VP8X":
            size = _larger(size, (int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1))
        elif kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", body, 6)
            size = _larger(size, (width & 0x3FFF, height & 0x3FFF))
        elif kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", body, 1)
            size = _larger(size, ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"ICCP":
            icc = body[:MAX_ICC_BYTES]
        elif kind == b"EXIF":
            exif = body
        position += 8 + length + length % 2
    if size == (0, 0):
        raise _damaged(shown, "it holds no picture")
    trailing = len(data) - end
    notes = (f"{trailing:,} bytes after the end of the picture are ignored.",) if trailing > 16 else ()
    return FileFacts(
        format="WEBP", width_px=size[0], height_px=size[1], cleaned=data[:end], exif=exif, icc=icc, frames=max(frames, 1), notes=notes
    )


def _larger(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return max(a[0], b[0]), max(a[1], b[1])


def _read_tiff(data: bytes, shown: str) -> FileFacts:
    """TIFF keeps its facts wherever it likes; the decoder checks size and frames before it loads pixels."""
    if len(data) < 8:
        raise _cut_off(shown, "the file ends inside its header")
    return FileFacts(format="TIFF", width_px=0, height_px=0, cleaned=data)
