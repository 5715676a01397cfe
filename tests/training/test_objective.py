"""What a denoiser is trained to predict does not depend on the sampler that its folder happens to name."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler

from generation.families import family_named
from training.objective import objective_of
from training.trainee import Trainee

SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sampler", [EulerDiscreteScheduler, DPMSolverMultistepScheduler, PNDMScheduler])
def test_noise_is_added_and_asked_for_alike_whatever_sampler_the_folder_names(sampler, prediction):
    """EulerDiscrete's own `add_noise` leaves the picture unscaled: a LoRA trained so would have learned inputs that drawing never shows."""
    latents, noise = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    timesteps = torch.tensor([3, 400, 990])
    ours, plain = (
        objective_of(family_named("sdxl"), SimpleNamespace(scheduler=made(prediction_type=prediction, **SCHEDULE)))
        for made in (sampler, DDIMScheduler)
    )
    assert torch.equal(ours.noisy(latents, noise, timesteps), plain.noisy(latents, noise, timesteps))
    assert torch.equal(ours.target(latents, noise, timesteps), plain.target(latents, noise, timesteps))
    # What training shows is what the sampler asks the denoiser, at the same timestep.
    euler = EulerDiscreteScheduler(prediction_type=prediction, **SCHEDULE)
    euler.set_timesteps(timesteps=[990, 400, 3])
    shown = euler.scale_model_input(euler.add_noise(latents[:1], noise[:1], torch.tensor([990.0])), euler.timesteps[0])
    torch.testing.assert_close(ours.noisy(latents[:1], noise[:1], torch.tensor([990])), shown, rtol=0, atol=1e-4)


def test_a_trainings_noise_schedule_is_made_once():
    pipeline = SimpleNamespace(scheduler=EulerDiscreteScheduler(**SCHEDULE))
    trainee = Trainee(family=family_named("sdxl"), pipeline=pipeline, parameters={}, flat=None, device="cpu", autocast=False)
    made = trainee.objective
    pipeline.scheduler = None  # a sampler that samples are drawn with, say
    assert trainee.objective is made
