"""What a training reads over and over, computed once: latents of its pictures and embeddings of its prompts.

Kept in one safetensors file per training set and base model, so that a resumed training skips it. Augments nothing: mirrored copies are
pictures of their own in the training set.

Shape legend: N pictures, P prompts, T tokens, D embedding width, C latent channels, h and w latent cells.
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
from generation.base_model import quiet_libraries
from training.atomic_files import write_atomic
from training.training_set import LookPicture, TrainingSet

ENCODE_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A training set as tensors, float32 on the CPU.

    `truncated_prompts` counts prompts longer than the text encoder reads: their ends had no effect.
    `train_prompts` and `held_out_prompts` give each picture's row in `prompts_PTD`; row 0 is the empty prompt, row 1 the trigger alone.
    """

    train_NChw: Any
    held_out_NChw: Any
    prompts_PTD: Any
    train_prompts: tuple[int, ...]
    held_out_prompts: tuple[int, ...]
    truncated_prompts: int


def encode_training_set(pipeline: Any, training_set: TrainingSet, base_model_digest: str, cache: Path | None = None) -> Encoded:
    """The training set's latents and prompt embeddings, from `cache` (a file) if it holds those of exactly this data and base model.

    Raises TrainingError if the autoencoder or text encoder gives NaN or infinity.
    """
    import torch
    from safetensors.torch import load, save

    texts = ["", training_set.trigger]
    texts += sorted({picture.prompt for picture in training_set.train + training_set.held_out} - set(texts))
    name = digest([training_set.digest, base_model_digest, "latents-1"])
    tensors = load(cache.read_bytes()) if cache is not None and _holds(cache, name) else None
    if tensors is None:
        with torch.inference_mode(), quiet_libraries():
            tensors = {
                "train": _latents(pipeline, training_set.train),
                "held_out": _latents(pipeline, training_set.held_out),
                "prompts": torch.cat([_embedding(pipeline, text) for text in texts]),
            }
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
        train_NChw=tensors["train"],
        held_out_NChw=tensors["held_out"],
        prompts_PTD=tensors["prompts"],
        train_prompts=tuple(texts.index(picture.prompt) for picture in training_set.train),
        held_out_prompts=tuple(texts.index(picture.prompt) for picture in training_set.held_out),
        truncated_prompts=_count_truncated(pipeline, texts),
    )


def _seal(cache: Path) -> Path:
    return cache.with_suffix(".sha256")


def _holds(cache: Path, name: str) -> bool:
    """Whether the cache is whole and of this name; a torn or foreign one is computed anew, which costs seconds."""
    if not cache.is_file() or not _seal(cache).is_file():
        return False
    return _seal(cache).read_text() == f"{name} {hashlib.sha256(cache.read_bytes()).hexdigest()}"


def _latents(pipeline: Any, pictures: tuple[LookPicture, ...]) -> Any:
    """Latents float32 (N, C, h, w), scaled as the UNet expects them; the mean where the autoencoder gives a distribution."""
    import torch

    vae = pipeline.vae
    parts = []
    for start in range(0, len(pictures), ENCODE_BATCH):
        stop_point()
        pixels_BHWC = np.stack([picture.pixels_HW3 for picture in pictures[start : start + ENCODE_BATCH]])
        # Scaled in float32 first: bfloat16 has 8 bits, and dividing in it would shift levels by up to half of one.
        pixels_BCHW = torch.from_numpy(pixels_BHWC).permute(0, 3, 1, 2).to(vae.device).float() / 127.5 - 1
        encoded = vae.encode(pixels_BCHW.to(vae.dtype))
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        parts.append((latents * vae.config.scaling_factor).float().cpu())
    return torch.cat(parts)


def _count_truncated(pipeline: Any, texts: list[str]) -> int:
    with quiet_libraries():
        return sum(len(ids) > pipeline.tokenizer.model_max_length for ids in pipeline.tokenizer(texts).input_ids)


def _embedding(pipeline: Any, text: str) -> Any:
    """One prompt's embedding, float32 (1, T, D), computed alone as generation/plates.py does."""
    embedding, _ = pipeline.encode_prompt(text, pipeline.device, 1, do_classifier_free_guidance=False)
    return embedding.float().cpu()
