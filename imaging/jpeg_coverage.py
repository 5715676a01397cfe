"""Tell whether a JPEG's compressed data covers the whole picture, which no decoder says: it fills up what is missing.

A file that was cut and closed with a new end marker, or that states too great a height, decodes without an error into a picture
with a flat or coarse rest.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image

from imaging.jpeg_file import NEXT_MARKER

FLAT_CORNER_PX = 4
"""Missing data leaves the last corner of the picture exactly flat; only then is it looked at more closely."""
FILLER_BYTES = 4096
_NOT_SENT = 255


@dataclass(kw_only=True)
class _Frame:
    """What the header says about the compressed data."""

    width_px: int
    height_px: int
    progressive: bool
    sampling: dict[int, tuple[int, int]]
    restart_interval: int = 0
    precision_left: bytearray = field(default_factory=lambda: bytearray([_NOT_SENT] * 64))
    """For each coefficient of the first channel, the bits that were not sent yet (progressive files)."""


@dataclass(frozen=True, kw_only=True)
class _Scan:
    channels: tuple[int, ...]
    end: int
    restarts: int


def covers_picture(cleaned: bytes, pixels_HW3: npt.NDArray[np.uint8]) -> bool:
    """Is there data for every block of the picture?

    Three tests: all restart markers are there; a progressive file sends its first channel to the last bit; and meaningless data put
    behind each scan changes nothing, since a complete scan never reads it. The last one costs up to a second decode, and is done
    only if the corner is flat. cleaned: a file from `read_jpeg`; pixels_HW3: what a decoder made of it, before any turn.
    """
    frame, scans = _read_scans(cleaned)
    if any(scan.restarts < _expected_restarts(frame, scan) for scan in scans):
        return False
    if frame.progressive and any(frame.precision_left):
        return False
    corner = pixels_HW3[-FLAT_CORNER_PX:, -FLAT_CORNER_PX:]
    if not (corner == corner[:1, :1]).all():
        return True
    filler = np.random.default_rng(0).integers(1, 255, FILLER_BYTES, dtype=np.uint8).tobytes()
    padded, position = [], 0
    for scan in scans:
        padded += [cleaned[position : scan.end], filler]
        position = scan.end
    try:
        return np.array_equal(_eighth(cleaned), _eighth(b"".join([*padded, cleaned[position:]])))
    except OSError:  # the decoder ran into the meaningless data, which a complete picture never does
        return False


def _read_scans(cleaned: bytes) -> tuple[_Frame, list[_Scan]]:
    frame, scans = _Frame(width_px=0, height_px=0, progressive=False, sampling={}), []
    interval = 0
    for marker, body, end in _segments(cleaned):
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
            height, width, channels = struct.unpack_from(">HHB", body, 1)
            parts = [body[6 + 3 * i : 9 + 3 * i] for i in range(channels)]
            sampling = {part[0]: (part[1] >> 4, part[1] & 15) for part in parts if len(part) == 3}
            progressive = marker in (0xC2, 0xCA)
            frame = _Frame(width_px=width, height_px=height, progressive=progressive, sampling=sampling)
        elif marker == 0xDD and len(body) >= 2:
            (interval,) = struct.unpack_from(">H", body)
        elif marker == 0xDA and body and len(body) >= 4 + 2 * body[0]:
            scans.append(_read_scan(cleaned, frame, body, end))
        frame.restart_interval = interval
    return frame, scans


def _read_scan(cleaned: bytes, frame: _Frame, body: bytes, start: int) -> _Scan:
    channels = tuple(body[1 + 2 * i] for i in range(body[0]))
    first, last, approximation = body[1 + 2 * body[0] : 4 + 2 * body[0]]
    if next(iter(frame.sampling), None) in channels and first <= last <= 63:
        frame.precision_left[first : last + 1] = bytes([approximation & 15] * (last + 1 - first))
    following = NEXT_MARKER.search(cleaned, start)
    assert following, "read_jpeg has found the end of every scan"
    data = cleaned[start : following.start()]
    restarts = sum(data.count(bytes([0xFF, 0xD0 + i])) for i in range(8))
    return _Scan(channels=channels, end=following.start(), restarts=restarts)


def _segments(cleaned: bytes) -> Iterator[tuple[int, bytes, int]]:
    """(marker, body, end) of each segment; the compressed data behind scan headers is skipped."""
    position = 2
    while cleaned[position + 1] != 0xD9:
        marker = cleaned[position + 1]
        (length,) = struct.unpack_from(">H", cleaned, position + 2)
        end = position + 2 + length
        yield marker, cleaned[position + 4 : end], end
        position = end
        if marker == 0xDA:
            following = NEXT_MARKER.search(cleaned, end)
            assert following, "read_jpeg has found the end of every scan"
            position = following.start()


def _expected_restarts(frame: _Frame, scan: _Scan) -> int:
    """Restart markers that a scan must hold. 0 for scans of one channel out of several: their block count is not worth it."""
    if not frame.restart_interval or len(scan.channels) != len(frame.sampling):
        return 0
    wide, high = 1, 1
    if len(frame.sampling) > 1:
        wide = max(x for x, _ in frame.sampling.values())
        high = max(y for _, y in frame.sampling.values())
    blocks = -(-frame.width_px // max(1, 8 * wide)) * -(-frame.height_px // max(1, 8 * high))
    return -(-blocks // frame.restart_interval) - 1


def _eighth(jpeg: bytes) -> npt.NDArray[np.uint8]:
    """The gray picture at an eighth of its size, which costs about half of a full decode."""
    image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
    image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
    return np.asarray(image.convert("L"))
