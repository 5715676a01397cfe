"""Plates: empty scenes drawn by a base model with a category's LoRA, in batches of one size, the same bytes for the same inputs.

Places no product (see the recipes). Which plates share a batch is the caller's: at a fixed batch size a plate's bytes depend neither on its
neighbors nor on its place in the batch, so a last batch is filled up by repeating instead of being drawn smaller.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.errors import RenderError
from catalog.preemption import patient_stop_point
from generation.adapter import Adapter
from generation.base_model import BaseModel, torch_threads
from generation.batch_meter import BatchMeter
from generation.batch_sizes import BatchSize, is_out_of_memory
from generation.circumstances import circumstances
from generation.denoise import Sampling, denoise, noise_of_seeds
from generation.few_step import FewStep, sampling_in_few_steps
from generation.plate_faults import MAX_RETRIES, fault_of, retry_seed
from generation.resident import LOCK, Resident, resident
from generation.step_cache import check_step_cache

DEFAULT_STEPS = 12
"""DDIM steps. With a LoRA of the embedded model, 12, 20 and 40 steps look alike and measure alike (palette 3.0, 2.7, 2.5 Delta E from the
look, layout 6.0, 6.1, 6.1) at 0.3, 0.4 and 0.8 CPU-s a plate; 8 steps begin to wobble. See docs/lora/README.md."""
DEFAULT_GUIDANCE = 1.0
"""Guidance scale; 1 is none, at half the cost of any other. A category's LoRA already draws nothing but its look, and guidance pulls away
from it: palette and layout distances 3.0 and 6.0 at 1, 3.9 and 7.8 at 3. Prompts that must change what a LoRA draws need about 3."""
BATCH_IMAGES = {"cpu": 8, "cuda": 8}
"""Images per batch by kind of device. On a CPU, eight guided plates of the embedded model cost 0.48 CPU-s each, at batch 4 0.51, at batch 1 0.80
(docs/how-to/engine.md); more give nothing. On a GPU eight are enough for what batching gives there, and what does not fit is halved."""


@dataclass(frozen=True, kw_only=True)
class Plate:
    """One drawn plate, or why there is none.

    `pixels_HW3` is uint8 sRGB (size, size, 3), None when no try gave a picture; `why` then says so. `seed` is the seed that drew it, `tries` the
    seeds that drew no picture before, each with its reason. `batch` says in which company it was drawn, `circumstances` how and by what, `spent`
    its share of what the batch took (see batch_meter.py).
    """

    pixels_HW3: npt.NDArray[np.uint8] | None
    seed: int
    batch: dict[str, Any]
    circumstances: dict[str, Any]
    spent: dict[str, float]
    tries: tuple[dict[str, Any], ...] = ()
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """A plate to be drawn: its prompt, the seed it is asked for with, and the seeds tried so far."""

    prompt: str
    asked_seed: int
    tries: tuple[dict[str, Any], ...] = ()

    @property
    def seed(self) -> int:
        return retry_seed(self.asked_seed, len(self.tries))


@dataclass(frozen=True)
class DiffusionPlates:
    """Draws plates with one base model and one LoRA (or none); cheap to make, the weights load with the first batch.

    `steps` are sampler steps, `guidance` is the classifier-free guidance scale (1 switches it off), `guided_share` the share of the steps, from the
    first, that are guided. One pipeline is kept per process:
    drawing with another LoRA exchanges it (about 0.1 s), with another base model loads that one. `batch_images` is the size of every batch
    (None: the device's); `sizes_file` remembers smaller ones that memory forced. `few_step` is worn beside the LoRA, and draws with its sampler.
    """

    base_model: BaseModel
    lora_path: Path | None
    lora_digest: str | None
    steps: int = DEFAULT_STEPS
    guidance: float = DEFAULT_GUIDANCE
    guided_share: float = 1.0
    step_cache: float | None = None
    device: str = "cpu"
    threads: int = 1
    batch_images: int | None = None
    sizes_file: Path | None = None
    few_step: FewStep | None = None

    def __post_init__(self) -> None:
        assert (self.lora_path is None) == (self.lora_digest is None), "a LoRA is a file and its digest, or neither"
        assert self.steps >= 1 and self.guidance >= 1
        if self.step_cache is not None:
            check_step_cache(self.base_model.behavior, self.steps, self.batch_images)

    @property
    def base_model_digest(self) -> str:
        """Digest of the base model, for the render key."""
        return self.base_model.digest

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """What the denoiser wears: the look's LoRA, if there is one, and the few-step adapter, if there is one."""
        look = () if self.lora_path is None or self.lora_digest is None else (Adapter(path=self.lora_path, digest=self.lora_digest),)
        return look if self.few_step is None else self.few_step.beside(look)

    @property
    def sampling(self) -> Sampling:
        """Steps and guidance together."""
        return Sampling(steps=self.steps, guidance=self.guidance, guided_share=self.guided_share, step_cache=self.step_cache)

    @property
    def batch_size(self) -> BatchSize:
        """How many plates are drawn together: what was asked for, or what was found to fit into memory."""
        return BatchSize(
            wanted=1 if self.step_cache is not None else self.batch_images or BATCH_IMAGES[self.device.partition(":")[0]],
            model_digest=self.base_model.digest,
            device=self.device,
            size_px=self.base_model.size_px,
            guided=self.guidance > 1,
            file=self.sizes_file,
        )

    def load(self) -> None:
        """Load the weights and put in the LoRA now, so that the first batch is no slower than the others. Raises like `draw`."""
        with LOCK, torch_threads(self.threads):
            resident(self.base_model, self.device, self.threads).lora.wear(self.adapters)

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
        """One plate per prompt and seed: uint8 (size, size, 3), sRGB.

        Raises ModelError if model or LoRA are missing, altered or inactive, RenderError if a plate is no picture even with other seeds.
        """
        drawn = self.draw_plates(prompts, seeds)
        for plate in drawn:
            if plate.pixels_HW3 is None:
                raise RenderError(plate.why)
        return [plate.pixels_HW3 for plate in drawn if plate.pixels_HW3 is not None]

    def draw_plates(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Plate]:
        """One plate per prompt and seed, each with how it was drawn; one that no seed makes a picture of says why.

        Same prompt, seed, batch size, versions and device class give the same bytes, whatever else is drawn with it; another batch size may
        differ by a level in a few pixels. Raises ModelError if model or LoRA are missing, altered or inactive, or nothing fits into memory.
        """
        assert len(prompts) == len(seeds) and len(prompts) > 0, f"{len(prompts)} prompts for {len(seeds)} seeds"
        open_ones = {n: _Wanted(prompt=prompt, asked_seed=seed) for n, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True))}
        drawn: dict[int, Plate] = {}
        with LOCK, torch_threads(self.threads):
            kept = resident(self.base_model, self.device, self.threads)
            while open_ones:
                numbers = list(open_ones)[: self.batch_size.images]
                plates = self._draw_batch(kept, [open_ones[n] for n in numbers])
                for n, plate in zip(numbers, plates or (), strict=plates is not None):
                    if plate.pixels_HW3 is None and len(plate.tries) <= MAX_RETRIES:
                        open_ones[n] = replace(open_ones[n], tries=plate.tries)
                    else:
                        drawn[n] = plate
                        del open_ones[n]
        return [drawn[n] for n in range(len(prompts))]

    def _draw_batch(self, kept: Resident, wanted: Sequence[_Wanted]) -> list[Plate] | None:
        """One batch of the present size, filled up by repeating; None when it did not fit into memory and the size was halved."""
        size = self.batch_size
        filled = [wanted[n % len(wanted)] for n in range(size.images)]
        meter = BatchMeter(self.device)
        kept.lora.wear(self.adapters)
        try:
            with sampling_in_few_steps(kept.pipeline, self.few_step):
                levels, finite = _draw(kept, [w.prompt for w in filled], [w.seed for w in filled], self.sampling)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            size.halve(str(error))
            levels = None
        if levels is None:  # outside of the handler, whose error holds on to what filled the memory
            _free(self.device)
            return None
        company = {**company_of(filled), "images": len(filled)}
        common = {"circumstances": self._circumstances(kept), "spent": meter.read(len(wanted))}
        return [
            _plate(one, pixels, bool(finite[n]), batch={**company, "index": n}, **common)
            for n, (one, pixels) in enumerate(zip(wanted, levels, strict=False))
        ]

    def replay(self, batch: dict[str, Any]) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """A recorded batch drawn again with the seeds that drew it: the plate at its `index`, uint8 sRGB, and the circumstances of today.

        Nothing is filled up, tried again or halved. Raises like `draw`.
        """
        prompts = [batch["prompts"][number] for number, _ in batch["places"]]
        with LOCK, torch_threads(self.threads):
            kept = resident(self.base_model, self.device, self.threads)
            kept.lora.wear(self.adapters)
            with sampling_in_few_steps(kept.pipeline, self.few_step):
                levels, _ = _draw(kept, prompts, [seed for _, seed in batch["places"]], self.sampling)
            return levels[batch["index"]], self._circumstances(kept)

    def _circumstances(self, kept: Resident) -> dict[str, Any]:
        few_step = None if self.few_step is None else self.few_step.as_recorded
        found = circumstances(kept, lora_digest=self.lora_digest, sampling=self.sampling, threads=self.threads)
        return {**found, "few_step": few_step}


def _plate(
    one: _Wanted,
    pixels_HW3: npt.NDArray[np.uint8],
    finite: bool,
    *,
    batch: dict[str, Any],
    circumstances: dict[str, Any],
    spent: dict[str, float],
) -> Plate:
    fault = fault_of(pixels_HW3, finite=finite)
    tries, why = one.tries, ""
    if fault:
        tries = (*tries, {"seed": one.seed, "why": fault})
        why = (
            f"The plate for prompt {one.prompt!r} is no picture with any of {len(tries)} seeds (last: {fault} with seed {one.seed}), LoRA "
            f"{(circumstances['lora'] or 'none')[:12]}. If others fail like it, train the category's LoRA again."
        )
    pixels = None if fault else pixels_HW3
    return Plate(pixels_HW3=pixels, seed=one.seed, tries=tries, why=why, batch=batch, circumstances=circumstances, spent=spent)


def company_of(drawn: Sequence[_Wanted]) -> dict[str, Any]:
    """What was drawn in one batch, in order, so that it can be drawn again: each prompt once, and per place its prompt's number and its seed."""
    prompts = list(dict.fromkeys(one.prompt for one in drawn))
    return {"prompts": prompts, "places": [[prompts.index(one.prompt), one.seed] for one in drawn]}


def _free(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()


def _draw(
    kept: Resident, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
) -> tuple[list[npt.NDArray[np.uint8]], list[bool]]:
    """Pixels of one batch, and which of them come from finite numbers."""
    import torch

    family, pipeline, size_px = kept.base_model.behavior, kept.pipeline, kept.base_model.size_px
    with torch.inference_mode():
        shape = family.latent_shape(pipeline, size_px, size_px)
        noise_BChw = noise_of_seeds(seeds, shape, pipeline.device)
        conditioning = family.join([kept.condition(prompt) for prompt in prompts])
        unconditional = family.join([kept.condition("")] * len(prompts)) if sampling.guided_steps else None
        latents_BCHW = denoise(family, pipeline, noise_BChw, conditioning, unconditional, sampling, patient_stop_point)
        # One by one: the decoder fills caches and cores with one picture, and batches only take memory.
        pictures_BCHW = torch.cat([family.decode(pipeline, latents_1CHW).float() for latents_1CHW in latents_BCHW.split(1)])
        # Both are checked: AutoencoderTiny squashes latents with tanh and would paint an infinite one as a plausible color.
        finite_B = torch.isfinite(latents_BCHW).flatten(1).all(1) & torch.isfinite(pictures_BCHW).flatten(1).all(1)
        levels_BHWC = ((pictures_BCHW / 2 + 0.5).clamp(0, 1) * 255).round().nan_to_num().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [np.ascontiguousarray(picture_HWC) for picture_HWC in levels_BHWC], finite_B.tolist()
