"""Which noise levels are trained: densities keep their strata, shifts move them as families draw, and min-SNR weighs as its paper says."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler

from catalog.errors import TrainingError
from generation.families.stable_diffusion import StableDiffusion
from generation.flow import shifted
from training.objective import min_snr_weights
from training.settings import LoraSettings
from training.timesteps import noise_levels

MIDPOINTS = (torch.arange(1000) + 0.5) / 1000
SHAPE = (4, 8, 8)


class Flow(StableDiffusion):
    """A family of flows that draws larger pictures with a larger shift."""

    objective = "flow"

    def shift(self, pipeline, latent_shape):
        return latent_shape[-1] / 8


def timesteps(family=None, shapes=None, **settings):
    pipeline = SimpleNamespace(scheduler=DDIMScheduler())
    return noise_levels(LoraSettings(**settings), family or Flow(), pipeline).timesteps(MIDPOINTS, shapes or [SHAPE] * 1000)


def test_a_diffusion_model_is_trained_on_all_levels_alike_and_a_flow_mostly_in_the_middle():
    assert torch.equal(timesteps(StableDiffusion()), torch.arange(1000))
    flow = timesteps()
    middle = ((flow > 300) & (flow < 700)).float().mean()
    assert middle == pytest.approx(0.603, abs=0.005), "P(|logit t| < logit .7) of a standard normal"
    assert torch.equal(flow, flow.sort().values), "strata stay strata"


def test_mean_and_spread_of_the_logit_are_as_asked():
    logits = torch.logit(timesteps(logit_mean=-0.5, logit_std=0.6, timestep_shift=1) / 1000)
    assert float(logits.mean()) == pytest.approx(-0.5, abs=0.01) and float(logits.std()) == pytest.approx(0.6, abs=0.01)


def test_a_shift_of_three_puts_three_quarters_where_half_was():
    assert float(shifted(torch.tensor(0.5), 3)) == pytest.approx(0.75)
    plain, moved = (timesteps(timestep_density="uniform", timestep_shift=shift) for shift in (1, 3))
    assert float(plain.median()) == pytest.approx(500, abs=1) and float(moved.median()) == pytest.approx(750, abs=1)


def test_each_picture_is_shifted_as_its_own_size_is_drawn():
    both = noise_levels(LoraSettings(timestep_density="uniform"), Flow(), SimpleNamespace()).timesteps(
        torch.tensor([0.5, 0.5]), [(4, 8, 8), (4, 8, 24)]
    )
    assert both.tolist() == pytest.approx([500, 750])


def test_settings_that_mean_nothing_for_a_family_are_refused():
    with pytest.raises(TrainingError, match="`min_snr_gamma` is 5, but family 'sd' is trained on flows"):
        timesteps(min_snr_gamma=5)
    with pytest.raises(TrainingError, match="`timestep_shift` is 3, but family 'sd' is no flow"):
        timesteps(StableDiffusion(), timestep_shift=3)


@pytest.mark.parametrize("gamma", [1.0, 5.0])
def test_min_snr_gives_noise_and_velocity_the_same_weight_of_the_picture(gamma):
    """An error of the picture is SNR times as large in the noise and SNR + 1 times in the velocity (Salimans and Ho 2022, appendix D)."""
    every = torch.arange(1000)
    noise, velocity = (DDIMScheduler(prediction_type=kind) for kind in ("epsilon", "v_prediction"))
    ratio = noise.alphas_cumprod / (1 - noise.alphas_cumprod)
    assert ratio.min() < 0.01 and ratio.max() > 1000
    expected = ratio.clamp(max=gamma)
    torch.testing.assert_close(min_snr_weights(noise, every, gamma) * ratio, expected)
    torch.testing.assert_close(min_snr_weights(velocity, every, gamma) * (ratio + 1), expected)


def test_min_snr_is_finite_where_no_signal_is_left():
    scheduler = DDIMScheduler(rescale_betas_zero_snr=True)
    assert float(scheduler.alphas_cumprod[-1]) == 0
    assert float(min_snr_weights(scheduler, torch.tensor([999]), 5.0)) == 1
