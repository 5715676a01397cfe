"""Training sets: a category's look pictures decoded, cropped, captioned, mirrored and split, with one digest over all of it.

Chooses no pictures and trains nothing: what comes in was approved as the look; what goes out is arrays and texts.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from catalog.errors import PhotoRefused, TrainingError
from catalog.keys import digest
from imaging.photo import decode_photo

DEFAULT_SIZE_PX = 128
"""Side of the embedded base model's pictures."""
MIN_PICTURES = 8
"""Fewer different pictures leave too little to learn from and to hold out; shipped looks have 16 to 24."""
MIN_HELD_OUT = 2
"""A validation loss over one picture follows that picture's oddities."""


@dataclass(frozen=True, kw_only=True)
class LookPicture:
    """One picture of a look as the trainer sees it: square uint8 sRGB pixels and the prompt it is trained with."""

    name: str
    """The file's name; a mirrored copy has its original's."""
    pixels_HW3: npt.NDArray[np.uint8] = field(repr=False)
    prompt: str


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """A look, split for training; `digest` covers every pixel and prompt of both parts.

    `train` holds each picture and its mirrored copy (left and right swapped in its prompt), `held_out` only originals that are never
    trained on. `duplicates` names pictures left out because another file had the same pixels.
    """

    trigger: str
    size_px: int
    train: tuple[LookPicture, ...]
    held_out: tuple[LookPicture, ...]
    duplicates: tuple[str, ...]
    digest: str


def build_training_set(
    pictures: Sequence[tuple[str, bytes]],
    captions: Mapping[str, str],
    trigger: str,
    holdout_share: float = 0.2,
    seed: int = 0,
    *,
    size_px: int = DEFAULT_SIZE_PX,
) -> TrainingSet:
    """The training set of encoded pictures (name, file bytes) and their captions by name.

    A picture without a caption is trained with the trigger phrase alone. The largest centered square is scaled to `size_px`. The split
    depends on pixels, share and seed, not on names or order. Raises TrainingError for an unreadable or too small picture, a caption
    without a picture, or too few different pictures.
    """
    assert 0 < holdout_share < 1 and trigger.strip(), "a share between 0 and 1 and a trigger phrase"
    unknown = sorted(captions.keys() - {name for name, _ in pictures})
    if unknown:
        raise TrainingError(
            f"{len(unknown)} captions have no picture (first: {unknown[0]}), so names were misspelt or pictures are missing. "
            "Correct captions.csv or add the pictures."
        )
    found: dict[str, LookPicture] = {}
    duplicates = []
    for name, data in sorted(pictures, key=lambda item: item[0]):
        pixels_HW3 = _decode_square(name, data, size_px)
        pixel_digest = hashlib.sha256(pixels_HW3.tobytes()).hexdigest()
        if pixel_digest in found:
            duplicates.append(name)
        else:
            found[pixel_digest] = LookPicture(name=name, pixels_HW3=pixels_HW3, prompt=_prompt(trigger, captions.get(name, "")))
    if len(found) < MIN_PICTURES:
        raise TrainingError(
            f"The look '{trigger}' has {len(found)} different pictures; at least {MIN_PICTURES} are needed, and 16 to 24 are a good "
            "number. Add pictures of the look."
        )
    order = sorted(found, key=lambda pixel_digest: digest([seed, pixel_digest]))
    held = max(MIN_HELD_OUT, round(holdout_share * len(order)))
    held_out = tuple(found[key] for key in order[:held])
    train = tuple(copy for key in order[held:] for copy in (found[key], _mirrored(found[key])))
    content = [[_content(picture) for picture in part] for part in (train, held_out)]
    return TrainingSet(
        trigger=trigger,
        size_px=size_px,
        train=train,
        held_out=held_out,
        duplicates=tuple(duplicates),
        digest=digest({"trigger": trigger, "size_px": size_px, "parts": content}),
    )


def swap_sides(text: str) -> str:
    """The caption of the mirrored picture: left and right change places, everything else stays."""
    swap = {"left": "right", "right": "left"}
    return re.sub(r"\b(left|right)\b", lambda match: swap[match.group(1)], text)


def _decode_square(name: str, data: bytes, size_px: int) -> npt.NDArray[np.uint8]:
    try:
        pixels_HW3 = decode_photo(data, name=name).pixels_HW3
    except PhotoRefused as error:
        raise TrainingError(f"The look picture {name} cannot be used: {error} Replace or remove it; nothing was trained.") from error
    height, width = pixels_HW3.shape[:2]
    side = min(height, width)
    if side < size_px:
        raise TrainingError(
            f"The look picture {name} is {width} x {height} px; at least {size_px} px a side are needed. Use a larger file or remove it."
        )
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels_HW3[top : top + side, left : left + side]
    if side != size_px:
        square = cv2.resize(square, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(square, dtype=np.uint8)


def _prompt(trigger: str, caption: str) -> str:
    """Trigger first: a text encoder that reads few tokens must cut the caption's end rather than the trigger."""
    caption = caption.strip()
    if re.match(rf"{re.escape(trigger)}(?!\w)", caption):
        return caption
    return f"{trigger}, {caption}" if caption else trigger


def _mirrored(picture: LookPicture) -> LookPicture:
    return LookPicture(
        name=picture.name,
        pixels_HW3=np.ascontiguousarray(picture.pixels_HW3[:, ::-1]),
        prompt=swap_sides(picture.prompt),
    )


def _content(picture: LookPicture) -> list[str]:
    return [hashlib.sha256(picture.pixels_HW3.tobytes()).hexdigest(), picture.prompt]
