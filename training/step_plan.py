"""What each training step sees: pictures, timesteps, noise and prompts, as a pure function of the training's digest and the step number.

That is why a resumed training needs no random states and ends with the same bytes as an undisturbed one.

Shape legend: B batch, C latent channels, h and w latent cells.
"""

import math
from dataclasses import dataclass
from typing import Any

from generation.family import Conditioning
from training.latents import Encoded
from training.objective import Objective
from training.plan import TrainingPlan
from training.settings import LoraSettings
from training.validation import TRIGGER_ROW

EMPTY_PROMPT_SHARE = 0.1
"""Share of samples trained with the empty prompt, as in the base model's own training: guidance subtracts that prediction."""
EMPTY_ROW = 0
WARM_UP_SHARE = 0.05
FINAL_RATE_SHARE = 0.05
"""The learning rate warms up linearly over the first 5 % of the steps and falls along a cosine to 5 % of its peak."""


@dataclass(frozen=True, kw_only=True)
class StepBatch:
    """One step's input; `prompts` is what the denoiser is told of each picture, not yet joined."""

    latents_BChw: Any
    noise_BChw: Any
    timesteps_B: Any
    prompts: tuple[Conditioning, ...]


def step_batch(plan: TrainingPlan, step: int, encoded: Encoded, objective: Objective) -> StepBatch:
    """The batch of one step (counted from 0): pictures in shuffled rounds, timesteps stratified over the schedule."""
    import torch

    size = plan.settings.batch_size
    generator = torch.Generator("cpu").manual_seed(plan.seed("step", step))
    chosen = [_picture_at(plan, step * size + place, len(encoded.train_NChw)) for place in range(size)]
    latents = encoded.train_NChw[chosen]
    strata = (torch.arange(size) + torch.rand(size, generator=generator)) / size
    timesteps = objective.timesteps(strata)[torch.randperm(size, generator=generator)]
    draws = torch.rand(size, generator=generator).tolist()
    rows = [_prompt_row(draw, encoded.train_prompts[index], plan.settings) for draw, index in zip(draws, chosen, strict=True)]
    return StepBatch(
        latents_BChw=latents,
        noise_BChw=torch.randn(latents.shape, generator=generator),
        timesteps_B=timesteps,
        prompts=tuple(encoded.prompts[row] for row in rows),
    )


def learning_rate(step: int, settings: LoraSettings) -> float:
    """The learning rate of one step (counted from 0)."""
    warm_up = max(1, round(WARM_UP_SHARE * settings.steps))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, settings.steps - warm_up)
    cosine = (1 + math.cos(math.pi * progress)) / 2
    return settings.learning_rate * (FINAL_RATE_SHARE + (1 - FINAL_RATE_SHARE) * cosine)


def _picture_at(plan: TrainingPlan, position: int, count: int) -> int:
    """Which picture stands at a position of the endless sequence of shuffled rounds over all pictures."""
    import torch

    order = torch.Generator("cpu").manual_seed(plan.seed("round", position // count))
    return int(torch.randperm(count, generator=order)[position % count])


def _prompt_row(draw: float, own_row: int, settings: LoraSettings) -> int:
    if draw < EMPTY_PROMPT_SHARE:
        return EMPTY_ROW
    return TRIGGER_ROW if draw < EMPTY_PROMPT_SHARE + (1 - EMPTY_PROMPT_SHARE) * settings.caption_dropout else own_row
