"""What each training step sees: pictures, timesteps, noise and prompts, as a pure function of the training's digest and the step number.

That is why a resumed training needs no random states and ends with the same bytes as an undisturbed one.
"""

import math

from training.latents import Encoded, EncodedPicture
from training.plan import TrainingPlan
from training.samples import Sample
from training.settings import LoraSettings
from training.timesteps import NoiseLevels
from training.validation import TRIGGER_ROW

EMPTY_PROMPT_SHARE = 0.1
"""Share of samples trained with the empty prompt, as in the base model's own training: guidance subtracts that prediction."""
EMPTY_ROW = 0
WARM_UP_SHARE = 0.05
FINAL_RATE_SHARE = 0.05
"""The learning rate warms up linearly over the first 5 % of the steps and falls along a cosine to 5 % of its peak."""


def step_samples(plan: TrainingPlan, step: int, encoded: Encoded, levels: NoiseLevels) -> tuple[Sample, ...]:
    """The samples of one step (counted from 0): pictures in shuffled rounds, timesteps stratified over their density."""
    import torch

    size = plan.settings.batch_size
    generator = torch.Generator("cpu").manual_seed(plan.seed("step", step))
    chosen = _pictures_of(plan, step, encoded)
    strata = (torch.arange(size) + torch.rand(size, generator=generator)) / size
    mixed = strata[torch.randperm(size, generator=generator)]
    timesteps = levels.timesteps(mixed, [tuple(picture.latents_Chw.shape) for picture in chosen])
    draws = torch.rand(size, generator=generator).tolist()
    return tuple(
        Sample(
            latents_Chw=picture.latents_Chw,
            noise_Chw=torch.randn(picture.latents_Chw.shape, generator=generator),
            timestep=timestep,
            prompt=encoded.prompts[_prompt_row(draw, picture.prompt_row, plan.settings)],
            weight_hw=picture.weight_hw,
        )
        for picture, timestep, draw in zip(chosen, timesteps, draws, strict=True)
    )


def learning_rate(step: int, settings: LoraSettings) -> float:
    """The learning rate of one step (counted from 0)."""
    warm_up = max(1, round(WARM_UP_SHARE * settings.steps))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, settings.steps - warm_up)
    cosine = (1 + math.cos(math.pi * progress)) / 2
    return settings.learning_rate * (FINAL_RATE_SHARE + (1 - FINAL_RATE_SHARE) * cosine)


def _pictures_of(plan: TrainingPlan, step: int, encoded: Encoded) -> list[EncodedPicture]:
    """The pictures of a step in the endless sequence of shuffled rounds over all pictures: each is seen once before any is seen twice."""
    size, count = plan.settings.batch_size, len(encoded.train)
    places = range(step * size, (step + 1) * size)
    rounds = {number: _round(plan, number, encoded) for number in {place // count for place in places}}
    return [encoded.train[rounds[place // count][place % count]] for place in places]


def _round(plan: TrainingPlan, number: int, encoded: Encoded) -> list[int]:
    """All pictures of one round, shuffled, so that nearly every step has pictures of one shape: those are computed together.

    First come those that fill the batch which the round before has begun, then whole batches of one shape, then what is left of each.
    Where all pictures have one shape, this is the shuffled order itself.
    """
    import torch

    size, count = plan.settings.batch_size, len(encoded.train)
    generator = torch.Generator("cpu").manual_seed(plan.seed("round", number))
    order = [int(index) for index in torch.randperm(count, generator=generator)]
    begun = min(count, -number * count % size)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    whole: list[int] = []
    for index in order[begun:]:
        alike = by_shape.setdefault(tuple(encoded.train[index].latents_Chw.shape), [])
        alike.append(index)
        if len(alike) == size:
            whole += alike
            alike.clear()
    return order[:begun] + whole + [index for alike in by_shape.values() for index in alike]


def _prompt_row(draw: float, own_row: int, settings: LoraSettings) -> int:
    if draw < EMPTY_PROMPT_SHARE:
        return EMPTY_ROW
    return TRIGGER_ROW if draw < EMPTY_PROMPT_SHARE + (1 - EMPTY_PROMPT_SHARE) * settings.caption_dropout else own_row
