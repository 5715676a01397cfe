"""What of a look picture is to be learned: a mask beside it, or its transparency, as trainers of LoRAs know it; white is learned, black left out.

A look that shows products is learned without them when they are black in its masks. Weighs nothing (see latents.py).
"""

import io
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from catalog.errors import PhotoRefused, TrainingError
from catalog.look_files import MASK_SUFFIX, mask_of
from catalog.sentences import clause
from imaging.photo import Photo, decode_photo, upright_size

Mask = npt.NDArray[np.uint8]


def refuse_lone_masks(pictures: Iterable[str], masks: Iterable[str]) -> None:
    """Raise TrainingError for masks that are named after no picture."""
    names = list(masks)
    lone = sorted(set(names) - {mask_of(picture, names) for picture in pictures})
    if lone:
        which = f"The mask {lone[0]} has" if len(lone) == 1 else f"{len(lone)} masks (first: {lone[0]}) have"
        raise TrainingError(
            f"{which} no picture; a mask is named after its picture, 01{MASK_SUFFIX} for 01.jpg. "
            "Correct its name, add the picture, or remove it."
        )


def read_mask(name: str, data: bytes, size_px: tuple[int, int]) -> Mask:
    """A mask file's brightness, uint8 (H, W), 255 for what is learned.

    `size_px` is its upright picture's width and height. Raises TrainingError when it is no picture, or none of that size.
    """
    try:
        found_px = upright_size(data, name=name)
        if found_px == size_px:
            return np.asarray(Image.fromarray(decode_photo(data, name=name).pixels_HW3).convert("L"))
    except PhotoRefused as error:
        what = str(error).partition(". ")[0]  # what follows is advice for product photos
        raise TrainingError(f"The mask {name} cannot be used: {clause(what)}. Save it anew as a gray PNG, or remove it.") from error
    raise TrainingError(
        f"The mask {name} is {found_px[0]} x {found_px[1]} px, its picture {size_px[0]} x {size_px[1]}. "
        "Save it in the picture's size, or remove it."
    )


def refuse_black(name: str, mask_HW: Mask) -> None:
    """Raise TrainingError when nothing of a picture could be learned; `mask_HW` is its mask as it is cut for training."""
    if not mask_HW.any():
        raise TrainingError(
            f"The mask of the look picture {name} is black all over, so nothing of it could be learned. White is learned, black is left out: "
            "turn the mask around, or remove the picture."
        )


def transparency_mask(data: bytes, picture: Photo) -> Mask | None:
    """A picture's own transparency, uint8 (H, W), upright; None for one without, or without any transparent place.

    `data` was decoded as `picture` before, so it is known to be harmless.
    """
    if not picture.had_alpha:
        return None
    opacity = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA").getchannel("A"))
    return None if opacity.min() == 255 else opacity
