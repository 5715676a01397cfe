"""What a channel is told by the file itself: its size in pixels and bytes, its shape, its format, its color profile, its provenance.

Read from the header: no pixel is decoded. What the picture shows is `measurements.py`, measured once on the render.
"""

import io
import re
import warnings

from PIL import Image, ImageCms, UnidentifiedImageError

from catalog.errors import GateError
from catalog.sentences import clause
from quality.columns import COLUMNS, Column, Measurements

_HEADER = "file header"

RENDITION_COLUMNS: dict[str, Column] = {
    "width_px": Column(unit="px", low=1, high=None, source=_HEADER, meaning="the width"),
    "height_px": Column(unit="px", low=1, high=None, source=_HEADER, meaning="the height"),
    "long_side_px": Column(unit="px", low=1, high=None, source=_HEADER, meaning="the longer side"),
    "height_per_width": Column(unit="1", low=0, high=None, source=_HEADER, meaning="height divided by width; 1 is square, above 1 upright"),
    "digital_source_type": Column(
        unit="name", low=None, high=None, source="XMP, IPTC DigitalSourceType", meaning="how the file says the picture came to be, or none"
    ),
    "megapixels": Column(unit="MP", low=0, high=None, source=_HEADER, meaning="millions of pixels"),
}
"""Columns that only the file a channel would receive has. A pack may name these and every column of `COLUMNS`."""

CHANNEL_COLUMNS: dict[str, Column] = {**COLUMNS, **RENDITION_COLUMNS}
"""Every column that a rule of a channel's pack may name."""

TEXT_COLUMNS = frozenset(name for name, column in CHANNEL_COLUMNS.items() if column.unit == "name")
"""Columns that hold words."""

SRGB = "sRGB"

_SOURCE_TYPE = re.compile(rb"cv\.iptc\.org/newscodes/digitalsourcetype/(\w+)")


def measure_rendition(data: bytes) -> Measurements:
    """Columns of a picture file from its header: `RENDITION_COLUMNS`, and of `COLUMNS` those that are the file's and not the picture's.

    `icc_profile` is "sRGB" for every profile that calls itself so, else the profile's own name or "none"; a file of several frames has
    "animated" before its format. Raises GateError for bytes that are no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # only the header is read
            picture = Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError) as error:
        why = "its format is not known" if isinstance(error, UnidentifiedImageError) else str(error)
        raise GateError(
            f"The file is no picture that can be judged: {clause(why)}. Give a JPEG, PNG, WebP, GIF, BMP or TIFF file."
        ) from error
    with picture:
        width, height = picture.size
        animated = "animated " if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO" else ""
        kind = animated + ("JPEG" if picture.format == "MPO" else picture.format or "unknown")
        profile = picture.info.get("icc_profile") or b""
        said = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    return {
        "width_px": float(width),
        "height_px": float(height),
        "long_side_px": float(max(width, height)),
        "min_side_px": float(min(width, height)),
        "height_per_width": height / width,
        "megapixels": width * height / 1e6,
        "file_kb": len(data) / 1024,
        "file_format": kind,
        "icc_profile": _profile_name(profile),
        "digital_source_type": _source_type(said),
    }


def _profile_name(profile: bytes) -> str:
    if not profile:
        return "none"
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError):
        return "unreadable"
    return SRGB if "srgb" in name.lower() else name or "unnamed"


def _source_type(xmp: bytes | str) -> str:
    found = _SOURCE_TYPE.search(xmp.encode() if isinstance(xmp, str) else xmp)
    return found[1].decode() if found else "none"
