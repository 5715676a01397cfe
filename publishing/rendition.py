"""A rendition: a render in the size and file format that a channel asks for, named by its own content."""

from dataclasses import dataclass

import cv2
import numpy as np

from catalog.brand_kit import Channel
from catalog.keys import digest, digest_bytes
from imaging.encode import ENCODER_VERSION, EXTENSIONS, MEDIA_TYPES, Pixels, encode


@dataclass(frozen=True, kw_only=True)
class Rendition:
    """A file ready to be published: its bytes, their sha256, its size in pixels, its media type and its content-addressed name."""

    data: bytes
    sha256: str
    width_px: int
    height_px: int
    media_type: str
    file_name: str


def make_rendition(pixels_HW3: Pixels, channel: Channel, xmp: bytes) -> Rendition:
    """The render as the channel wants it, with the XMP packet inside.

    pixels_HW3: uint8 (H, W, 3), sRGB. The long side becomes `channel.long_side_px`; a smaller render keeps its size, because an enlarged
    picture is refused by shops that ask for "no upscaled thumbnails". Pure white stays pure white.
    """
    fitted_HW3 = shrunk(pixels_HW3, channel.long_side_px)
    data = encode(fitted_HW3, channel.format, quality=channel.quality, xmp=xmp)
    name = digest_bytes(data)
    return Rendition(
        data=data,
        sha256=name,
        width_px=fitted_HW3.shape[1],
        height_px=fitted_HW3.shape[0],
        media_type=MEDIA_TYPES[channel.format],
        file_name=f"{name}.{EXTENSIONS[channel.format]}",
    )


def channel_digest(channel: Channel) -> str:
    """Sha256 of what the channel and the encoder do to a render, for the publish key; the recipes it takes do not matter to one picture."""
    return digest({"encoder": ENCODER_VERSION, **channel.model_dump(mode="json", exclude={"recipes", "commercial"})})


def shrunk(pixels_HW3: Pixels, long_side_px: int) -> Pixels:
    """The picture with its long side at most `long_side_px`, by area averaging; the array itself when it is small enough."""
    height_px, width_px = pixels_HW3.shape[:2]
    scale = long_side_px / max(height_px, width_px)
    if scale >= 1:
        return pixels_HW3
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels_HW3), size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
