"""Read one photograph safely: file bytes in; upright 8-bit sRGB pixels out, or PhotoRefused with one of these codes.

    code                 when
    empty                no bytes
    too_large_file       more bytes than the limit
    not_an_image         text, HTML, SVG, PDF, ZIP, program, unknown data: whatever the name says
    wrong_type           a picture, but not of the format that its name promises (a GIF or PNG named .jpg)
    unsupported_format   honestly named, but not an accepted format or a rare kind of it (12-bit JPEG)
    animated             more than one frame (animated WebP, APNG, multi-page TIFF)
    too_many_pixels      more pixels than the limit, or a side too long; read from the header, before decoding
    too_small            a side below the smallest that is worth decoding
    too_narrow           one side is many times the other
    too_complex          built so that decoding costs far more than the picture is worth
    truncated            the end is missing
    unreadable           damaged in any other way
    decode_memory        decoding needed more memory than allowed
    decode_timeout       decoding took longer than allowed      (only from the sandbox)
    decode_crashed       the decoder died                       (only from the sandbox)

The list is closed: any other exception out of `decode_photo` is our mistake. Files from outside go through decode_sandbox.py,
which runs this same function with limits on memory and time. Judging the picture (dark, blurred) is quality/screening.py.
"""

import hashlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from catalog.errors import PhotoRefused
from catalog.sentences import clause
from imaging import jpeg_file, png_file, webp_file
from imaging.jpeg_coverage import covers_picture
from imaging.photo_color import ColorState, eight_bit, flatten_on_white, to_srgb
from imaging.photo_facts import FileFacts, cut_off, damaged, exif_orientation
from imaging.photo_format import require_format
from imaging.photo_origin import ai_marks, has_credentials

REFUSAL_CODES = (
    "empty", "too_large_file", "not_an_image", "wrong_type", "unsupported_format", "animated", "too_many_pixels",
    "too_small", "too_narrow", "too_complex", "truncated", "unreadable", "decode_memory", "decode_timeout",
    "decode_crashed",
)  # fmt: skip
"""Every code that reading a file can end with; the table at the top of this file explains them."""

_READERS: dict[str, Callable[[bytes, str], FileFacts]] = {
    "JPEG": jpeg_file.read_jpeg,
    "PNG": png_file.read_png,
    "WEBP": webp_file.read_webp,
    "TIFF": lambda data, _: FileFacts(format="TIFF", width_px=0, height_px=0, cleaned=data),
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""


@dataclass(frozen=True, kw_only=True)
class PhotoLimits:
    """What a file may be at most. These stop bombs and fit any camera's JPEG; sizes for judging are in ScreeningRules."""

    max_bytes: int = 50_000_000
    max_pixels: int = 50_000_000
    """150 MB as 8-bit RGB; a 45-megapixel camera passes."""
    min_side_px: int = 64
    max_side_px: int = 12_000
    max_aspect: float = 10.0
    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP")
    """Add "TIFF" where a studio needs it; of all decoders, its has the longest record of security fixes."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A decoded photograph: upright, sRGB, opaque."""

    pixels_HW3: npt.NDArray[np.uint8] = field(repr=False)
    """uint8 (height, width, 3), sRGB, 0..255."""
    format: str
    original_mode: str
    """Pillow's name of the stored pixel layout: "RGB", "CMYK", "P", "I;16", ..."""
    exif_orientation: int
    icc_name: str | None
    color: ColorState
    """What the file said about its colors; the pixels are sRGB in any case."""
    ai_marks: tuple[str, ...]
    """Why the file counts as marked by AI, in words; see photo_origin.py."""
    has_credentials: bool
    """Whether it carries a C2PA manifest. Not verified: that is no question of taking a photo in."""
    had_alpha: bool
    notes: tuple[str, ...]
    """Sentences on everything that was changed on purpose: turned, converted, flattened, ignored."""
    sha256: str
    """Digest of the file's bytes, not of the pixels."""
    width_px: int
    height_px: int


def decode_photo(data: bytes, *, name: str = "", limits: PhotoLimits | None = None) -> Photo:
    """Turn a photo file's bytes into upright 8-bit sRGB pixels.

    name: the file's name; its ending must agree with the content. Raises PhotoRefused (codes: top of this file).
    """
    limits = limits or PhotoLimits()
    shown = PurePath(name).name or "The file"
    if len(data) > limits.max_bytes:
        raise PhotoRefused(
            "too_large_file",
            f"{shown} has {len(data) / 1e6:.1f} MB; at most {limits.max_bytes / 1e6:.0f} MB are read. Export it smaller.",
        )
    kind = require_format(data, name=name, formats=limits.formats)
    facts = _READERS[kind](data, shown)
    if facts.frames > 1:
        raise PhotoRefused("animated", f"{shown} is an animation of {facts.frames} frames. Upload one still picture.")
    if kind != "TIFF":
        _check_size(facts.width_px, facts.height_px, shown, limits)
    try:
        return _decode(facts, shown, limits, hashlib.sha256(data).hexdigest())
    except MemoryError as error:
        raise PhotoRefused("decode_memory", f"{shown} needs more memory to read than is allowed. Export it smaller.") from error


def upright_size(data: bytes, *, name: str = "") -> tuple[int, int]:
    """Width and height of a photo as `decode_photo` would give it, in pixels, told from its header. Raises PhotoRefused for no such file.

    For JPEG, PNG and WebP; whether the picture can be decoded is not looked at.
    """
    facts = _READERS[require_format(data, name=name, formats=PhotoLimits.formats)](data, PurePath(name).name or "The file")
    stored = (facts.width_px, facts.height_px)
    return stored[::-1] if exif_orientation(facts.exif) in SIDEWAYS else stored


def _decode(facts: FileFacts, shown: str, limits: PhotoLimits, sha256: str) -> Photo:
    if facts.format == "PNG":
        png_file.check_data_is_whole(facts.cleaned, shown)
    image = _load(facts, shown, limits)
    mode, notes = image.mode, list(facts.notes)
    image, alpha = eight_bit(image, facts.bit_depth, notes)
    image, icc_name, color = to_srgb(image, facts.icc, notes)
    if facts.format == "JPEG" and not covers_picture(facts.cleaned, np.asarray(image)):
        raise cut_off(shown, "the picture data ends too early")
    if alpha is not None:
        image = flatten_on_white(image, alpha, notes)
    orientation = exif_orientation(facts.exif)
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
        notes.append(f"Turned upright (EXIF orientation {orientation}).")
    return Photo(
        pixels_HW3=np.asarray(image, dtype=np.uint8),
        format=facts.format,
        original_mode=mode,
        exif_orientation=orientation,
        icc_name=icc_name,
        color=color,
        ai_marks=ai_marks(facts.origin, facts.exif),
        has_credentials=has_credentials(facts.origin),
        had_alpha=alpha is not None,
        notes=tuple(notes),
        sha256=sha256,
        width_px=image.width,
        height_px=image.height,
    )


def _check_size(width: int, height: int, shown: str, limits: PhotoLimits) -> None:
    size = f"{shown} is {width:,} x {height:,} pixels"
    if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
        most = f"{limits.max_pixels / 1e6:.0f} megapixels and {limits.max_side_px:,} px a side"
        raise PhotoRefused("too_many_pixels", f"{size}; at most {most} are read. Export it smaller.")
    if min(width, height) < limits.min_side_px:
        raise PhotoRefused("too_small", f"{size}; at least {limits.min_side_px} px a side are read. Upload the original photo.")
    if max(width, height) > limits.max_aspect * min(width, height):
        raise PhotoRefused("too_narrow", f"{size}; one side may be at most {limits.max_aspect:g} times the other. Crop it.")


def _load(facts: FileFacts, shown: str, limits: PhotoLimits) -> Image.Image:
    """Decode with Pillow; every way in which a decoder can fail on hostile bytes becomes a PhotoRefused."""
    assert not ImageFile.LOAD_TRUNCATED_IMAGES, "something switched on Pillow's tolerance for truncated files"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(facts.cleaned), formats=[facts.format])
            _check_size(image.width, image.height, shown, limits)
            if facts.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
                raise PhotoRefused("animated", f"{shown} has several pages. Upload one picture.")
            image.load()
    except (PhotoRefused, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoRefused("too_many_pixels", f"{shown} has too many pixels: {clause(error)}. Export it smaller.") from error
    except Exception as error:  # decoders answer hostile bytes with any exception; the rest of the batch must go on
        if "truncated" in str(error).lower():
            raise cut_off(shown, "the picture data ends too early") from error
        raise damaged(shown, f"the {facts.format} decoder gave up") from error
    return image
