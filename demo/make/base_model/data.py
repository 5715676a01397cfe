"""Rendered sets as training data: pictures, captions, mirrored captions, and what is held out. Trains nothing.

A scene folder holds `captions.jsonl` (one JSON object per picture) beside its pictures. It may grow while training runs:
read it again whenever convenient; pictures announced but not written yet are left for the next reading.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from catalog.errors import TrainingError
from demo.make import vocabulary

if TYPE_CHECKING:
    import torch

PICTURE_PX = 128
"""Side of every training picture, in pixels."""

HELD_OUT_EVERY = 25
"""A scene whose seed is a multiple of this is never trained on: 4 % of all scenes measure the held-out losses."""

CAPTION_PARTS = 4
"""Surface, wall, light, prop: the clauses of a caption, joined by ', '."""


class CaptionRow(BaseModel):
    """One line of `captions.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    surface: str
    wall: str
    light: str
    prop: str
    side: str
    seed: int
    caption: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One rendered set: its picture file, its caption, and whether it is kept out of training."""

    path: Path
    caption: str
    held_out: bool


def list_scenes(folders: Iterable[Path], never_train_on: Sequence[str] = ()) -> list[Scene]:
    """The scenes of several folders, in a stable order.

    never_train_on: captions that a judge will be shown later; scenes with such a caption, or its mirror image, are left
    out altogether. Raises TrainingError if no folder has a usable scene, or a caption line is malformed.
    """
    judged = set(never_train_on) | {vocabulary.flip_caption(text) for text in never_train_on}
    folders = list(folders)
    scenes: list[Scene] = []
    for folder in folders:
        scenes += [scene for scene in _scenes_of(folder) if scene.caption not in judged]
    if not scenes:
        raise TrainingError(
            f"No scenes to train on in {', '.join(map(str, folders))}; each folder needs captions.jsonl and its pictures. "
            "Render some with demo/make/scenes.py."
        )
    return scenes


def _scenes_of(folder: Path) -> list[Scene]:
    captions = folder / "captions.jsonl"
    if not captions.exists():
        return []
    lines = captions.read_text(encoding="utf-8").split("\n")
    # Whatever follows the last line break is still being written by the renderer.
    rows = [_row(captions, number, line) for number, line in enumerate(lines[:-1], start=1) if line.strip()]
    held_out = HELD_OUT_EVERY
    return [
        Scene(path=folder / row.file, caption=row.caption, held_out=row.seed % held_out == 0)
        for row in sorted({row.file: row for row in rows}.values(), key=lambda row: row.file)
        if (folder / row.file).exists()
    ]


def _row(captions: Path, number: int, line: str) -> CaptionRow:
    try:
        row = CaptionRow.model_validate_json(line)
    except ValidationError as error:
        raise TrainingError(f"{captions}:{number} is not a caption: {error}. Render the folder again.") from error
    if len(row.caption.split(", ")) != CAPTION_PARTS:
        raise TrainingError(
            f"{captions}:{number} has the caption {row.caption!r}; a caption has {CAPTION_PARTS} parts "
            "(surface, wall, light, prop). Build it with vocabulary.caption()."
        )
    return row


def read_pictures(scenes: Sequence[Scene]) -> "torch.Tensor":
    """Pictures of scenes as uint8 (N, 3, 128, 128), sRGB 0..255; TrainingError names a picture of another size."""
    import torch

    pictures_BCHW = torch.empty((len(scenes), 3, PICTURE_PX, PICTURE_PX), dtype=torch.uint8)
    for index, scene in enumerate(scenes):
        with Image.open(scene.path) as opened:
            picture = np.array(opened.convert("RGB"))
        if picture.shape[:2] != (PICTURE_PX, PICTURE_PX):
            raise TrainingError(
                f"{scene.path} is {picture.shape[1]}x{picture.shape[0]} px; training pictures are "
                f"{PICTURE_PX}x{PICTURE_PX} px. Render it at that size."
            )
        pictures_BCHW[index] = torch.from_numpy(picture).permute(2, 0, 1)
    return pictures_BCHW


def to_unit(pictures: "torch.Tensor") -> "torch.Tensor":
    """uint8 0..255 to float32 -1..1, the range an autoencoder sees."""
    return pictures.float() / 127.5 - 1
