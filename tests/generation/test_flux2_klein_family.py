"""Family "flux2-klein" on a tiny model of the real classes: drawn as the stock pipeline draws, after each picture's own references, trained."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from catalog.errors import RenderError
from generation.adapter import attach_lora
from generation.base_model import load_pipeline, read_base_model
from generation.flow import flow_family, shifted
from tests.generation import family_contract as contract
from tests.generation.flow_contract import (
    LEVEL,
    PROMPTS,
    SEEDS,
    TRAINING,
    assert_it_draws_in_bfloat16_and_on_another_device,
    drawn,
    furthest,
    product,
    stock,
    write_foreign_transformer_lora,
)
from tests.tiny_klein import write_tiny_klein
from training.samples import Sample
from training.settings import LoraSettings
from training.trainee import inject_adapter

RED, BLUE = product((200, 30, 30)), product((20, 40, 220))


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_klein(tmp_path_factory.mktemp("klein") / "base"))


@pytest.fixture(scope="module")
def distilled(tmp_path_factory):
    return read_base_model(write_tiny_klein(tmp_path_factory.mktemp("klein") / "distilled", seed=21, is_distilled=True))


@pytest.fixture(scope="module")
def pipeline(base_model):
    return load_pipeline(base_model)


@pytest.fixture(scope="module")
def lora(base_model, tmp_path_factory):
    return contract.train_tiny_lora(base_model, tmp_path_factory.mktemp("lora"), **TRAINING)


def stock_draw(pipeline, prompt, seed, steps, guidance):
    return stock(pipeline, [prompt], [seed], num_inference_steps=steps, guidance_scale=guidance)[0].permute(1, 2, 0).numpy()


def test_its_sizes_come_from_the_configurations(base_model):
    assert (base_model.family, base_model.size_px, base_model.latent_scale, base_model.latent_channels) == ("flux2-klein", 64, 16, 16)


def test_our_loop_draws_what_the_stock_pipeline_draws(base_model, pipeline):
    ours = drawn(base_model, pipeline)
    assert torch.equal(ours, stock(pipeline, guidance_scale=1.0))
    assert furthest(ours[:1], ours[1:]) > 20 * LEVEL


def test_guided_our_loop_draws_what_the_stock_pipeline_draws(base_model, pipeline):
    """Not bit for bit: ours asks for both halves at once, the stock pipeline one after the other, and sums differ by batch size."""
    ours = drawn(base_model, pipeline, guidance=4.0)
    assert furthest(ours, stock(pipeline, guidance_scale=4.0)) < LEVEL / 100
    assert furthest(ours, drawn(base_model, pipeline)) > LEVEL


def test_the_distilled_model_is_drawn_without_guidance_whatever_is_asked(distilled):
    pipeline = load_pipeline(distilled)
    assert not distilled.behavior.can_guide(pipeline)
    assert torch.equal(drawn(distilled, pipeline, guidance=4.0), stock(pipeline, guidance_scale=4.0))


@pytest.mark.parametrize("references", [[RED], [RED, BLUE]], ids=["one", "two"])
def test_pictures_to_go_by_count_as_in_the_stock_pipeline(base_model, pipeline, references):
    ours = drawn(base_model, pipeline, 4.0, PROMPTS[:1], SEEDS[:1], [references])
    theirs = stock(pipeline, PROMPTS[:1], SEEDS[:1], image=[Image.fromarray(one) for one in references], guidance_scale=4.0)
    assert furthest(ours, theirs) < LEVEL / 100
    assert furthest(ours, drawn(base_model, pipeline, 4.0, PROMPTS[:1], SEEDS[:1])) > LEVEL


def test_each_picture_of_a_batch_goes_by_its_own_product_which_the_stock_pipeline_does_not(base_model, pipeline):
    batch = drawn(base_model, pipeline, 4.0, references=[[RED], [BLUE]])
    singles = torch.cat([drawn(base_model, pipeline, 4.0, PROMPTS[i : i + 1], SEEDS[i : i + 1], [[(RED, BLUE)[i]]]) for i in (0, 1)])
    assert furthest(batch, singles) <= LEVEL
    shared = stock(pipeline, image=[Image.fromarray(RED), Image.fromarray(BLUE)], guidance_scale=4.0)
    assert min(furthest(shared[i], singles[i]) for i in (0, 1)) > 2 * LEVEL


def test_references_of_different_sizes_are_refused_as_one_batch(base_model, pipeline):
    family = flow_family(base_model.behavior)
    with torch.inference_mode():
        small, large, bare = (family.condition(pipeline, "oak", mine) for mine in ([RED], [product((9, 9, 9), 96)], []))
    assert len({family.batch_key(one) for one in (small, large, bare)}) == 3
    with pytest.raises(RenderError, match=r"4 x 4 and 6 x 6.*batches of their own"):
        family.join([small, large])
    with pytest.raises(RenderError, match="4 x 4 and none"):
        family.join([small, bare])


def test_a_reference_too_small_to_see_is_refused(base_model, pipeline):
    with pytest.raises(RenderError, match="too small: 32×32"):
        base_model.behavior.condition(pipeline, "oak", [product((9, 9, 9), 32)])


def test_latents_are_normalized_and_come_back_as_the_autoencoder_gives_them_back(base_model, pipeline):
    pixels = torch.from_numpy(np.stack([RED, BLUE])).permute(0, 3, 1, 2).float() / 127.5 - 1
    family = base_model.behavior
    with torch.inference_mode():
        latents = family.encode(pipeline, pixels)
        plain = pipeline.vae.decode(pipeline.vae.encode(pixels).latent_dist.mode()).sample
        assert furthest(family.decode(pipeline, latents), plain) < LEVEL / 10
        assert torch.allclose(latents, pipeline._encode_vae_image(pixels, None), atol=1e-4)
    assert latents.shape == (2, *family.latent_shape(pipeline, 64, 64))


def test_the_shift_is_the_one_that_the_scheduler_draws_with(base_model, pipeline):
    family, shape = flow_family(base_model.behavior), (16, 64, 64)
    family.schedule(pipeline, 50, shape)
    evenly = torch.linspace(1, 1 / 50, 50)
    assert torch.allclose(shifted(evenly, family.shift(pipeline, shape)), pipeline.scheduler.sigmas[:-1], atol=1e-5)
    assert family.shift(pipeline, shape) > family.shift(pipeline, (16, 16, 16)) > 1


def test_the_model_itself_says_how_many_single_blocks_a_lora_changes(base_model):
    trainee = inject_adapter(base_model.behavior, load_pipeline(base_model), LoraSettings(target_modules="single"), 0)
    assert trainee.layers == 2 * 2
    assert {name.split(".")[1] for name in trainee.parameters} == {"single_transformer_blocks"}


def test_a_training_in_bfloat16_prints_nothing_of_torchs_kernels(base_model):
    """The first step of every run ended in two lines about norms that "cannot dispatch to fused implementation"."""
    trainee = inject_adapter(base_model.behavior, load_pipeline(base_model), LoraSettings(precision="bfloat16"), 0)
    shape = base_model.behavior.latent_shape(trainee.pipeline, 64, 64)
    told = base_model.behavior.condition(trainee.pipeline, "a wall")
    sample = Sample(latents_Chw=torch.zeros(shape), noise_Chw=torch.ones(shape), timestep=torch.tensor(500.0), prompt=told, weight_hw=None)
    torch.set_warn_always(True)  # not once per process: another test may have been first
    try:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            assert torch.isfinite(trainee.loss([sample])).all()
    finally:
        torch.set_warn_always(False)
    assert [str(one.message) for one in found if "Mismatch dtype" in str(one.message)] == []


def test_it_draws_in_bfloat16_and_on_another_device(base_model):
    assert_it_draws_in_bfloat16_and_on_another_device(base_model, [RED])


def test_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora):
    contract.assert_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora)


def test_the_stock_pipeline_draws_the_same_with_our_lora_file(base_model, lora):
    contract.assert_stock_draws_the_same_with_our_file(base_model, lora, stock_draw, guidance=4.0, atol=LEVEL / 10)


def test_a_lora_of_base_fits_every_layer_of_the_distilled_model(distilled, lora):
    pipeline = load_pipeline(distilled)
    before = drawn(distilled, pipeline)
    assert attach_lora(pipeline, lora.path, lora.digest) == lora.layers == 8 + 4 + 2 * 2
    assert furthest(before, drawn(distilled, pipeline)) > LEVEL


def test_nothing_reaches_the_network(base_model, lora, monkeypatch):
    contract.assert_nothing_reaches_the_network(base_model, lora, monkeypatch)


def test_its_digest_follows_what_is_loaded_and_missing_parts_are_named(base_model, tmp_path):
    contract.assert_the_digest_follows_what_is_loaded(base_model, tmp_path / "one")
    contract.assert_missing_parts_are_named(base_model, tmp_path / "two")


def test_loras_of_other_families_are_refused(base_model, tmp_path):
    contract.assert_a_foreign_lora_is_refused(base_model, contract.write_foreign_lora(tmp_path / "sd.safetensors"))
    z_image = write_foreign_transformer_lora(tmp_path / "z.safetensors", "layers.0.attention.to_q")
    contract.assert_a_foreign_lora_is_refused(base_model, z_image)
