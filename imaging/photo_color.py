"""Bring any stored pixel layout to 8-bit sRGB on purpose: bit depth, palette, transparency, color profile, CMYK."""

import io
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from catalog.errors import PhotoRefused

SAME_PRIMARIES = 0.005
"""Largest difference in XYZ at which primaries count as those of sRGB; editors round theirs to about 0.001."""
ColorState = Literal["srgb", "none", "converted", "cmyk", "unusable"]
"""What a file said about its colors: an sRGB or gray profile; none; another RGB space, converted; CMYK, converted; a profile that could not be used."""

_PROFILE_SPACE = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_PROFILE_DAMAGED = "The color profile is damaged and was ignored; colors are read as sRGB."


def eight_bit(image: Image.Image, bit_depth: int, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """Return the picture as L, RGB or CMYK with 8 bits a channel, and its alpha (L) if it has transparency.

    notes: takes a sentence for what was changed. Raises PhotoRefused (unsupported_format) for floating-point pixels.
    """
    if bit_depth == 16:
        notes.append("Reduced from 16 to 8 bits a channel.")
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        return layered.convert("RGB"), layered.getchannel("A")
    if image.mode.startswith("I;16"):
        steps = (np.arange(65536) * 255 + 32767) // 65535
        return Image.fromarray(steps.astype(np.uint8)[np.asarray(image)]), None
    if image.mode in ("I", "F"):
        raise PhotoRefused("unsupported_format", "The file stores 32-bit pixels. Export it with 8 or 16 bits a channel.")
    if image.mode == "1":
        return image.convert("L"), None
    return (image if image.mode in _PROFILE_SPACE else image.convert("RGB")), None


def to_srgb(image: Image.Image, icc: bytes, notes: list[str]) -> tuple[Image.Image, str | None, ColorState]:
    """Convert an L, RGB or CMYK picture to sRGB through its embedded profile; return it, the profile's name and what was found.

    Without a usable profile, L and RGB are taken as sRGB and CMYK is approximated; `notes` takes a sentence.
    """
    name = None
    state: ColorState = "unusable" if icc else "none"
    if icc:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            name = ImageCms.getProfileDescription(profile).strip()
            converted = _through_profile(image, profile, name, notes)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
            converted = None
            notes.append(_PROFILE_DAMAGED)
        if converted is not None:
            return converted, name, _state_of(image.mode, converted is image)
    if image.mode == "CMYK":
        notes.append("Converted from CMYK without a usable profile: colors are approximate.")
        state = "cmyk"
    return image.convert("RGB"), name, state


def _state_of(mode: str, as_it_was: bool) -> ColorState:
    if as_it_was or mode == "L":
        return "srgb"  # gray has no gamut to lose
    return "cmyk" if mode == "CMYK" else "converted"


def flatten_on_white(image: Image.Image, alpha: Image.Image, notes: list[str]) -> Image.Image:
    """Put an RGB picture on white paper where its alpha (L) lets it through."""
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    notes.append("Transparent parts were filled with white.")
    return white


def _through_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile, name: str, notes: list[str]) -> Image.Image | None:
    space = profile.profile.xcolor_space.strip()
    if space == "GRAY" and image.mode == "RGB":
        image = image.convert("L")  # a gray picture with transparency arrives here as RGB
    expected = _PROFILE_SPACE[image.mode]
    if space != expected:
        notes.append(f"The color profile {name!r} is for {space} pictures, not {expected}, and was ignored.")
        return None
    srgb = ImageCms.createProfile("sRGB")
    if space == "RGB" and "srgb" in name.lower() and _same_primaries(profile, ImageCms.ImageCmsProfile(srgb)):
        return image
    converted = ImageCms.profileToProfile(
        image, profile, srgb, outputMode="RGB", renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )  # fmt: skip
    notes.append(f"Converted from {name!r} to sRGB.")
    return converted


def _same_primaries(one: ImageCms.ImageCmsProfile, other: ImageCms.ImageCmsProfile) -> bool:
    """Saves a lossy conversion from sRGB to sRGB. The name alone would not do: anybody can write "sRGB"."""
    for attribute in ("red_colorant", "green_colorant", "blue_colorant"):
        a, b = getattr(one.profile, attribute), getattr(other.profile, attribute)
        if a is None or b is None or np.abs(np.subtract(a[0], b[0])).max() > SAME_PRIMARIES:
            return False
    return True
