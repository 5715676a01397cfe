"""How a look picture is cut for training: to the square in its middle, or to the bucket nearest to its aspect; never enlarged.

Buckets have about the area of the base model's own square, so that every picture takes about the same memory and the model draws each size as
well as it can.
"""

import math
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from catalog.errors import TrainingError

Size = tuple[int, int]
"""Width and height, px."""

STEP_PX = 64
"""Sides are multiples of this: SD's UNet halves latents of 8 px three times. Models below 256 px are shallower and have a quarter of their side."""
MAX_ASPECT = 2.5
"""A side is at most this many times the other; beyond, base models of all families repeat their subject. Wider pictures are cropped."""


def bucket_sizes(size_px: int) -> tuple[Size, ...]:
    """Sizes of about `size_px` squared and never more, the square among them, in order of width."""
    step = min(STEP_PX, size_px // 4)
    sizes = {(size_px, size_px)}
    for width in range(step, math.floor(size_px * math.sqrt(MAX_ASPECT)) + 1, step):
        height = size_px * size_px // width // step * step
        if max(width, height) <= MAX_ASPECT * min(width, height):
            sizes |= {(width, height), (height, width)}
    return tuple(sorted(sizes))


def training_sizes(size_px: int, aspects: Literal["square", "buckets"]) -> tuple[Size, ...]:
    """Sizes that pictures are cut to for a base model of `size_px`."""
    return bucket_sizes(size_px) if aspects == "buckets" else ((size_px, size_px),)


def nearest_size(width: int, height: int, sizes: tuple[Size, ...]) -> Size:
    """The size whose aspect is nearest to a picture's, as a ratio; of two as near, the larger."""
    aspect = math.log(width / height)
    return min(sizes, key=lambda size: (round(abs(math.log(size[0] / size[1]) - aspect), 9), -size[0] * size[1]))


def cut(name: str, pixels: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.uint8]:
    """The largest part in the middle that has the size's aspect, scaled down to it; uint8 (H, W) or (H, W, 3) as it came.

    Raises TrainingError for a picture that had to be enlarged.
    """
    height, width = pixels.shape[:2]
    scale = min(width / size[0], height / size[1])
    if scale < 1:
        raise TrainingError(
            f"The look picture {name} is {width} x {height} px; at least {size[0]} x {size[1]} px are needed. Use a larger file or remove it."
        )
    part_width, part_height = round(size[0] * scale), round(size[1] * scale)
    top, left = (height - part_height) // 2, (width - part_width) // 2
    part = pixels[top : top + part_height, left : left + part_width]
    if (part_width, part_height) != size:
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(part, dtype=np.uint8)
