"""Held-out loss of a LoRA in training: the same pictures, noise and timesteps each time, so that only the weights can move it.

Judges nothing: which step is best is decided in lora.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.preemption import stop_point
from training.latents import Encoded
from training.objective import Objective
from training.samples import Sample, parts_of_one_shape
from training.trainee import Trainee


@dataclass(frozen=True, kw_only=True)
class Draw:
    """The noise and timesteps of held-out losses, fixed for all trainings so that two LoRAs compare.

    `levels` timesteps per held-out picture, the midpoints of equal parts of the schedule; `seed` is that of the noise.
    """

    seed: int
    levels: int


CHOOSING = Draw(seed=1107, levels=8)
"""What a training chooses its best step by."""
JUDGING = Draw(seed=5309, levels=9)
"""What a contest judges by: other noise, and as 8 and 9 share no factor none of the same timesteps. The chosen step has the lowest of many losses
by the first draw; part of that is luck with it, which must not count again."""
TRIGGER_ROW = 1
"""Row of the trigger phrase alone in the encoded prompts: a look must come from its phrase, not from a scene's description."""
VALIDATION_BATCH = 16


def fixed_validation(encoded: Encoded, objective: Objective, draw: Draw = CHOOSING) -> tuple[Sample, ...]:
    """Each held-out picture at each timestep of a draw, with its own fixed noise, prompted by the trigger alone.

    Timesteps are spread evenly whatever density is trained, and no noise level weighs more, so that LoRAs of other settings compare.
    """
    import torch

    midpoints = torch.tensor([(2 * level + 1) / (2 * draw.levels) for level in range(draw.levels)])
    generator = torch.Generator("cpu").manual_seed(draw.seed)
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
