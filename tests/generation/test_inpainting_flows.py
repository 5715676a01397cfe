"""Inpainting with flow models: our blend draws what their stock inpainting pipelines draw, from noise alone and from the picture."""

import numpy as np
import pytest
import torch
from diffusers import Flux2KleinInpaintPipeline, ZImageInpaintPipeline
from PIL import Image

from generation.base_model import load_pipeline, read_base_model
from generation.denoise import Sampling, denoise, noise_of_seeds
from generation.inpainting import Inpainting, encode_known
from tests.generation.family_contract import SEED, TRIGGER
from tests.tiny_klein import write_tiny_klein
from tests.tiny_z_image import write_tiny_z_image

SIZE_PX, STEPS = 64, 3
TOLERANCE = 1e-4
"""Of 1; the stock pipelines draw a sample of the latents or ask for both guided halves in another order, which moves the last digits."""


@pytest.fixture(scope="module")
def z_image(tmp_path_factory):
    base_model = read_base_model(write_tiny_z_image(tmp_path_factory.mktemp("z") / "base"))
    pipeline = load_pipeline(base_model)
    last = pipeline.vae.encoder.conv_out  # a log-variance so low that the stock pipeline's sample is the mean
    with torch.no_grad():
        last.weight[4:], last.bias[4:] = 0, -30
    return base_model, pipeline


@pytest.fixture(scope="module")
def klein(tmp_path_factory):
    base_model = read_base_model(write_tiny_klein(tmp_path_factory.mktemp("klein") / "base"))
    return base_model, load_pipeline(base_model)


def inpainting(strength=1.0):
    """A box of noise that is known, its edges on the coarsest latent grid (16 px), where all pipelines' ways to scale masks agree."""
    picture = np.full((SIZE_PX, SIZE_PX, 3), 128, np.uint8)
    picture[16:48, 16:48] = np.random.default_rng(2).integers(0, 256, (32, 32, 3))
    drawn = np.ones((SIZE_PX, SIZE_PX), bool)
    drawn[16:48, 16:48] = False
    return Inpainting(picture_HW3=picture, drawn_HW=drawn, strength=strength)


def ours(base_model, pipeline, asked, guidance, references=()):
    """Our picture (H, W, 3), 0..1, and how much of its latents are exactly the known ones."""
    family = base_model.behavior
    with torch.inference_mode():
        known = encode_known(family, pipeline, asked)
        noise = noise_of_seeds([SEED], tuple(known.latents_BChw.shape[1:]), "cpu")
        told, unguided = (family.condition(pipeline, prompt, references) for prompt in (TRIGGER, ""))
        latents = denoise(family, pipeline, noise, told, unguided, Sampling(steps=STEPS, guidance=guidance), known=known)
        kept = (latents == known.latents_BChw).all(1).float().mean()
        picture = family.decode(pipeline, latents).clamp(-1, 1) / 2 + 0.5
    return picture[0].permute(1, 2, 0).numpy(), float(kept)


def stock(made, pipeline, asked, guidance):
    inpaint = made(**pipeline.components)
    inpaint.set_progress_bar_config(disable=True)
    return inpaint(
        prompt=TRIGGER, image=Image.fromarray(asked.picture_HW3), mask_image=Image.fromarray(asked.drawn_HW.astype(np.uint8) * 255),
        strength=asked.strength, num_inference_steps=STEPS, guidance_scale=guidance, generator=torch.Generator("cpu").manual_seed(SEED), output_type="np",
    ).images[0]  # fmt: skip


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_z_image_is_inpainted_as_its_stock_pipeline_does(z_image, guidance, monkeypatch):
    base_model, pipeline = z_image
    latents = noise_of_seeds([SEED], base_model.behavior.latent_shape(pipeline, SIZE_PX, SIZE_PX), "cpu")
    # The stock pipeline's generator draws the latents' sample before the noise.
    monkeypatch.setattr(ZImageInpaintPipeline, "prepare_latents", _with_noise(ZImageInpaintPipeline.prepare_latents, latents))
    picture, kept = ours(base_model, pipeline, inpainting(), guidance)
    np.testing.assert_allclose(picture, stock(ZImageInpaintPipeline, pipeline, inpainting(), guidance - 1), rtol=0, atol=TOLERANCE)
    assert kept == 0.25


def _with_noise(prepare, noise):
    def prepared(self, *args):
        return prepare(self, *args[:-1], noise)

    return prepared


@pytest.mark.parametrize("guidance, strength", [(1.0, 1.0), (4.0, 1.0), (4.0, 2 / 3)])
def test_klein_is_inpainted_as_its_stock_pipeline_does(klein, guidance, strength):
    """That one is told of the picture as one to go by as well; so are we here."""
    base_model, pipeline = klein
    asked = inpainting(strength)
    picture, kept = ours(base_model, pipeline, asked, guidance, [asked.picture_HW3])
    np.testing.assert_allclose(picture, stock(Flux2KleinInpaintPipeline, pipeline, asked, guidance), rtol=0, atol=TOLERANCE)
    assert kept == 0.25
    blind, kept = ours(base_model, pipeline, asked, guidance)
    assert kept == 0.25 and np.abs(blind - picture).max() > 1 / 255
