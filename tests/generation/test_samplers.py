"""Every sampler that diffusers lists for these pipelines either gives the same picture again or is refused."""

import diffusers
import pytest
import torch
from diffusers.schedulers import KarrasDiffusionSchedulers

from catalog.errors import ModelError
from generation.base_model import load_pipeline, read_base_model
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
