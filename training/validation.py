"""Held-out loss of a LoRA in training: the same pictures, noise and timesteps each time, so that only the weights can move it.

Judges nothing: which step is best is decided in lora.py.
"""

import math
from collections.abc import Sequence

from catalog.preemption import stop_point
from training.latents import Encoded
from training.objective import Objective
from training.samples import Sample, parts_of_one_shape
from training.trainee import Trainee

NOISE_LEVELS = 8
"""Timesteps per held-out picture, the midpoints of equal parts of the schedule."""
VALIDATION_SEED = 1107
"""Fixed for all trainings, so that losses of two LoRAs on the same held-out pictures compare."""
TRIGGER_ROW = 1
"""Row of the trigger phrase alone in the encoded prompts: a look must come from its phrase, not from a scene's description."""
VALIDATION_BATCH = 16


def fixed_validation(encoded: Encoded, objective: Objective) -> tuple[Sample, ...]:
    """Each held-out picture at each of `NOISE_LEVELS` timesteps, with its own fixed noise, prompted by the trigger alone.

    Timesteps are spread evenly whatever density is trained, and no noise level weighs more, so that LoRAs of other settings compare.
    """
    import torch

    midpoints = torch.tensor([(2 * level + 1) / (2 * NOISE_LEVELS) for level in range(NOISE_LEVELS)])
    generator = torch.Generator("cpu").manual_seed(VALIDATION_SEED)
    return tuple(
        Sample(
            latents_Chw=picture.latents_Chw,
            noise_Chw=torch.randn(picture.latents_Chw.shape, generator=generator),
            timestep=timestep,
            prompt=encoded.prompts[TRIGGER_ROW],
            weight_hw=picture.weight_hw,
        )
        for picture in encoded.held_out
        for timestep in objective.timesteps(midpoints)
    )


def validation_loss(trainee: Trainee, problem: Sequence[Sample]) -> float:
    """Mean squared error of the prediction over the fixed problem; NaN if any of it is."""
    losses = validation_losses(trainee, problem)
    return math.fsum(losses) / len(losses)


def validation_losses(trainee: Trainee, problem: Sequence[Sample]) -> list[float]:
    """The error of each sample of the fixed problem, in its order: all noise levels of one picture, then of the next.

    Raises Preempted between two batches once SIGTERM has come.
    """
    import torch

    found: dict[int, float] = {}
    with torch.no_grad():
        for part in parts_of_one_shape(problem, VALIDATION_BATCH):
            stop_point()
            found.update(zip(map(id, part), trainee.loss(part).double().tolist(), strict=True))
    return [found[id(sample)] for sample in problem]
