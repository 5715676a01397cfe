"""Family "sd": our denoising loop draws what the stock pipeline draws, and guidance can end early."""

import numpy as np
import pytest
import torch

from generation.base_model import load_pipeline, read_base_model
from generation.denoise import Sampling, denoise, noise_of_seeds
from tests.generation import family_contract as contract
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model

PROMPTS, SEEDS = ["vitrine wall look", "oak table, navy wall"], [7, 8]


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_base_model(tmp_path_factory.mktemp("base") / "tiny"))


@pytest.fixture(scope="module")
def pipeline(base_model):
    return load_pipeline(base_model)


def ours(base_model, pipeline, **sampling):
    family, asked = base_model.behavior, Sampling(steps=5, **sampling)
    with torch.inference_mode():
        noise = noise_of_seeds(SEEDS, family.latent_shape(pipeline, TINY_SIZE_PX, TINY_SIZE_PX), pipeline.device)
        told = family.join([family.condition(pipeline, prompt) for prompt in PROMPTS])
        unguided = family.join([family.condition(pipeline, "")] * 2)
        return family.decode(pipeline, denoise(family, pipeline, noise, told, unguided, asked)).clamp(-1, 1) / 2 + 0.5


def stock(pipeline, guidance):
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
    size = {"height": TINY_SIZE_PX, "width": TINY_SIZE_PX}
    drawn = pipeline(PROMPTS, num_inference_steps=5, guidance_scale=guidance, generator=generators, output_type="np", **size)
    return torch.from_numpy(drawn.images).permute(0, 3, 1, 2)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_our_loop_draws_what_the_stock_pipeline_draws(base_model, pipeline, guidance):
    assert torch.equal(ours(base_model, pipeline, guidance=guidance), stock(pipeline, guidance))


def test_guidance_that_ends_early_draws_another_picture_with_fewer_questions(base_model, pipeline):
    asked = []
    hook = pipeline.unet.register_forward_pre_hook(lambda _module, args: asked.append(len(args[0])))
    cut = ours(base_model, pipeline, guidance=4.0, guided_share=0.4)
    hook.remove()
    assert asked == [4, 4, 2, 2, 2]
    assert not np.array_equal(cut, ours(base_model, pipeline, guidance=4.0))


@pytest.fixture(scope="module")
def lora(base_model, tmp_path_factory):
    return contract.train_tiny_lora(base_model, tmp_path_factory.mktemp("lora"))


def stock_draw(pipeline, prompt, seed, steps, guidance):
    generator = torch.Generator("cpu").manual_seed(seed)
    size = {"height": TINY_SIZE_PX, "width": TINY_SIZE_PX}
    return pipeline(prompt, num_inference_steps=steps, guidance_scale=guidance, generator=generator, output_type="np", **size).images[0]


def test_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora):
    contract.assert_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_stock_draws_the_same_with_our_lora_file(base_model, lora, guidance):
    contract.assert_stock_draws_the_same_with_our_file(base_model, lora, stock_draw, guidance=guidance)


def test_a_prompt_that_is_too_long_is_told_by_us_alone(base_model, pipeline):
    contract.assert_libraries_say_nothing_of_a_prompt_that_is_too_long(base_model, pipeline)


def test_nothing_reaches_the_network(base_model, lora, monkeypatch):
    contract.assert_nothing_reaches_the_network(base_model, lora, monkeypatch)


def test_the_digest_follows_what_is_loaded(base_model, tmp_path):
    contract.assert_the_digest_follows_what_is_loaded(base_model, tmp_path / "copy")


def test_missing_parts_are_named(base_model, tmp_path):
    contract.assert_missing_parts_are_named(base_model, tmp_path / "copy")


def test_a_lora_of_another_model_is_refused(base_model, tmp_path):
    contract.assert_a_foreign_lora_is_refused(base_model, contract.write_foreign_lora(tmp_path / "foreign.safetensors"))
