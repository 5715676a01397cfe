"""The denoising loop: one batch from noise to latents, the same for every family.

Why our own and not the pipelines': theirs encode prompts anew, mis-batch or refuse different pictures to go by, and cannot be asked between
steps whether to stop, at which step guidance ends, or how much memory is left. Each family's test holds it equal to its stock pipeline.

Shape legend: B batch, C latent channels, h and w latent cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from generation.family import Conditioning, Family
from generation.inpainting import Known, blend_known, noised, reads_masks
from generation.samplers import refuse_noise_drawing
from generation.step_cache import skipping_blocks


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a picture is drawn out of noise: sampler steps, guidance scale (1 is none), the share of the steps that are guided, a step cache's threshold.

    Late steps only add detail, for which guidance matters little: with `guided_share` .6 they cost two thirds of a fully guided drawing.
    """

    steps: int
    guidance: float = 1.0
    guided_share: float = 1.0
    step_cache: float | None = None

    def __post_init__(self) -> None:
        assert self.steps >= 1 and self.guidance >= 1 and 0 < self.guided_share <= 1

    @property
    def guided_steps(self) -> int:
        """How many of the steps are guided."""
        return 0 if self.guidance == 1 else max(1, round(self.guided_share * self.steps))

    def guided_of(self, timesteps: int) -> int:
        """How many of a sampler's timesteps the guided steps have: Heun's asks twice per step but the last, PNDM once more for the first."""
        return -(-self.guided_steps * timesteps // self.steps)


def noise_of_seeds(seeds: Sequence[int], latent_shape: tuple[int, int, int], device: Any) -> Any:
    """Noise (B, C, h, w), float32: one generator per picture, on the CPU, so that it depends on the picture's own seed alone, on any device."""
    import torch

    return torch.cat([torch.randn((1, *latent_shape), generator=torch.Generator("cpu").manual_seed(seed)) for seed in seeds]).to(device)


def denoise(
    family: Family,
    pipeline: Any,
    noise_BChw: Any,
    conditioning: Conditioning,
    unconditional: Conditioning | None,
    sampling: Sampling,
    between_steps: Callable[[], None] = lambda: None,
    known: Known | None = None,
) -> Any:
    """Latents (B, C, h, w) after all steps, float32 whatever the denoiser computes in: adding up in bfloat16 costs levels of a picture.

    `conditioning` is the batch's, joined; `unconditional` as long, or None where nothing is guided. `between_steps` may raise to end early.
    `known` is what every picture of the batch keeps, joined: the rest is drawn around it, from noise alone or, below strength 1, from the picture.
    Raises ModelError for a sampler that would not give the same picture for the same seed.
    """
    refuse_noise_drawing(pipeline.scheduler)
    timesteps = family.schedule(pipeline, sampling.steps, tuple(noise_BChw.shape[1:]))
    scheduler, size = pipeline.scheduler, len(noise_BChw)
    first, latents = _beginning(scheduler, timesteps, noise_BChw, known, sampling.steps)
    if known is not None and reads_masks(pipeline):
        conditioning = conditioning | known.for_the_denoiser
        unconditional = None if unconditional is None else unconditional | known.for_the_denoiser
        known = None
    guided = sampling.guided_of(len(timesteps)) if unconditional is not None and family.can_guide(pipeline) else 0
    both = _stacked(family, unconditional, conditioning, size) if guided else None
    with skipping_blocks(getattr(pipeline, family.denoiser_part), sampling.step_cache) as phase:
        for step, timestep in list(enumerate(timesteps))[first:]:
            asked = scheduler.scale_model_input(latents, timestep) if hasattr(scheduler, "scale_model_input") else latents
            if both is not None and step < guided:
                with phase("guided"):
                    predicted = family.predict(pipeline, _twice(asked), timestep.expand(2 * size), both)
                unguided, conditional = predicted.chunk(2)
                predicted = family.guide(conditional, unguided, sampling.guidance)
            else:
                with phase("unguided"):
                    predicted = family.predict(pipeline, asked, timestep.expand(size), conditioning)
            latents = scheduler.step(predicted, timestep, latents, return_dict=False)[0]
            if known is not None:
                latents = blend_known(scheduler, latents, known, noise_BChw, timesteps[step + 1] if step + 1 < len(timesteps) else None)
            between_steps()
    return latents


def _beginning(scheduler: Any, timesteps: Any, noise_BChw: Any, known: Known | None, steps: int) -> tuple[int, Any]:
    """The timestep that drawing begins with, and the latents it begins from: noise, or at less than full strength the picture with noise.

    Counted from the first one, as the stock pipelines do: of a sampler that asks twice per step the last step asks once, so that counting from the
    end would begin between two halves of a step, and nothing would be drawn.
    """
    if known is None or known.strength == 1:
        return 0, noise_BChw * getattr(scheduler, "init_noise_sigma", 1.0)
    order = int(getattr(scheduler, "order", 1))  # timesteps per step
    first = order * (steps - max(1, round(known.strength * steps)))
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    return first, noised(scheduler, known.begun_BChw, noise_BChw, timesteps[first])


def _twice(latents_BChw: Any) -> Any:
    import torch

    return torch.cat([latents_BChw, latents_BChw])


def _stacked(family: Family, unconditional: Conditioning | None, conditioning: Conditioning, size: int) -> Conditioning:
    """Both halves of a guided batch as one: the unguided half first, as diffusers stacks them."""
    assert unconditional is not None
    singles = [
        {name: tensor[row : row + 1] for name, tensor in half.items()} for half in (unconditional, conditioning) for row in range(size)
    ]
    return family.join(singles)
