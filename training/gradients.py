"""One step's loss and gradients: the samples in parts that fit in memory, each weighing the same whatever part it is in.

Takes no step and draws nothing.
"""

import math
from collections.abc import Sequence

from training.objective import min_snr_weights
from training.samples import Sample, parts_of_one_shape
from training.settings import LoraSettings
from training.trainee import Trainee


def add_gradients(trainee: Trainee, samples: Sequence[Sample], settings: LoraSettings) -> float:
    """Add the gradients of these samples' share of a step to the trainee's, and return their share of the step's loss.

    A step has `settings.batch_size` samples; where these are only some of them, the shares of all add up to the step's loss and gradient.
    """
    import torch

    total = 0.0
    for part in parts_of_one_shape(samples, math.ceil(settings.batch_size / (settings.accumulation * settings.processes))):
        losses_B = trainee.loss(part)
        if settings.min_snr_gamma is not None:
            timesteps_B = torch.stack([sample.timestep for sample in part])
            weights_B = min_snr_weights(trainee.pipeline.scheduler, timesteps_B, settings.min_snr_gamma)
            losses_B = losses_B * weights_B.to(losses_B.device)
        loss = losses_B.sum() / settings.batch_size
        loss.backward()
        total += float(loss.detach())
    return total
