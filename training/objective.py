"""What a denoiser is trained to predict: noisy latents and their target, for discrete noise schedules and for straight flows.

Draws nothing at random: which timesteps are drawn is in step_plan.py and timesteps.py.

Shape legend: B batch, C latent channels, h and w latent cells.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from catalog.errors import TrainingError
from generation.family import Family

FLOW_TIMESTEPS = 1000.0
"""Flow models are told their noise share times 1000, as the schedulers of diffusers count."""


class Objective(Protocol):
    """How pictures become a training problem."""

    def timesteps(self, positions_B: Any) -> Any:
        """Timesteps (B,) at positions 0..1 of the schedule, 0 the clean picture."""

    def noisy(self, latents_BChw: Any, noise_BChw: Any, timesteps_B: Any) -> Any:
        """What the denoiser sees."""

    def target(self, latents_BChw: Any, noise_BChw: Any, timesteps_B: Any) -> Any:
        """What it should say."""


@dataclass(frozen=True)
class DiffusionObjective:
    """A discrete schedule that adds noise; predicted is the noise (Ho et al. 2020) or the velocity (Salimans and Ho 2022)."""

    scheduler: Any

    def timesteps(self, positions_B: Any) -> Any:
        """See Objective."""
        count = int(self.scheduler.config.num_train_timesteps)
        return (positions_B * count).long().clamp(max=count - 1)

    def noisy(self, latents_BChw: Any, noise_BChw: Any, timesteps_B: Any) -> Any:
        """See Objective."""
        return self.scheduler.add_noise(latents_BChw, noise_BChw, timesteps_B)

    def target(self, latents_BChw: Any, noise_BChw: Any, timesteps_B: Any) -> Any:
        """See Objective."""
        if self.scheduler.config.prediction_type == "epsilon":
            return noise_BChw
        return self.scheduler.get_velocity(latents_BChw, noise_BChw, timesteps_B)


@dataclass(frozen=True)
class FlowObjective:
    """Straight lines from picture to noise (Lipman et al. 2023; Liu et al. 2023); predicted is their direction, noise minus picture."""

    def timesteps(self, positions_B: Any) -> Any:
        """See Objective."""
        return positions_B * FLOW_TIMESTEPS

    def noisy(self, latents_BChw: Any, noise_BChw: Any, timesteps_B: Any) -> Any:
        """See Objective."""
        share_B111 = (timesteps_B / FLOW_TIMESTEPS)[:, None, None, None]
        return (1 - share_B111) * latents_BChw + share_B111 * noise_BChw

    def target(self, latents_BChw: Any, noise_BChw: Any, timesteps_B: Any) -> Any:
        """See Objective."""
        return noise_BChw - latents_BChw


def min_snr_weights(scheduler: Any, timesteps_B: Any, gamma: float) -> Any:
    """How much each timestep's loss counts (B,), so that easy levels of little noise do not outweigh the rest (Hang et al. 2023, 3.4).

    min(SNR, gamma) / SNR where noise is predicted, min(SNR, gamma) / (SNR + 1) where velocity is. SNR is alpha / (1 - alpha) of the
    schedule's cumulative alphas; where no signal is left, a predicted noise weighs 1.
    """
    alphas_B = scheduler.alphas_cumprod.cpu()[timesteps_B.cpu()]
    ratio_B = alphas_B / (1 - alphas_B)
    if scheduler.config.prediction_type == "epsilon":
        return (gamma / ratio_B).clamp(max=1.0)
    return ratio_B.clamp(max=gamma) / (ratio_B + 1)


def objective_of(family: Family, pipeline: Any) -> Objective:
    """The objective that a family's model is trained with. Raises TrainingError for a prediction that no objective here has."""
    if family.objective == "flow":
        return FlowObjective()
    predicted = pipeline.scheduler.config.prediction_type
    if predicted not in ("epsilon", "v_prediction"):
        raise TrainingError(f"The base model predicts {predicted!r}; this trainer supports epsilon and v_prediction. Choose another model.")
    return DiffusionObjective(_noise_schedule(pipeline.scheduler))


def _noise_schedule(scheduler: Any) -> Any:
    """The schedule a sampler was made from, as training adds noise by it.

    A sampler that counts in sigmas (EulerDiscrete, which SDXL's folders name) adds noise without scaling the picture down: latents that the
    denoiser sees only after `scale_model_input`. Its velocity takes no integer timesteps either. PNDM (SD 1.5's) knows no velocity.
    """
    if not hasattr(scheduler, "sigmas") and hasattr(scheduler, "get_velocity"):
        return scheduler
    from diffusers import DDPMScheduler

    return DDPMScheduler.from_config(scheduler.config)
