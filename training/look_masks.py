"""What of a look picture is to be learned: a mask beside it, or its transparency, as trainers of LoRAs know it; white is learned, black left out.

A look that shows products is learned without them when they are black in its masks. Weighs nothing (see latents.py).
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from catalog.errors import PhotoRefused, TrainingError
from imaging.photo import Photo, decode_photo

Mask = npt.NDArray[np.uint8]


def read_mask(name: str, data: bytes, picture: Photo) -> Mask:
    """A mask file's brightness, uint8 (H, W), 255 for what is learned. Raises TrainingError when it is no picture of its picture's size."""
    try:
        photo = decode_photo(data, name=name)
    except PhotoRefused as error:
        raise TrainingError(f"The mask {name} cannot be used: {error} Replace or remove it; nothing was trained.") from error
    if (photo.width_px, photo.height_px) != (picture.width_px, picture.height_px):
        raise TrainingError(
            f"The mask {name} is {photo.width_px} x {photo.height_px} px, its picture {picture.width_px} x {picture.height_px}. "
            "Save it in the picture's size, or remove it; nothing was trained."
        )
    return np.asarray(Image.fromarray(photo.pixels_HW3).convert("L"))


def transparency_mask(data: bytes, picture: Photo) -> Mask | None:
    """A picture's own transparency, uint8 (H, W), upright; None for one without, or without any transparent place.

    `data` was decoded as `picture` before, so it is known to be harmless.
    """
    if not picture.had_alpha:
        return None
    opacity = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA").getchannel("A"))
    return None if opacity.min() == 255 else opacity
