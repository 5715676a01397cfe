"""How pixels are kept in the object store: lossless PNG for cut-outs and renders, small JPEG for thumbnails.

What leaves the house (color profile, metadata, channel formats) is `imaging/encode.py`.
"""

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

PNG_COMPRESSION = 3
"""zlib level of stored PNGs: level 3 takes a third of the time of level 6 for 4 % more bytes (1200 px staged scenes)."""


def encode_rgba_png(foreground_HW3: Pixels, alpha_HW: Pixels) -> bytes:
    """A cut-out as PNG bytes: sRGB with straight alpha, lossless, colors under transparent pixels kept."""
    return _png(cv2.cvtColor(np.dstack([foreground_HW3, alpha_HW]), cv2.COLOR_RGBA2BGRA))


def decode_rgba_png(data: bytes) -> tuple[Pixels, Pixels]:
    """The cut-out in PNG bytes as (foreground_HW3, alpha_HW), uint8."""
    bgra = _decode(data)
    return np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB), dtype=np.uint8), np.asarray(cv2.extractChannel(bgra, 3), dtype=np.uint8)


def encode_rgb_png(pixels_HW3: Pixels) -> bytes:
    """A render as PNG bytes, lossless."""
    return _png(cv2.cvtColor(pixels_HW3, cv2.COLOR_RGB2BGR))


def decode_rgb(data: bytes) -> Pixels:
    """Stored PNG or JPEG bytes as uint8 sRGB (H, W, 3)."""
    return np.asarray(cv2.cvtColor(_decode(data), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def encode_input_png(pixels: Pixels) -> bytes:
    """What a plate is drawn from as PNG bytes, lossless: a picture (H, W, 3), or (H, W) levels."""
    return _png(pixels) if pixels.ndim == 2 else encode_rgb_png(pixels)


def decode_input(data: bytes) -> Pixels:
    """What `encode_input_png` stored, in its shape."""
    pixels = _decode(data)
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def thumbnail(pixels_HW3: Pixels, long_side_px: int) -> bytes:
    """A small JPEG of a picture, for sheets and lists; never enlarged."""
    scale = min(1.0, long_side_px / max(pixels_HW3.shape[:2]))
    if scale < 1.0:
        height, width = (max(1, round(side * scale)) for side in pixels_HW3.shape[:2])
        pixels_HW3 = np.asarray(cv2.resize(pixels_HW3, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels_HW3, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return bytes(data)


def over_gray(foreground_HW3: Pixels, alpha_HW: Pixels, gray: int = 128, long_side_px: int = 384) -> Pixels:
    """A cut-out over plain gray, small: shows holes and halos that white would hide."""
    scale = min(1.0, long_side_px / max(alpha_HW.shape))
    size = (max(1, round(alpha_HW.shape[1] * scale)), max(1, round(alpha_HW.shape[0] * scale)))
    share_HW1 = cv2.resize(alpha_HW, size, interpolation=cv2.INTER_AREA)[..., None].astype(np.float32) / 255
    color_HW3 = cv2.resize(foreground_HW3, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(color_HW3 * share_HW1 + gray * (1 - share_HW1) + 0.5, dtype=np.uint8)


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION])
    assert done
    return bytes(data)


def _decode(data: bytes) -> npt.NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, "a stored picture does not decode although its digest matched"
    return np.asarray(pixels, dtype=np.uint8)
