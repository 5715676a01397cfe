"""Plates: empty scenes drawn by a base model with a category's LoRA, one batch at a time, the same bytes for the same inputs.

Places no product (see the recipes) and plans no batches: the composition of a batch is the caller's and part of what makes its pixels.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.errors import ModelError, RenderError
from catalog.preemption import patient_stop_point
from generation.adapter import attach_lora, check_lora_active, detach_lora
from generation.base_model import BaseModel, load_pipeline, quiet_libraries, read_base_model, torch_threads
from generation.denoise import Sampling, denoise, noise_of_seeds
from generation.family import Conditioning

DEFAULT_STEPS = 12
"""DDIM steps. With a LoRA of the embedded model, 12, 20 and 40 steps look alike and measure alike (palette 3.0, 2.7, 2.5 Delta E from the
look, layout 6.0, 6.1, 6.1) at 0.3, 0.4 and 0.8 CPU-s a plate; 8 steps begin to wobble. See docs/lora/README.md."""
DEFAULT_GUIDANCE = 1.0
"""Guidance scale; 1 is none, at half the cost of any other. A category's LoRA already draws nothing but its look, and guidance pulls away
from it: palette and layout distances 3.0 and 6.0 at 1, 3.9 and 7.8 at 3. Prompts that must change what a LoRA draws need about 3."""
EMBEDDINGS_KEPT = 512
"""Prompts whose embeddings stay in memory: 8 MB for the embedded model, 120 MB for one that reads 77 tokens of 768 numbers."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DiffusionPlates:
    """Draws plates with one base model and one LoRA (or none); cheap to make, the weights load with the first batch.

    `steps` are DDIM steps and `guidance` is the classifier-free guidance scale (1 switches it off). One pipeline is kept per process:
    drawing with another LoRA exchanges the adapter (about 0.1 s), with another base model loads that one.
    """

    base_model: BaseModel
    lora_path: Path | None
    lora_digest: str | None
    steps: int = DEFAULT_STEPS
    guidance: float = DEFAULT_GUIDANCE
    device: str = "cpu"
    threads: int = 1

    def __post_init__(self) -> None:
        assert (self.lora_path is None) == (self.lora_digest is None), "a LoRA is a file and its digest, or neither"
        assert self.steps >= 1 and self.guidance >= 1

    @property
    def base_model_digest(self) -> str:
        """Digest of the base model, for the render key."""
        return self.base_model.digest

    def load(self) -> None:
        """Load the weights and attach the LoRA now, so that the first batch is no slower than the others. Raises like `draw`."""
        with _LOCK, torch_threads(self.threads):
            _resident(self.base_model, self.device, self.threads).wear(self.lora_path, self.lora_digest)

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
        """One plate per prompt and seed, drawn as one batch: uint8 (size, size, 3), sRGB.

        Same prompts, seeds, order, versions and device class give the same bytes; another batch composition may differ by a level in a few
        pixels, so a recorded render names its batch. Raises ModelError if model or LoRA are missing, altered or inactive, RenderError if
        a plate is not finite.
        """
        assert len(prompts) == len(seeds) and len(prompts) > 0, f"{len(prompts)} prompts for {len(seeds)} seeds"
        with _LOCK, torch_threads(self.threads):
            resident = _resident(self.base_model, self.device, self.threads)
            resident.wear(self.lora_path, self.lora_digest)
            return _draw_batch(resident, prompts, seeds, steps=self.steps, guidance=self.guidance)


@dataclass(kw_only=True)
class _Resident:
    """The pipeline this process keeps, the LoRA it wears and the prompts it has read."""

    base_model: BaseModel
    device: str
    pipeline: Any
    lora_digest: str | None = None
    lora_layers: int = 0
    conditionings: dict[str, Conditioning] = field(default_factory=dict)

    def wear(self, path: Path | None, digest: str | None) -> None:
        """Attach a LoRA (or none) unless it is attached already, and make sure that it is at work."""
        if digest != self.lora_digest:
            self.lora_digest, self.lora_layers = None, 0
            detach_lora(self.pipeline)
            if path is not None and digest is not None:
                self.lora_layers = attach_lora(self.pipeline, path, digest)
                self.lora_digest = digest
        check_lora_active(self.pipeline, self.lora_layers)

    def condition(self, prompt: str) -> Conditioning:
        """What the denoiser is told of a prompt; each prompt is encoded alone so that it never depends on its neighbors."""
        if prompt not in self.conditionings:
            self._warn_if_truncated(prompt)
            conditioning = self.base_model.behavior.condition(self.pipeline, prompt)
            while len(self.conditionings) >= EMBEDDINGS_KEPT:
                self.conditionings.pop(next(iter(self.conditionings)))
            self.conditionings[prompt] = conditioning
        return self.conditionings[prompt]

    def _warn_if_truncated(self, prompt: str) -> None:
        with quiet_libraries():
            tokens = self.base_model.behavior.count_tokens(self.pipeline, prompt)
        if tokens > self.base_model.max_tokens:
            log.warning(
                "Prompt %r has %d tokens; this base model reads %d and ignores the end.", prompt, tokens, self.base_model.max_tokens
            )


_LOCK = RLock()
"""One batch at a time: attaching a LoRA changes the shared pipeline."""
_KEPT: list[_Resident] = []
"""The one pipeline of this process, or none yet."""


def _resident(base_model: BaseModel, device: str, threads: int) -> _Resident:
    if not _KEPT or _KEPT[0].base_model.digest != base_model.digest or _KEPT[0].device != device:
        _KEPT.clear()
        found = read_base_model(base_model.folder).digest
        if found != base_model.digest:
            raise ModelError(
                f"The base model at {base_model.folder} changed since it was read ({base_model.digest[:12]}, now {found[:12]}). Nothing "
                "was drawn. Plan again, so that the renders are recorded with the model that draws them."
            )
        _KEPT.append(_Resident(base_model=base_model, device=device, pipeline=load_pipeline(base_model, threads, device)))
    return _KEPT[0]


def _draw_batch(
    resident: _Resident, prompts: Sequence[str], seeds: Sequence[int], *, steps: int, guidance: float
) -> list[npt.NDArray[np.uint8]]:
    import torch

    family, pipeline, size_px = resident.base_model.behavior, resident.pipeline, resident.base_model.size_px
    with torch.inference_mode():
        shape = family.latent_shape(pipeline, size_px, size_px)
        noise_BChw = noise_of_seeds(seeds, shape, pipeline.device)
        conditioning = family.join([resident.condition(prompt) for prompt in prompts])
        unconditional = family.join([resident.condition("")] * len(prompts)) if guidance > 1 else None
        sampling = Sampling(steps=steps, guidance=guidance)
        latents_BCHW = denoise(family, pipeline, noise_BChw, conditioning, unconditional, sampling, patient_stop_point)
        pictures_BCHW = family.decode(pipeline, latents_BCHW)
        # Both are checked: AutoencoderTiny squashes latents with tanh and would paint an infinite one as a plausible color.
        for index, (latents_CHW, picture_CHW) in enumerate(zip(latents_BCHW, pictures_BCHW, strict=True)):
            if not (bool(torch.isfinite(latents_CHW).all()) and bool(torch.isfinite(picture_CHW).all())):
                raise RenderError(
                    f"The plate for prompt {prompts[index]!r} with seed {seeds[index]} is not finite (NaN or infinity), LoRA "
                    f"{(resident.lora_digest or 'none')[:12]}. Nothing of this batch was kept. Train the category's LoRA again."
                )
        levels_BHWC = ((pictures_BCHW.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [np.ascontiguousarray(picture_HWC) for picture_HWC in levels_BHWC]
