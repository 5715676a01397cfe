"""Inpainting: drawing around a product is what the stock inpainting pipelines draw, for UNets that read masks and for others."""

from dataclasses import replace

import diffusers
import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, StableDiffusionInpaintPipeline, StableDiffusionXLInpaintPipeline
from PIL import Image

from generation.base_model import load_pipeline, read_base_model
from generation.denoise import Sampling, denoise, noise_of_seeds
from generation.inpainting import Inpainting, blend_known, encode_known, join_known, reads_masks
from tests.generation.family_contract import SEED, STEPS, TRIGGER, draw_ours
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model
from tests.tiny_sdxl import write_tiny_sd_inpaint, write_tiny_sdxl

WRITERS = {
    "sdxl, nine channels": lambda folder: write_tiny_sdxl(folder, channels=9, inpaint=True),
    "sdxl, four channels": write_tiny_sdxl,
    "sdxl, four channels saved for inpainting": lambda folder: write_tiny_sdxl(folder, inpaint=True),
    "sd, nine channels": write_tiny_sd_inpaint,
    "sd, four channels": lambda folder: write_tiny_sd_inpaint(folder, channels=4),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Base models and loaded pipelines by name, each made when it is first asked for."""
    made = {}

    def model(name):
        if name not in made:
            base_model = read_base_model(WRITERS[name](tmp_path_factory.mktemp("base") / "tiny"))
            made[name] = base_model, load_pipeline(base_model)
        return made[name]

    return model


def inpainting(seed=0, left=16, strength=1.0):
    """A box of noise that is known, on gray; its edges are on the latent grid on the left and off it on the right."""
    picture = np.full((TINY_SIZE_PX, TINY_SIZE_PX, 3), 128, np.uint8)
    picture[20:60, left : left + 27] = np.random.default_rng(seed).integers(0, 256, (40, 27, 3))
    drawn = np.ones((TINY_SIZE_PX, TINY_SIZE_PX), bool)
    drawn[20:60, left : left + 27] = False
    return Inpainting(picture_HW3=picture, drawn_HW=drawn, strength=strength)


def stock_of(pipeline):
    """The stock inpainting pipeline of the same parts."""
    parts = {
        name: part for name, part in pipeline.components.items() if name not in ("image_encoder", "feature_extractor", "safety_checker")
    }
    if "text_encoder_2" in parts:
        stock = StableDiffusionXLInpaintPipeline(**parts, add_watermarker=False)
    else:
        stock = StableDiffusionInpaintPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    stock.set_progress_bar_config(disable=True)
    return stock


def stock_draw(base_model, pipeline, asked, guidance, steps=STEPS, **given):
    noise = noise_of_seeds([SEED], base_model.behavior.latent_shape(pipeline, TINY_SIZE_PX, TINY_SIZE_PX), "cpu")
    given = {"image": Image.fromarray(asked.picture_HW3), "latents": noise, "strength": 1.0, **given}
    return stock_of(pipeline)(
        TRIGGER, mask_image=Image.fromarray(asked.drawn_HW.astype(np.uint8) * 255), num_inference_steps=steps,
        guidance_scale=guidance, height=TINY_SIZE_PX, width=TINY_SIZE_PX, output_type="np", **given,
    ).images[0]  # fmt: skip


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("name", WRITERS)
def test_drawing_around_a_product_is_what_the_stock_pipeline_draws(models, name, guidance):
    """Bit for bit from the same latents; from the picture itself within what the stock pipeline's drawn sample of the latents adds."""
    base_model, pipeline = models(name)
    assert reads_masks(pipeline) == ("nine" in name)
    asked = inpainting()
    known = encode_known(base_model.behavior, pipeline, asked)
    ours = draw_ours(base_model, pipeline, guidance=guidance, known=known)
    latents = {"masked_image_latents": known.latents_BChw} | ({} if reads_masks(pipeline) else {"image": known.latents_BChw})
    assert np.array_equal(ours, stock_draw(base_model, pipeline, asked, guidance, **latents))
    np.testing.assert_allclose(ours, stock_draw(base_model, pipeline, asked, guidance), rtol=0, atol=1e-4)
    assert np.abs(ours - draw_ours(base_model, pipeline, guidance=guidance)).mean() > 1 / 255


@pytest.mark.parametrize("name", WRITERS)
def test_at_less_than_full_strength_drawing_begins_with_the_picture_as_the_stock_pipelines_do(models, name):
    base_model, pipeline = models(name)
    asked = inpainting(strength=2 / 3)
    known = encode_known(base_model.behavior, pipeline, asked)
    ours = draw_ours(base_model, pipeline, guidance=4.0, known=known)
    # Noise from the generator, because latents that are given are begun from at any strength.
    given = {"latents": None, "generator": torch.Generator("cpu").manual_seed(SEED), "strength": asked.strength}
    latents = {"masked_image_latents": known.latents_BChw, "image": known.begun_BChw}
    assert np.array_equal(ours, stock_draw(base_model, pipeline, asked, 4.0, **given, **latents))
    assert np.abs(ours - draw_ours(base_model, pipeline, guidance=4.0, known=replace(known, strength=1.0))).mean() > 1 / 255


@pytest.mark.parametrize(
    ("sampler", "settings"),
    [("PNDMScheduler", {"skip_prk_steps": True}), ("HeunDiscreteScheduler", {}), ("KDPM2DiscreteScheduler", {})],
)
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_samplers_that_ask_more_often_than_there_are_steps_draw_what_the_stock_pipelines_draw(models, sampler, settings, strength):
    """All of their questions are guided, and at half strength they begin with a whole step."""
    base_model, pipeline = models("sdxl, four channels")
    asked, before = inpainting(strength=strength), pipeline.scheduler
    pipeline.scheduler = getattr(diffusers, sampler).from_config(before.config, **settings)
    try:
        known = encode_known(base_model.behavior, pipeline, asked)
        ours = draw_ours(base_model, pipeline, guidance=4.0, known=known, steps=4)
        given = {"latents": None, "generator": torch.Generator("cpu").manual_seed(SEED), "strength": strength}
        latents = {"masked_image_latents": known.latents_BChw, "image": known.latents_BChw}
        assert np.array_equal(ours, stock_draw(base_model, pipeline, asked, 4.0, steps=4, **given, **latents))
    finally:
        pipeline.scheduler = before


@pytest.mark.parametrize("name", ["sdxl, nine channels", "sd, nine channels"])
def test_a_unet_that_reads_masks_draws_plates_as_if_everything_were_masked(models, name):
    base_model, pipeline = models(name)
    everything = Inpainting(picture_HW3=inpainting().picture_HW3, drawn_HW=np.ones((TINY_SIZE_PX, TINY_SIZE_PX), bool))
    known = encode_known(base_model.behavior, pipeline, everything)
    plate = draw_ours(base_model, pipeline, guidance=3.0)
    assert np.array_equal(plate, draw_ours(base_model, pipeline, guidance=3.0, known=known))
    latents = {"masked_image_latents": known.latents_BChw}
    assert np.array_equal(plate, stock_draw(base_model, pipeline, everything, 3.0, **latents))


def test_what_a_masked_picture_shows_where_the_model_draws_has_no_effect(models):
    base_model, pipeline = models("sdxl, nine channels")
    asked, other = inpainting(), inpainting()
    other.picture_HW3[other.drawn_HW] = 7
    encoded = [encode_known(base_model.behavior, pipeline, one).latents_BChw for one in (asked, other)]
    assert torch.equal(*encoded)


@pytest.mark.parametrize("name", ["sdxl, four channels", "sd, four channels", "eight latents"])
def test_known_latents_come_out_as_they_went_in(models, name, tmp_path):
    if name == "eight latents":
        base_model = read_base_model(write_tiny_base_model(tmp_path / "tiny"))
        pipeline = load_pipeline(base_model)
    else:
        base_model, pipeline = models(name)
    family = base_model.behavior
    with torch.inference_mode():
        known = encode_known(family, pipeline, inpainting())
        noise = noise_of_seeds([SEED], tuple(known.latents_BChw.shape[1:]), "cpu")
        latents = denoise(family, pipeline, noise, family.condition(pipeline, TRIGGER), None, Sampling(steps=3), known=known)
    kept = (known.drawn_B1hw == 0).expand_as(latents)
    assert 0 < kept.float().mean() < 0.5
    assert torch.equal(latents[kept], known.latents_BChw[kept]) and not torch.isclose(latents[~kept], known.latents_BChw[~kept]).any()


@pytest.mark.parametrize("name", ["sdxl, nine channels", "sdxl, four channels"])
def test_pictures_of_a_batch_keep_each_its_own(models, name):
    base_model, pipeline = models(name)
    family = base_model.behavior
    asked = [encode_known(family, pipeline, inpainting(seed, left)) for seed, left in [(0, 16), (1, 32)]]
    with torch.inference_mode():
        noise = noise_of_seeds([7, 8], tuple(asked[0].latents_BChw.shape[1:]), "cpu")
        told = [family.condition(pipeline, prompt) for prompt in ("oak", "navy wall")]
        sampling, unguided = Sampling(steps=3, guidance=2.0), family.condition(pipeline, "")
        both = denoise(family, pipeline, noise, family.join(told), family.join([unguided] * 2), sampling, known=join_known(asked))
        alone = [denoise(family, pipeline, noise[i : i + 1], told[i], unguided, sampling, known=asked[i]) for i in range(2)]
    torch.testing.assert_close(both, torch.cat(alone), rtol=0, atol=1e-4)


def test_flows_blend_along_their_straight_line():
    """At the level of the next step: (1 - sigma) of what is known and sigma of the noise; clean after the last."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(4)
    scheduler.set_begin_index(0)
    picture, noise, latents = torch.randn(3, 1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    family_known = join_known([_known(picture)])
    for step in range(4):
        latents = scheduler.step(torch.zeros_like(latents), scheduler.timesteps[step], latents, return_dict=False)[0]
        following = scheduler.timesteps[step + 1] if step < 3 else None
        sigma = scheduler.sigmas[step + 1]
        blended = blend_known(scheduler, latents, family_known, noise, following)
        expected = (1 - sigma) * picture + sigma * noise
        torch.testing.assert_close(blended[..., :4], expected[..., :4])
        assert torch.equal(blended[..., 4:], latents[..., 4:])
    assert torch.equal(blended[..., :4], picture[..., :4])


def _known(picture):
    from generation.inpainting import Known

    drawn = torch.zeros(1, 1, 8, 8)
    drawn[..., 4:] = 1
    return Known(latents_BChw=picture, drawn_B1hw=drawn)
