"""Read one photograph safely: file bytes in, upright 8-bit sRGB pixels out, or PhotoRefused with one of the codes below.

    code                 when
    empty                no bytes
    too_large_file       more bytes than the limit
    not_an_image         text, HTML, SVG, PDF, ZIP, program, unknown data: whatever the name says
    wrong_type           a picture, but not of the format that its name promises (a GIF or PNG named .jpg)
    unsupported_format   honestly named, but not an accepted format or a kind of it that cannot be read (12-bit JPEG)
    animated             more than one frame (animated GIF, WebP, APNG, multi-page TIFF)
    too_many_pixels      more pixels than the limit, or a side that is too long; read from the header, before decoding
    too_small            a side below the smallest that is worth decoding
    too_narrow           one side is many times the other
    too_complex          built so that decoding costs far more than the picture is worth
    truncated            the end is missing
    unreadable           damaged in any other way
    decode_memory        decoding needed more memory than allowed
    decode_timeout       decoding took longer than allowed      (only from the sandbox)
    decode_crashed       the decoder died                       (only from the sandbox)

The list is closed: any other exception out of `decode_photo` is our mistake. Files from outside should go through
imaging/decode_sandbox.py, which runs this same function with limits on memory and time. Judging the picture (too dark, blurred) is
quality/screening.py.
"""

import hashlib
import io
import warnings
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from catalog.errors import PhotoRefused
from imaging.photo_format import FileFacts, exif_orientation, read_facts

REFUSAL_CODES = (
    "empty", "too_large_file", "not_an_image", "wrong_type", "unsupported_format", "animated", "too_many_pixels", "too_small",
    "too_narrow", "too_complex", "truncated", "unreadable", "decode_memory", "decode_timeout", "decode_crashed",
)  # fmt: skip
"""Every code that reading a file can end with; the table at the top of this file explains them."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PhotoLimits:
    """What a file may be at most. Defaults fit any camera's JPEG and stop bombs; sizes for judging are in ScreeningRules."""

    max_bytes: int = 50_000_000
    max_pixels: int = 50_000_000
    """150 MB as 8-bit RGB; a 45-megapixel camera passes."""
    min_side_px: int = 64
    max_side_px: int = 12_000
    max_aspect: float = 10.0
    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP")
    """Add "TIFF" where a studio needs it; its decoder has the longest record of security fixes."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A decoded photograph, upright, sRGB, opaque."""

    pixels_HW3: npt.NDArray[np.uint8] = field(repr=False)
    """uint8 (height, width, 3), sRGB, 0..255."""
    format: str
    original_mode: str
    """Pillow's name of the stored pixel layout: "RGB", "CMYK", "P", "I;16", ..."""
    exif_orientation: int
    icc_name: str | None
    had_alpha: bool
    notes: tuple[str, ...]
    """Sentences on everything that was changed on purpose: rotation, color space, alpha, ignored data."""
    sha256: str
    """Digest of the file's bytes, not of the pixels."""
    width_px: int
    height_px: int


def decode_photo(data: bytes, *, name: str = "", limits: PhotoLimits | None = None) -> Photo:
    """Turn a photo file's bytes into upright 8-bit sRGB pixels.

    name: the file's name; its ending must agree with the content. Raises PhotoRefused (codes: see the top of this file).
    """
    limits = limits or PhotoLimits()
    shown = PurePath(name).name or "The file"
    if len(data) > limits.max_bytes:
        raise PhotoRefused(
            "too_large_file", f"{shown} has {len(data) / 1e6:.1f} MB; at most {limits.max_bytes / 1e6:.0f} MB are read. Export it smaller."
        )
    facts = read_facts(data, name=name, formats=limits.formats)
    if facts.frames > 1:
        raise PhotoRefused("animated", f"{shown} is an animation of {facts.frames} frames. Upload one still picture.")
    if facts.format != "TIFF":
        _check_size(facts.width_px, facts.height_px, shown, limits)
    image, mode = _load(facts, shown, limits)
    notes = list(facts.notes)
    try:
        image, alpha = _eight_bit(image, facts, notes)
        image, icc_name = _to_srgb(image, facts.icc, notes)
        if alpha is not None:
            image = _on_white(image, alpha)
            notes.append("Transparent parts were filled with white.")
        orientation = exif_orientation(facts.exif)
        if orientation in _TURNS:
            image = image.transpose(_TURNS[orientation])
            notes.append(f"Turned upright (EXIF orientation {orientation}).")
        pixels = np.asarray(image, dtype=np.uint8)
    except MemoryError as error:
        raise PhotoRefused("decode_memory", f"{shown} needs more memory to read than is allowed. Export it smaller.") from error
    return Photo(
        pixels_HW3=pixels, format=facts.format, original_mode=mode, exif_orientation=orientation, icc_name=icc_name,
        had_alpha=alpha is not None, notes=tuple(notes), sha256=hashlib.sha256(data).hexdigest(),
        width_px=image.width, height_px=image.height,
    )  # fmt: skip


def _check_size(width: int, height: int, shown: str, limits: PhotoLimits) -> None:
    size = f"{shown} is {width:,} x {height:,} pixels"
    if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
        raise PhotoRefused(
            "too_many_pixels",
            f"{size}; at most {limits.max_pixels / 1e6:.0f} megapixels and {limits.max_side_px:,} px a side are read. Export it smaller.",
        )
    if max(width, height) > limits.max_aspect * min(width, height):
        raise PhotoRefused("too_narrow", f"{size}; one side may be at most {limits.max_aspect:g} times the other. Crop it.")
    if min(width, height) < limits.min_side_px:
        raise PhotoRefused("too_small", f"{size}; at least {limits.min_side_px} px a side are needed. Upload the original photo.")


def _load(facts: FileFacts, shown: str, limits: PhotoLimits) -> tuple[Image.Image, str]:
    """Decode with Pillow; every way in which a decoder can fail on hostile bytes becomes a PhotoRefused."""
    assert not ImageFile.LOAD_TRUNCATED_IMAGES, "somebody switched on Pillow's tolerance for truncated files"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(facts.cleaned), formats=[facts.format])
            _check_size(image.width, image.height, shown, limits)
            if facts.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
                raise PhotoRefused("animated", f"{shown} has several pages. Upload one picture.")
            mode = image.mode
            image.load()
    except PhotoRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoRefused("too_many_pixels", f"{shown} has too many pixels: {error}. Export it smaller.") from error
    except MemoryError as error:
        raise PhotoRefused("decode_memory", f"{shown} needs more memory to read than is allowed. Export it smaller.") from error
    except UnidentifiedImageError as error:
        raise PhotoRefused("unreadable", f"{shown} is damaged: no {facts.format} picture can be read from it.") from error
    except Exception as error:  # noqa: BLE001  decoders answer hostile bytes with any exception; a batch must go on
        if "truncated" in str(error).lower():
            raise PhotoRefused("truncated", f"{shown} is cut off: part of the picture is missing. Upload the whole file again.") from error
        raise PhotoRefused("unreadable", f"{shown} is damaged ({error}). Export or upload it again.") from error
    return image, mode


def _eight_bit(image: Image.Image, facts: FileFacts, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """Return the picture as L, RGB or CMYK with 8 bits a channel, and its alpha (L) if any of it is transparent."""
    if facts.bit_depth == 16:
        notes.append("Reduced from 16 to 8 bits a channel.")
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    elif image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.float64)
        image = Image.fromarray(np.clip(np.rint(wide / 257.0), 0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise PhotoRefused("unsupported_format", "The file stores floating-point pixels. Export it with 8 or 16 bits a channel.")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    return image, alpha


def _to_srgb(image: Image.Image, icc: bytes, notes: list[str]) -> tuple[Image.Image, str | None]:
    """Convert to sRGB through the embedded profile; without a usable one, L and RGB are taken as sRGB and CMYK is approximated."""
    name = None
    if icc:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            name = ImageCms.getProfileDescription(profile).strip()
            converted = _convert_profile(image, profile, notes, name)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
            converted = None
            notes.append("The color profile is damaged and was ignored; colors are read as sRGB.")
        if converted is not None:
            return converted, name
    if image.mode == "CMYK":
        notes.append("Converted from CMYK without a usable profile: colors are approximate.")
    return image.convert("RGB"), name


def _convert_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile, notes: list[str], name: str) -> Image.Image | None:
    space = profile.profile.xcolor_space.strip()
    if space == "GRAY" and image.mode == "RGB":
        image = image.convert("L")  # a gray picture with transparency arrives here as RGB
    expected = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}[image.mode]
    if space != expected:
        notes.append(f"The color profile {name!r} is for {space} pictures, not {expected}, and was ignored.")
        return None
    srgb = ImageCms.createProfile("sRGB")
    if space == "RGB" and _same_colors(profile, ImageCms.ImageCmsProfile(srgb)) and "srgb" in name.lower():
        return image
    notes.append(f"Converted from {name!r} to sRGB.")
    return ImageCms.profileToProfile(
        image, profile, srgb, outputMode="RGB", renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )  # fmt: skip


def _same_colors(a: ImageCms.ImageCmsProfile, b: ImageCms.ImageCmsProfile) -> bool:
    """Are the primaries of two RGB profiles the same within rounding? Saves a lossy sRGB-to-sRGB conversion."""
    for attribute in ("red_colorant", "green_colorant", "blue_colorant"):
        one, other = getattr(a.profile, attribute), getattr(b.profile, attribute)
        if one is None or other is None or np.abs(np.subtract(one[0], other[0])).max() > 0.005:
            return False
    return True


def _on_white(image: Image.Image, alpha: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    return white
