"""A LoRA that was trained elsewhere, brought into diffusers keys: kohya's, ComfyUI's, older diffusers' and diffusers' own are understood.

The names are translated by diffusers' own loaders, the ones that would read the file; alpha is worked into the weights, because here a LoRA
always acts at full strength. Whether it fits a base model is for generation/adapter.py. Left out: what is no plain LoRA (LyCORIS, DoRA),
and LoRAs of text encoders, which are not trained here and could not be attached.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from catalog.errors import ModelError
from catalog.sentences import clause
from generation.lora_strength import ADAPTER_METADATA, scaled, with_told_strength
from training.lora_export import DOWN, PREFIXES, UP, layers_of
from training.lora_metadata import OWN

DOWN_ENDS = (".lora_down.weight", ".lora_A.weight", ".lora.down.weight", "_lora.down.weight", ".lora_A.default.weight")
OTHER_KINDS = {"hada_": "LoHa", "lokr_": "LoKr", "dora_scale": "DoRA", "lora_mid": "LoCon with a middle matrix", "diff_b": "bias differences",
               "lora_magnitude_vector": "DoRA"}  # fmt: skip
TEXT_ENCODER_STARTS = ("lora_te_", "lora_te1_", "lora_te2_", "text_encoder")


def imported(
    tensors: Mapping[str, Any],
    family: str,
    unet_config: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The tensors of a foreign LoRA in diffusers keys, alpha worked in, be it a tensor per layer or told in the file's metadata.

    `unet_config` is the base model's, needed for SDXL's block numbers. A tensor keeps its type unless alpha makes it inexact there. Raises
    ModelError for another kind of adapter, text-encoder parts, unknown names, or values that are not finite.
    """
    import torch

    _refuse_other_kinds(tensors)
    named = _renamed(_without_alpha(tensors), family, unet_config)
    prefix = PREFIXES[0] if family in ("sd", "sdxl") else PREFIXES[1]
    named = {name if name.startswith(PREFIXES) else prefix + name: tensor.contiguous() for name, tensor in named.items()}
    named = with_told_strength(named, metadata or {})
    layers_of(named)  # pairs are whole, names as expected
    bad = [name for name, tensor in named.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise ModelError(
            f"The LoRA holds NaN or infinite weights in {len(bad)} tensors (first: {bad[0]}). Choose another file; nothing was imported."
        )
    return dict(sorted(named.items()))


def as_imported(metadata: Mapping[str, str]) -> dict[str, str]:
    """A foreign file's metadata without what its matrices, alpha worked in, would make wrong: who read it would apply alpha twice."""
    kept = {name: value for name, value in metadata.items() if name != ADAPTER_METADATA}
    if "ss_network_alpha" in kept and f"{OWN}alpha" not in kept:
        kept["ss_network_alpha"] = kept.get("ss_network_dim", "")
    return {name: value for name, value in kept.items() if value}


def _refuse_other_kinds(tensors: Mapping[str, Any]) -> None:
    for part, kind in OTHER_KINDS.items():
        found = next((name for name in tensors if part in name), None)
        if found:
            raise ModelError(f"The file is no plain LoRA: {found} belongs to a {kind}. Only LoRA matrices can be imported; nothing was.")
    found = next((name for name in tensors if name.startswith(TEXT_ENCODER_STARTS)), None)
    if found:
        raise ModelError(
            f"The LoRA changes a text encoder, too ({found}), which is frozen here: prompts are encoded once for all LoRAs. Export it again "
            "for the denoiser alone (sd-scripts: --network_train_unet_only); nothing was imported."
        )


def _without_alpha(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The matrices with each layer's alpha / rank worked into its down matrix, and the alphas gone."""
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(".alpha")}
    for name, tensor in tensors.items():
        if not name.endswith(".alpha"):
            continue
        layer = name.removesuffix(".alpha")
        down = next((layer + end for end in DOWN_ENDS if layer + end in kept), None)
        if down is None:
            raise ModelError(f"The LoRA holds {name} without matrices of that layer. It is damaged; fetch it again. Nothing was imported.")
        kept[down] = scaled(kept[down], float(tensor.float()) / kept[down].shape[0])
    return kept


def _renamed(tensors: dict[str, Any], family: str, unet_config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Names as diffusers' loader of this family makes them, in the style of peft."""
    from diffusers.loaders.lora_pipeline import (
        Flux2LoraLoaderMixin,
        QwenImageLoraLoaderMixin,
        StableDiffusionLoraLoaderMixin,
        ZImageLoraLoaderMixin,
    )

    try:
        if family in ("sd", "sdxl"):
            config = SimpleNamespace(**unet_config) if unet_config is not None else None
            found = StableDiffusionLoraLoaderMixin.lora_state_dict(tensors, unet_config=config)[0]
            return _as_peft(found)
        loaders = {"flux2": Flux2LoraLoaderMixin, "z-image": ZImageLoraLoaderMixin, "qwen-image": QwenImageLoraLoaderMixin}
        loader = next((loader for start, loader in loaders.items() if family.startswith(start)), None)
        if loader is None:
            raise ModelError(f"LoRAs of family {family} cannot be imported; known are sd, sdxl, {', '.join(loaders)}.")
        renamed: dict[str, Any] = loader.lora_state_dict(tensors)
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise ModelError(
            f"The LoRA's names are not understood for a base model of family {family}: {clause(error)}. Nothing was imported."
        ) from error
    return renamed


def _as_peft(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Old diffusers names (`attn1.processor.to_q_lora.down.weight`) in the style of peft (`attn1.to_q.lora_A.weight`)."""
    from diffusers.utils import convert_unet_state_dict_to_peft

    prefix = PREFIXES[0]
    bare = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    if not all(name.endswith((DOWN, UP)) for name in bare):
        bare = convert_unet_state_dict_to_peft(bare)
    return {f"{prefix}{name.replace('.processor.', '.')}": tensor for name, tensor in bare.items()}
