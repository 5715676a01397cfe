"""The registered few-step adapter of Qwen-Image-Edit: its file's form comes into the model as stock brings it, and it is drawn as published."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors.torch import save_file

from catalog.errors import ModelError
from generation.adapter import attach_adapters, detach_lora
from generation.base_model import load_pipeline, read_base_model
from generation.families import family_of_pipeline
from generation.few_step import FewStep, sampling_in_few_steps
from generation.model_registry import read_registry
from tests.tiny_qwen_edit import write_tiny_qwen_edit
from tests.training.foreign_loras import predict_qwen

RANK, ALPHA = 64, 8.0
ENTRY = "qwen-image-edit-2511-lightning-4step"
LAYERS = ("attn.to_q", "attn.to_k", "attn.add_v_proj", "attn.to_out.0", "img_mlp.net.2", "txt_mod.1")

SETTINGS = {
    "base_image_seq_len": 256, "base_shift": math.log(3), "invert_sigmas": False, "max_image_seq_len": 8192, "max_shift": math.log(3),
    "num_train_timesteps": 1000, "shift": 1.0, "shift_terminal": None, "stochastic_sampling": False, "time_shift_type": "exponential",
    "use_beta_sigmas": False, "use_dynamic_shifting": True, "use_exponential_sigmas": False, "use_karras_sigmas": False,
}  # fmt: skip
"""As its publisher draws with it (generate_with_diffusers.py; see the entry's notes)."""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return load_pipeline(read_base_model(write_tiny_qwen_edit(tmp_path_factory.mktemp("base") / "tiny")))


def names_of(form, layer):
    """What a file calls a layer's alpha and matrices: the published file's dotted names, or musubi-tuner's underscored ones."""
    name = f"transformer_blocks.0.{layer}" if form == "dotted" else "lora_unet_" + f"transformer_blocks.0.{layer}".replace(".", "_")
    return f"{name}.alpha", f"{name}.lora_down.weight", f"{name}.lora_up.weight"


@pytest.fixture(params=["dotted", "underscored"])
def lightning(pipeline, request, tmp_path):
    """A random adapter as it is published: bfloat16, rank 64, alpha 8."""
    block, generator, tensors = pipeline.transformer.transformer_blocks[0], torch.Generator().manual_seed(4), {}
    for layer in LAYERS:
        weight = block.get_submodule(layer).weight
        alpha, down, up = names_of(request.param, layer)
        tensors[alpha] = torch.tensor(ALPHA)
        tensors[down] = torch.randn((RANK, weight.shape[1]), generator=generator).bfloat16()
        tensors[up] = torch.randn((weight.shape[0], RANK), generator=generator).bfloat16()
    save_file(tensors, tmp_path / "lightning.safetensors")
    path = tmp_path / "lightning.safetensors"
    return replace(registered(), path=path, digest=hashlib.sha256(path.read_bytes()).hexdigest())


def registered():
    """The adapter as it is registered, with no file yet."""
    sampler = read_registry().needed(ENTRY).entry.sampler
    return FewStep(path=Path("lightning.safetensors"), digest="", sampler=sampler.class_name, sampler_settings=sampler.settings)


def predicted(pipeline):
    with torch.no_grad():
        return predict_qwen(pipeline.transformer)


def test_the_published_file_comes_into_the_model_as_stock_brings_it(pipeline, lightning):
    detach_lora(pipeline)
    bare = predicted(pipeline)
    worn = attach_adapters(pipeline, lightning.beside([]))
    ours = predicted(pipeline)
    detach_lora(pipeline)
    pipeline.load_lora_weights(lightning.path.parent, weight_name=lightning.path.name)
    stocks = predicted(pipeline)
    detach_lora(pipeline)
    assert worn[0].layers == len(LAYERS)
    assert torch.equal(ours, stocks), "an alpha of a power of two is exact, wherever it is multiplied in"
    assert (ours - bare).abs().max() > 1e-3


def test_it_is_drawn_at_the_noise_levels_that_its_publisher_documents(pipeline):
    published = FlowMatchEulerDiscreteScheduler.from_config(SETTINGS)
    published.set_timesteps(sigmas=[1.0, 0.75, 0.5, 0.25], mu=math.log(3))
    with sampling_in_few_steps(pipeline, registered()):
        family = family_of_pipeline(type(pipeline).__name__)
        told = family.schedule(pipeline, 4, (4, 128, 128))
        assert {name: value for name, value in pipeline.scheduler.config.items() if not name.startswith("_")} == SETTINGS
        assert torch.equal(told, published.timesteps)
    assert pipeline.scheduler.config.shift_terminal == 0.02, "the folder's own"
    assert not torch.equal(family.schedule(pipeline, 4, (4, 128, 128)), told)


def test_a_sampler_of_diffusion_is_refused_for_a_flow(pipeline):
    other = replace(registered(), sampler="EulerDiscreteScheduler", sampler_settings={"timestep_spacing": "trailing"})
    with pytest.raises(ModelError, match="which follows flows"), sampling_in_few_steps(pipeline, other):
        pass
