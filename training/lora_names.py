"""Names of a denoiser's layers in diffusers, in kohya's sd-scripts and in the models' own code, which ComfyUI follows.

Strings only: what is done with the tensors is in lora_export.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class UnetLayout:
    """What the block numbers of the original UNet code follow from: residual blocks per block, and which up blocks have attention."""

    layers_per_block: int
    up_has_attention: tuple[bool, ...]


def unet_layout(config: Mapping[str, Any]) -> UnetLayout:
    """The layout in a diffusers UNet's configuration."""
    return UnetLayout(
        layers_per_block=int(config["layers_per_block"]),
        up_has_attention=tuple("CrossAttn" in name for name in config["up_block_types"]),
    )


SGM_RESNET = {"conv1": "in_layers.2", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
"""Layers of a residual block in diffusers and in the original code (Stability-AI/generative-models, openaimodel.py)."""
SGM_OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}


def sgm_name(layer: str, layout: UnetLayout) -> str:
    """A UNet layer's name in the original code, under which sd-scripts trains SDXL: `input_blocks.4.1.proj_in`.

    Raises ModelError for a layer that the original code does not have.
    """
    if layer in SGM_OUTSIDE:
        return SGM_OUTSIDE[layer]
    found = re.fullmatch(r"(down_blocks|up_blocks)\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", layer)
    if found:
        side, block, kind, index, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
        width = layout.layers_per_block + 1
        first = block * width + (1 if side == "down_blocks" else 0)
        if kind == "downsamplers":
            return f"input_blocks.{first + layout.layers_per_block}.0.op"
        if kind == "upsamplers":
            return f"output_blocks.{first + layout.layers_per_block}.{2 if layout.up_has_attention[block] else 1}.{rest}"
        place = f"{'input_blocks' if side == 'down_blocks' else 'output_blocks'}.{first + index}"
        return f"{place}.0.{SGM_RESNET.get(rest, rest)}" if kind == "resnets" else f"{place}.1.{rest}"
    middle = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", layer)
    if middle is None:
        raise no_counterpart(layer, "the original UNet code")
    kind, index, rest = middle[1], int(middle[2]), middle[3]
    return f"middle_block.{2 * index}.{SGM_RESNET.get(rest, rest)}" if kind == "resnets" else f"middle_block.1.{rest}"


FLUX2_ALONE = {
    "x_embedder": "img_in",
    "context_embedder": "txt_in",
    "time_guidance_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_guidance_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "proj_out": "final_layer.linear",
}
FLUX2_DOUBLE = {
    "attn.to_out.0": "img_attn.proj",
    "attn.to_add_out": "txt_attn.proj",
    "ff.linear_in": "img_mlp.0",
    "ff.linear_out": "img_mlp.2",
    "ff_context.linear_in": "txt_mlp.0",
    "ff_context.linear_out": "txt_mlp.2",
}
FLUX2_SINGLE = {"attn.to_qkv_mlp_proj": "linear1", "attn.to_out": "linear2"}
FLUX2_FUSED = {
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
}
"""Layers of the original code (black-forest-labs/flux2) that diffusers keeps as three. The output norm is left out: its halves are swapped."""


def flux2_name(layer: str) -> tuple[str, int | None]:
    """A FLUX.2 layer's original name, and which third of it this layer is (None: all of it). Raises ModelError for one without."""
    if layer in FLUX2_ALONE:
        return FLUX2_ALONE[layer], None
    found = re.fullmatch(r"(single_)?transformer_blocks\.(\d+)\.(.+)", layer)
    if found and found[1] and found[3] in FLUX2_SINGLE:
        return f"single_blocks.{found[2]}.{FLUX2_SINGLE[found[3]]}", None
    if found and not found[1]:
        if found[3] in FLUX2_DOUBLE:
            return f"double_blocks.{found[2]}.{FLUX2_DOUBLE[found[3]]}", None
        for fused, parts in FLUX2_FUSED.items():
            if found[3] in parts:
                return f"double_blocks.{found[2]}.{fused}", parts.index(found[3])
    raise no_counterpart(layer, "the original FLUX.2 code")


def no_counterpart(layer: str, where: str) -> ModelError:
    """The error of a layer that cannot be exported."""
    return ModelError(
        f"The LoRA changes the layer {layer}, which has no counterpart in {where}. Export it in diffusers keys instead; nothing was written."
    )
