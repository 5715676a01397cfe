"""What a training reads over and over, computed once: latents of its pictures, embeddings of its prompts, and weights from its masks.

Each picture and each prompt is encoded alone, so that its encoding depends on nothing else and can be kept (encoding_cache.py). Augments
nothing: mirrored copies are pictures of their own in the training set.

Shape legend: C latent channels, h and w latent cells.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from catalog.errors import TrainingError
from catalog.failpoint import failpoint
from catalog.keys import digest
from catalog.preemption import stop_point
from generation.base_model import BaseModel, quiet_libraries
from generation.family import Conditioning
from generation.model_folder import digest_of_folder, parts_of, read_index
from training.encoding_cache import EncodingCache, Tensors
from training.training_set import LookPicture, TrainingSet

ENCODING = "3"
"""Raise when the same picture or prompt should be encoded to something else."""


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


def encodings_below(work_dir: Path) -> EncodingCache:
    """The encodings that all trainings below a folder share."""
    return EncodingCache(work_dir / "encodings")


def encode_training_set(
    pipeline: Any, training_set: TrainingSet, base_model: BaseModel, cache: EncodingCache | None = None, *, mask_floor: float = 0.0
) -> Encoded:
    """The training set's latents and prompt embeddings, from `cache` where it holds them.

    Where a picture has a mask, black counts `mask_floor` and white 1. Raises TrainingError if the autoencoder or text encoder gives NaN or
    infinity.
    """
    import torch

    texts = ["", training_set.trigger]
    texts += sorted({picture.prompt for picture in training_set.train + training_set.held_out} - set(texts))
    encoder = _Encoder(pipeline, base_model, cache)
    with torch.inference_mode(), quiet_libraries():
        train, held_out = (
            tuple(
                EncodedPicture(
                    latents_Chw=(latents_Chw := encoder.latents(picture)),
                    prompt_row=texts.index(picture.prompt),
                    weight_hw=_weights(picture, tuple(latents_Chw.shape[1:]), mask_floor),
                )
                for picture in part
            )
            for part in (training_set.train, training_set.held_out)
        )
        prompts = tuple(encoder.prompt(text) for text in texts)
        truncated = sum(base_model.behavior.count_tokens(pipeline, text) > base_model.max_tokens for text in texts)
    failpoint("training.encoded")
    if cache is not None:
        cache.trim()
    return Encoded(train=train, held_out=held_out, prompts=prompts, truncated_prompts=truncated)


def let_go_of_encoders(pipeline: Any, base_model: BaseModel) -> None:
    """Free the memory of the parts that only encoded: everything is encoded, and FLUX.2's and Qwen's text encoders are as large as a GPU is."""
    import torch

    kept = base_model.behavior.memory.needed("predict")
    for name, part in pipeline.components.items():
        if isinstance(part, torch.nn.Module) and name not in kept:
            part.to("meta")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class _Encoder:
    """Pictures and texts to tensors, by way of a cache where there is one."""

    def __init__(self, pipeline: Any, base_model: BaseModel, cache: EncodingCache | None) -> None:
        import diffusers
        import torch
        import transformers

        self.pipeline, self.family, self.cache = pipeline, base_model.behavior, cache
        # What the numbers depend on beside the input: the part's bytes, what it computes in and on, and the libraries that compute.
        device = pipeline.device
        processor = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
        versions = [str(torch.__version__), diffusers.__version__, transformers.__version__]
        circumstances = [ENCODING, base_model.family, str(pipeline.vae.dtype), device.type, processor, *versions]
        parts = set(parts_of(read_index(base_model.folder), self.family.left_out)) - {self.family.denoiser_part, "scheduler"}
        by_eye, by_word = (digest_of_folder(base_model.folder, sorted(some)) for some in (parts & {"vae"}, parts - {"vae"}))
        self.picture_circumstances, self.text_circumstances = [*circumstances, by_eye], [*circumstances, by_word]

    def latents(self, picture: LookPicture) -> Any:
        """Latents float32 (C, h, w), scaled as the denoiser expects them; the mean where the autoencoder gives a distribution."""
        import torch

        def compute() -> Tensors:
            stop_point()
            # Scaled in float32 first: bfloat16 has 8 bits, and dividing in it would shift levels by up to half of one.
            pixels_3HW = torch.from_numpy(picture.pixels_HW3.copy()).permute(2, 0, 1).to(self.pipeline.device).float() / 127.5 - 1
            return {"latents": self.family.encode(self.pipeline, pixels_3HW[None])[0]}

        pixels = hashlib.sha256(picture.pixels_HW3.tobytes()).hexdigest()
        return self._kept(["latents", pixels, picture.pixels_HW3.shape, *self.picture_circumstances], compute)["latents"]

    def prompt(self, text: str) -> Conditioning:
        """What the denoiser is told of a text."""
        return self._kept(["prompt", text, *self.text_circumstances], lambda: self.family.condition(self.pipeline, text))

    def _kept(self, named: list[Any], compute: Any) -> Tensors:
        import torch

        def finite() -> Tensors:
            made = {name: _for_the_file(tensor) for name, tensor in compute().items()}
            if not all(bool(torch.isfinite(tensor).all()) for tensor in made.values()):
                raise TrainingError(
                    f"The base model encodes a {'picture' if named[0] == 'latents' else 'prompt'} of this training set to NaN or infinity. "
                    "Check the base model; nothing was trained."
                )
            return made

        return finite() if self.cache is None else self.cache.tensors(digest(named), finite)


def _for_the_file(tensor: Any) -> Any:
    """A tensor as it is kept: on the CPU, in float32 unless it is a mask or an index."""
    return (tensor.float() if tensor.is_floating_point() else tensor).cpu().contiguous()


def _weights(picture: LookPicture, cells: tuple[int, int], floor: float) -> Any:
    """How much each latent cell counts, float32 (h, w): the mean of the mask over the cell's pixels, raised to `floor` at least."""
    import torch

    if picture.mask_HW is None:
        return None
    mask_hw = cv2.resize(picture.mask_HW.astype(np.float32) / 255, (cells[1], cells[0]), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(floor + (1 - floor) * mask_hw)
