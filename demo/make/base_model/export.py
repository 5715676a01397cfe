"""Assemble trained parts into a stock diffusers folder small enough to ship. Trains nothing."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import ModelError
from demo.make import vocabulary
from demo.make.base_model.networks import build_scheduler
from demo.make.base_model.words import MEANT_AS

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

MOST_BYTES = 32_000_000
"""Largest model that the repository ships."""

UNTRAINED_WORD_SPREAD = 0.02
"""Standard deviation of the embeddings of tokens that no caption taught: too small to disturb a prompt."""


def settle_words(text_encoder: "CLIPTextModel", tokenizer: "CLIPTokenizer") -> None:
    """Give synonyms their caption word's embedding, in place, and quieten tokens that no caption taught."""
    import torch

    rows = tokenizer.get_vocab()
    taught = {*vocabulary.words(), ","}
    assert "" not in taught, "the empty word marks pieces of words"
    embeddings = text_encoder.get_input_embeddings().weight
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for token, row in rows.items():
            whole = token.removesuffix("</w>") if token.endswith("</w>") else ""
            if whole in taught or row in tokenizer.all_special_ids:
                continue
            embeddings[row] = UNTRAINED_WORD_SPREAD * torch.randn(embeddings.shape[1], generator=draw)
        for word, meaning in MEANT_AS.items():
            embeddings[rows[f"{word}</w>"]] = embeddings[rows[f"{meaning}</w>"]]


def assemble(
    *,
    unet: "UNet2DConditionModel",
    text_encoder: "CLIPTextModel",
    tokenizer: "CLIPTokenizer",
    autoencoder: "AutoencoderTiny",
    folder: Path,
) -> int:
    """Write a folder that `StableDiffusionPipeline.from_pretrained` loads; returns its size in bytes.

    UNet and autoencoder are stored in float16. The text encoder stays float32: transformers loads it in its saved type,
    and half precision breaks on a CPU. The parts passed in are altered (precision, word embeddings): pass copies. The
    folder is replaced only when the new one is complete. Raises ModelError above 32 MB.
    """
    import torch
    from diffusers import StableDiffusionPipeline

    settle_words(text_encoder, tokenizer)
    pipeline = StableDiffusionPipeline(
        vae=autoencoder.to(torch.float16),
        text_encoder=text_encoder.to(torch.float32),
        tokenizer=tokenizer,
        unet=unet.to(torch.float16),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    pipeline.save_pretrained(partial, safe_serialization=True)
    _drop_needless_settings(partial / "vae" / "config.json")
    size_bytes = sum(file.stat().st_size for file in partial.rglob("*") if file.is_file())
    if size_bytes > MOST_BYTES:
        raise ModelError(
            f"The base model in {partial} takes {size_bytes / 1e6:.1f} MB; the repository ships at most "
            f"{MOST_BYTES / 1e6:.0f} MB. Train a narrower UNet."
        )
    for kept in folder.glob("*.md"):  # a model card written by hand outlives the weights it describes
        shutil.copy2(kept, partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return size_bytes


def _drop_needless_settings(config_file: Path) -> None:
    """Leave out what AutoencoderTiny derives itself and then complains about at every loading, and the folder it was trained in."""
    config = json.loads(config_file.read_text(encoding="utf-8"))
    for name in ("block_out_channels", "_name_or_path"):
        config.pop(name, None)
    config_file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
