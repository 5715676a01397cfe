"""Make a picture smaller: fast for comparing it with another one made smaller likewise, or by exact averages. Enlarges nothing."""

import cv2
import numpy as np
import numpy.typing as npt

ByteImage = npt.NDArray[np.uint8]

FAST_REDUCTION = 2
"""Down to half size, bilinear reduction sees every pixel and costs a fifth of averaging; below, halves are averaged first."""


def to_working_size(image: ByteImage, scale: float) -> ByteImage:
    """The picture at `scale` <= 1 of its size, for comparing; itself when the scale is 1."""
    size = _size_at(image, scale)
    while scale * FAST_REDUCTION < 1 and image.shape[0] % 2 == 0 and image.shape[1] % 2 == 0:
        image, scale = _resized(image, (image.shape[1] // 2, image.shape[0] // 2), cv2.INTER_AREA), scale * 2
    if size == image.shape[1::-1]:
        return image
    return _resized(image, size, cv2.INTER_LINEAR if scale * FAST_REDUCTION >= 1 else cv2.INTER_AREA)


def reduce_size(image: ByteImage, scale: float) -> ByteImage:
    """The picture at `scale` <= 1 of its size, averaging; itself when the scale is 1."""
    return image if scale >= 1.0 else _resized(image, _size_at(image, scale), cv2.INTER_AREA)


def _size_at(image: ByteImage, scale: float) -> tuple[int, int]:
    """Width and height."""
    return max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))


def _resized(image: ByteImage, size: tuple[int, int], interpolation: int) -> ByteImage:
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)
