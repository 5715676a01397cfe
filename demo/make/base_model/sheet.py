"""Draw sixteen captions that no training picture had, as one labeled sheet for a person to judge. Judges nothing itself."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

STEPS = 20
GUIDANCE = 3.0
TILE_PX = 200
_LABEL_PX = 48
_COLUMNS = 4

FIRST_CAPTIONS: tuple[str, ...] = (
    "oak table, sage wall, soft studio light, no props",
    "white marble table, navy wall, window light, stone arch on the left",
    "sand table, terracotta wall, golden hour light, round plinth on the right",
    "walnut table, white wall, leaf shadows, stacked cubes on the left",
    "terracotta tile table, cream wall, window light, round plinth on the right",
    "black marble table, mustard wall, moody light, sphere and cone on the left",
    "pink lacquer table, sky blue wall, soft studio light, vase with branches on the left",
    "concrete table, blush wall, window light, stacked books on the right",
    "linen table, lilac wall, window light, sphere and cone on the right",
    "oak table, forest green wall, golden hour light, stone arch on the right",
    "white lacquer table, charcoal wall, window light, no props",
    "sand table, grey wall, leaf shadows, pebbles on the left",
    "walnut table, sky blue wall, window light, round plinth on the left",
    "terracotta tile table, white wall, moody light, stone arch on the right",
    "pink lacquer table, blush wall, golden hour light, stacked cubes on the right",
    "white marble table, terracotta wall, soft studio light, stacked books on the left",
)
"""Words of the first 1,572 scenes only: comparable between all base models."""

CAPTIONS: tuple[str, ...] = (
    "oak table, sage wall, soft studio light, no props",
    "white marble table, navy wall, window light, stone arch on the left",
    "terrazzo table, terracotta wall, golden hour light, round plinth on the right",
    "walnut table, white wall, leaf shadows, stacked cubes on the left",
    "green tile table, cream wall, window light, potted plant on the right",
    "black marble table, mustard wall, moody light, sphere and cone on the left",
    "pink lacquer table, sky blue wall, soft studio light, vase with branches on the left",
    "concrete table, white brick wall, hard light, stacked books on the right",
    "linen table, lilac wall, blinds light, arch niche in the middle",
    "rattan table, forest green wall, golden hour light, stone arch on the right",
    "white lacquer table, charcoal wall, spot light, no props",
    "sand table, beige wall, leaf shadows, pebbles on the left",
    "checkered tile table, coral wall, hard light, stepped blocks on the left",
    "terracotta tile table, teal wall, soft studio light, leaning disc on the right",
    "oak table, walnut slat wall, window light, draped curtain on the left",
    "concrete table, blush wall, soft studio light, low plinth in the middle",
)
"""The whole vocabulary: every light, every prop, twelve surfaces, sixteen walls. What docs/base-model/sheet.png shows."""


def draw_pictures(folder: Path, captions: Sequence[str], *, seed: int = 1) -> list[Image.Image]:
    """One 128 px picture per caption by the stock pipeline: DDIM, 20 steps, guidance 3, no picking among several."""
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pictures: list[Image.Image] = []
    for start in range(0, len(captions), 8):
        part = list(captions[start : start + 8])
        generators = [torch.Generator().manual_seed(seed * 1000 + start + index) for index in range(len(part))]
        pictures += pipeline(part, num_inference_steps=STEPS, guidance_scale=GUIDANCE, height=128, width=128, generator=generators).images
    return pictures


def lay_out(pictures: Sequence[Image.Image], captions: Sequence[str], file: Path, tile_px: int = TILE_PX) -> None:
    """Write pictures four to a row, each above its caption in three lines (surface and wall, light, prop), as a PNG."""
    rows = -(-len(pictures) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * tile_px, rows * (tile_px + _LABEL_PX)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=10)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = index % _COLUMNS * tile_px, index // _COLUMNS * (tile_px + _LABEL_PX)
        sheet.paste(picture.resize((tile_px, tile_px), Image.Resampling.BICUBIC), (left, top))
        surface_wall, _, light_prop = caption.partition(" wall, ")
        lines = [f"{surface_wall} wall", *light_prop.split(", ")]
        for line, text in enumerate(lines):
            pen.text((left + 3, top + tile_px + 3 + 14 * line), text, fill="black", font=font)
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file, optimize=True)  # full color: a palette of 256 draws bands on every wall
