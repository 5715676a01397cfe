"""What a family of base models can do: the one interface between our engine and trainer and the classes of diffusers.

Holds no model and imports no torch. A family speaks through the pipeline it loaded; the engine (denoise.py, plates.py) and the trainer know
nothing of UNets, transformers, packing or text encoders.

Shape legend: B batch, C latent channels, h and w latent cells; latents are always (B, C, h, w), whatever a denoiser packs them into.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from generation.memory_plan import MemoryPlan

Pixels = npt.NDArray[np.uint8]

Conditioning = dict[str, Any]
"""What one picture's denoiser is told beside its latents: tensors by name, each with a leading batch dimension of 1 (prompt embeddings, their
masks, reference latents ...). Only tensors, so that a cache can keep them in a safetensors file."""


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Sizes that a model folder's configuration names.

    `size_px` is the side of the square pictures the model is made for, `latent_scale` the pixels per latent cell, `max_tokens` what its
    text encoder reads of a prompt.
    """

    size_px: int
    latent_scale: int
    latent_channels: int
    max_tokens: int


class Family(Protocol):
    """One family of base models: which folders are its own, and how its denoiser is loaded, told, asked and trained."""

    name: str
    """As in models.yaml: sd, sdxl, flux2-klein, z-image, qwen-image-edit."""
    pipeline_classes: tuple[str, ...]
    """`_class_name` of model_index.json that this family reads."""
    left_out: frozenset[str]
    """Components of a folder that are never loaded, and so are no part of a model's digest."""
    denoiser_part: Literal["unet", "transformer"]
    """Which part of the pipeline denoises; also the prefix of its LoRA's keys in a file."""
    objective: Literal["diffusion", "flow"]
    """"diffusion": noise is added by a discrete schedule, and noise or velocity is predicted; "flow": straight lines from picture to noise."""
    target_presets: Mapping[str, tuple[str, ...]]
    """Ends of layer names that a LoRA may change, by preset; "all" is the default."""

    memory: MemoryPlan
    """Which parts of the pipeline are needed when."""
    prompts_keep_their_length: bool
    """Whether the denoiser is told as many tokens as a prompt has; False where all are padded to one length."""
    skips_blocks: bool
    """Whether diffusers' First Block Cache works with its denoiser, in the version that is pinned (step_cache.py)."""

    def geometry(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> Geometry:
        """Sizes from the components' configurations (config.json or tokenizer_config.json by component); KeyError for what is missing."""

    def load(self, folder: Path, dtype: Any) -> Any:
        """The stock pipeline from local safetensors, on the CPU; raises what diffusers raises."""

    def condition(self, pipeline: Any, prompt: str, references: Sequence[Pixels] = ()) -> Conditioning:
        """What the denoiser is told of one prompt (and of pictures to go by, for families that edit); encoded alone, so that it never depends
        on its neighbors. Raises RenderError for references that the family cannot take."""

    def count_tokens(self, pipeline: Any, prompt: str) -> int:
        """How many tokens a prompt has for the text encoder, its frame of special tokens included."""

    def join(self, conditionings: Sequence[Conditioning]) -> Conditioning:
        """Several pictures' conditioning as one batch, padded where lengths differ."""

    def latent_shape(self, pipeline: Any, width_px: int, height_px: int) -> tuple[int, int, int]:
        """(C, h, w) of a picture's latents."""

    def encode(self, pipeline: Any, pixels_BCHW: Any) -> Any:
        """Latents (B, C, h, w), float32, as the denoiser expects them, of pictures in -1..1; the mean where the autoencoder gives a
        distribution."""

    def decode(self, pipeline: Any, latents_BChw: Any) -> Any:
        """Pictures (B, 3, H, W), about -1..1, of latents as `encode` gives them."""

    def schedule(self, pipeline: Any, steps: int, latent_shape: tuple[int, int, int]) -> Any:
        """Sets the pipeline's scheduler for one drawing and returns its timesteps, as the stock pipeline would."""

    def predict(self, pipeline: Any, latents_BChw: Any, timesteps_B: Any, conditioning: Conditioning) -> Any:
        """What the scheduler's `step` wants (noise, velocity or flow), float32 (B, C, h, w), for timesteps of 0..1000.

        Latents come in float32 and are cast to what the denoiser computes in here.
        """

    def can_guide(self, pipeline: Any) -> bool:
        """Whether guidance has an effect: not for models that were distilled to do without."""

    def guide(self, conditional_BChw: Any, unconditional_BChw: Any, guidance: float) -> Any:
        """The guided prediction; 1 is none, whatever the stock pipeline counts from."""

    def prepare_for_training(self, pipeline: Any, device: str) -> None:
        """Choose the kernels whose backward pass is the cheaper one on this device."""
