"""Every sampler that diffusers lists for these pipelines either gives the same picture again or is refused."""

import diffusers
import pytest
import torch
from diffusers.schedulers import KarrasDiffusionSchedulers

from catalog.errors import ModelError
from generation.base_model import load_pipeline, read_base_model
from generation.denoise import Sampling, denoise, noise_of_seeds
from generation.samplers import draws_noise
from tests.generation.family_contract import draw_ours
from tests.tiny_sdxl import write_tiny_sdxl

NOT_ASKED = {
    "DPMSolverSDEScheduler",  # needs torchsde, which is not required
    "EDMEulerScheduler",  # for models that were trained to be told of noise in another way
}
LISTED = sorted({one.name for one in KarrasDiffusionSchedulers} - NOT_ASKED)
SETTINGS = {"PNDMScheduler": {"skip_prk_steps": True}}  # as all folders of SD 1.5 have it; else it needs more steps than are taken here
CASES = [(name, SETTINGS.get(name, {})) for name in [*LISTED, "LCMScheduler", "TCDScheduler"]]
CASES += [("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"})]


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_sdxl(tmp_path_factory.mktemp("base") / "tiny"))


@pytest.fixture(scope="module")
def pipeline(base_model):
    return load_pipeline(base_model)


@pytest.fixture
def with_sampler(pipeline):
    """Puts a sampler into the pipeline, made from the folder's settings; the folder's own comes back."""
    before = pipeline.scheduler

    def put(name, settings):
        pipeline.scheduler = getattr(diffusers, name).from_config(before.config, **settings)

    yield put
    pipeline.scheduler = before


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_a_sampler_repeats_itself_or_is_refused(base_model, pipeline, with_sampler, monkeypatch, name, settings):
    with_sampler(name, settings)
    refused = draws_noise(pipeline.scheduler)
    if refused:
        with pytest.raises(ModelError, match=f"{name} draws noise between steps"):
            draw_ours(base_model, pipeline)
        monkeypatch.setattr("generation.denoise.refuse_noise_drawing", lambda _: None)
    drawn = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        drawn.append(torch.from_numpy(draw_ours(base_model, pipeline)))
    assert torch.equal(*drawn) != refused, "refused for what it does, not for its name"


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("name", ["DDIMScheduler", "PNDMScheduler", "HeunDiscreteScheduler"])
def test_guided_steps_are_guided_with_all_the_questions_of_a_sampler(base_model, pipeline, with_sampler, monkeypatch, name, share):
    """Heun's method asks twice per step, PNDM once more for the first: questions are counted by their size, guided ones hold the picture twice."""
    with_sampler(name, SETTINGS.get(name, {}))
    family, asked = base_model.behavior, []
    predict = type(family).predict
    monkeypatch.setattr(
        type(family), "predict", lambda self, p, latents, t, told: asked.append(len(latents)) or predict(self, p, latents, t, told)
    )
    with torch.inference_mode():
        noise = noise_of_seeds([1], family.latent_shape(pipeline, base_model.size_px, base_model.size_px), "cpu")
        told, unguided = family.condition(pipeline, "a set"), family.condition(pipeline, "")
        denoise(family, pipeline, noise, told, unguided, Sampling(steps=4, guidance=3.0, guided_share=share))
    expected = {"DDIMScheduler": (4, 2), "PNDMScheduler": (5, 3), "HeunDiscreteScheduler": (7, 4)}[name]
    assert asked.count(2) == expected[share < 1] and asked == sorted(asked, reverse=True) and len(asked) == expected[0]
