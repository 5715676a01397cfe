"""LoRAs in other programs' keys: stock diffusers loads each export and predicts the same, and what comes back is what went out."""

import re

import pytest
import torch

from catalog.errors import ModelError
from tests.training import foreign_loras as foreign
from training.lora_export import exported, layers_of
from training.lora_import import imported
from training.lora_names import sgm_name, unet_layout

UNET_TARGETS = (
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "time_emb_proj", "conv",
    "conv_shortcut", "linear_1", "linear_2", "conv_in", "conv_out",
)  # fmt: skip
FLUX2_TARGETS = (
    "to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "linear_in", "linear_out",
    "to_qkv_mlp_proj", "single_transformer_blocks.0.attn.to_out", "single_transformer_blocks.1.attn.to_out", "x_embedder",
    "context_embedder",
)  # fmt: skip
QWEN_TARGETS = (
    "to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "net.0.proj", "net.2", "img_in", "txt_in",
    "proj_out", "mod.1",
)  # fmt: skip
MODELS = {
    "sd": (foreign.tiny_sd_unet, foreign.predict_unet, "StableDiffusionLoraLoaderMixin", UNET_TARGETS),
    "sdxl": (foreign.tiny_sdxl_unet, foreign.predict_unet, "StableDiffusionXLLoraLoaderMixin", UNET_TARGETS),
    "flux2-klein": (foreign.tiny_flux2, foreign.predict_flux2, "Flux2LoraLoaderMixin", FLUX2_TARGETS),
    "z-image": (
        foreign.tiny_z_image,
        foreign.predict_z_image,
        "ZImageLoraLoaderMixin",
        ("to_q", "to_k", "to_v", "to_out.0", "w1", "w2", "w3"),
    ),
    "qwen-image-edit": (foreign.tiny_qwen, foreign.predict_qwen, "QwenImageLoraLoaderMixin", QWEN_TARGETS),
}
MAX_DIFFERENCE = 1e-6
"""Of predictions of order 1. All but one export are equal bit for bit; FLUX.2's for ComfyUI has zeros added to its sums: 1.2e-7."""


class Case:
    """A tiny model of a family with a LoRA, what it predicts with it, and a way to load any file into a fresh copy."""

    def __init__(self, family):
        make, self.predict, mixin, targets = MODELS[family]
        self.family, self.mixin = family, mixin
        self.part = "unet" if family in ("sd", "sdxl") else "transformer"
        self.make = make
        model = self.fresh()
        self.config = dict(model.config) if self.part == "unet" else None
        self.layout = unet_layout(self.config) if self.config else None
        with torch.no_grad():
            self.base = self.predict(model)
        self.weights = foreign.random_lora(model, f"{self.part}.", targets)
        self.expected = self.predicted(self.weights)

    def fresh(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.make().eval()

    def predicted(self, tensors):
        from diffusers.loaders import lora_pipeline

        from generation.base_model import quiet_libraries

        with torch.no_grad(), quiet_libraries():
            return self.predict(foreign.loaded(getattr(lora_pipeline, self.mixin), self.fresh(), self.part, tensors))


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    return Case(request.param)


@pytest.mark.parametrize("key_format", ["kohya", "comfyui"])
def test_an_export_loaded_by_stock_diffusers_predicts_the_same(case, key_format):
    assert (case.expected - case.base).abs().max() > 0.05, "the LoRA does nothing, so this test would prove nothing"
    tensors = exported(case.weights, case.family, key_format, case.layout)
    if case.part == "unet" and key_format == "comfyui":  # ComfyUI reads kohya's keys for UNets
        assert tensors.keys() == exported(case.weights, case.family, "kohya", case.layout).keys()
        return
    found = case.predicted(tensors)
    assert (found - case.expected).abs().max() <= MAX_DIFFERENCE
    if (case.family, key_format) != ("flux2-klein", "comfyui"):
        assert torch.equal(found, case.expected)


def test_an_alpha_that_bfloat16_has_no_number_for_is_told_exactly():
    """Three ranks of 99 in one layer: bfloat16 would say 296 of 297, and every program would draw a weaker look."""
    generator = torch.Generator().manual_seed(2)
    weights = {
        f"transformer.transformer_blocks.0.attn.to_{one}.lora_{half}.weight": torch.randn(shape, generator=generator).bfloat16()
        for one in "qkv"
        for half, shape in (("A", (99, 16)), ("B", (16, 99)))
    }
    told = exported(weights, "flux2-klein", "kohya")
    alpha = told["lora_unet_double_blocks_0_img_attn_qkv.alpha"]
    assert alpha.dtype == torch.float32 and alpha.item() == 297 == len(told["lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight"])


@pytest.mark.parametrize("key_format", ["diffusers", "kohya", "comfyui"])
def test_what_was_exported_comes_back_and_predicts_the_same(case, key_format):
    back = imported(exported(case.weights, case.family, key_format, case.layout), case.family, case.config)
    assert back.keys() == case.weights.keys()
    if (case.family, key_format) != ("flux2-klein", "comfyui"):  # there three layers share one matrix, and each gets it whole
        assert all(torch.equal(back[name], case.weights[name]) for name in back)
    else:
        assert (case.predicted(back) - case.expected).abs().max() <= MAX_DIFFERENCE


def test_a_foreign_alpha_is_worked_into_the_weights(case):
    """Half the rank as alpha halves what the LoRA adds; a LoRA here always acts at full strength."""
    tensors = exported(case.weights, case.family, "kohya", case.layout)
    halved = {name: tensor / 2 if name.endswith(".alpha") else tensor for name, tensor in tensors.items()}
    back = imported(halved, case.family, case.config)
    for name, tensor in case.weights.items():
        factor = 0.5 if name.endswith("lora_A.weight") else 1.0
        assert torch.equal(back[name], tensor * factor), name


def test_the_names_are_those_that_other_programs_ask_for(case):
    """A few names as they stand in files of sd-scripts, musubi-tuner and ComfyUI."""
    known = {
        "sd": ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0.lora_down.weight",) * 2,
        "sdxl": ("lora_unet_output_blocks_1_1_transformer_blocks_0_ff_net_0_proj.lora_up.weight",) * 2,
        "flux2-klein": ("lora_unet_double_blocks_1_img_attn_qkv.alpha", "diffusion_model.single_blocks.0.linear1.lora_A.weight"),
        "z-image": ("lora_unet_layers_1_attention_to_out_0.lora_up.weight", "diffusion_model.layers.1.attention.to_q.lora_B.weight"),
        "qwen-image-edit": (
            "lora_unet_transformer_blocks_0_img_mlp_net_0_proj.lora_down.weight",
            "diffusion_model.transformer_blocks.0.attn.add_q_proj.lora_A.weight",
        ),
    }[case.family]
    for key_format, name in zip(("kohya", "comfyui"), known, strict=True):
        assert name in exported(case.weights, case.family, key_format, case.layout)


SDXL = unet_layout({"layers_per_block": 2, "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]})


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("down_blocks.1.attentions.1.transformer_blocks.1.attn2.to_k", "input_blocks.5.1.transformer_blocks.1.attn2.to_k"),
        ("down_blocks.0.resnets.1.conv1", "input_blocks.2.0.in_layers.2"),
        ("down_blocks.1.downsamplers.0.conv", "input_blocks.6.0.op"),
        ("mid_block.resnets.1.time_emb_proj", "middle_block.2.emb_layers.1"),
        ("mid_block.attentions.0.proj_in", "middle_block.1.proj_in"),
        ("up_blocks.0.upsamplers.0.conv", "output_blocks.2.2.conv"),
        ("up_blocks.2.resnets.2.conv_shortcut", "output_blocks.8.0.skip_connection"),
    ],
)
def test_block_numbers_are_those_of_the_original_code(layer, name):
    """As in the published SDXL checkpoint, whose names these are."""
    assert sgm_name(layer, SDXL) == name


def test_a_layer_without_a_name_there_is_refused():
    weights = {"transformer.norm_out.linear.lora_A.weight": torch.ones(2, 4), "transformer.norm_out.linear.lora_B.weight": torch.ones(4, 2)}
    with pytest.raises(ModelError, match=r"norm_out\.linear, which has no counterpart.*diffusers keys instead; nothing was written"):
        exported(weights, "flux2-klein", "comfyui")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("lora_unet_x.hada_w1_a", "no plain LoRA: lora_unet_x.hada_w1_a belongs to a LoHa"),
        ("lora_unet_x.dora_scale", "belongs to a DoRA"),
        ("lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "changes a text encoder.*network_train_unet_only"),
        ("unet.somewhere.strange", "no key of diffusers"),
        ("lora_unet_x.alpha", "lora_unet_x.alpha without matrices"),
    ],
)
def test_what_could_not_be_attached_is_refused_by_name(name, what):
    with pytest.raises(ModelError, match=what):
        imported({name: torch.ones(2, 2)}, "sd")


def test_half_a_layer_and_values_that_are_not_finite_are_refused():
    pair = {"unet.a.lora_A.weight": torch.ones(2, 4), "unet.a.lora_B.weight": torch.full((4, 2), float("nan"))}
    with pytest.raises(ModelError, match=re.escape("NaN or infinite weights in 1 tensors (first: unet.a.lora_B.weight)")):
        imported(pair, "sd")
    with pytest.raises(ModelError, match="one half of the layer a"):
        layers_of({"unet.a.lora_A.weight": torch.ones(2, 4)})
