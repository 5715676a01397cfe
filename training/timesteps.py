"""Which noise levels are trained most: from even strata of 0..1 to timesteps of the model's schedule.

Each density is reached by a rising function of the even one, so that strata stay strata: a batch covers all levels that the density has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from catalog.errors import TrainingError
from generation.family import Family
from generation.flow import flow_family, shifted
from training.objective import Objective, objective_of
from training.settings import LoraSettings

EDGE = 1e-6
"""Strata are kept this far from 0 and 1, where the logit is infinite."""

LatentShape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class NoiseLevels:
    """How one training draws noise levels; `shift_of` gives the shift of a latent shape (C, h, w), 1 for none."""

    objective: Objective
    density: Literal["uniform", "logit-normal"]
    logit_mean: float
    logit_std: float
    shift_of: Callable[[LatentShape], float]

    def timesteps(self, strata_B: Any, shapes: Sequence[LatentShape]) -> Any:
        """Timesteps (B,) of numbers evenly spread over 0..1 and the shapes of the pictures that they are for."""
        import torch

        positions_B = strata_B
        if self.density == "logit-normal":
            normal_B = torch.special.ndtri(strata_B.clamp(EDGE, 1 - EDGE))
            positions_B = torch.sigmoid(self.logit_mean + self.logit_std * normal_B)
        return self.objective.timesteps(shifted(positions_B, torch.tensor([self.shift_of(shape) for shape in shapes])))


def refuse_meaningless(settings: LoraSettings, family: Family) -> None:
    """Raise TrainingError for settings of noise levels that have no meaning for a family: they would be read and change nothing."""
    is_flow = family.objective == "flow"
    if is_flow and settings.min_snr_gamma is not None:
        raise TrainingError(
            f"`min_snr_gamma` is {settings.min_snr_gamma:g}, but family '{family.name}' is trained on flows, which have no weighting by "
            "signal to noise. Leave it out; `timestep_density` and `timestep_shift` say which noise levels are trained most."
        )
    if not is_flow and settings.timestep_shift != "family":
        raise TrainingError(
            f"`timestep_shift` is {settings.timestep_shift:g}, but family '{family.name}' is no flow and has a fixed schedule. Leave it out; "
            "`timestep_density: logit-normal` with a `logit_mean` above 0 trains high noise more."
        )


def density_of(settings: LoraSettings, family: Family) -> Literal["uniform", "logit-normal"]:
    """How noise levels are drawn; "auto" is uniform for diffusion models.

    Flows learn most in the middle of the way, so theirs is logit-normal (Esser et al. 2024, table 1).
    """
    if settings.timestep_density != "auto":
        return settings.timestep_density
    return "logit-normal" if family.objective == "flow" else "uniform"


def noise_levels(settings: LoraSettings, family: Family, pipeline: Any) -> NoiseLevels:
    """The noise levels that a model's family and the settings ask for. Raises TrainingError for settings without meaning for the family."""
    refuse_meaningless(settings, family)
    return NoiseLevels(
        objective=objective_of(family, pipeline),
        density=density_of(settings, family),
        logit_mean=settings.logit_mean,
        logit_std=settings.logit_std,
        shift_of=_shift_of(settings, family, pipeline),
    )


def _shift_of(settings: LoraSettings, family: Family, pipeline: Any) -> Callable[[LatentShape], float]:
    asked, flow = settings.timestep_shift, flow_family(family)
    if asked != "family":
        return lambda _: asked
    return lambda shape: 1.0 if flow is None else flow.shift(pipeline, shape)
