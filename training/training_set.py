"""Training sets: a category's look pictures decoded, cropped, captioned, mirrored and split, with one digest over all of it.

Chooses no pictures and trains nothing: what comes in was approved as the look; what goes out is arrays and texts.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from catalog.errors import PhotoRefused, TrainingError
from catalog.keys import digest
from catalog.look_files import mask_of
from imaging.photo import decode_photo
from training.look_crops import Size, cut, nearest_size, training_sizes
from training.look_masks import read_mask, refuse_black, refuse_lone_masks, transparency_mask

DEFAULT_SIZE_PX = 128
"""Side of the embedded base model's pictures."""
MIN_PICTURES = 8
"""Fewer different pictures leave too little to learn from and to hold out; shipped looks have 16 to 24."""
MIN_HELD_OUT = 2
"""A validation loss over one picture follows that picture's oddities."""


@dataclass(frozen=True, kw_only=True)
class LookPicture:
    """One picture of a look as the trainer sees it: uint8 sRGB pixels, the prompt it is trained with, and what of it is learned."""

    name: str
    """The file's name; a mirrored copy has its original's."""
    pixels_HW3: npt.NDArray[np.uint8] = field(repr=False)
    prompt: str
    mask_HW: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    """uint8, 255 where it is learned and 0 where it is left out; None: all of it is learned."""


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """A look, split for training; `digest` covers every pixel, mask and prompt of both parts.

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
    aspects: Literal["square", "buckets"] = "square",
    masks: Mapping[str, bytes] | None = None,
) -> TrainingSet:
    """The training set of encoded pictures (name, file bytes) and their captions by name.

    A picture without a caption is trained with the trigger phrase alone. The largest centered square is scaled to `size_px`, or with
    "buckets" the largest part that has the aspect of the nearest of `bucket_sizes`. `masks` are files by name, NAME.mask.png for the picture
    NAME; a picture without one is masked by its transparency, if it has any. The split depends on pixels, share and seed, not on names or
    order. Raises TrainingError for an unreadable or too small picture, a caption or mask without a picture, or too few different pictures.
    """
    assert 0 < holdout_share < 1 and trigger.strip(), "a share between 0 and 1 and a trigger phrase"
    unknown = sorted(captions.keys() - {name for name, _ in pictures})
    if unknown:
        raise TrainingError(
            f"{len(unknown)} captions have no picture (first: {unknown[0]}), so names were misspelt or pictures are missing. "
            "Correct captions.csv or add the pictures."
        )
    names = [name for name, _ in pictures]
    masks = masks or {}
    refuse_lone_masks(names, masks)
    sizes = training_sizes(size_px, aspects)
    found: dict[str, LookPicture] = {}
    duplicates = []
    for name, data in sorted(pictures, key=lambda item: item[0]):
        mask_name = mask_of(name, masks)
        pixels_HW3, mask_HW = _decode(name, data, sizes, None if mask_name is None else (mask_name, masks[mask_name]))
        pixel_digest = hashlib.sha256(pixels_HW3.tobytes()).hexdigest()
        if pixel_digest in found or hashlib.sha256(pixels_HW3[:, ::-1].tobytes()).hexdigest() in found:  # each is trained mirrored, too
            duplicates.append(name)
        else:
            prompt = _prompt(trigger, captions.get(name, ""))
            found[pixel_digest] = LookPicture(name=name, pixels_HW3=pixels_HW3, prompt=prompt, mask_HW=mask_HW)
    if len(found) < MIN_PICTURES:
        raise TrainingError(
            f"The look '{trigger}' has {len(found)} different pictures; at least {MIN_PICTURES} are needed, and 16 to 24 are a good "
            "number. Add pictures of the look."
        )
    order = sorted(found, key=lambda pixel_digest: digest([seed, pixel_digest]))
    held = max(MIN_HELD_OUT, round(holdout_share * len(order)))
    held_out = tuple(found[key] for key in order[:held])
    train = tuple(copy for key in order[held:] for copy in (found[key], _mirrored(found[key], trigger)))
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
    """The caption of the mirrored picture: left and right change places, however they are capitalized; everything else stays."""
    swap = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "LEFT": "RIGHT", "RIGHT": "LEFT"}
    return re.sub(rf"\b({'|'.join(swap)})\b", lambda match: swap[match.group(1)], text)


def _decode(
    name: str, data: bytes, sizes: tuple[Size, ...], mask_file: tuple[str, bytes] | None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """A picture's pixels and its mask, both cut alike."""
    try:
        photo = decode_photo(data, name=name)
    except PhotoRefused as error:
        raise TrainingError(f"The look picture {name} cannot be used: {error} Replace or remove it; nothing was trained.") from error
    mask_HW = transparency_mask(data, photo) if mask_file is None else read_mask(*mask_file, (photo.width_px, photo.height_px))
    size = nearest_size(photo.width_px, photo.height_px, sizes)
    pixels_HW3 = cut(name, photo.pixels_HW3, size)
    if mask_HW is None:
        return pixels_HW3, None
    mask_HW = cut(name, mask_HW, size)
    refuse_black(name, mask_HW)
    return pixels_HW3, mask_HW


def _prompt(trigger: str, caption: str) -> str:
    """Trigger first: a text encoder that reads few tokens must cut the caption's end rather than the trigger."""
    caption = caption.strip()
    if re.match(rf"{re.escape(trigger)}(?!\w)", caption):
        return caption
    return f"{trigger}, {caption}" if caption else trigger


def _mirrored(picture: LookPicture, trigger: str) -> LookPicture:
    """The mirrored copy; the trigger phrase is a name and stays, also one with a left or right in it."""
    return LookPicture(
        name=picture.name,
        pixels_HW3=np.ascontiguousarray(picture.pixels_HW3[:, ::-1]),
        prompt=trigger + swap_sides(picture.prompt.removeprefix(trigger)),
        mask_HW=None if picture.mask_HW is None else np.ascontiguousarray(picture.mask_HW[:, ::-1]),
    )


def _content(picture: LookPicture) -> list[object]:
    seen: list[object] = [hashlib.sha256(picture.pixels_HW3.tobytes()).hexdigest(), picture.prompt]
    if picture.pixels_HW3.shape[0] != picture.pixels_HW3.shape[1]:
        seen.append(picture.pixels_HW3.shape)
    return seen if picture.mask_HW is None else [*seen, hashlib.sha256(picture.mask_HW.tobytes()).hexdigest()]
