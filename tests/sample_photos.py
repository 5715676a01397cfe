"""A drawn studio photograph of a mug, sharp and plain, and ways of spoiling it; for tests of screening and measuring."""

import functools
import io

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAPER = (236, 234, 229)


def studio_photo(
    size_px: int = 1020, *, paper: tuple[int, int, int] = PAPER, mugs: int = 1, noise: float = 1.2, striped: bool = True
) -> np.ndarray:
    """uint8 (size, size, 3): striped or plain mugs on paper that darkens a little downwards, with sensor noise."""
    return _draw(size_px, paper, mugs, noise, striped).copy()


@functools.cache
def _draw(size_px: int, paper: tuple[int, int, int], mugs: int, noise: float, striped: bool) -> np.ndarray:
    draw_px = 2 * size_px
    y = np.linspace(0, 1, draw_px, dtype=np.float32)[:, None, None]
    canvas = np.broadcast_to(np.array(paper, np.float32) * (1 - np.float32(0.08) * y), (draw_px, draw_px, 3)).astype(np.uint8, order="C")
    width = int(0.4 * draw_px / mugs)
    for i in range(mugs):
        left = int(draw_px * (i + 0.5) / mugs - width / 2)
        _draw_mug(canvas, left, int(0.3 * draw_px), width, int(0.42 * draw_px), striped)
    photo = cv2.resize(canvas, (size_px, size_px), interpolation=cv2.INTER_AREA).astype(np.float32)
    return _eight_bit(photo + noise * np.random.default_rng(0).standard_normal(photo.shape, np.float32))


def _draw_mug(canvas: np.ndarray, left: int, top: int, width: int, height: int, striped: bool) -> None:
    right, bottom, stroke = left + width, top + height, width // 9
    cv2.ellipse(canvas, (right, (top + bottom) // 2), (width // 3, height // 4), 0, -90, 90, (60, 90, 130), stroke)
    cv2.rectangle(canvas, (left, top), (right, bottom), (70, 105, 150), -1)
    for x in range(left, right if striped else left, width // 12):
        cv2.line(canvas, (x, top), (x + width // 15, bottom), (225, 205, 120), max(1, width // 60))
    cv2.ellipse(canvas, ((left + right) // 2, top), (width // 2, height // 14), 0, 0, 360, (40, 60, 85), -1)
    cv2.circle(canvas, ((left + right) // 2, (top + bottom) // 2), width // 5, (190, 60, 50), -1)


def blurred(photo: np.ndarray, sigma_px: float) -> np.ndarray:
    return cv2.GaussianBlur(photo, (0, 0), sigma_px)


def moved(photo: np.ndarray, length_px: int) -> np.ndarray:
    """The camera moved sideways by `length_px` during the exposure."""
    return cv2.blur(photo, (length_px, 1))


def cluttered(photo: np.ndarray) -> np.ndarray:
    """The same thing on a table full of others."""
    rng, spoiled = np.random.default_rng(1), photo.copy()
    size_px = len(photo)
    for _ in range(90):
        corner = rng.integers(-60, size_px, 2)
        if np.all(np.abs(corner - size_px * 0.45) < size_px * 0.28):
            continue
        extent, color = rng.integers(30, 160, 2), tuple(int(v) for v in rng.integers(20, 240, 3))
        cv2.rectangle(spoiled, tuple(corner), tuple(corner + extent), color, -1)
    return spoiled


def written_over(photo: np.ndarray, kind: str) -> np.ndarray:
    """A date in the corner, a caption, or a pale watermark repeated over the whole picture."""
    side = len(photo)
    layer = Image.new("L", (2 * side, 2 * side), 0)
    pen, share, ink = ImageDraw.Draw(layer), 1.0, 80
    if kind == "date":
        pen.text((side - side // 6, side - side // 22), "2026/03/24", font=ImageFont.load_default(side // 42), fill=255)
    elif kind == "caption":
        pen.text((side // 30, side // 30), "northlight.example", font=ImageFont.load_default(side // 28), fill=255)
    else:
        share = 0.25
        for row, y in enumerate(range(0, 2 * side, side // 7)):
            for x in range(-60 * (row % 2), 2 * side, 3 * side // 10):
                pen.text((x, y), "SAMPLE", font=ImageFont.load_default(side // 22), fill=255)
        half = side // 2
        layer = layer.rotate(28, resample=Image.Resampling.BICUBIC).crop((half, half, half + side, half + side))
    alpha = np.asarray(layer.crop((0, 0, side, side)), np.float32)[..., None] / 255 * share
    return _eight_bit(photo * (1 - alpha) + ink * alpha)


def as_jpeg(photo: np.ndarray, quality: int = 92) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "JPEG", quality=quality)
    return out.getvalue()


def _eight_bit(photo: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(photo), 0, 255).astype(np.uint8)
