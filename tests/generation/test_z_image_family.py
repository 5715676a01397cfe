"""Family "z-image" on a tiny model of the real classes: drawn as the stock pipeline draws, prompts of any lengths in a batch, trained."""

import numpy as np
import pytest
import torch

from catalog.errors import RenderError
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
from tests.tiny_z_image import write_tiny_z_image

SHORT_AND_LONG = ["oak", "a walnut table before a dark green wall, seen from the left, in evening light from a high window"]


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_z_image(tmp_path_factory.mktemp("z") / "base"))


@pytest.fixture(scope="module")
def pipeline(base_model):
    return load_pipeline(base_model)


@pytest.fixture(scope="module")
def lora(base_model, tmp_path_factory):
    return contract.train_tiny_lora(base_model, tmp_path_factory.mktemp("lora"), **TRAINING)


def stock_draw(pipeline, prompt, seed, steps, guidance):
    """Guidance is counted from 0 there."""
    return stock(pipeline, [prompt], [seed], num_inference_steps=steps, guidance_scale=guidance - 1)[0].permute(1, 2, 0).numpy()


def test_its_sizes_come_from_the_configurations(base_model):
    assert (base_model.family, base_model.size_px, base_model.latent_scale, base_model.latent_channels) == ("z-image", 64, 8, 4)


def test_our_loop_draws_what_the_stock_pipeline_draws(base_model, pipeline):
    ours = drawn(base_model, pipeline)
    assert torch.equal(ours, stock(pipeline, list(PROMPTS), guidance_scale=0.0))
    assert furthest(ours[:1], ours[1:]) > 20 * LEVEL


def test_guided_our_loop_draws_what_the_stock_pipeline_draws(base_model, pipeline):
    """Not bit for bit: the two halves stand in another order in the batch."""
    ours = drawn(base_model, pipeline, guidance=4.0)
    assert furthest(ours, stock(pipeline, list(PROMPTS), guidance_scale=3.0)) < LEVEL / 100
    assert furthest(ours, drawn(base_model, pipeline)) > LEVEL


def test_a_picture_does_not_depend_on_how_long_its_neighbors_prompt_is(base_model, pipeline):
    together = drawn(base_model, pipeline, 4.0, SHORT_AND_LONG)
    alone = torch.cat([drawn(base_model, pipeline, 4.0, SHORT_AND_LONG[i : i + 1], SEEDS[i : i + 1]) for i in (0, 1)])
    assert furthest(together, alone) < LEVEL / 10
    assert base_model.behavior.count_tokens(pipeline, SHORT_AND_LONG[1]) > 100


def test_prompts_are_joined_to_the_longest_and_told_apart_from_padding(base_model, pipeline):
    family = flow_family(base_model.behavior)
    told = [family.condition(pipeline, prompt) for prompt in SHORT_AND_LONG]
    joined = family.join(told)
    lengths = [family.count_tokens(pipeline, prompt) for prompt in SHORT_AND_LONG]
    assert joined["prompt_mask"].sum(1).tolist() == lengths
    assert joined["prompt"].shape == (2, max(lengths), 16)
    assert family.batch_key(told[0]) != family.batch_key(told[1]), "padded for its neighbor, the short one would come out to other bytes"
    assert family.batch_key(told[0]) == family.batch_key({"prompt": told[0]["prompt"][:, :1]}), "the denoiser pads both alike"
    assert "prompt_mask" not in family.join(told[:1] * 2)
    again = family.join([{name: tensor[:1] for name, tensor in joined.items()}, told[1]])
    assert again.keys() == joined.keys() and all(torch.equal(again[name], joined[name]) for name in joined)


def test_pictures_to_go_by_are_refused(base_model, pipeline):
    with pytest.raises(RenderError, match="draws from words alone, but 1 pictures"):
        base_model.behavior.condition(pipeline, "oak", [product((9, 9, 9))])


def test_latents_come_back_as_the_autoencoder_gives_them_back(base_model, pipeline):
    pixels = torch.from_numpy(product((200, 30, 30))).permute(2, 0, 1)[None].float() / 127.5 - 1
    family = base_model.behavior
    with torch.inference_mode():
        latents = family.encode(pipeline, pixels)
        plain = pipeline.vae.decode(pipeline.vae.encode(pixels).latent_dist.mode()).sample
        assert furthest(family.decode(pipeline, latents), plain) < LEVEL / 10
    assert latents.shape[1:] == family.latent_shape(pipeline, 64, 64)
    assert 0.3 < float(latents.std()) < 3


@pytest.mark.parametrize("scheduling", [{"shift": 3.0}, {"use_dynamic_shifting": True}], ids=["fixed", "by size"])
def test_the_shift_is_the_one_that_the_scheduler_draws_with(tmp_path, scheduling):
    base_model = read_base_model(write_tiny_z_image(tmp_path / "z", **scheduling))
    pipeline, family = load_pipeline(base_model), flow_family(base_model.behavior)
    family.schedule(pipeline, 8, (4, 128, 128))
    shift = family.shift(pipeline, (4, 128, 128))
    assert torch.allclose(shifted(torch.linspace(1, 1 / 8, 8), shift), pipeline.scheduler.sigmas[:-1], atol=1e-5)
    assert shift == pytest.approx(3.0 if "shift" in scheduling else np.exp(1.15))


def test_it_draws_in_bfloat16_and_on_another_device(base_model):
    assert_it_draws_in_bfloat16_and_on_another_device(base_model)


def test_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora):
    contract.assert_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora)
    assert lora.layers == 4 * 7, "attention and feed-forward of two layers and two refiners"


def test_the_stock_pipeline_draws_the_same_with_our_lora_file(base_model, lora):
    contract.assert_stock_draws_the_same_with_our_file(base_model, lora, stock_draw, guidance=4.0, atol=LEVEL / 10)


def test_nothing_reaches_the_network(base_model, lora, monkeypatch):
    contract.assert_nothing_reaches_the_network(base_model, lora, monkeypatch)


def test_its_digest_follows_what_is_loaded_and_missing_parts_are_named(base_model, tmp_path):
    contract.assert_the_digest_follows_what_is_loaded(base_model, tmp_path / "one")
    contract.assert_missing_parts_are_named(base_model, tmp_path / "two")


def test_loras_of_other_families_are_refused(base_model, tmp_path):
    contract.assert_a_foreign_lora_is_refused(base_model, contract.write_foreign_lora(tmp_path / "sd.safetensors"))
    klein = write_foreign_transformer_lora(tmp_path / "klein.safetensors", "single_transformer_blocks.0.attn.to_qkv_mlp_proj")
    contract.assert_a_foreign_lora_is_refused(base_model, klein)
