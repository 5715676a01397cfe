"""Plates: scenes drawn by a base model with a category's LoRA, in batches of one size, the same bytes for the same inputs.

Empty ones, and by request ones that go by pictures or are drawn around one (plate_requests.py). Places no product (see the recipes). Of what can be
drawn together (batch_drawing.py), the caller says what is: at a fixed batch size a plate's bytes depend neither on its neighbors nor on its
place in the batch, so a last batch is filled up by repeating instead of being drawn smaller.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.errors import RenderError
from generation.adapter import Adapter
from generation.base_model import BaseModel, torch_threads
from generation.batch_drawing import draw_batch, lot_of
from generation.batch_meter import BatchMeter
from generation.batch_sizes import BatchSize, is_out_of_memory
from generation.circumstances import circumstances
from generation.denoise import Sampling
from generation.execution import AS_LOADED, Execution
from generation.few_step import FewStep, sampling_in_few_steps
from generation.plate_faults import MAX_RETRIES, fault_of, retry_seed
from generation.plate_requests import FetchPicture, PlateRequest, company_of, requests_of
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

    `pixels_HW3` is uint8 sRGB (height, width, 3), None when no try gave a picture, or the model cannot draw what is asked for; `why` then says so.
    `seed` is the seed that drew it, `tries` the seeds that drew no picture before, each with its reason. `batch` says in which company it was drawn
    (empty where nothing was), `circumstances` how and by what, `spent` its share of what the batch took (see batch_meter.py).
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
    """A plate to be drawn: what was asked for, what it can share a batch with, and the seeds tried so far."""

    asked: PlateRequest
    lot: Hashable
    tries: tuple[dict[str, Any], ...] = ()

    @property
    def request(self) -> PlateRequest:
        """What is drawn next: what was asked for, with the seed whose turn it is."""
        return self.asked if not self.tries else replace(self.asked, seed=retry_seed(self.asked.seed, len(self.tries)))


@dataclass(frozen=True)
class DiffusionPlates:
    """Draws plates with one base model and one LoRA (or none); cheap to make, the weights load with the first batch.

    `steps` are sampler steps, `guidance` is the classifier-free guidance scale (1 switches it off), `guided_share` the share of the steps, from the
    first, that are guided. One pipeline is kept per process:
    drawing with another LoRA exchanges it (about 0.1 s), with another base model loads that one. `batch_images` is the size of every batch
    (None: the device's); `sizes_file` remembers smaller ones that memory forced. `few_step` is worn beside the LoRA, and draws with its sampler.
    `execution` is how the loaded model lies in memory and computes.
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
    execution: Execution = AS_LOADED

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
        """How many plates of words alone, in the model's own size, are drawn together."""
        return self.batch_size_for(PlateRequest(prompt="", seed=0))

    def batch_size_for(self, request: PlateRequest) -> BatchSize:
        """How many plates like this one are drawn together: what was asked for, or what was found to fit into memory."""
        width, height = request.size_px(self.base_model)
        by = f" by {len(request.references)} pictures" if request.references else ""
        return BatchSize(
            wanted=1 if self.step_cache is not None else self.batch_images or BATCH_IMAGES[self.device.partition(":")[0]],
            model_digest=self.base_model.digest,
            device=self.device,
            memory=self.execution.memory,
            picture=f"{width} x {height} px{by}",
            guided=self.guidance > 1,
            file=self.sizes_file,
        )

    def load(self) -> None:
        """Load the weights and put in the LoRA now, so that the first batch is no slower than the others. Raises like `draw`."""
        with LOCK, torch_threads(self.threads):
            resident(self.base_model, self.device, self.threads, self.execution).lora.wear(self.adapters)

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
        """One plate per prompt and seed: uint8 (size, size, 3), sRGB.

        Raises ModelError if model or LoRA are missing, altered or inactive, RenderError if a plate is no picture even with other seeds.
        """
        return self.draw_pictures(_of_words(prompts, seeds))

    def draw_pictures(self, requests: Sequence[PlateRequest]) -> list[npt.NDArray[np.uint8]]:
        """One plate per request: uint8 sRGB. Raises like `draw`, RenderError also for what the model cannot draw."""
        drawn = self.draw_requests(requests)
        for plate in drawn:
            if plate.pixels_HW3 is None:
                raise RenderError(plate.why)
        return [plate.pixels_HW3 for plate in drawn if plate.pixels_HW3 is not None]

    def draw_plates(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Plate]:
        """One plate per prompt and seed, from words alone and in the model's own size; see `draw_requests`."""
        return self.draw_requests(_of_words(prompts, seeds))

    def lots(self, requests: Sequence[PlateRequest]) -> list[Hashable]:
        """What each request must have in common with others to share a batch, for whoever deals them out; None for one that cannot be drawn."""
        with LOCK, torch_threads(self.threads):
            kept = resident(self.base_model, self.device, self.threads, self.execution)
            with kept.staying():
                return [self._lot(kept, asked) for asked in requests]

    def _lot(self, kept: Resident, asked: PlateRequest) -> Hashable:
        try:
            return lot_of(kept, asked, self.sampling)
        except RenderError:
            return None

    def draw_requests(self, requests: Sequence[PlateRequest]) -> list[Plate]:
        """One plate per request, each with how it was drawn; one that no seed makes a picture of, or that the model cannot draw, says why.

        Same request, batch size, versions and device class give the same bytes, whatever else is drawn with it; another batch size may differ by
        a level in a few pixels. Batches hold what can be drawn together. Raises ModelError if model or LoRA are missing, altered or inactive, or
        nothing fits into memory.
        """
        assert requests, "nothing was asked for"
        drawn: dict[int, Plate] = {}
        with LOCK, torch_threads(self.threads):
            kept = resident(self.base_model, self.device, self.threads, self.execution)
            open_ones: dict[int, _Wanted] = {}
            with kept.staying():
                for n, asked in enumerate(requests):
                    try:
                        open_ones[n] = _Wanted(asked=asked, lot=lot_of(kept, asked, self.sampling))
                    except RenderError as error:
                        drawn[n] = refused_plate(asked.seed, str(error))
            while open_ones:
                first = next(iter(open_ones.values()))
                size = self.batch_size_for(first.asked)
                numbers = [n for n, one in open_ones.items() if one.lot == first.lot][: size.images]
                plates = self._draw_batch(kept, [open_ones[n] for n in numbers], size)
                for n, plate in zip(numbers, plates or (), strict=plates is not None):
                    if plate.pixels_HW3 is None and len(plate.tries) <= MAX_RETRIES:
                        open_ones[n] = replace(open_ones[n], tries=plate.tries)
                    else:
                        drawn[n] = plate
                        del open_ones[n]
        return [drawn[n] for n in range(len(requests))]

    def _draw_batch(self, kept: Resident, wanted: Sequence[_Wanted], size: BatchSize) -> list[Plate] | None:
        """One batch of the present size, filled up by repeating; None when it did not fit into memory and the size was halved."""
        filled = [wanted[n % len(wanted)].request for n in range(size.images)]
        meter = BatchMeter(self.device)
        try:
            kept.lora.wear(self.adapters)
            with sampling_in_few_steps(kept.pipeline, self.few_step):
                levels, finite = draw_batch(kept, filled, self.sampling)
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

    def replay(self, batch: dict[str, Any], fetch: FetchPicture | None = None) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """A recorded batch drawn again with the seeds that drew it: the plate at its `index`, uint8 sRGB, and the circumstances of today.

        `fetch` gives the pictures that the batch was drawn from by their digests. Nothing is filled up, tried again or halved. Raises like `draw`,
        and RenderError when a picture is not to be had.
        """
        requests = requests_of(batch, fetch)
        with LOCK, torch_threads(self.threads):
            kept = resident(self.base_model, self.device, self.threads, self.execution)
            kept.lora.wear(self.adapters)
            with sampling_in_few_steps(kept.pipeline, self.few_step):
                levels, _ = draw_batch(kept, requests, self.sampling)
            return levels[batch["index"]], self._circumstances(kept)

    def _circumstances(self, kept: Resident) -> dict[str, Any]:
        few_step = None if self.few_step is None else self.few_step.as_recorded
        found = circumstances(kept, lora_digest=self.lora_digest, sampling=self.sampling, threads=self.threads)
        return {**found, "few_step": few_step}


def refused_plate(seed: int, why: str) -> Plate:
    """The plate of what cannot be drawn at all: nothing was, for this reason."""
    return Plate(pixels_HW3=None, seed=seed, batch={}, circumstances={}, spent={"seconds": 0.0, "cpu_seconds": 0.0}, why=why)


def _of_words(prompts: Sequence[str], seeds: Sequence[int]) -> list[PlateRequest]:
    assert len(prompts) == len(seeds), f"{len(prompts)} prompts for {len(seeds)} seeds"
    return [PlateRequest(prompt=prompt, seed=seed) for prompt, seed in zip(prompts, seeds, strict=True)]


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
    seed, tries, why = one.request.seed, one.tries, ""
    if fault:
        tries = (*tries, {"seed": seed, "why": fault})
        why = (
            f"The plate for prompt {one.asked.prompt!r} is no picture with any of {len(tries)} seeds (last: {fault} with seed {seed}), LoRA "
            f"{(circumstances['lora'] or 'none')[:12]}. If others fail like it, train the category's LoRA again."
        )
    pixels = None if fault else pixels_HW3
    return Plate(pixels_HW3=pixels, seed=seed, tries=tries, why=why, batch=batch, circumstances=circumstances, spent=spent)


def _free(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
