"""A step's gradient does not depend on how it is computed: in parts, with fewer activations kept, or on matrices rounded beforehand."""

import pytest
import torch
from diffusers import DDIMScheduler

from generation.base_model import load_pipeline, read_base_model
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model
from tests.training.tiny_look import TRIGGER, look_files
from training.gradients import add_gradients
from training.latents import encode_training_set
from training.objective import min_snr_weights
from training.plan import plan_training
from training.samples import Sample, parts_of_one_shape
from training.settings import LoraSettings
from training.step_plan import step_samples
from training.timesteps import noise_levels
from training.trainee import inject_adapter
from training.training_set import build_training_set

SETTINGS = LoraSettings(batch_size=5, rank=2, precision="float32")


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_base_model(tmp_path_factory.mktemp("base") / "tiny"))


@pytest.fixture(scope="module")
def samples(base_model):
    data = build_training_set(*look_files(10), TRIGGER, size_px=TINY_SIZE_PX)
    pipeline = load_pipeline(base_model)
    plan = plan_training(SETTINGS, data, base_model)
    levels = noise_levels(SETTINGS, base_model.behavior, pipeline)
    return step_samples(plan, 3, encode_training_set(pipeline, data, base_model), levels)


@pytest.fixture(scope="module")
def gradient(base_model, samples):
    def gradient(taken=samples, **changed):
        settings = LoraSettings(**{**SETTINGS.model_dump(), **changed})
        trainee = inject_adapter(base_model.behavior, load_pipeline(base_model), settings, seed=1)
        torch.nn.init.normal_(trainee.flat.data, std=0.1, generator=torch.Generator().manual_seed(2))  # B too, or A's gradients were zero
        return add_gradients(trainee, taken, settings), trainee.flat.grad

    return gradient


@pytest.fixture(scope="module")
def plain(gradient):
    return gradient()


def test_every_adapter_weight_gets_a_gradient(plain):
    loss, flat = plain
    assert loss > 0.1 and (flat != 0).float().mean() > 0.9


@pytest.mark.parametrize("parts", [2, 5])
def test_a_step_in_parts_is_the_step_in_one(plain, gradient, parts):
    loss, flat = gradient(accumulation=parts)
    assert loss == pytest.approx(plain[0], rel=1e-5)
    torch.testing.assert_close(flat, plain[1], rtol=1e-4, atol=1e-6)


def test_recomputed_activations_give_the_same_gradient(plain, gradient):
    loss, flat = gradient(gradient_checkpointing=True)
    assert loss == plain[0]
    torch.testing.assert_close(flat, plain[1], rtol=1e-5, atol=1e-7)


def test_shares_of_a_step_add_up_to_it(plain, gradient, samples):
    """What N processes rely on, also when they cannot share pictures evenly."""
    first, rest = gradient(samples[:2]), gradient(samples[2:])
    assert first[0] + rest[0] == pytest.approx(plain[0], rel=1e-5)
    torch.testing.assert_close(first[1] + rest[1], plain[1], rtol=1e-4, atol=1e-6)


def test_min_snr_weighs_each_sample_of_a_step(gradient, samples, base_model):
    scheduler = DDIMScheduler.from_pretrained(base_model.folder / "scheduler")
    expected = sum(
        gradient([sample])[0] * float(min_snr_weights(scheduler, sample.timestep[None], 5.0)) for sample in samples
    )  # a single sample's share of the step's loss
    assert gradient(min_snr_gamma=5.0)[0] == pytest.approx(expected, rel=1e-5)


def test_bfloat16_differs_from_float32_by_rounding_alone(plain, gradient):
    loss, flat = gradient(precision="bfloat16")
    assert loss == pytest.approx(plain[0], rel=0.01)
    assert float(torch.nn.functional.cosine_similarity(flat, plain[1], dim=0)) > 0.99


def masked(sample, weight_hw):
    return Sample(**{**vars(sample), "weight_hw": weight_hw})


def test_what_is_masked_out_has_no_part_in_loss_and_gradient(gradient, samples, base_model):
    """Left, picture and noise are changed so that the denoiser sees the same and should say something else: masked out, nothing changes."""
    alphas = DDIMScheduler.from_pretrained(base_model.folder / "scheduler").alphas_cumprod
    right = torch.ones(8, 8)
    right[:, :4] = 0
    changed = []
    for sample in samples:
        alpha = alphas[sample.timestep]
        latents, noise = sample.latents_Chw.clone(), sample.noise_Chw.clone()
        latents[:, :, :4] += 0.5 * (1 - alpha).sqrt()
        noise[:, :, :4] -= 0.5 * alpha.sqrt()
        changed.append(Sample(**{**vars(sample), "latents_Chw": latents, "noise_Chw": noise}))
    assert gradient(changed)[0] != pytest.approx(gradient()[0], rel=0.01)
    (loss, flat), (expected, expected_flat) = (gradient([masked(one, right) for one in taken]) for taken in (changed, samples))
    assert loss == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(flat, expected_flat, rtol=1e-3, atol=1e-5)


def test_a_white_mask_is_no_mask_and_a_gray_one_neither(plain, gradient, samples):
    for level in (1.0, 0.5):
        loss, flat = gradient([masked(sample, torch.full((8, 8), level)) for sample in samples])
        assert loss == pytest.approx(plain[0], rel=1e-5)
        torch.testing.assert_close(flat, plain[1], rtol=1e-4, atol=1e-6)


def test_parts_hold_pictures_of_one_shape_in_order():
    made = [
        Sample(latents_Chw=torch.zeros(1, 2, width), noise_Chw=None, timestep=place, prompt={})
        for place, width in enumerate((2, 3, 2, 2, 3))
    ]
    assert [[sample.timestep for sample in part] for part in parts_of_one_shape(made, 2)] == [[0, 2], [3], [1, 4]]
