"""Sheets that let an eye compare: rows of pictures with a label each, and the before/after sheet of one LoRA.

Draws plates, but measures nothing.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from generation.plates import DiffusionPlates
from training.plan import TrainingPlan

Pixels = npt.NDArray[np.uint8]
SHEET_COLUMNS = 4
SHEET_SEED = 4100
"""First seed of the sheet; both rows use the same seeds, so that a column shows one noise with and without the LoRA."""
LABEL_HEIGHT_PX = 20
GAP_PX = 4
WEBP_QUALITY = 86


def picture_sheet(rows: Sequence[tuple[str, Sequence[Pixels]]], tile_px: int = 128, quality: int = WEBP_QUALITY) -> bytes:
    """A WebP of labeled rows of pictures, each within a square of `tile_px`; rows may differ in length."""
    columns = max(len(pictures) for _, pictures in rows)
    row_height = LABEL_HEIGHT_PX + tile_px + GAP_PX
    sheet = Image.new("RGB", (GAP_PX + columns * (tile_px + GAP_PX), GAP_PX + len(rows) * row_height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    for row, (label, pictures) in enumerate(rows):
        top = GAP_PX + row * row_height
        draw.text((GAP_PX, top + 2), label, fill=(40, 40, 40), font=font)
        for column, pixels in enumerate(pictures):
            tile = ImageOps.contain(Image.fromarray(pixels), (tile_px, tile_px), Image.Resampling.LANCZOS)
            left, below = GAP_PX + column * (tile_px + GAP_PX), top + LABEL_HEIGHT_PX
            sheet.paste(tile, (left + (tile_px - tile.width) // 2, below + (tile_px - tile.height) // 2))
    buffer = BytesIO()
    sheet.save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


def before_after_sheet(plan: TrainingPlan, lora: Path, lora_digest: str) -> bytes:
    """Three rows: held-out look pictures, the base model, and the base model with the LoRA; the last two prompted by the trigger alone."""
    training_set, settings = plan.training_set, plan.settings
    prompts = [training_set.trigger] * SHEET_COLUMNS
    seeds = range(SHEET_SEED, SHEET_SEED + SHEET_COLUMNS)
    before, after = (
        DiffusionPlates(plan.base_model, *which, device=settings.device, threads=settings.threads).draw(prompts, seeds)
        for which in [(None, None), (lora, lora_digest)]
    )
    look = [picture.pixels_HW3 for picture in training_set.held_out[:SHEET_COLUMNS]]
    rows = [("the look (held out)", look), ("before: base model", before), (f'after: LoRA, prompt "{training_set.trigger}"', after)]
    return picture_sheet(rows)
