"""How each family is drawn in the benchmarks: which steps, guidance and pictures to go by; the drawing itself, and the operations it takes.

The loop is the product's (generation/denoise.py and the families). Left out: text encoders (an instruction's and product's for qwen-image-edit
would be one more call of a 7B model per product), PNG files, composing. Checks no picture: weights are random.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.family_models import build_pipeline, parameters_of, random_conditioning, sizes_of
from generation.families import family_named

SMALL_PX = 128
"""Side of the pictures that scaled-down models draw."""
SMALL_STEPS = 8
"""Steps of the scaled-down models that truly take thirty: each step is the same work."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One way to draw with one family: square pictures of `size_px`; `references` pictures to go by each, encoded anew for each picture."""

    family: str
    size_px: int
    steps: int
    guidance: float = 1.0
    references: int = 0
    small: bool = False
    batches: tuple[int, ...] = (1, 2, 4, 8, 16)

    @property
    def name(self) -> str:
        """As in the tables; one name for one amount of work."""
        guided = f"guidance {self.guidance:g}" if self.guidance > 1 else "no guidance"
        reference = f", {self.references} reference{'s' if self.references > 1 else ''}" if self.references else ""
        return f"{self.family}{' scaled down' if self.small else ''}, {self.size_px} px, {self.steps} steps, {guided}{reference}"

    @property
    def calls(self) -> int:
        """How often the denoiser answers for one picture."""
        return self.steps * (2 if self.guidance > 1 else 1)

    def scaled_down(self) -> "Drawing":
        """The same with the scaled-down model."""
        return replace(self, small=True, size_px=SMALL_PX, steps=min(self.steps, SMALL_STEPS))


DRAWINGS = (
    Drawing(family="sd", size_px=512, steps=30, guidance=7.5),
    Drawing(family="sdxl", size_px=1024, steps=30, guidance=5.0),
    Drawing(family="sdxl", size_px=1024, steps=8),
    Drawing(family="flux2-klein", size_px=1024, steps=4),
    Drawing(family="flux2-klein", size_px=1024, steps=4, references=1),
    Drawing(family="z-image", size_px=1024, steps=8),
    Drawing(family="qwen-image-edit", size_px=1024, steps=4, references=1),
    Drawing(family="qwen-image-edit", size_px=1024, steps=40, guidance=4.0, references=1, batches=(1,)),
)
"""Steps and guidance of generation/models.yaml; few steps as with the adapters for them (sdxl-lightning, qwen-image-edit-2511-lightning). The last one
takes half a minute a picture on the fastest GPU here, so it is drawn singly."""
LORA_RANK = 16


def drawings_of(families: Sequence[str], *, small: bool) -> tuple[Drawing, ...]:
    """What is measured of these families; scaled down, one of each: the others differ in steps only."""
    wanted = tuple(one for one in DRAWINGS if one.family in families)
    if not small:
        return wanted
    last = {one.family: one.scaled_down() for one in reversed(wanted)}
    return tuple(last[family] for family in dict.fromkeys(one.family for one in wanted))


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A model that is loaded, and what it draws."""

    drawing: Drawing
    pipeline: Any
    conditioning: Any
    unconditional: Any
    pixels_13HW: Any

    @property
    def denoiser(self) -> Any:
        """The UNet or transformer."""
        return getattr(self.pipeline, family_named(self.drawing.family).denoiser_part)


def make_ready(drawing: Drawing, device: str, *, half: bool | None = None) -> Ready:
    """Build the model on a device; in bfloat16 (None: on CUDA) it wears a LoRA beside its weights, as in production (else LoRAs are added into them)."""
    import torch

    family, half = drawing.family, device.startswith("cuda") if half is None else half
    pipeline = build_pipeline(family, device=device, small=drawing.small, half=half, lora_rank=LORA_RANK if half else None)
    told = [random_conditioning(family, pipeline, small=drawing.small, seed=seed) for seed in (1, 2)]
    pixels_13HW = torch.rand(1, 3, drawing.size_px, drawing.size_px, generator=torch.Generator("cpu").manual_seed(3)) * 2 - 1
    return Ready(drawing=drawing, pipeline=pipeline, conditioning=told[0], unconditional=told[1], pixels_13HW=pixels_13HW.to(device))


def draw(ready: Ready, seeds: Sequence[int], batch: int) -> list[npt.NDArray[np.uint8]]:
    """One picture per seed in batches of `batch`, uint8 (H, W, 3) each. `batch` divides the number of seeds."""
    import torch

    assert len(seeds) % batch == 0, f"{len(seeds)} pictures are no whole number of batches of {batch}"
    drawn: list[npt.NDArray[np.uint8]] = []
    with torch.inference_mode():
        for start in range(0, len(seeds), batch):
            drawn += _draw_batch(ready, seeds[start : start + batch])
    return drawn


def flops_per_picture(drawing: Drawing) -> float:
    """Floating-point operations of one picture: the denoiser's calls, the references' encoding, one decoding."""
    one_call, references, decoding = _flops_of_parts(_one_step_of(drawing))
    return drawing.calls * one_call + references + decoding


def call_flops(drawing: Drawing) -> float:
    """Operations of one call of the denoiser for one picture."""
    return _flops_of_parts(_one_step_of(drawing))[0]


def _one_step_of(drawing: Drawing) -> Drawing:
    """What a count depends on, so that drawings of one model and size are counted once."""
    return replace(drawing, steps=1, guidance=1.0, batches=())


@cache
def _flops_of_parts(drawing: Drawing) -> tuple[float, float, float]:
    """Operations of a call, of the references' encoding and of a decoding, counted on tensors without memory."""
    import torch

    family, ready = family_named(drawing.family), make_ready(drawing, "meta")
    pipeline = ready.pipeline
    latents_1Chw = torch.empty(1, *family.latent_shape(pipeline, drawing.size_px, drawing.size_px), device="meta")
    with torch.inference_mode():
        references = counted(lambda: _told(ready))
        told = family.join([_told(ready)])
        one_call = counted(lambda: family.predict(pipeline, latents_1Chw, torch.empty(1, device="meta"), told))
        return one_call, references, counted(lambda: family.decode(pipeline, latents_1Chw))


def counted(work: Callable[[], Any]) -> float:
    """Floating-point operations of a piece of work, by torch's counter.

    Attention runs in its plain form, of which every product is counted: the counter does not know the fused one of CPUs, and says nothing.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def scale_of(drawing: Drawing) -> str:
    """How much smaller a scaled-down drawing is than the true one it stands for, in words for a table."""
    true = next(one for one in DRAWINGS if one.family == drawing.family and (one.references > 0) == (drawing.references > 0))
    weights = sizes_of(drawing.family)["parameters"] / parameters_of(
        build_pipeline(drawing.family, device="meta", small=True), drawing.family
    )
    return f"1/{weights:.0f} of the weights, 1/{call_flops(true) / call_flops(drawing):,.0f} of the operations of a call"


def _told(ready: Ready) -> dict[str, Any]:
    """What the denoiser is told of one picture, its references encoded."""
    from generation.references import named_references

    family = family_named(ready.drawing.family)
    latents = [family.encode(ready.pipeline, ready.pixels_13HW) for _ in range(ready.drawing.references)]
    return ready.conditioning | named_references(latents)


def _draw_batch(ready: Ready, seeds: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
    import torch

    from generation.denoise import Sampling, denoise, noise_of_seeds

    drawing, pipeline, family = ready.drawing, ready.pipeline, family_named(ready.drawing.family)
    shape = family.latent_shape(pipeline, drawing.size_px, drawing.size_px)
    told = [_told(ready) for _ in seeds]
    references = {name: value for name, value in told[0].items() if name not in ready.conditioning}
    unconditional = family.join([ready.unconditional | references] * len(seeds)) if drawing.guidance > 1 else None
    latents_BChw = denoise(
        family, pipeline, noise_of_seeds(seeds, shape, ready.denoiser.device), family.join(told), unconditional,
        Sampling(steps=drawing.steps, guidance=drawing.guidance),
    )  # fmt: skip
    pictures = [family.decode(pipeline, latents_1Chw).float() for latents_1Chw in latents_BChw.split(1)]
    levels_BHW3 = ((torch.cat(pictures) / 2 + 0.5).clamp(0, 1) * 255).round().nan_to_num().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return list(levels_BHW3)
