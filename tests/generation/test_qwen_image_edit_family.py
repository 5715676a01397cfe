"""Family "qwen-image-edit" on tiny models of the real classes: drawn as the stock pipelines draw, batched where they refuse, trained."""

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
from tests.tiny_qwen_edit import write_tiny_qwen_edit

RED, BLUE = product((200, 30, 30)), product((20, 40, 220))
ONE_PROMPT, ONE_SEED = PROMPTS[:1], SEEDS[:1]


@pytest.fixture(scope="module", autouse=True)
def small_references():
    """Both pipelines bring references to a megapixel, whatever is drawn: a minute per picture here. 64 x 64 px instead, for stock and ours."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit as first
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plus, "CONDITION_IMAGE_SIZE", 64 * 64)
        patch.setattr(plus, "VAE_IMAGE_SIZE", 64 * 64)
        of_area = first.calculate_dimensions
        patch.setattr(first, "calculate_dimensions", lambda area, ratio: of_area(area // 256, ratio))
        yield


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_qwen_edit(tmp_path_factory.mktemp("qwen") / "plus"))


@pytest.fixture(scope="module")
def pipeline(base_model):
    return corrected(load_pipeline(base_model))


@pytest.fixture(scope="module")
def lora(base_model, tmp_path_factory):
    return contract.train_tiny_lora(base_model, tmp_path_factory.mktemp("lora"), **TRAINING)


def corrected(pipeline):
    """The stock pipeline with what it forgets to tell its text encoder under transformers 5: which tokens are pictures."""

    def tell(encoder, _args, kwargs):
        kwargs.setdefault("mm_token_type_ids", (kwargs["input_ids"] == encoder.config.image_token_id).int())
        return (), kwargs

    pipeline.text_encoder.register_forward_pre_hook(tell, with_kwargs=True)
    return pipeline


def stock_edit(pipeline, references, guidance, prompts=ONE_PROMPT, seeds=ONE_SEED):
    """One reference is given bare, as the first Edit wants it."""
    images = [Image.fromarray(one) for one in references]
    image = images if len(images) > 1 else images[0]
    return stock(pipeline, prompts, seeds, image=image, negative_prompt="" if guidance > 1 else None, true_cfg_scale=guidance)


def test_its_sizes_come_from_the_configurations(base_model):
    assert (base_model.family, base_model.size_px, base_model.latent_scale, base_model.latent_channels) == ("qwen-image-edit", 64, 8, 4)
    configs = {"vae": {"temperal_downsample": [False, True, True], "z_dim": 16}, "tokenizer": {"model_max_length": 131072}}
    assert base_model.behavior.geometry(base_model.folder, configs).size_px == 1024


@pytest.mark.parametrize("references", [[RED], [RED, BLUE]], ids=["one", "two"])
def test_our_loop_draws_what_the_stock_pipeline_draws(base_model, pipeline, references):
    ours = drawn(base_model, pipeline, 1.0, ONE_PROMPT, ONE_SEED, [references])
    assert torch.equal(ours, stock_edit(pipeline, references, 1.0))
    assert furthest(ours, drawn(base_model, pipeline, 1.0, ONE_PROMPT, ONE_SEED, [[BLUE]])) > LEVEL


def test_guided_our_loop_draws_what_the_stock_pipeline_draws(base_model, pipeline):
    """Not bit for bit: ours asks for both halves at once, and pads the shorter prompt with a mask."""
    ours = drawn(base_model, pipeline, 4.0, ONE_PROMPT, ONE_SEED, [[RED]])
    assert furthest(ours, stock_edit(pipeline, [RED], 4.0)) < LEVEL / 10
    assert furthest(ours, drawn(base_model, pipeline, 1.0, ONE_PROMPT, ONE_SEED, [[RED]])) > LEVEL


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_the_first_edit_is_drawn_as_stock_too(tmp_path, guidance):
    base_model = read_base_model(write_tiny_qwen_edit(tmp_path / "first", plus=False))
    pipeline = corrected(load_pipeline(base_model))
    assert type(pipeline).__name__ == "QwenImageEditPipeline"
    ours = drawn(base_model, pipeline, guidance, ONE_PROMPT, ONE_SEED, [[RED]])
    assert furthest(ours, stock_edit(pipeline, [RED], guidance)) < LEVEL / 10
    with pytest.raises(RenderError, match="goes by one picture, but 2"):
        base_model.behavior.condition(pipeline, "oak", [RED, BLUE])
    assert torch.isfinite(drawn(base_model, pipeline)).all(), "from words alone, as a look is trained"


def test_from_words_alone_it_draws_what_qwen_image_draws(base_model, pipeline):
    from diffusers import QwenImagePipeline

    parts = {name: part for name, part in pipeline.components.items() if name != "processor"}
    plain, family = QwenImagePipeline(**parts), base_model.behavior
    plain.set_progress_bar_config(disable=True)
    told, untold = ({"prompt_embeds": family.condition(pipeline, prompt)["prompt"]} for prompt in (PROMPTS[0], ""))
    untold = {f"negative_{name}": value for name, value in untold.items()}
    theirs = stock(plain, None, ONE_SEED, true_cfg_scale=4.0, **told, **untold)
    assert furthest(drawn(base_model, pipeline, 4.0, ONE_PROMPT, ONE_SEED), theirs) < LEVEL / 10


def test_each_picture_of_a_batch_goes_by_its_own_product_where_the_stock_pipeline_refuses(base_model, pipeline):
    batch = drawn(base_model, pipeline, 4.0, references=[[RED], [BLUE]])
    singles = [drawn(base_model, pipeline, 4.0, PROMPTS[i : i + 1], SEEDS[i : i + 1], [[(RED, BLUE)[i]]]) for i in (0, 1)]
    assert furthest(batch, torch.cat(singles)) <= LEVEL
    with pytest.raises(ValueError, match="only supports batch_size=1"):
        stock_edit(pipeline, [RED, BLUE], 4.0, PROMPTS, SEEDS)


def test_a_picture_does_not_depend_on_how_long_its_neighbors_prompt_is(base_model, pipeline):
    prompts = ["oak", "a walnut table before a dark green wall, seen from the left, in evening light from a high window"]
    together = drawn(base_model, pipeline, 1.0, prompts, references=[[RED], [RED]])
    alone = torch.cat([drawn(base_model, pipeline, 1.0, prompts[i : i + 1], SEEDS[i : i + 1], [[RED]]) for i in (0, 1)])
    assert furthest(together, alone) < LEVEL / 10


def test_the_text_encoder_sees_where_in_a_picture_its_patches_are(base_model, pipeline):
    """Stock under transformers 5 takes them for words in a row: https://github.com/huggingface/diffusers/issues/14194."""
    with torch.inference_mode():
        ours = base_model.behavior.condition(pipeline, "oak", [RED])["prompt"]
        as_told, _ = pipeline.encode_prompt("oak", [Image.fromarray(RED)])
        left_alone, _ = load_pipeline(base_model).encode_prompt("oak", [Image.fromarray(RED)])
    assert torch.equal(ours, as_told)
    assert furthest(ours, left_alone) > 1e-4


def test_what_is_told_depends_on_the_product(base_model, pipeline):
    family = flow_family(base_model.behavior)
    with torch.inference_mode():
        red, blue = (family.condition(pipeline, "oak", [one])["prompt"] for one in (RED, BLUE))
    assert furthest(red, blue) > 1e-3
    assert not family.memory.prompts_repeat


def test_references_of_different_sizes_are_refused_as_one_batch(base_model, pipeline):
    family = flow_family(base_model.behavior)
    with torch.inference_mode():
        square, wide, bare = (family.condition(pipeline, "oak", mine) for mine in ([RED], [np.tile(RED, (1, 4, 1))], []))
    assert len({family.batch_key(one) for one in (square, wide, bare)}) == 3
    with pytest.raises(RenderError, match="8 x 8 and 16 x 4"):
        family.join([square, wide])


def test_latents_are_normalized_and_come_back_as_the_autoencoder_gives_them_back(base_model, pipeline):
    pixels = torch.from_numpy(np.stack([RED, BLUE])).permute(0, 3, 1, 2).float() / 127.5 - 1
    family = base_model.behavior
    with torch.inference_mode():
        latents = family.encode(pipeline, pixels)
        plain = pipeline.vae.decode(pipeline.vae.encode(pixels[:, :, None]).latent_dist.mode()).sample[:, :, 0]
        assert furthest(family.decode(pipeline, latents), plain) < LEVEL / 10
        assert torch.allclose(latents, pipeline._encode_vae_image(pixels[:, :, None], None)[:, :, 0], atol=1e-5)
    assert latents.shape == (2, *family.latent_shape(pipeline, 64, 64))


def test_the_shift_is_the_one_that_the_scheduler_draws_with(base_model, pipeline):
    family, shape = flow_family(base_model.behavior), (4, 128, 128)
    family.schedule(pipeline, 8, shape)
    moved = shifted(torch.linspace(1, 1 / 8, 8), family.shift(pipeline, shape))
    assert torch.allclose(pipeline.scheduler.stretch_shift_to_terminal(moved), pipeline.scheduler.sigmas[:-1], atol=1e-5)
    assert family.shift(pipeline, shape) > family.shift(pipeline, (4, 32, 32)) > 1


def test_it_draws_in_bfloat16_and_on_another_device(base_model):
    assert_it_draws_in_bfloat16_and_on_another_device(base_model, [RED])


def test_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora):
    contract.assert_a_trained_lora_changes_what_a_fresh_process_draws(base_model, lora)
    assert lora.layers == 2 * 12, "attention and feed-forward of both streams, two blocks"


def test_a_look_trained_from_words_draws_edits_and_the_same_in_the_stock_pipeline(base_model, lora):
    pipeline = corrected(load_pipeline(base_model))
    plain = stock_edit(pipeline, [RED], 4.0)
    pipeline.load_lora_weights(lora.path)
    theirs = stock_edit(pipeline, [RED], 4.0)
    pipeline.unload_lora_weights()
    attach_lora(pipeline, lora.path, lora.digest)
    assert furthest(drawn(base_model, pipeline, 4.0, ONE_PROMPT, ONE_SEED, [[RED]]), theirs) < LEVEL
    assert furthest(plain, theirs) > LEVEL


def test_nothing_reaches_the_network(base_model, lora, monkeypatch):
    contract.assert_nothing_reaches_the_network(base_model, lora, monkeypatch)


def test_its_digest_follows_what_is_loaded_and_missing_parts_are_named(base_model, tmp_path):
    contract.assert_the_digest_follows_what_is_loaded(base_model, tmp_path / "one")
    contract.assert_missing_parts_are_named(base_model, tmp_path / "two")


def test_loras_of_other_families_are_refused(base_model, tmp_path):
    contract.assert_a_foreign_lora_is_refused(base_model, contract.write_foreign_lora(tmp_path / "sd.safetensors"))
    klein = write_foreign_transformer_lora(tmp_path / "klein.safetensors", "single_transformer_blocks.0.attn.to_qkv_mlp_proj")
    contract.assert_a_foreign_lora_is_refused(base_model, klein)
