"""Held-out loss of a LoRA in training: the same pictures, noise and timesteps each time, so that only the weights can move it.

Judges nothing: which step is best is decided in lora.py.

Shape legend: N held-out pictures, K noise levels, C latent channels, h and w latent cells.
"""

from dataclasses import dataclass
from typing import Any

from generation.family import Conditioning
from training.latents import Encoded
from training.objective import Objective
from training.trainee import Trainee

NOISE_LEVELS = 8
"""Timesteps per held-out picture, the midpoints of equal parts of the schedule."""
VALIDATION_SEED = 1107
"""Fixed for all trainings, so that losses of two LoRAs on the same held-out pictures compare."""
TRIGGER_ROW = 1
"""Row of the trigger phrase alone in the encoded prompts: a look must come from its phrase, not from a scene's description."""
VALIDATION_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Validation:
    """A fixed validation problem: one row per held-out picture and noise level."""

    latents_NChw: Any
    noise_NChw: Any
    timesteps_N: Any
    prompts: tuple[Conditioning, ...]


def fixed_validation(encoded: Encoded, objective: Objective) -> Validation:
    """Each held-out picture at each of `NOISE_LEVELS` timesteps, with its own fixed noise, prompted by the trigger alone."""
    import torch

    latents = encoded.held_out_NChw.repeat_interleave(NOISE_LEVELS, dim=0)
    midpoints = torch.tensor([(2 * level + 1) / (2 * NOISE_LEVELS) for level in range(NOISE_LEVELS)])
    generator = torch.Generator("cpu").manual_seed(VALIDATION_SEED)
    return Validation(
        latents_NChw=latents,
        noise_NChw=torch.randn(latents.shape, generator=generator),
        timesteps_N=objective.timesteps(midpoints).repeat(len(encoded.held_out_NChw)),
        prompts=(encoded.prompts[TRIGGER_ROW],) * len(latents),
    )


def validation_loss(trainee: Trainee, problem: Validation) -> float:
    """Mean squared error of the prediction over the fixed problem; NaN if any of it is."""
    import torch

    losses = []
    with torch.no_grad():
        for start in range(0, len(problem.latents_NChw), VALIDATION_BATCH):
            part = slice(start, start + VALIDATION_BATCH)
            losses.append(
                trainee.loss(problem.latents_NChw[part], problem.noise_NChw[part], problem.timesteps_N[part], problem.prompts[part])
            )
    return float(torch.cat(losses).double().mean())
