"""Family "sdxl": what every family must hold, and our loop bit for bit against StableDiffusionXLPipeline."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from catalog.errors import ModelError, RenderError
from generation.adapter import attach_lora
from generation.base_model import load_pipeline, read_base_model
from generation.families import family_named
from tests.generation import family_contract as contract
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model, write_tiny_lora
from tests.tiny_sdxl import write_tiny_sdxl


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_sdxl(tmp_path_factory.mktemp("base") / "tiny"))


@pytest.fixture(scope="module")
def lora(base_model, tmp_path_factory):
    return contract.train_tiny_lora(base_model, tmp_path_factory.mktemp("lora"))


def stock_draw(pipeline, prompt, seed, steps, guidance, size_px=(TINY_SIZE_PX, TINY_SIZE_PX)):
    generator, (width, height) = torch.Generator("cpu").manual_seed(seed), size_px
    asked = {"num_inference_steps": steps, "guidance_scale": guidance, "width": width, "height": height}
    return pipeline(prompt, generator=generator, output_type="np", **asked).images[0]


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_our_loop_draws_what_the_stock_pipeline_draws(base_model, guidance):
    contract.assert_our_loop_is_the_stock_pipeline(base_model, stock_draw, guidance=guidance)


@pytest.mark.parametrize(
    "made",
    [
        {"prediction": "v_prediction"},
        {"latents_mean": [0.4, -0.2, 0.1, 0.0], "latents_std": [1.5, 0.8, 1.0, 1.2]},
    ],
    ids=["velocity", "normalized latents"],
)
def test_other_models_of_the_layout_draw_as_stock_too(tmp_path, made):
    base_model = read_base_model(write_tiny_sdxl(tmp_path / "tiny", **made))
    contract.assert_our_loop_is_the_stock_pipeline(base_model, stock_draw, guidance=3.0)


def test_latents_go_there_and_back_whatever_they_are_normalized_by(tmp_path):
    plain, normalized = (
        load_pipeline(read_base_model(write_tiny_sdxl(tmp_path / name, **made)))
        for name, made in [("plain", {}), ("normalized", {"latents_mean": [0.4, -0.2, 0.1, 0.0], "latents_std": [1.5, 0.8, 1.0, 1.2]})]
    )
    family = read_base_model(tmp_path / "plain").behavior
    pixels_BCHW = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        latents = [family.encode(pipeline, pixels_BCHW) for pipeline in (plain, normalized)]
        assert not torch.allclose(*latents, atol=1e-3)
        assert torch.allclose(
            *(family.decode(pipeline, one) for pipeline, one in zip((plain, normalized), latents, strict=True)), atol=1e-4
        )


def test_the_model_is_told_the_size_that_is_drawn(base_model):
    """A bucket of another aspect is stock's picture of that size, and another one than with the native size told."""
    pipeline, size_px = load_pipeline(base_model), (96, 32)
    ours = contract.draw_ours(base_model, pipeline, size_px=size_px, guidance=2.0)
    assert ours.shape == (32, 96, 3)
    assert np.array_equal(ours, stock_draw(pipeline, contract.TRIGGER, contract.SEED, contract.STEPS, 2.0, size_px))
    told = {"original_size": (64, 64), "target_size": (64, 64), "height": 32, "width": 96}
    generator = torch.Generator("cpu").manual_seed(contract.SEED)
    other = pipeline(contract.TRIGGER, generator=generator, num_inference_steps=3, guidance_scale=2.0, output_type="np", **told).images[0]
    assert np.abs(ours - other).max() > 1 / 255


def test_the_empty_prompt_is_zeros_only_where_the_model_was_trained_so(base_model, tmp_path):
    told = base_model.behavior.condition(load_pipeline(base_model), "")
    assert {name: float(tensor.abs().max()) for name, tensor in told.items()} == {"prompt": 0.0, "pooled": 0.0}
    folder = write_tiny_sdxl(tmp_path / "tiny")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "force_zeros_for_empty_prompt": False}))
    spoken = read_base_model(folder)
    assert base_model.behavior.condition(load_pipeline(spoken), "")["prompt"].abs().max() > 0
    contract.assert_our_loop_is_the_stock_pipeline(spoken, stock_draw, guidance=3.0)


def test_the_true_sizes_fit():
    """SDXL inpainting's UNet as its folder describes it, on torch's meta device: no weights, but every shape, for a bucket of 1216 x 832 px."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=128, in_channels=9, out_channels=4, addition_embed_type="text_time", addition_time_embed_dim=256,
            attention_head_dim=(5, 10, 20), block_out_channels=(320, 640, 1280), cross_attention_dim=2048,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"), layers_per_block=2,
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), projection_class_embeddings_input_dim=2816,
            transformer_layers_per_block=(1, 2, 10), use_linear_projection=True,
        )  # fmt: skip
        pipeline = SimpleNamespace(unet=unet, vae=SimpleNamespace(config=SimpleNamespace(latent_channels=4)), vae_scale_factor=8)
        told = {"prompt": torch.zeros(2, 77, 2048), "pooled": torch.zeros(2, 1280)}
        told |= {"drawn": torch.zeros(2, 1, 104, 152), "known": torch.zeros(2, 4, 104, 152)}
        predicted = family_named("sdxl").predict(pipeline, torch.zeros(2, 4, 104, 152), torch.zeros(2, dtype=torch.long), told)
    assert predicted.shape == (2, 4, 104, 152) and sum(weight.numel() for weight in unet.parameters()) == 2_567_478_084


def test_pictures_to_go_by_are_refused(base_model):
    with pytest.raises(RenderError, match="draws from words alone"):
        base_model.behavior.condition(load_pipeline(base_model), "oak", [np.zeros((64, 64, 3), np.uint8)])


def test_pictures_are_encoded_in_float32_and_the_decoder_is_left_alone(base_model):
    """bfloat16 has eight bits; what every variant of a product rests on is computed with 24."""
    family, pipeline = base_model.behavior, load_pipeline(base_model)
    pixels_BCHW = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    with torch.inference_mode():
        pipeline.vae.to(torch.bfloat16)
        encoded = family.encode(pipeline, pixels_BCHW)
        assert pipeline.vae.dtype == torch.bfloat16 and encoded.dtype == torch.float32
        rounded = pipeline.vae.encode(pixels_BCHW.bfloat16()).latent_dist.mode().float() * pipeline.vae.config.scaling_factor
        precise = pipeline.vae.float().encode(pixels_BCHW).latent_dist.mode() * pipeline.vae.config.scaling_factor
    assert torch.equal(encoded, precise) and not torch.equal(encoded, rounded)


@pytest.mark.slow  # a process of its own imports torch and diffusers, which takes 8 CPU-s; family sd's runs always
def test_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora):
    contract.assert_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_stock_draws_the_same_with_our_lora_file(base_model, lora, guidance):
    contract.assert_stock_draws_the_same_with_our_file(base_model, lora, stock_draw, guidance=guidance)


def test_a_prompt_that_is_too_long_is_told_by_us_alone(base_model):
    contract.assert_libraries_say_nothing_of_a_prompt_that_is_too_long(base_model, load_pipeline(base_model))


def test_nothing_reaches_the_network(base_model, lora, monkeypatch):
    contract.assert_nothing_reaches_the_network(base_model, lora, monkeypatch)


def test_the_digest_follows_what_is_loaded(base_model, tmp_path):
    contract.assert_the_digest_follows_what_is_loaded(base_model, tmp_path / "copy")


def test_missing_parts_are_named(base_model, tmp_path):
    contract.assert_missing_parts_are_named(base_model, tmp_path / "copy")


def test_a_model_without_its_second_text_encoder_is_refused(base_model, tmp_path):
    folder = write_tiny_sdxl(tmp_path / "tiny")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "text_encoder": [None, None]}))
    with pytest.raises(ModelError, match="lacks 'text_encoder', which its family 'sdxl' needs"):
        read_base_model(folder)


def test_a_lora_of_another_family_is_refused(base_model, tmp_path):
    tiny_sd = write_tiny_base_model(tmp_path / "sd")
    contract.assert_a_foreign_lora_is_refused(base_model, write_tiny_lora(tiny_sd, tmp_path / "foreign.safetensors", seed=1))


@pytest.mark.parametrize("inpaint", [False, True], ids=["saved as text-to-image", "saved as inpainting"])
def test_a_lora_of_the_base_works_on_the_inpainting_unet_made_of_it(lora, tmp_path, inpaint):
    """Only the first layer differs: nine channels for four."""
    wider = read_base_model(write_tiny_sdxl(tmp_path / "nine", channels=9, inpaint=inpaint))
    pipeline = load_pipeline(wider)
    before = contract.draw_ours(wider, pipeline)
    assert attach_lora(pipeline, lora.path, lora.digest) == lora.layers
    assert np.abs(contract.draw_ours(wider, pipeline) - before).mean() > 1 / 255
