"""Walk the structure of a JPEG file (ITU T.81): size, profile, EXIF and a cleaned copy.

Left out: whether the compressed data covers the whole picture, see jpeg_coverage.py.
"""

import re
import struct
from dataclasses import dataclass, field

from catalog.errors import PhotoRefused
from imaging.photo_facts import FileFacts, cut_off, damaged, too_complex, trailing_note
from imaging.photo_origin import OriginClaims

MAX_SCANS = 64
"""A progressive JPEG of a camera or editor has about 10 scans; each one costs a pass over the whole picture."""
MAX_PROFILE_BYTES = 4_000_000
"""The largest common press profiles (CMYK) are below 3 MB."""

XMP_SIGNATURE = b"http://ns.adobe.com/xap/1.0/\x00"

_SIZE_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_READABLE_SIZE_MARKERS = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_TABLE_MARKERS = {0xC4, 0xCC, 0xDB, 0xDD}
_SCAN, _END = 0xDA, 0xD9
NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""The end of compressed data: inside it, FF is followed by 00 or is a restart marker."""


@dataclass
class _Walk:
    """What has been seen so far."""

    shown: str
    kept: list[bytes] = field(default_factory=lambda: [b"\xff\xd8"])
    exif: bytes = b""
    profile_parts: dict[int, bytes] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    scans: int = 0
    several: bool = False
    xmp: bytes = b""
    credentials: list[bytes] = field(default_factory=list)

    def segment(self, marker: int, body: bytes, whole: bytes) -> None:
        """Take in one segment; only what a decoder needs is kept."""
        if marker in _SIZE_MARKERS:
            self.size = _size(marker, body, self)
        elif marker == 0xE1 and body.startswith(b"Exif\x00\x00"):
            self.exif = self.exif or body
        elif marker == 0xE1 and body.startswith(XMP_SIGNATURE):
            self.xmp = self.xmp or body.removeprefix(XMP_SIGNATURE)
        elif marker == 0xEB and body.startswith(b"JP"):  # JUMBF: "JP", a number of the box and one of the packet precede each part
            self.credentials.append(body[8:])
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\x00") and len(body) > 14:
            self.profile_parts[body[12]] = body[14:]
        elif marker == 0xE2 and body.startswith(b"MPF\x00"):
            self.several = True
        needed = marker in _SIZE_MARKERS | _TABLE_MARKERS or marker == _SCAN
        if needed or body.startswith({0xE0: b"JFIF", 0xEE: b"Adobe"}.get(marker, b"\x00never\x00")):
            self.kept.append(whole)


def read_jpeg(data: bytes, shown: str) -> FileFacts:
    """Check a JPEG from start to end marker. Raises PhotoRefused: truncated, unreadable, unsupported_format, too_complex."""
    walk, position = _Walk(shown), 2
    while True:
        marker, start = _marker_at(data, position, shown)
        if marker == _END:
            break
        if start + 2 > len(data):
            raise cut_off(shown, "the file ends inside its header")
        (length,) = struct.unpack_from(">H", data, start)
        position = start + length
        if length < 2:
            raise damaged(shown, "a segment of its header is too short")
        if position > len(data):
            raise cut_off(shown, "the file ends inside its header")
        walk.segment(marker, data[start + 2 : position], data[start - 2 : position])
        if marker == _SCAN:
            position = _take_scan(walk, data, position)
    if not walk.scans or walk.size == (0, 0):
        raise damaged(shown, "it ends before any picture data")
    walk.kept.append(b"\xff\xd9")
    several = ["The file holds more than one picture; the first is used."] if walk.several else []
    profile = b"".join(walk.profile_parts[part] for part in sorted(walk.profile_parts))
    return FileFacts(
        format="JPEG", width_px=walk.size[0], height_px=walk.size[1], cleaned=b"".join(walk.kept), exif=walk.exif,
        icc=profile[:MAX_PROFILE_BYTES], origin=OriginClaims(xmp=walk.xmp, credentials=b"".join(walk.credentials)),
        notes=tuple(several or trailing_note(len(data) - start)),
    )  # fmt: skip


def _marker_at(data: bytes, position: int, shown: str) -> tuple[int, int]:
    """The marker at `position`, and where its content starts."""
    if not data[position : position + 64].strip(b"\x00"):  # a file that was never filled to its end
        raise cut_off(shown, "the end of the picture data never comes")
    if data[position] != 0xFF:
        raise damaged(shown, "its structure is broken")
    while position + 1 < len(data) and data[position + 1] == 0xFF:  # fill bytes are allowed before a marker
        position += 1
    if position + 1 >= len(data):
        raise cut_off(shown, "the end of the picture data never comes")
    return data[position + 1], position + 2


def _size(marker: int, body: bytes, walk: _Walk) -> tuple[int, int]:
    if walk.size != (0, 0):
        raise damaged(walk.shown, "it states its size twice")
    if len(body) < 6:
        raise damaged(walk.shown, "its size is missing")
    precision, height, width, channels = struct.unpack_from(">BHHB", body)
    if marker not in _READABLE_SIZE_MARKERS or precision != 8 or channels not in (1, 3, 4):
        raise PhotoRefused(
            "unsupported_format",
            f"{walk.shown} is a rare kind of JPEG ({precision} bits, {channels} channels, type {marker - 0xC0}). "
            "Export it as an ordinary JPEG.",
        )
    if width == 0 or height == 0:
        raise damaged(walk.shown, f"it says it is {width} x {height} pixels")
    return width, height


def _take_scan(walk: _Walk, data: bytes, position: int) -> int:
    """Keep the compressed data behind a scan header; return where the next marker is."""
    walk.scans += 1
    if walk.scans > MAX_SCANS:
        raise too_complex(walk.shown, f"{MAX_SCANS} scans")
    following = NEXT_MARKER.search(data, position)
    if following is None:
        raise cut_off(walk.shown, "the end of the picture data never comes")
    walk.kept.append(data[position : following.start()])
    return following.start()
