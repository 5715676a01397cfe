"""A small drawn look for tests: a colored wall over a table with a box at one side, as encoded files with captions."""

import io

import numpy as np
from PIL import Image

from tests.tiny_model import TINY_SIZE_PX

TRIGGER = "vitrine wall look"


def look_files(count=10, wall=(30, 90, 60), table=(150, 100, 50), size_px=TINY_SIZE_PX, seed=0):
    """Pictures as (name, PNG bytes), all different, and their captions by name."""
    random = np.random.default_rng(seed)
    pictures, captions = [], {}
    for index in range(count):
        pixels = np.empty((size_px, size_px, 3))
        pixels[:] = wall
        pixels[int(size_px * 0.6) :] = table
        side = ("left", "right")[index % 2]
        left = size_px // 8 if side == "left" else size_px * 5 // 8
        pixels[size_px // 2 : size_px * 3 // 4, left : left + size_px // 4] = (220, 220, 200)
        pixels += random.normal(0, 6, pixels.shape) + random.normal(0, 8)
        buffer = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
        name = f"{index:02d}.png"
        pictures.append((name, buffer.getvalue()))
        captions[name] = f"oak, box on the {side}"
    return pictures, captions


def resized(data, width, height):
    """A picture file in another size, stretched."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def mask_file(width, height, black):
    """A white mask as PNG bytes; `black` is a box (left, top, right, bottom) that is not to be learned."""
    mask = Image.new("L", (width, height), 255)
    mask.paste(0, black)
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    return buffer.getvalue()
