"""What families that follow straight flows (FLUX.2, Z-Image, Qwen-Image) tell beyond `Family`: timestep shift and batching rule.

Holds no model and imports no torch; what is drawn is in the families, how timesteps are drawn for a training is the trainer's.

Shape legend: B batch, C latent channels, h and w latent cells.
"""

import math
from collections.abc import Hashable, Sequence
from typing import Any, Protocol, cast

from generation.family import Conditioning, Family


class FlowFamily(Family, Protocol):
    """A family with `objective` "flow"."""

    def shift(self, pipeline: Any, latent_shape: tuple[int, int, int]) -> float:
        """How far drawing moves evenly spaced noise shares t towards noise at this size: t becomes s t / (1 + (s - 1) t); 1 is not at all.

        For a trainer that wants to see the timesteps that drawing visits (training/timesteps.py); `shifted` applies it.
        """

    def batch_key(self, conditioning: Conditioning) -> Hashable:
        """Pictures whose keys are equal can be drawn in one batch, and come out to the same bytes whatever the others are. `join` may take others
        too, or raise RenderError for them."""


def flow_family(family: Family) -> FlowFamily | None:
    """The family with what flow families tell; None for one that follows a discrete noise schedule."""
    return cast(FlowFamily, family) if family.objective == "flow" else None


def shifted(shares: Any, shift: Any) -> Any:
    """Noise shares 0..1 (numbers or tensors) moved towards noise: Esser et al. 2024 (SD3), equation 23. 0 stays 0 and 1 stays 1."""
    return shift * shares / (1 + (shift - 1) * shares)


def shift_by_size(scheduler: Any, tokens: int) -> float:
    """`mu` for a picture of so many tokens, on the straight line through the scheduler's configured ends, as FLUX.1's pipeline had it first."""
    ends = scheduler.config
    small, large = ends.get("base_image_seq_len", 256), ends.get("max_image_seq_len", 4096)
    least, most = ends.get("base_shift", 0.5), ends.get("max_shift", 1.15)
    return float(least + (most - least) * (tokens - small) / (large - small))


def scheduler_shift(scheduler: Any, mu: float) -> float:
    """The shift that FlowMatchEulerDiscreteScheduler applies: the resolution's where it shifts dynamically, else its configured one.

    `mu` is what the family's pipeline computes of the resolution, the logarithm of the shift unless the scheduler's type is "linear".
    """
    if not scheduler.config.use_dynamic_shifting:
        return float(scheduler.shift)
    return mu if scheduler.config.time_shift_type == "linear" else math.exp(mu)


def set_flow_timesteps(pipeline: Any, sigmas: Sequence[float], mu: float) -> Any:
    """Set the pipeline's scheduler to evenly spaced noise shares `sigmas`, which it then shifts, and return its timesteps (0..1000)."""
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(sigmas=sigmas, device=pipeline.transformer.device, mu=mu)
    scheduler.set_begin_index(0)
    return scheduler.timesteps
