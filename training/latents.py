"""What a training reads over and over, computed once: latents of its pictures and embeddings of its prompts.

Kept in one safetensors file per training set and base model, so that a resumed training skips it. Augments nothing: mirrored copies are
pictures of their own in the training set.

Shape legend: N pictures, C latent channels, h and w latent cells.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog.errors import TrainingError
from catalog.failpoint import failpoint
from catalog.keys import digest
from catalog.preemption import stop_point
from generation.base_model import BaseModel, quiet_libraries
from generation.family import Conditioning, Family
from training.atomic_files import write_atomic
from training.training_set import LookPicture, TrainingSet

ENCODE_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class EncodedPicture:
    """One picture as tensors, float32 on the CPU: its latents, the row of its prompt, and how much each cell counts (None: all the same)."""

    latents_Chw: Any
    prompt_row: int
    weight_hw: Any = None


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A training set as tensors.

    `prompts` is what the denoiser is told, by row; row 0 is the empty prompt, row 1 the trigger alone. `truncated_prompts` counts prompts
    longer than the text encoder reads: their ends had no effect.
    """

    train: tuple[EncodedPicture, ...]
    held_out: tuple[EncodedPicture, ...]
    prompts: tuple[Conditioning, ...]
    truncated_prompts: int


def encode_training_set(pipeline: Any, training_set: TrainingSet, base_model: BaseModel, cache: Path | None = None) -> Encoded:
    """The training set's latents and prompt embeddings, from `cache` (a file) if it holds those of exactly this data and base model.

    Raises TrainingError if the autoencoder or text encoder gives NaN or infinity.
    """
    import torch
    from safetensors.torch import load, save

    texts = ["", training_set.trigger]
    texts += sorted({picture.prompt for picture in training_set.train + training_set.held_out} - set(texts))
    name = digest([training_set.digest, base_model.digest, "latents-2"])
    family = base_model.behavior
    tensors = load(cache.read_bytes()) if cache is not None and _holds(cache, name) else None
    if tensors is None:
        with torch.inference_mode(), quiet_libraries():
            tensors = {
                "train": _latents(family, pipeline, training_set.train),
                "held_out": _latents(family, pipeline, training_set.held_out),
            }
            for row, text in enumerate(texts):
                told = family.condition(pipeline, text)
                tensors |= {f"prompt/{row}/{part}": _for_the_file(tensor) for part, tensor in told.items()}
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
            raise TrainingError("The base model encodes this training set to NaN or infinity. Check the base model; nothing was trained.")
        if cache is not None:
            data = save(tensors, metadata={"name": name})
            write_atomic(cache, data)
            failpoint("training.latents_written")
            write_atomic(_seal(cache), f"{name} {hashlib.sha256(data).hexdigest()}".encode())
            failpoint("training.latents_sealed")
    return Encoded(
        train=_encoded(tensors["train"], training_set.train, texts),
        held_out=_encoded(tensors["held_out"], training_set.held_out, texts),
        prompts=tuple(_with_prefix(tensors, f"prompt/{row}/") for row in range(len(texts))),
        truncated_prompts=_count_truncated(base_model, pipeline, texts),
    )


def _encoded(latents_NChw: Any, pictures: tuple[LookPicture, ...], texts: list[str]) -> tuple[EncodedPicture, ...]:
    return tuple(
        EncodedPicture(latents_Chw=latents_Chw, prompt_row=texts.index(picture.prompt))
        for latents_Chw, picture in zip(latents_NChw, pictures, strict=True)
    )


def _seal(cache: Path) -> Path:
    return cache.with_suffix(".sha256")


def _holds(cache: Path, name: str) -> bool:
    """Whether the cache is whole and of this name; a torn or foreign one is computed anew, which costs seconds."""
    if not cache.is_file() or not _seal(cache).is_file():
        return False
    return _seal(cache).read_text() == f"{name} {hashlib.sha256(cache.read_bytes()).hexdigest()}"


def _for_the_file(tensor: Any) -> Any:
    """A tensor as it is kept: on the CPU, in float32 unless it is a mask or an index."""
    return tensor.float().cpu() if tensor.is_floating_point() else tensor.cpu()


def _with_prefix(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _latents(family: Family, pipeline: Any, pictures: tuple[LookPicture, ...]) -> Any:
    """Latents float32 (N, C, h, w), scaled as the denoiser expects them; the mean where the autoencoder gives a distribution."""
    import torch

    parts = []
    for start in range(0, len(pictures), ENCODE_BATCH):
        stop_point()
        pixels_BHWC = np.stack([picture.pixels_HW3 for picture in pictures[start : start + ENCODE_BATCH]])
        # Scaled in float32 first: bfloat16 has 8 bits, and dividing in it would shift levels by up to half of one.
        pixels_BCHW = torch.from_numpy(pixels_BHWC).permute(0, 3, 1, 2).to(pipeline.device).float() / 127.5 - 1
        parts.append(family.encode(pipeline, pixels_BCHW).cpu())
    return torch.cat(parts)


def _count_truncated(base_model: BaseModel, pipeline: Any, texts: list[str]) -> int:
    with quiet_libraries():
        return sum(base_model.behavior.count_tokens(pipeline, text) > base_model.max_tokens for text in texts)
